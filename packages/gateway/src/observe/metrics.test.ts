import assert from "node:assert/strict";
import { test } from "node:test";
import type { ExchangeResult } from "../store/store.ts";
import { createMetrics, type Metrics } from "./metrics.ts";

function metrics(): Metrics {
  return createMetrics({
    runningExchanges: () => 3,
    keptBytes: () => 4096,
    drains: () => 1,
    sockets: () => 5,
    waiting: () => 0,
    droppedLogLines: () => 0,
  });
}

function result(
  costNanoUsd: number | null,
  usage: readonly { input: number; output?: number; billed?: boolean }[] = [],
): ExchangeResult {
  return {
    id: "ex_1",
    outcome: "ok",
    usageSource: "exact",
    status: 200,
    model: 'a "model"\nname',
    servedTier: null,
    firstByteAtMs: null,
    completedAtMs: 0,
    responseBytes: 0,
    providerRequestId: null,
    attempts: 1,
    costNanoUsd,
    usage: usage.map(({ input, output, billed }) => ({
      kind: "primary",
      model: "m",
      response_id: null,
      service_tier: null,
      source: "s",
      completeness: "complete",
      billed: billed ?? true,
      raw: null,
      input_tokens: input,
      ...(output === undefined ? {} : { output_tokens: output }),
      cost_nano_usd: costNanoUsd,
      cost_usd: null,
      cost_status: "priced",
      lines: [],
      price_version: "v",
    })),
  };
}

const real = { dialect: "openai", isSimulated: false };

/** The sample lines, without help and type. */
const samples = (from: Metrics): string[] =>
  from
    .render()
    .split("\n")
    .filter((line) => line !== "" && !line.startsWith("#"));

test("counts, and shows the gauges as they are now", () => {
  const all = metrics();
  all.refused("token_expired", "anthropic");
  all.refused("token_expired", "anthropic");
  all.finished(
    real,
    result(5, [{ input: 10, output: 2 }, { input: 1 }, { input: 100, output: 100, billed: false }]),
  );
  all.finished(real, result(7, [{ input: 1, output: 1 }]));
  all.finished(real, result(null));
  assert.deepEqual(samples(all).slice(0, -1), [
    'meshagent_exchanges_total{dialect="openai",simulated="false",outcome="ok",usage_source="exact"} 3',
    'meshagent_refused_total{dialect="anthropic",code="token_expired"} 2',
    'meshagent_tokens_total{dialect="openai",simulated="false",type="input"} 12',
    'meshagent_tokens_total{dialect="openai",simulated="false",type="output"} 3',
    "meshagent_cost_nano_usd_total 12",
    "meshagent_unpriced_exchanges_total 1",
    "meshagent_running_exchanges 3",
    "meshagent_kept_bytes 4096",
    "meshagent_drains 1",
    "meshagent_waiting_requests 0",
    "meshagent_sockets 5",
    "meshagent_log_lines_dropped_total 0",
  ]);
});

test("simulated exchanges are counted apart and cost nothing", () => {
  const all = metrics();
  all.finished({ dialect: "openai", isSimulated: true }, result(5, [{ input: 10, output: 2 }]));
  all.finished({ dialect: "openai", isSimulated: true }, result(null));
  const lines = samples(all);
  assert.ok(lines.includes('meshagent_tokens_total{dialect="openai",simulated="true",type="input"} 10'));
  assert.ok(lines.includes("meshagent_cost_nano_usd_total 0"));
  assert.ok(lines.includes("meshagent_unpriced_exchanges_total 0"));
});

test("sums of money do not lose a nano-dollar beyond 2^53", () => {
  const all = metrics();
  all.finished(real, result(Number.MAX_SAFE_INTEGER));
  all.finished(real, result(2));
  assert.ok(samples(all).includes("meshagent_cost_nano_usd_total 9007199254740993"));
});

test("has no label that a caller can choose, and is well-formed text", () => {
  const all = metrics();
  all.finished(real, result(1));
  const text = all.render();
  assert.doesNotMatch(text, /model"/);
  assert.ok(text.endsWith("\n"));
  const families = text.split("\n").filter((line) => line.startsWith("# TYPE"));
  assert.equal(new Set(families).size, families.length);
  for (const line of samples(all))
    assert.match(line, /^[a-z_]+(\{[a-z_]+="[^"\\]*"(,[a-z_]+="[^"\\]*")*\})? \d+$/);
});
