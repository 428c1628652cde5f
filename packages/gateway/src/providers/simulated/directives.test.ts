/** Reading directives, and the README that documents them. */

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { directiveTable, parseDirectives, withoutDirectives } from "./directives.ts";

test("the README lists every directive as the table has it, and no other", async () => {
  const readme = await readFile(new URL("README.md", import.meta.url), "utf8");
  const written = readme.split("\n").filter((line) => line.startsWith("| `"));
  const expected = directiveTable.map((row) => `| \`${row.name}\` | \`${row.example}\` | ${row.about} |`);
  assert.deepEqual(written, expected);
});

test("every example of the table is understood", () => {
  for (const row of directiveTable) {
    const read = parseDirectives(`[[simulate: ${row.example}]]`);
    assert.deepEqual(read.unknown, [], row.example);
    assert.notDeepEqual(read, parseDirectives(""), row.example);
  }
});

test("amounts take their units", () => {
  assert.equal(parseDirectives("[[simulate: slow 200ms]]").slowMs, 200);
  assert.equal(parseDirectives("[[simulate: silence 1.5s]]").silenceMs, 1500);
  assert.equal(parseDirectives("[[simulate: delay 2m]]").delayMs, 120_000);
  assert.equal(parseDirectives("[[simulate: huge 500 kb]]").hugeBytes, 500_000);
  assert.equal(parseDirectives("[[simulate: huge 1mb]]").hugeBytes, 1_000_000);
  assert.equal(parseDirectives("[[simulate: length 2000]]").lengthTokens, 2000);
});

test("amounts are bounded", () => {
  assert.equal(parseDirectives("[[simulate: delay 9999999s]]").delayMs, 3_600_000);
  assert.equal(parseDirectives("[[simulate: huge 99999mb]]").hugeBytes, 8_000_000);
});

test("several directives stand in one block or in several", () => {
  const read = parseDirectives("a [[simulate: slow 1s, thinking]] b [[ Simulate : CUT ]]");
  assert.equal(read.slowMs, 1000);
  assert.equal(read.isThinking, true);
  assert.equal(read.isCut, true);
  assert.equal(read.isStalled, false);
});

test("the last value of a directive counts", () => {
  assert.equal(parseDirectives("[[simulate: error 429, error 500]]").errorStatus, 500);
});

test("what cannot be read is kept as written", () => {
  const read = parseDirectives("[[simulate: eror 429, error 200, slow 5 parsecs, cut now, iterations many]]");
  assert.deepEqual(read.unknown, ["eror 429", "error 200", "slow 5 parsecs", "cut now", "iterations many"]);
  assert.equal(read.errorStatus, null);
  assert.equal(read.isCut, false);
});

test("iterations name their variant, compaction when they name none", () => {
  assert.equal(parseDirectives("[[simulate: iterations]]").iterations, "compaction");
  assert.equal(parseDirectives("[[simulate: iterations fallback]]").iterations, "fallback");
  assert.equal(parseDirectives("nothing").iterations, null);
});

test("an early refusal wins over a late one", () => {
  assert.equal(parseDirectives("[[simulate: late-refusal]]").refusal, "late");
  assert.equal(parseDirectives("[[simulate: late-refusal, refusal]]").refusal, "early");
});

test("a message loses its directives and nothing else", () => {
  assert.equal(withoutDirectives(" run: ls [[simulate: slow 1s]] "), "run: ls");
  assert.equal(withoutDirectives("keep [[this]] text"), "keep [[this]] text");
});
