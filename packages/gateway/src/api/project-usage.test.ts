import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";
import { createClient } from "@meshagent/llm-proxy-protocol/client";
import type { Client } from "@meshagent/llm-proxy-protocol/client";
import type { UsageReportRow } from "../store/store.ts";
import { OWNER_TOKEN, startHarness } from "./harness.ts";
import type { Harness } from "./harness.ts";

let harness: Harness;
let owner: Client;
let project: string;
beforeEach(async () => {
  harness = await startHarness();
  owner = createClient({ baseUrl: harness.url, token: OWNER_TOKEN });
  project = (await harness.store.write.createProject("mine")).id;
});
afterEach(() => harness.close());

function row(key: readonly (string | null)[], rest: Partial<UsageReportRow> = {}): UsageReportRow {
  return {
    key,
    isSimulated: false,
    requests: 1,
    inputTokens: 0,
    outputTokens: 0,
    cacheReadInputTokens: 0,
    cacheWriteInputTokens: 0,
    reasoningOutputTokens: 0,
    costNanoUsd: 0n,
    unpricedRequests: 0,
    inexactRequests: 0,
    ...rest,
  };
}

test("a row for each type that there is something of, and always one for the cost", async () => {
  harness.store.usageRows = () => [
    row(["openai", "gpt-5.5"], {
      requests: 2,
      inputTokens: 1760,
      outputTokens: 100,
      costNanoUsd: 4_520_000n,
    }),
    row(["openai", null], { isSimulated: true, reasoningOutputTokens: 7, cacheWriteInputTokens: 9 }),
  ];
  const { usage } = await owner.getProjectUsage({ project });
  const real = { provider: "openai", model: "gpt-5.5", simulated: false };
  const simulated = { provider: "openai", model: null, simulated: true };
  assert.deepEqual(usage, [
    // $0.00352 of input and $0.001 of output
    { ...real, type: "cost", total: 0.00452, cost_usd: "0.004520000" },
    { ...real, type: "requests", total: 2 },
    { ...real, type: "input_tokens", total: 1760 },
    { ...real, type: "output_tokens", total: 100 },
    { ...simulated, type: "cost", total: 0, cost_usd: "0.000000000" },
    { ...simulated, type: "requests", total: 1 },
    { ...simulated, type: "cache_write_input_tokens", total: 9 },
    { ...simulated, type: "reasoning_output_tokens", total: 7 },
  ]);
});

test("days add up to weeks that begin on Monday and to months, exactly and apart by group", async () => {
  const cost = (nanoUsd: bigint): Partial<UsageReportRow> => ({ costNanoUsd: nanoUsd });
  // 2026-11-30 is a Monday.
  harness.store.usageRows = () => [
    row(["2026-11-23", "a"], cost(1n)),
    row(["2026-11-29", "a"], cost(2n)),
    row(["2026-11-29", "b"], cost(4n)),
    row(["2026-11-30", "a"], cost(8n)),
    // 2^53 nano-dollars and one: a number would lose the one.
    row(["2026-12-06", "a"], cost(2n ** 53n)),
    row(["2026-12-07", "a"], cost(16n)),
  ];
  const told = async (interval: "day" | "week" | "month"): Promise<unknown[]> => {
    const query = { project, report: ["model"], interval, usage_type: "cost" } as const;
    const { usage } = await owner.getProjectUsage(query);
    return usage.map(({ start, model, cost_usd }) => [start?.slice(0, 10), model, cost_usd]);
  };
  assert.deepEqual(await told("week"), [
    ["2026-11-23", "a", "0.000000003"],
    ["2026-11-23", "b", "0.000000004"],
    ["2026-11-30", "a", "9007199.254741000"],
    ["2026-12-07", "a", "0.000000016"],
  ]);
  assert.deepEqual(await told("month"), [
    ["2026-11-01", "a", "0.000000011"],
    ["2026-11-01", "b", "0.000000004"],
    ["2026-12-01", "a", "9007199.254741008"],
  ]);
  assert.equal((await told("day")).length, 6);
  assert.deepEqual(
    harness.store.usageCalls.map(({ by }) => by),
    [
      ["day", "model"],
      ["day", "model"],
      ["day", "model"],
    ],
  );
});

test("hours are asked for as hours, and every filter is passed on", async () => {
  harness.store.usageRows = () => [row(["2026-11-23T14:00:00Z", "lab"])];
  const start = Date.UTC(2026, 10, 23);
  const end = Date.UTC(2026, 10, 24);
  const { usage } = await owner.getProjectUsage({
    project,
    report: ["room"],
    interval: "hour",
    usage_type: "requests",
    start,
    end,
    users: ["ann", "ben"],
    room: "lab",
    provider: "openai",
    model: "gpt-5.5",
  });
  assert.deepEqual(usage, [
    { start: "2026-11-23T14:00:00Z", room: "lab", type: "requests", total: 1, simulated: false },
  ]);
  assert.deepEqual(harness.store.usageCalls, [
    {
      filter: {
        projectId: project,
        sinceMs: start,
        untilMs: end,
        participants: ["ann", "ben"],
        room: "lab",
        provider: "openai",
        model: "gpt-5.5",
      },
      by: ["hour", "room"],
    },
  ]);
});
