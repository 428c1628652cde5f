import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Completeness, MeteredUsage } from "@meshagent/llm-proxy-protocol/usage";
import { GatewayError } from "../errors.ts";
import type { Routed } from "../exchange.ts";
import { createMeter } from "../meter/meter.ts";
import { createMetrics } from "../observe/metrics.ts";
import { createPrices } from "../pricing/charge.ts";
import { loadPriceCard } from "../pricing/price-card.ts";
import { sampleBody, sampleNowMs, sampleRouted, type SampleOptions } from "../sample-routed.ts";
import type { LaterUsage } from "../store/objects.ts";
import type { ExchangeIntent, ExchangeResult } from "../store/store.ts";
import type { UpstreamFailure, UpstreamFailureReason } from "../upstream/client.ts";
import { recordIntent, recordResult, type RecordDeps, resultRecorder } from "./record.ts";

type Observation = Parameters<typeof recordResult>[2];
type Reading = NonNullable<Observation["reading"]>;

/** $2 per 1M input tokens, $10 per 1M output tokens. */
const prices = createPrices({
  card: loadPriceCard(
    JSON.stringify({
      as_of: "2026-11-20",
      models: Object.fromEntries(
        ["openai/gpt-5.5", "openai/gpt-5.5-mini", "anthropic/claude-opus-5-5"].map((model) => [
          model,
          [
            {
              effective_from: "2026-01-01",
              standard: { input: "2", output: "10", cache_read: "1", cache_write: "2" },
            },
          ],
        ]),
      ),
    }),
  ),
});

interface Bed {
  readonly deps: RecordDeps;
  readonly intents: ExchangeIntent[];
  readonly results: ExchangeResult[];
  readonly awaited: LaterUsage[];
  readonly render: () => string;
}

function bed(): Bed {
  const intents: ExchangeIntent[] = [];
  const results: ExchangeResult[] = [];
  const metrics = createMetrics({
    runningExchanges: () => 0,
    keptBytes: () => 0,
    drains: () => 0,
    sockets: () => 0,
    waiting: () => 0,
    droppedLogLines: () => 0,
  });
  const ledger = {
    recordIntent: async (intent: ExchangeIntent) => void intents.push(intent),
    recordResult: async (result: ExchangeResult) => void results.push(result),
    interruptOrphans: async () => 0,
  };
  const clock = { now: () => sampleNowMs + 5000 };
  const awaited: LaterUsage[] = [];
  const awaitUsage = async (later: LaterUsage): Promise<void> => void awaited.push(later);
  return {
    deps: { ledger, prices, clock, bootId: "boot_1", metrics, awaitUsage },
    awaited,
    intents,
    results,
    render: metrics.render,
  };
}

function usage(completeness: Completeness, more: Partial<MeteredUsage> = {}): MeteredUsage {
  return {
    kind: "primary",
    model: "gpt-5.5",
    response_id: "resp_1",
    service_tier: "standard",
    source: "response.completed",
    completeness,
    billed: true,
    raw: null,
    ...(completeness === "missing" ? {} : { input_tokens: 1000, output_tokens: 100 }),
    ...more,
  };
}

/** 1000 x $2/1M + 100 x $10/1M = $0.002 + $0.001 = 3 000 000 nano-dollars. */
const fullCostNanoUsd = 3_000_000;

function reading(outcome: Reading["outcome"], records: readonly MeteredUsage[]): Reading {
  return {
    outcome,
    usage: records,
    responseId: "resp_1",
    servedModel: "gpt-5.5-2026-04-23",
    servedTier: "standard",
  };
}

const whole: Observation = {
  ending: "complete",
  isCallerGone: false,
  status: 200,
  reading: reading("ok", [usage("complete")]),
  meterFault: null,
  isStream: true,
  firstByteAtMs: sampleNowMs + 1000,
  responseBytes: 12_000,
  providerRequestId: "req_1",
  attempts: 1,
  failure: null,
};

const noReply = {
  status: null,
  reading: null,
  firstByteAtMs: null,
  responseBytes: 0,
  providerRequestId: null,
} as const;

function failure(reason: UpstreamFailureReason, isUnsent: boolean): UpstreamFailure {
  return { reason, isUnsent, cause: new Error("x") };
}

async function resultOf(
  observation: Partial<Observation>,
  options: SampleOptions = {},
): Promise<ExchangeResult> {
  const at = bed();
  await recordResult(at.deps, sampleRouted(options), { ...whole, ...observation });
  const result = at.results[0];
  assert(result !== undefined && at.results.length === 1);
  return result;
}

