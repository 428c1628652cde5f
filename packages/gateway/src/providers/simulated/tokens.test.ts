/** Counting and cutting texts. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { firstBytes, firstTokens, piecesOf, tokensOf } from "./tokens.ts";

test("four bytes are a token, and a started one counts", () => {
  assert.equal(tokensOf(""), 0);
  assert.equal(tokensOf("a"), 1);
  assert.equal(tokensOf("abcd"), 1);
  assert.equal(tokensOf("abcde"), 2);
  // Three characters of three bytes each: 9 / 4, rounded up.
  assert.equal(tokensOf("日本語"), 3);
});

test("a text is cut at a character, never inside one", () => {
  assert.equal(firstBytes("日本語", 9), "日本語");
  assert.equal(firstBytes("日本語", 8), "日本");
  assert.equal(firstBytes("日本語", 6), "日本");
  assert.equal(firstBytes("日本語", 2), "");
  assert.equal(firstTokens("abcdefgh", 1), "abcd");
  assert.equal(firstTokens("abc", 5), "abc");
});

test("pieces put together are the text, for plain and for wide characters", () => {
  for (const text of ["", "short", "x".repeat(10_000), "日本語😀".repeat(500)]) {
    const pieces = piecesOf(text);
    assert.equal(pieces.join(""), text);
    assert.ok(pieces.length <= 300);
    for (const piece of pieces) assert.ok(!piece.includes("\ufffd") && piece.isWellFormed());
  }
});

test("a short text comes in pieces of a few words", () => {
  assert.deepEqual(
    piecesOf("a".repeat(50)).map((piece) => piece.length),
    [24, 24, 2],
  );
});
