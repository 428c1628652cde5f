/**
 * Random histories of a store compared with the plainest thing that could be one: a map of exchanges that
 * are summed up anew for every question. The seed is in the test's name; give it in STORE_SEED to repeat.
 */

import { isModelOrSnapshot } from "../model-filter.ts";
import assert from "node:assert/strict";
import { test } from "node:test";
import type { UsageRecord } from "@meshagent/llm-proxy-protocol/usage";
import type {
  ExchangeFilter,
  ExchangeIntent,
  ExchangeResult,
  Outcome,
  UsageDimension,
  UsageReportRow,
  UsageSource,
} from "../store.ts";
import { Dice, seeds } from "./dice.ts";
import { sampleIntent, sampleRecord, sampleResult, SAMPLE_START_MS } from "./sample-exchanges.ts";
import { withStore } from "./store-under-test.ts";
import type { OpenStore, StoreUnderTest } from "./store-under-test.ts";

const HOUR_MS = 3_600_000;
const STEPS = 250;
const QUESTIONS = 60;

const outcomes: readonly Outcome[] = ["ok", "incomplete", "upstream_error", "client_closed", "not_metered"];
const sources: readonly UsageSource[] = ["exact", "drained", "partial", "estimated", "none"];
const dimensions: readonly UsageDimension[] = [
  "model",
  "room",
  "participant",
  "session",
  "agent",
  "api-key",
  "provider",
  "day",
  "hour",
];

interface Modelled {
  readonly intent: ExchangeIntent;
  result: ExchangeResult | null;
}

/** Half of the times lie on an hour or right beside one. */
function randomTime(dice: Dice): number {
  const hour = SAMPLE_START_MS + dice.below(60) * HOUR_MS;
  return hour + (dice.chance(50) ? dice.below(3) - 1 : dice.below(HOUR_MS));
}

function randomRecord(dice: Dice): UsageRecord {
  const isPriced = dice.chance(80);
  return sampleRecord({
    kind: dice.pick(["primary", "primary", "image_gen", "advisor", "fallback_declined"]),
    model: dice.pick(["m1", "m1-2026-01-02", "m1-mini", "m2", "m3-20260102", ""]),
    billed: dice.chance(85),
    input_tokens: dice.below(5_000),
    output_tokens: dice.below(500),
    cache_read_input_tokens: dice.below(900),
    cache_write_input_tokens: dice.below(90),
    reasoning_output_tokens: dice.below(80),
    cost_nano_usd: isPriced ? dice.below(9_000_000) : null,
    cost_status: isPriced ? "priced" : "unpriced",
  });
}

function randomUsage(dice: Dice): { usage: readonly UsageRecord[]; costNanoUsd: number | null } {
  const usage = Array.from({ length: dice.below(4) }, () => randomRecord(dice));
  const costs = usage.filter((record) => record.billed).map((record) => record.cost_nano_usd);
  const costNanoUsd = costs.includes(null) ? null : costs.reduce<number>((sum, cost) => sum + (cost ?? 0), 0);
  return { usage, costNanoUsd };
}

function randomIntent(dice: Dice, id: string, bootId: string): ExchangeIntent {
  return sampleIntent({
    id,
    bootId,
    projectId: dice.pick(["p1", "p1", "p1", "p2"]),
    room: dice.pick(["r1", "r2"]),
    participant: dice.pick(["a", "b"]),
    sessionId: dice.pick([null, "s1", "s2"]),
    agentId: dice.pick([null, "/root", "a1"]),
    apiKeyId: dice.pick(["k1", "k2"]),
    provider: dice.pick(["openai", "anthropic"]),
    requestedModel: dice.pick(["m1", "m4", ""]),
    isSimulated: dice.chance(20),
    receivedAtMs: randomTime(dice),
    estimate: randomUsage(dice).usage,
  });
}

function randomResult(dice: Dice, id: string): ExchangeResult {
  return sampleResult({
    id,
    outcome: dice.pick(outcomes),
    usageSource: dice.pick(sources),
    model: dice.pick(["m1", "m2", ""]),
    ...randomUsage(dice),
  });
}

