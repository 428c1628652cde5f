import assert from "node:assert/strict";
import { test } from "node:test";
import { parseStrictJson, StrictJsonError } from "./strict-json.ts";

function parse(text: string): unknown {
  return parseStrictJson(new TextEncoder().encode(text));
}

for (const text of [
  "{}",
  "[]",
  '"a"',
  '{"a":1,"b":{"a":2},"c":[{"a":3},{"a":4}]}',
  '{"a":"a","b":"a:","c":["a","a"]}',
  '{"\\"a":1,"a":2,"\\\\":3}',
  ' { "a" : "{\\"a\\":1,\\"a\\":2}" } ',
  '{"__proto__":1,"constructor":2}',
]) {
  test(`reads ${text} as JSON.parse does`, () => {
    assert.deepEqual(parse(text), JSON.parse(text));
  });
}

for (const text of [
  '{"a":1,"a":2}',
  '{"a":1,"a":1}',
  '{"a":1,"b":{},"a" \n:2}',
  '{"kid":1,"k\\u0069d":2}',
  '[{"x":{"a":[],"b":0,"a":[]}}]',
  '{"":1,"":2}',
  '{"__proto__":1,"__proto__":2}',
]) {
  test(`refuses ${JSON.stringify(text)} for its duplicate`, () => {
    assert.throws(() => parse(text), new StrictJsonError("names a member twice"));
  });
}

for (const text of ["", "{", "{'a':1}", '{"a":1,}', "NaN", '{"secret":hunter2}', "{} {}"]) {
  test(`refuses ${JSON.stringify(text)} without quoting it`, () => {
    assert.throws(
      () => parse(text),
      (error) => {
        assert(error instanceof StrictJsonError);
        assert.equal(error.message, "is not JSON");
        assert.equal(error.cause, undefined);
        return true;
      },
    );
  });
}

test("refuses bytes that are not UTF-8, and a byte order mark", () => {
  assert.throws(() => parseStrictJson(Uint8Array.of(0x22, 0xff, 0x22)), new StrictJsonError("is not UTF-8"));
  assert.throws(
    () => parseStrictJson(Uint8Array.of(0x22, 0xed, 0xa0, 0x80, 0x22)),
    new StrictJsonError("is not UTF-8"),
  );
  assert.throws(
    () => parseStrictJson(Uint8Array.of(0xef, 0xbb, 0xbf, 0x31)),
    new StrictJsonError("is not JSON"),
  );
});

test("takes nesting as deep as a token can hold", () => {
  const depth = 8000;
  assert.doesNotThrow(() => parse('{"a":'.repeat(depth) + "1" + "}".repeat(depth)));
});
