import assert from "node:assert/strict";
import { test } from "node:test";
import type { UsageRecord } from "@meshagent/llm-proxy-protocol/usage";
import { sampleRecord, sampleResult } from "../conformance/sample-exchanges.ts";
import type { ExchangeResult } from "../store.ts";
import { addMeasures, isNothing, noMeasures, sharesByModel } from "./rollup.ts";

function requestModel(usage: readonly UsageRecord[], model = "served"): string[] {
  const shares = sharesByModel({ requestedModel: "asked" }, sampleResult({ id: "ex", model, usage }));
  return [...shares].filter(([, share]) => share.requests > 0).map(([name]) => name);
}

test("a request counts on the primary record, else the first billed, else the first, else what served", () => {
  const declined = sampleRecord({ kind: "fallback_declined", model: "declined", billed: false });
  const fallback = sampleRecord({ kind: "fallback", model: "fallback" });
  const primary = sampleRecord({ model: "primary" });
  assert.deepEqual(requestModel([declined, fallback, primary]), ["primary"]);
  assert.deepEqual(requestModel([declined, fallback]), ["fallback"]);
  assert.deepEqual(requestModel([declined]), ["declined"]);
  assert.deepEqual(requestModel([]), ["served"]);
  assert.deepEqual(requestModel([], ""), ["asked"]);
  assert.deepEqual(requestModel([sampleRecord({ model: "" })]), ["served"]);
});

test("tokens and cost of a record that is not billed count nowhere", () => {
  const usage = [sampleRecord({ billed: false, cost_nano_usd: 9 })];
  const shares = sharesByModel({ requestedModel: "" }, sampleResult({ id: "ex", usage, costNanoUsd: 0 }));
  assert.deepEqual([...shares.values()], [{ ...noMeasures(), requests: 1 }]);
});

test("two records of one model add up", () => {
  const usage = [sampleRecord({ input_tokens: 1 }), sampleRecord({ kind: "svg", input_tokens: 2 })];
  const [share] = sharesByModel({ requestedModel: "" }, sampleResult({ id: "ex", usage })).values();
  // 2 x 4.52 m$.
  assert.deepEqual([share?.requests, share?.inputTokens, share?.costNanoUsd], [1, 3, 9_040_000]);
});

test("a bound that is known counts as cost, and its exchange as unpriced when its own cost is not known", () => {
  const usage = [sampleRecord({ cost_status: "lower_bound", cost_nano_usd: 5 })];
  const result: ExchangeResult = sampleResult({ id: "ex", usage, costNanoUsd: null, usageSource: "partial" });
  const [share] = sharesByModel({ requestedModel: "" }, result).values();
  assert.deepEqual([share?.costNanoUsd, share?.unpricedRequests, share?.inexactRequests], [5, 1, 1]);
});

test("measures add and take away to nothing", () => {
  const [share] = sharesByModel({ requestedModel: "" }, sampleResult({ id: "ex" })).values();
  assert.ok(share);
  const sum = noMeasures();
  assert.equal(isNothing(sum), true);
  addMeasures(sum, share);
  assert.deepEqual(sum, share);
  assert.equal(isNothing(sum), false);
  addMeasures(sum, share, -1);
  assert.equal(isNothing(sum), true);
});

test("isNothing looks at every measure", () => {
  for (const name of Object.keys(noMeasures())) {
    assert.equal(isNothing({ ...noMeasures(), [name]: -1 }), false, name);
  }
});