async function randomStep(dice: Dice, under: StoreUnderTest, model: Map<string, Modelled>): Promise<void> {
  const { ledger } = under.store;
  const known = [...model.values()];
  const writes: Promise<void>[] = [];
  for (let count = 1 + dice.below(4); count > 0; count--) {
    if (dice.chance(50) || known.length === 0) {
      const intent = randomIntent(dice, `ex_${model.size}`, under.bootId);
      model.set(intent.id, { intent, result: null });
      writes.push(ledger.recordIntent(intent));
      continue;
    }
    const exchange = dice.pick(known);
    const result =
      exchange.result !== null && dice.chance(25) ? exchange.result : randomResult(dice, exchange.intent.id);
    exchange.result = result;
    writes.push(ledger.recordResult(result));
  }
  await Promise.all(writes);
}

function interruptModel(model: Map<string, Modelled>, bootId: string, nowMs: number): number {
  let count = 0;
  for (const exchange of model.values()) {
    const { id, estimate } = exchange.intent;
    if (exchange.result !== null || exchange.intent.bootId === bootId) continue;
    const costs = estimate.filter((record) => record.billed).map((record) => record.cost_nano_usd);
    exchange.result = {
      ...sampleResult({ id, outcome: "interrupted", completedAtMs: nowMs, usage: estimate, model: "" }),
      usageSource: estimate.length === 0 ? "none" : "estimated",
      costNanoUsd: costs.includes(null) ? null : costs.reduce<number>((sum, cost) => sum + (cost ?? 0), 0),
    };
    count++;
  }
  return count;
}

/** One counted fact about one model of one exchange. */
interface Fact {
  readonly model: string;
  readonly measures: Partial<Omit<UsageReportRow, "key" | "isSimulated">>;
}

function factsOf(intent: ExchangeIntent, result: ExchangeResult): Fact[] {
  if (result.outcome === "not_metered") return [];
  const fallback = result.model === "" ? intent.requestedModel : result.model;
  const nameOf = (record: UsageRecord): string => (record.model === "" ? fallback : record.model);
  const billed = result.usage.filter((record) => record.billed);
  const main = [...result.usage.filter((record) => record.kind === "primary"), ...billed, ...result.usage][0];
  const mainModel = main === undefined ? fallback : nameOf(main);
  const facts: Fact[] = [{ model: mainModel, measures: { requests: 1 } }];
  if (["estimated", "partial"].includes(result.usageSource)) {
    facts.push({ model: mainModel, measures: { inexactRequests: 1 } });
  }
  if (result.costNanoUsd === null) {
    const lacking = billed.find((record) => record.cost_nano_usd === null);
    facts.push({
      model: lacking === undefined ? mainModel : nameOf(lacking),
      measures: { unpricedRequests: 1 },
    });
  }
  for (const record of billed) {
    facts.push({
      model: nameOf(record),
      measures: {
        inputTokens: record.input_tokens ?? 0,
        outputTokens: record.output_tokens ?? 0,
        cacheReadInputTokens: record.cache_read_input_tokens ?? 0,
        cacheWriteInputTokens: record.cache_write_input_tokens ?? 0,
        reasoningOutputTokens: record.reasoning_output_tokens ?? 0,
        costNanoUsd: BigInt(record.cost_nano_usd ?? 0),
      },
    });
  }
  return facts;
}

function isWithin(filter: ExchangeFilter, { intent, result }: Modelled): boolean {
  return (
    intent.projectId === filter.projectId &&
    intent.receivedAtMs >= (filter.sinceMs ?? -Infinity) &&
    intent.receivedAtMs < (filter.untilMs ?? Infinity) &&
    intent.room === (filter.room ?? intent.room) &&
    intent.participant === (filter.participant ?? intent.participant) &&
    (filter.participants ?? [intent.participant]).includes(intent.participant) &&
    intent.provider === (filter.provider ?? intent.provider) &&
    intent.apiKeyId === (filter.apiKeyId ?? intent.apiKeyId) &&
    (filter.sessionId === undefined || intent.sessionId === filter.sessionId) &&
    result !== undefined
  );
}

