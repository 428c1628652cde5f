import assert from "node:assert/strict";
import { test } from "node:test";
import type { UsageReportRow } from "../store/store.ts";
import { joinAgents } from "./session-agents.ts";

function row(key: UsageReportRow["key"], times: number, isSimulated = false): UsageReportRow {
  return {
    key,
    isSimulated,
    requests: times,
    inputTokens: 10 * times,
    outputTokens: 20 * times,
    cacheReadInputTokens: 30 * times,
    cacheWriteInputTokens: 40 * times,
    reasoningOutputTokens: 50 * times,
    // Beyond what a double holds, where a sum in numbers would lose the last digits.
    costNanoUsd: 2n ** 53n + BigInt(times),
    unpricedRequests: 60 * times,
    inexactRequests: 70 * times,
  };
}

test("every measure of a line is the sum of its agents', to the nano-dollar", () => {
  const agents = [row(["s", "m", null], 1), row(["s", "m", "a"], 2), row(["s", "m", "b"], 4)];
  assert.deepEqual(joinAgents(agents), [{ ...row(["s", "m"], 7), costNanoUsd: 3n * 2n ** 53n + 7n, agents }]);
});

test("lines stay apart by every other dimension, and real ones from simulated ones", () => {
  const rows = [
    row(["s", "m", "a"], 1),
    row(["s", null, "a"], 1),
    row([null, "m", "a"], 1),
    row(["s", "m", "a"], 1, true),
  ];
  assert.deepEqual(
    joinAgents(rows).map(({ key, isSimulated, agents }) => [...key, isSimulated, agents.length]),
    [
      ["s", "m", false, 1],
      ["s", null, false, 1],
      [null, "m", false, 1],
      ["s", "m", true, 1],
    ],
  );
  assert.deepEqual(joinAgents([]), []);
});