interface Told {
  readonly outcome: string;
  readonly source: string;
  readonly status: number | null;
  readonly cost: number | null;
}

const told = (result: ExchangeResult): Told => ({
  outcome: result.outcome,
  source: result.usageSource,
  status: result.status,
  cost: result.costNanoUsd,
});

/** What the reply is taken to cost when nothing of it is known: request and reply sizes of the cases below. */
const requestBytes = 4000;
const guessedInput = 1000; // 4000 x 0.25

describe("every ending has an outcome, a usage source and a cost (contract 4, wire.md 2)", () => {
  const partial = usage("partial", { output_tokens: 1 });
  const cases: readonly (readonly [what: string, given: Partial<Observation>, then: Told])[] = [
    ["a whole reply", {}, { outcome: "ok", source: "exact", status: 200, cost: fullCostNanoUsd }],
    [
      "a reply that says it is incomplete bills in full",
      { reading: reading("incomplete", [usage("complete")]) },
      { outcome: "incomplete", source: "exact", status: 200, cost: fullCostNanoUsd },
    ],
    [
      "a refusal that is billed",
      { reading: reading("refused", [usage("complete")]) },
      { outcome: "refused", source: "exact", status: 200, cost: fullCostNanoUsd },
    ],
    [
      "a refusal that is not",
      { reading: reading("refused", [usage("complete", { billed: false })]) },
      { outcome: "refused", source: "exact", status: 200, cost: 0 },
    ],
    [
      "a cancelled response",
      { reading: reading("cancelled", [usage("complete")]) },
      { outcome: "cancelled", source: "exact", status: 200, cost: fullCostNanoUsd },
    ],
    [
      "a failed response with usage",
      { reading: reading("failed", [usage("complete")]) },
      { outcome: "failed", source: "exact", status: 200, cost: fullCostNanoUsd },
    ],
    [
      "a failed response without",
      { reading: reading("failed", [usage("missing")]) },
      { outcome: "failed", source: "none", status: 200, cost: null },
    ],
    [
      "an error inside a stream",
      { reading: reading("stream_error", [usage("missing")]) },
      { outcome: "stream_error", source: "none", status: 200, cost: null },
    ],
    // 1000 x $2/1M + 1 x $10/1M = $0.00201: a bound, not a cost.
    [
      "an error inside a Messages stream keeps its lower bound",
      { reading: reading("stream_error", [partial]) },
      { outcome: "stream_error", source: "partial", status: 200, cost: 2_010_000 },
    ],
    [
      "an error as the first event",
      { reading: reading("stream_error", []) },
      { outcome: "stream_error", source: "none", status: 200, cost: 0 },
    ],
    [
      "a cut before any usage",
      {
        ending: "cut",
        failure: failure("connection_lost", false),
        reading: reading("truncated", [usage("missing")]),
      },
      { outcome: "truncated", source: "none", status: 200, cost: null },
    ],
    [
      "a cut with part of the usage",
      { ending: "cut", failure: failure("idle_timeout", false), reading: reading("truncated", [partial]) },
      { outcome: "truncated", source: "partial", status: 200, cost: 2_010_000 },
    ],
    [
      "a cut after the terminal event",
      { ending: "cut", failure: failure("connection_lost", false) },
      { outcome: "ok", source: "exact", status: 200, cost: fullCostNanoUsd },
    ],
    [
      "an error of the provider",
      { status: 529, reading: reading("upstream_error", []) },
      { outcome: "upstream_error", source: "none", status: 529, cost: 0 },
    ],
    [
      "an error of the provider, the caller gone",
      { status: 400, reading: reading("upstream_error", []), isCallerGone: true, ending: "abandoned" },
      { outcome: "upstream_error", source: "none", status: 400, cost: 0 },
    ],
    [
      "the caller left, the reply was drained",
      { ending: "drained", isCallerGone: true },
      { outcome: "client_closed", source: "drained", status: 200, cost: fullCostNanoUsd },
    ],
    // 1000 x $2/1M + 12000/120 = 100 tokens x $10/1M = $0.003.
    [
      "the caller left, the upstream was cancelled",
      { ending: "abandoned", isCallerGone: true, reading: reading("truncated", [usage("missing")]) },
      { outcome: "client_closed", source: "estimated", status: 200, cost: fullCostNanoUsd },
    ],
    // Input as known, 1000 x $2/1M; output 12000/120 = 100.
    [
      "the same, part of the usage being known",
      { ending: "abandoned", isCallerGone: true, reading: reading("truncated", [partial]) },
      { outcome: "client_closed", source: "estimated", status: 200, cost: fullCostNanoUsd },
    ],
    [
      "the same after all was known",
      { ending: "abandoned", isCallerGone: true },
      { outcome: "client_closed", source: "exact", status: 200, cost: fullCostNanoUsd },
    ],
    // 1000 x $2/1M + 600 x $10/1M = $0.008.
    [
      "the caller left before any reply, cancelled",
      { ...noReply, ending: "abandoned", isCallerGone: true },
      { outcome: "client_closed", source: "estimated", status: null, cost: 8_000_000 },
    ],
    [
      "the caller left, and then no reply came",
      { ...noReply, ending: "no_reply", isCallerGone: true, failure: failure("connection_lost", false) },
      { outcome: "client_closed", source: "none", status: null, cost: null },
    ],
    [
      "nothing could be sent",
      { ...noReply, ending: "no_reply", failure: failure("connect_failed", true) },
      { outcome: "upstream_error", source: "none", status: 502, cost: 0 },
    ],
    [
      "no connection in time",
      { ...noReply, ending: "no_reply", failure: failure("connect_timeout", true) },
      { outcome: "upstream_error", source: "none", status: 504, cost: 0 },
    ],
    [
      "sent, and no reply in time: the provider may bill",
      { ...noReply, ending: "no_reply", failure: failure("first_byte_timeout", false) },
      { outcome: "truncated", source: "none", status: 504, cost: null },
    ],
    [
      "sent, and cut before the reply",
      { ...noReply, ending: "no_reply", failure: failure("connection_lost", false) },
      { outcome: "truncated", source: "none", status: 502, cost: null },
    ],
    [
      "the gateway stopped before a reply",
      { ...noReply, ending: "stopped" },
      { outcome: "interrupted", source: "estimated", status: 503, cost: 8_000_000 },
    ],
    [
      "the gateway stopped inside a reply",
      { ending: "stopped", reading: reading("truncated", [usage("missing")]) },
      { outcome: "interrupted", source: "estimated", status: 200, cost: fullCostNanoUsd },
    ],
  ];
  for (const [what, given, then] of cases) {
    it(what, async () => {
      const body = sampleBody("x".repeat(requestBytes));
      assert.equal(guessedInput, requestBytes / 4);
      assert.deepEqual(told(await resultOf(given, { body })), then);
    });
  }
});

