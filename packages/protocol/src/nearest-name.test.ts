import assert from "node:assert/strict";
import { test } from "node:test";
import { findNearestName } from "./nearest-name.ts";

const NAMES = ["version", "kind", "room", "identity", "role", "api"];

const cases: [string, string | null][] = [
  ["rooms", "room"],
  ["Room", "room"],
  ["rloe", "role"],
  ["identiy", "identity"],
  ["idnetity", "identity"],
  ["verison", "version"],
  ["kinds", "kind"],
  ["apis", "api"],
  ["budget", null],
  ["", null],
  ["x".repeat(100_000), null],
];
for (const [written, nearest] of cases) {
  test(`${JSON.stringify(written.slice(0, 20))} is nearest to ${nearest}`, () => {
    assert.equal(findNearestName(written, NAMES), nearest);
  });
}

test("the first of two equally near names is taken, and none of none", () => {
  assert.equal(findNearestName("cat", ["bat", "rat"]), "bat");
  assert.equal(findNearestName("cat", []), null);
});