function modelUsage(
  model: Map<string, Modelled>,
  filter: ExchangeFilter,
  by: readonly UsageDimension[],
): Map<string, UsageReportRow> {
  const rows = new Map<string, UsageReportRow>();
  for (const exchange of model.values()) {
    const { intent, result } = exchange;
    if (result === null || !isWithin(filter, exchange)) continue;
    for (const fact of factsOf(intent, result)) {
      if (filter.model !== undefined && !isModelOrSnapshot(filter.model, fact.model)) continue;
      const values: Record<UsageDimension, string | null> = {
        model: fact.model === "" ? null : fact.model,
        room: intent.room,
        participant: intent.participant,
        session: intent.sessionId,
        agent: intent.agentId,
        "api-key": intent.apiKeyId,
        provider: intent.provider,
        day: new Date(intent.receivedAtMs).toISOString().slice(0, 10),
        hour: `${new Date(intent.receivedAtMs).toISOString().slice(0, 13)}:00:00Z`,
      };
      const key = by.map((dimension) => values[dimension]);
      const name = JSON.stringify([key, intent.isSimulated]);
      const zero: UsageReportRow = {
        key,
        isSimulated: intent.isSimulated,
        requests: 0,
        inputTokens: 0,
        outputTokens: 0,
        cacheReadInputTokens: 0,
        cacheWriteInputTokens: 0,
        reasoningOutputTokens: 0,
        costNanoUsd: 0n,
        unpricedRequests: 0,
        inexactRequests: 0,
      };
      rows.set(name, plus(rows.get(name) ?? zero, fact.measures));
    }
  }
  for (const [name, { key: _, isSimulated: __, ...measures }] of rows) {
    if (Object.values(measures).every((value) => Number(value) === 0)) rows.delete(name);
  }
  return rows;
}

function plus(row: UsageReportRow, measures: Fact["measures"]): UsageReportRow {
  const sum: Record<string, unknown> = { ...row };
  for (const [measure, value] of Object.entries(measures)) {
    const before = sum[measure];
    sum[measure] = typeof value === "bigint" ? BigInt(Number(before)) + value : Number(before) + value;
  }
  return sum as unknown as UsageReportRow;
}

function randomFilter(dice: Dice): ExchangeFilter {
  const maybe = <T extends object>(part: T): T | object => (dice.chance(25) ? part : {});
  return {
    projectId: dice.pick(["p1", "p1", "p2", "p3"]),
    ...(dice.chance(70) ? { sinceMs: randomTime(dice) } : {}),
    ...(dice.chance(70) ? { untilMs: randomTime(dice) } : {}),
    ...maybe({ room: dice.pick(["r1", "r9"]) }),
    ...maybe({ participant: "a" }),
    ...maybe({ participants: dice.pick([["a", "b"], ["b", "z"], ["z"]]) }),
    ...maybe({ model: dice.pick(["m1", "m2", "m4"]) }),
    ...maybe({ provider: "openai" }),
    ...maybe({ sessionId: "s1" }),
    ...maybe({ apiKeyId: "k1" }),
  };
}

async function compare(dice: Dice, { store }: StoreUnderTest, model: Map<string, Modelled>): Promise<void> {
  const filter = randomFilter(dice);
  const by = dimensions.filter(() => dice.chance(30));
  const expected = modelUsage(model, filter, by);
  const rows = await store.reports.usage(filter, by);
  const found = new Map(rows.map((row) => [JSON.stringify([row.key, row.isSimulated]), row]));
  const about = JSON.stringify({ filter, by });
  assert.equal(found.size, rows.length, about);
  assert.deepEqual(found, expected, about);
}

export function modelConformance(name: string, open: OpenStore): void {
  for (const seed of seeds()) {
    test(`${name} store: agrees with a plain model through a random history (seed ${seed})`, () =>
      withStore(open, async (opened) => {
        const dice = new Dice(seed);
        const model = new Map<string, Modelled>();
        let under = opened;
        for (let step = 0; step < STEPS; step++) {
          await randomStep(dice, under, model);
          if (dice.chance(2)) {
            under = await under.reopen();
            const nowMs = SAMPLE_START_MS + step;
            const count = await under.store.ledger.interruptOrphans(nowMs);
            assert.equal(count, interruptModel(model, under.bootId, nowMs));
          }
          if (dice.chance(10)) await compare(dice, under, model);
        }
        for (let question = 0; question < QUESTIONS; question++) await compare(dice, under, model);
        for (const [id, { intent, result }] of model) {
          const exchange = await under.store.reports.exchange(intent.projectId, id);
          assert.equal(exchange?.result?.outcome, result?.outcome, id);
          assert.deepEqual(exchange?.result?.usage, result?.usage, id);
          assert.equal(exchange?.result?.costNanoUsd, result?.costNanoUsd, id);
        }
      }));
  }
}
