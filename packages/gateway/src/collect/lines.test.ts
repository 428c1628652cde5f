import assert from "node:assert/strict";
import { test } from "node:test";
import { Lines } from "./lines.ts";

test("lines are the same in any split, and empty ones are none", () => {
  const text = 'a\n\n {"b":"ü\u2028"} \r\nlast';
  for (let pieceBytes = 1; pieceBytes <= 30; pieceBytes++) {
    const seen: string[] = [];
    const lines = new Lines((line) => seen.push(Buffer.from(line).toString()));
    const bytes = Buffer.from(text);
    for (let at = 0; at < bytes.length; at += pieceBytes) lines.push(bytes.subarray(at, at + pieceBytes));
    lines.end();
    assert.deepEqual(seen, ["a", ' {"b":"ü\u2028"} \r', "last"]);
  }
});