async function intentOf(options: SampleOptions): Promise<ExchangeIntent> {
  const at = bed();
  await recordIntent(at.deps, sampleRouted(options));
  assert(at.intents[0] !== undefined);
  return at.intents[0];
}

describe("endpoints that bill media", () => {
  const bytes = sampleBody("x".repeat(4000));
  const upload = {
    endpoint: "audio.transcriptions",
    policy: { model: "gpt-4o-transcribe", isStream: false },
    body: bytes,
  };
  const speech = {
    endpoint: "audio.speech",
    policy: { model: "tts-1", isStream: false, inputCharacters: 43 },
    body: bytes,
  };
  const endings: readonly Partial<Observation>[] = [
    { ...noReply, ending: "abandoned", isCallerGone: true },
    { ...noReply, ending: "stopped" },
    { ...noReply, ending: "no_reply", failure: failure("first_byte_timeout", false) },
  ];

  it("guesses no tokens from the bytes of a file: what nobody told stays unknown", async () => {
    for (const given of endings) {
      const { usage: records, costNanoUsd, usageSource } = await resultOf(given, upload);
      assert.deepEqual(
        [
          records.map((record) => [record.completeness, record.model, record.input_tokens]),
          costNanoUsd,
          usageSource,
        ],
        [[["missing", "gpt-4o-transcribe", undefined]], null, "none"],
        given.ending,
      );
    }
    const { estimate } = await intentOf(upload);
    assert.deepEqual([estimate.length, estimate[0]?.cost_nano_usd], [1, null]);
  });

  it("knows what follows from the request, whatever becomes of the reply: 43 x $15/1M", async () => {
    for (const given of endings) {
      const { usage: records, costNanoUsd } = await resultOf(given, speech);
      assert.deepEqual(
        [records.map((record) => [record.completeness, record.input_characters]), costNanoUsd],
        [[["derived", 43]], 645_000],
        given.ending,
      );
    }
    const { estimate } = await intentOf(speech);
    assert.deepEqual([estimate[0]?.completeness, estimate[0]?.cost_nano_usd], ["derived", 645_000]);
  });

  it("keeps the lower bound of a reply that was given up", async () => {
    const part = usage("partial", { output_tokens: 5 });
    const given = { ending: "abandoned" as const, isCallerGone: true, reading: reading("truncated", [part]) };
    const { usage: records } = await resultOf(given, upload);
    assert.deepEqual([records[0]?.completeness, records[0]?.output_tokens], ["partial", 5]);
  });
});

