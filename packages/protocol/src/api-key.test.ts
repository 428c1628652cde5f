import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { createRequire } from "node:module";
import { test } from "node:test";
import { ApiKeyError, encodeApiKey, generateApiKeySecret, parseApiKey } from "./api-key.ts";

const official = createRequire(import.meta.url)("@meshagent/meshagent") as {
  encodeApiKey(key: { id: string; projectId: string; secret: string }): string;
  parseApiKey(text: string): { id: string; projectId: string; secret: string };
};

const EXAMPLE = {
  id: "11111111-2222-4333-8444-555555555555",
  projectId: "aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee",
  secret: "s3cr3t-with-dash",
};
const EXAMPLE_TEXT = "ma-ERERESIiQzOERFVVVVVVVQ-qqqqqru7TMyN3e7u7u7u7g-s3cr3t-with-dash";

test("the known example encodes and parses", () => {
  assert.equal(encodeApiKey(EXAMPLE), EXAMPLE_TEXT);
  assert.deepEqual(parseApiKey(EXAMPLE_TEXT), EXAMPLE);
});

test("the official package writes and reads the same keys", () => {
  // All bits set, and an id whose base64 has + and / in it, beside random ones.
  const ids = [
    "ffffffff-ffff-ffff-ffff-ffffffffffff",
    "fbefbefb-efbe-fbef-befb-efbefbefbefb",
    "00000000-0000-0000-0000-000000000000",
  ];
  for (let round = 0; round < 50; round++) ids.push(randomUUID());
  for (const id of ids) {
    const key = { id, projectId: randomUUID(), secret: generateApiKeySecret() };
    const text = encodeApiKey(key);
    assert.equal(text, official.encodeApiKey(key));
    assert.deepEqual(official.parseApiKey(text), key);
    assert.deepEqual(parseApiKey(official.encodeApiKey(key)), key);
  }
});

test("a new secret has 256 bits, is URL-safe and is never the same", () => {
  const secrets = new Set(Array.from({ length: 100 }, generateApiKeySecret));
  assert.equal(secrets.size, 100);
  for (const secret of secrets) {
    assert.match(secret, /^[A-Za-z0-9_-]{43}$/);
    assert.equal(Buffer.from(secret, "base64url").length, 32);
  }
});

const MARK = "hunter2hunter2";
const bad: [string, string, RegExp][] = [
  ["empty", "", /begins with `ma-`/],
  ["another prefix", `sk-${MARK}`, /begins with `ma-`/],
  ["upper-case prefix", EXAMPLE_TEXT.replace("ma-", "MA-"), /begins with `ma-`/],
  ["white space before", ` ${EXAMPLE_TEXT}`, /begins with `ma-`/],
  ["no parts", `ma-${MARK}`, /lacks a part/],
  ["no secret", "ma-ERERESIiQzOERFVVVVVVVQ-qqqqqru7TMyN3e7u7u7u7g-", /lacks a part/],
  ["no secret part", "ma-ERERESIiQzOERFVVVVVVVQ-qqqqqru7TMyN3e7u7u7u7g", /lacks a part/],
  ["empty id", `ma--qqqqqru7TMyN3e7u7u7u7g-${MARK}`, /lacks a part/],
  ["short id", `ma-ERERESIiQzOERFVVVVVVV-qqqqqru7TMyN3e7u7u7u7g-${MARK}`, /not the encoding of a UUID/],
  ["long project", `ma-ERERESIiQzOERFVVVVVVVQ-qqqqqru7TMyN3e7u7u7u7gA-${MARK}`, /not the encoding of a UUID/],
  ["padded id", `ma-ERERESIiQzOERFVVVVVVVQ==-qqqqqru7TMyN3e7u7u7u7g-${MARK}`, /lacks a part/],
  [
    "non-canonical last character",
    `ma-ERERESIiQzOERFVVVVVVVR-qqqqqru7TMyN3e7u7u7u7g-${MARK}`,
    /not the encoding/,
  ],
  ["plus in an id", `ma-+RERESIiQzOERFVVVVVVVQ-qqqqqru7TMyN3e7u7u7u7g-${MARK}`, /lacks a part/],
  ["space in the secret", `${EXAMPLE_TEXT} ${MARK}`, /visible ASCII/],
  ["line end after", `${EXAMPLE_TEXT}\n`, /visible ASCII/],
  ["umlaut in the secret", `${EXAMPLE_TEXT}ä`, /visible ASCII/],
  ["secret without end", EXAMPLE_TEXT + "x".repeat(300), /visible ASCII/],
];
for (const [name, text, message] of bad) {
  test(`refuses a key with ${name}, and does not quote it`, () => {
    assert.throws(
      () => parseApiKey(text),
      (error) => {
        assert(error instanceof ApiKeyError);
        assert.match(error.message, message);
        assert.doesNotMatch(String(error.stack), /hunter2|s3cr3t|qqqqqru7/);
        return true;
      },
    );
  });
}

test("encodes only UUIDs and possible secrets", () => {
  assert.throws(() => encodeApiKey({ ...EXAMPLE, id: "1" }), ApiKeyError);
  assert.throws(
    () => encodeApiKey({ ...EXAMPLE, projectId: EXAMPLE.projectId.replaceAll("-", "") }),
    ApiKeyError,
  );
  assert.throws(() => encodeApiKey({ ...EXAMPLE, secret: "" }), ApiKeyError);
  assert.throws(() => encodeApiKey({ ...EXAMPLE, secret: "a b" }), ApiKeyError);
  assert.equal(encodeApiKey({ ...EXAMPLE, id: EXAMPLE.id.toUpperCase() }), EXAMPLE_TEXT);
});
