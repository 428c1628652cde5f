import assert from "node:assert/strict";
import { test } from "node:test";
import { findNameProblem, findUuid, MAX_NAME_LENGTH, printable, quoted } from "./name.ts";

test("ordinary names in any script are names", () => {
  for (const name of ["my-room", "a", "Büro 7", "部屋", "🚀", "a/b:c", "x".repeat(MAX_NAME_LENGTH)]) {
    assert.equal(findNameProblem(name), null, name);
  }
});

test("what is no name says why", () => {
  const cases: [unknown, string][] = [
    [7, "is not a string"],
    [null, "is not a string"],
    ["", "is empty"],
    ["x".repeat(MAX_NAME_LENGTH + 1), "is longer than 200 characters"],
    ["a\nb", "has a control character in it"],
    ["a\u0085b", "has a control character in it"],
    ["a\u2028b", "has a control character in it"],
    ["a\ud800", "has half a surrogate pair in it"],
    [" a", "begins or ends with white space"],
    ["a\u00a0", "begins or ends with white space"],
  ];
  for (const [value, problem] of cases) assert.equal(findNameProblem(value), problem);
});

test("quoted text is short and has no line ends", () => {
  assert.equal(quoted("a\r\nb\u001b[31m"), '"ab[31m"');
  assert.equal(quoted("x".repeat(101)), `"${"x".repeat(100)}..."`);
  assert.equal(printable("abcdef", 3), "abc");
  assert.equal(printable("ab🚀", 3), "ab\ufffd");
});

test("UUIDs are found in any case and given in lower case", () => {
  const upper = "AAAAAAAA-BBBB-4CCC-8DDD-EEEEEEEEEEEE";
  assert.equal(findUuid(upper), upper.toLowerCase());
  for (const value of [
    "",
    upper.replaceAll("-", ""),
    `${upper}0`,
    ` ${upper}`,
    `${upper}\n`,
    `{${upper}}`,
    "g".repeat(36),
    1,
    null,
  ]) {
    assert.equal(findUuid(value), null, String(value));
  }
});