describe("endpoints that bill nothing", () => {
  const listing: SampleOptions = { endpoint: "models", body: null, policy: { model: "", isStream: false } };
  const bare = { reading: null };

  it("a whole reply is `not_metered` and costs 0", async () => {
    const result = await resultOf(bare, listing);
    assert.deepEqual(told(result), { outcome: "not_metered", source: "none", status: 200, cost: 0 });
    assert.deepEqual([result.usage, result.model], [[], ""]);
  });

  it("no ending of one costs anything or is estimated", async () => {
    const endings: readonly Partial<Observation>[] = [
      { ...bare, ending: "drained", isCallerGone: true },
      { ...bare, ending: "abandoned", isCallerGone: true },
      { ...bare, ending: "cut", failure: failure("connection_lost", false) },
      { ...bare, ...noReply, ending: "no_reply", failure: failure("first_byte_timeout", false) },
      { ...bare, ...noReply, ending: "stopped" },
      { ...bare, status: 404 },
    ];
    for (const given of endings) {
      const result = await resultOf(given, listing);
      assert.deepEqual([result.costNanoUsd, result.usageSource, result.usage], [0, "none", []], given.ending);
    }
  });
});

describe("the cost of an exchange is the sum of its records, each rounded once", () => {
  it("several models", async () => {
    const result = await resultOf({
      reading: reading("ok", [
        usage("complete"),
        // 1 x $2/1M = 2000 nano-dollars, 1 x $10/1M = 10 000.
        usage("complete", { model: "gpt-5.5-mini", kind: "compaction", input_tokens: 1, output_tokens: 1 }),
        usage("complete", { kind: "fallback_declined", billed: false }),
      ]),
    });
    assert.deepEqual(
      result.usage.map((record) => record.cost_nano_usd),
      [fullCostNanoUsd, 12_000, 0],
    );
    assert.equal(result.costNanoUsd, 3_012_000);
  });

  it("is null when anything billed has no price or no usage, never 0", async () => {
    const unknown = await resultOf({
      reading: reading("ok", [usage("complete"), usage("complete", { model: "nobody-lists-this" })]),
    });
    assert.deepEqual([unknown.costNanoUsd, unknown.usageSource], [null, "exact"]);
    assert.equal(unknown.usage[1]?.cost_status, "unpriced");
    const missing = await resultOf({
      reading: reading("ok", [usage("complete"), usage("missing", { kind: "image_gen" })]),
    });
    assert.deepEqual([missing.costNanoUsd, missing.usageSource], [null, "none"]);
  });

  it("prices by the time at which the request came and by the region of the upstream", async () => {
    const asked: unknown[] = [];
    const at = bed();
    const spying = {
      ...at.deps,
      prices: {
        ceiling: prices.ceiling,
        charge: (...given: Parameters<typeof prices.charge>) => {
          asked.push(given[1]);
          return prices.charge(...given);
        },
      },
    };
    await recordResult(spying, sampleRouted({ upstream: { region: "eu" } }), whole);
    assert.deepEqual(asked, [{ provider: "openai", atMs: sampleNowMs, upstreamRegion: "eu" }]);
  });
});

