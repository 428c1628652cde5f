import assert from "node:assert/strict";
import { test } from "node:test";
import { decodeBase64url, encodeBase64url } from "./base64url.ts";

test("bytes of every length come back as they were, spelled like Node spells them", () => {
  for (let length = 0; length < 70; length++) {
    const bytes = Uint8Array.from({ length }, (_, index) => (index * 97 + length * 31) & 255);
    const text = encodeBase64url(bytes);
    assert.equal(text, Buffer.from(bytes).toString("base64url"));
    assert.deepEqual(decodeBase64url(text), bytes);
  }
});

test("only the canonical spelling of one byte decodes", () => {
  // One byte takes two characters; the low four bits of the second are unused and must be 0.
  const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  const accepted = Array.from(alphabet).filter((last) => decodeBase64url(`A${last}`) !== null);
  assert.deepEqual(accepted, ["A", "Q", "g", "w"]);
});

for (const text of [
  "A",
  "AAAAA",
  "AA==",
  "AAA=",
  "AA AA",
  "AAAA\n",
  "\tAAAA",
  "AA+A",
  "AA/A",
  "ÄAAA",
  "AAA\u0000",
]) {
  test(`${JSON.stringify(text)} is no canonical base64url`, () => {
    assert.equal(decodeBase64url(text), null);
  });
}
