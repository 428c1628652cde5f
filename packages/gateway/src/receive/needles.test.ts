import assert from "node:assert/strict";
import { test } from "node:test";
import { needlePattern, Needles } from "./needles.ts";

function isHit(text: string, pieceBytes = text.length): boolean {
  const needles = new Needles(needlePattern(["file_id", "id"]));
  const bytes = Buffer.from(text);
  for (let at = 0; at < bytes.length; at += pieceBytes) needles.push(bytes.subarray(at, at + pieceBytes));
  return needles.isHit;
}

test("a name is found wherever the body is split", () => {
  const text = `{"a":"${"x".repeat(50)}","file_id":"f"}`;
  for (let pieceBytes = 1; pieceBytes <= text.length; pieceBytes++)
    assert.ok(isHit(text, pieceBytes), `${pieceBytes}`);
});

test("a name that an escape spells is not missed, wherever the body is split", () => {
  for (const text of [
    '{"\\u0066ile_id":"f"}',
    '{"file\\u005Fid":"f"}',
    '{"\\u0069\\u0064":"f"}',
    '{"i\\u0064":1}',
  ]) {
    for (let pieceBytes = 1; pieceBytes <= text.length; pieceBytes++)
      assert.ok(isHit(text, pieceBytes), `${text} in pieces of ${pieceBytes}`);
  }
});

test("plain bodies are no hit: names inside of strings, other escapes, other members", () => {
  const bodies = [
    '{"model":"m","input":"the \\"file_id\\" of it"}',
    '{"text":"\\u001b[31m\\u003cb\\u003e\\u2028\\u00e9 caf\\u00e9 \\u00"}',
    '{"call_id":"c","file_ids_of":"x","tool_use_id":1}',
    "",
  ];
  for (const body of bodies) for (const pieceBytes of [1, 7, 1000]) assert.ok(!isHit(body, pieceBytes), body);
});