describe("the result", () => {
  it("carries what forwarding saw", async () => {
    const { usage: records, ...result } = await resultOf({ attempts: 2 });
    assert.deepEqual(result, {
      id: "ex_sample",
      outcome: "ok",
      usageSource: "exact",
      status: 200,
      model: "gpt-5.5-2026-04-23",
      servedTier: "standard",
      firstByteAtMs: sampleNowMs + 1000,
      completedAtMs: sampleNowMs + 5000,
      responseBytes: 12_000,
      providerRequestId: "req_1",
      attempts: 2,
      costNanoUsd: fullCostNanoUsd,
    });
    assert.equal(records[0]?.cost_usd, "0.003000000");
  });

  it("names the model that was asked for where nobody said which one served", async () => {
    const missing = await resultOf({
      ...noReply,
      ending: "no_reply",
      failure: failure("first_byte_timeout", false),
    });
    assert.equal(missing.model, "gpt-5.5");
    assert.deepEqual(
      missing.usage.map((record) => [record.model, record.completeness, record.billed, record.cost_status]),
      [["gpt-5.5", "missing", true, "unpriced"]],
    );
  });

  it("rejects as the ledger does, and counts nothing then", async () => {
    const at = bed();
    const broken = {
      ...at.deps,
      ledger: { ...at.deps.ledger, recordResult: () => Promise.reject(new Error("disk full")) },
    };
    await assert.rejects(recordResult(broken, sampleRouted(), whole), /disk full/);
    assert.doesNotMatch(at.render(), /meshagent_exchanges_total\{/);
  });

  it("counts an exchange once, however often its row is corrected", async () => {
    const at = bed();
    const record = resultRecorder(at.deps, sampleRouted());
    await record(whole);
    await record({ ...whole, reading: reading("stream_error", [usage("complete")]) });
    assert.equal(at.results.length, 2);
    assert.match(at.render(), /^meshagent_cost_nano_usd_total 3000000$/m);
    assert.match(at.render(), /^meshagent_exchanges_total\{[^}]*outcome="ok"[^}]*\} 1$/m);
    assert.doesNotMatch(at.render(), /outcome="stream_error"/);
  });

  it("keeps the cost of simulated exchanges out of totals that mix with real ones (contract 1)", async () => {
    const at = bed();
    await recordResult(at.deps, sampleRouted({ upstream: { isSimulated: true } }), whole);
    assert.equal(at.results[0]?.costNanoUsd, fullCostNanoUsd, "the row has the list price");
    assert.match(at.render(), /^meshagent_cost_nano_usd_total 0$/m);
    await recordResult(at.deps, sampleRouted(), whole);
    assert.match(at.render(), /^meshagent_cost_nano_usd_total 3000000$/m);
  });
});

describe("the intent", () => {
  it("says who asks for what, before anything is sent, and holds no text of the body", async () => {
    const body = sampleBody("secret prompt".padEnd(4000));
    const intent = await intentOf({
      body,
      policy: { requestedTier: "priority" },
      upstream: { isSimulated: true },
    });
    const { estimate, ...rest } = intent;
    assert.deepEqual(rest, {
      id: "ex_sample",
      bootId: "boot_1",
      projectId: "project-1",
      room: "my-room",
      participant: "cli-agent",
      role: "agent",
      apiKeyId: "key-1",
      tokenId: "jti-1",
      sessionId: "thread-1",
      agentId: null,
      client: "codex_cli_rs/0.169.0",
      dialect: "openai",
      endpoint: "/v1/responses",
      transport: "sse",
      provider: "openai",
      requestedModel: "gpt-5.5",
      requestedTier: "priority",
      isSimulated: true,
      receivedAtMs: sampleNowMs,
      requestBytes: 4000,
      connectionId: null,
    });
    // 1000 x $2/1M + 600 x $10/1M = $0.008.
    assert.deepEqual(
      estimate.map((record) => [record.completeness, record.cost_nano_usd]),
      [["estimated", 8_000_000]],
    );
    assert.doesNotMatch(JSON.stringify(intent), /secret prompt/);
  });

  it("is plain where no stream was asked for, and estimates nothing where nothing is billed", async () => {
    const plain = await intentOf({ policy: { isStream: false } });
    assert.equal(plain.transport, "http");
    const listing = await intentOf({
      endpoint: "models",
      body: null,
      policy: { model: "", isStream: false },
    });
    assert.deepEqual([listing.estimate, listing.requestBytes, listing.requestedModel], [[], 0, ""]);
  });

  it("that cannot be written is `ledger_unavailable`, with its cause for the log", async () => {
    const at = bed();
    const cause = new Error("disk full");
    const broken = { ...at.deps, ledger: { ...at.deps.ledger, recordIntent: () => Promise.reject(cause) } };
    await assert.rejects(recordIntent(broken, sampleRouted()), (error) => {
      assert(error instanceof GatewayError);
      assert.deepEqual([error.code, error.cause], ["ledger_unavailable", cause]);
      assert.doesNotMatch(error.message, /disk full/);
      return true;
    });
  });
});

