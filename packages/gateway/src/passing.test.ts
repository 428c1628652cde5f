import assert from "node:assert/strict";
import { test } from "node:test";
import { choosePassing, encodingsText, parseEncodings, parseHeaderPolicy } from "./passing.ts";

test("the first choice that is one holds, member by member, and none leaves the default", () => {
  const byDefault = { rateLimitHeaders: "pass", acceptedEncodings: ["gzip"] } as const;
  assert.deepEqual(choosePassing([], byDefault), byDefault);
  assert.deepEqual(choosePassing([{}, {}], byDefault), byDefault);
  assert.deepEqual(choosePassing([{ acceptedEncodings: [] }, { rateLimitHeaders: "drop" }], byDefault), {
    rateLimitHeaders: "drop",
    acceptedEncodings: [],
  });
  assert.deepEqual(choosePassing([{ rateLimitHeaders: "pass" }, { rateLimitHeaders: "drop" }], byDefault), {
    rateLimitHeaders: "pass",
    acceptedEncodings: ["gzip"],
  });
});

test("encodings are read as they are written, each once, and by name alone", () => {
  for (const encodings of [[], ["gzip"], ["zstd", "br", "deflate", "gzip"]] as const)
    assert.deepEqual(parseEncodings(encodingsText(encodings)), encodings);
  assert.deepEqual(parseEncodings(" gzip ,zstd,gzip"), ["gzip", "zstd"]);
  for (const text of ["", "gzip,", "x-gzip", "GZIP", "identity", "none,gzip", "*"])
    assert.throws(() => parseEncodings(text), /^Error: must be none, or some of/, text);
  assert.throws(() => parseHeaderPolicy("DROP"), /^Error: must be pass or drop, not "DROP"\.$/);
});