describe("with the readings of the real meter", () => {
  function readOf(routed: Routed, text: string, end: "complete" | "cut"): Reading {
    const { usageReader } = routed.endpoint;
    assert(usageReader !== null);
    const reader = usageReader({
      requestedModel: routed.policy.model,
      status: 200,
      mediaType: "text/event-stream",
      isStreamRequested: true,
      inputCharacters: null,
    });
    const meter = createMeter({ reader, contentEncoding: "" });
    void meter.observe(Buffer.from(text));
    return meter.read(end);
  }

  it("a Messages stream that is cut after its start is a lower bound, never the placeholder as final", async () => {
    const options: SampleOptions = { dialect: "anthropic", policy: { model: "claude-opus-5-5" } };
    const routed = sampleRouted(options);
    const start = {
      type: "message_start",
      message: {
        id: "msg_1",
        model: "claude-opus-5-5",
        usage: { input_tokens: 10, cache_read_input_tokens: 90, output_tokens: 1 },
      },
    };
    const cut = readOf(routed, `event: message_start\ndata: ${JSON.stringify(start)}\n\n`, "cut");
    const result = await resultOf(
      { ending: "cut", reading: cut, failure: failure("connection_lost", false) },
      options,
    );
    assert.deepEqual(
      [result.outcome, result.usageSource, result.usage[0]?.cost_status],
      ["truncated", "partial", "lower_bound"],
    );
    assert.deepEqual([result.usage[0]?.input_tokens, result.usage[0]?.cache_read_input_tokens], [100, 90]);
    assert.notEqual(result.costNanoUsd, 0);
  });

  it("a Responses stream to its end is exact", async () => {
    const routed = sampleRouted();
    const completed = {
      type: "response.completed",
      response: {
        id: "resp_1",
        status: "completed",
        model: "gpt-5.5",
        usage: { input_tokens: 1000, output_tokens: 100, total_tokens: 1100 },
      },
    };
    const done = readOf(
      routed,
      `event: response.completed\ndata: ${JSON.stringify(completed)}\n\n`,
      "complete",
    );
    assert.deepEqual(told(await resultOf({ reading: done })), {
      outcome: "ok",
      source: "exact",
      status: 200,
      cost: fullCostNanoUsd,
    });
  });
});

describe("usage that is told later", () => {
  const running: Partial<Reading> = { responseId: "resp_1", isRunning: true };
  const background = { policy: { isBackground: true, isStream: false } };

  async function recorded(
    options: SampleOptions,
    given: Partial<Reading>,
    more: Partial<Observation> = {},
  ): Promise<{ readonly awaited: readonly LaterUsage[]; readonly results: readonly ExchangeResult[] }> {
    const at = bed();
    const missing = {
      outcome: "truncated",
      usage: [usage("missing")],
      servedModel: null,
      servedTier: null,
    } as const;
    await recordResult(at.deps, sampleRouted(options), {
      ...whole,
      reading: { ...missing, responseId: null, ...given },
      ...more,
    });
    return at;
  }

  it("keeps the exchange open, with what is known of its result", async () => {
    const { awaited, results } = await recorded(background, running);
    assert.deepEqual(results, []);
    assert.deepEqual(
      awaited.map(({ projectId, kind, id, soFar }) => [projectId, kind, id, soFar.id, soFar.status]),
      [["project-1", "response", "resp_1", "ex_sample", 200]],
    );
    assert.match(awaited[0]?.upstream ?? "", /^openai https:\/\/provider\.example\/v1 [0-9a-f]{16}$/);
    assert.ok(!JSON.stringify(awaited).includes("sk-of-the-provider"));
  });

  it("also when a background stream broke, or its caller left, before its end", async () => {
    for (const ending of ["cut", "abandoned", "stopped"] as const) {
      const { awaited } = await recorded(background, { responseId: "resp_1" }, { ending });
      assert.equal(awaited.length, 1, ending);
    }
  });

  it("is no excuse for what has ended, failed, was refused or told no id", async () => {
    const known = { responseId: "resp_1", outcome: "ok", usage: [usage("complete")] } as const;
    const cases: readonly (readonly [string, SampleOptions, Partial<Reading>, Partial<Observation>])[] = [
      ["ended", background, known, {}],
      ["failed", background, { responseId: "resp_1", outcome: "failed" }, {}],
      ["refused", background, running, { status: 400 }],
      ["no id", background, { isRunning: true }, {}],
      ["cut in the foreground", {}, { responseId: "resp_1" }, { ending: "cut" }],
    ];
    for (const [what, options, given, more] of cases) {
      const { awaited, results } = await recorded(options, given, more);
      assert.deepEqual([awaited.length, results.length], [0, 1], what);
    }
  });
});
