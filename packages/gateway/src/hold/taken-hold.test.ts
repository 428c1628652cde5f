/** What the later steps do with a hold: told the input, given the result, and what is learnt from it. */

import assert from "node:assert/strict";
import { test } from "node:test";
import type { Hold } from "../exchange.ts";
import { sampleBody, sampleRouted } from "../sample-routed.ts";
import { sampleRecord, sampleResult } from "../store/conformance/sample-exchanges.ts";
import type { LimitDefinition } from "../store/limit-definition.ts";
import type { ExchangeResult } from "../store/store.ts";
import { hold } from "./hold.ts";
import { holdBed, type HoldBed, sampleBudget, sampleRate } from "./hold-harness.ts";

const plain = { model: "gpt-5.5", input: "hello", service_tier: "default", max_output_tokens: 100 };
/** $5 and $30 a million; every byte, and 1,000 for a template. */
const inputTokens = JSON.stringify(plain).length + 1_000;
const heldNanoUsd = inputTokens * 5_000 + 100 * 30_000;

async function taken(
  definitions: readonly LimitDefinition[] = [sampleBudget()],
  body: object = plain,
  rest: Parameters<typeof sampleRouted>[0] = {},
): Promise<HoldBed & { readonly hold: Hold }> {
  const bed = holdBed(...definitions);
  const routed = sampleRouted({ body: sampleBody(JSON.stringify(body)), ...rest });
  const { hold: found } = await hold(bed.deps, routed);
  assert.ok(found !== null);
  return { ...bed, hold: found };
}

function result(rest: Partial<ExchangeResult> = {}): ExchangeResult {
  const usage = [sampleRecord({ input_tokens: 50, output_tokens: 10, billed: true })];
  return sampleResult({ id: "ex_sample", usage, costNanoUsd: 1_234, ...rest });
}

test("the exact charge is settled where it is known, and the whole hold where it is not", async () => {
  const { hold: held } = await taken();
  assert.deepEqual(held.settlement(result()), { chargeNanoUsd: 1_234, used: {} });
  assert.equal(held.settlement(result({ usageSource: "drained" })).chargeNanoUsd, 1_234);
  for (const usageSource of ["estimated", "partial", "none"] as const)
    assert.equal(held.settlement(result({ usageSource })).chargeNanoUsd, null, usageSource);
  // A record without a price: exact, and nobody knows what it costs.
  assert.equal(held.settlement(result({ costNanoUsd: null })).chargeNanoUsd, null);
  // What nobody billed, such as a refusal of the provider.
  assert.equal(held.settlement(result({ usageSource: "none", usage: [], costNanoUsd: 0 })).chargeNanoUsd, 0);
});

test("a rate is corrected by what was used, as it counts; what is not known stays as it was held", async () => {
  const rate = sampleRate({
    requestsPerMinute: 5,
    inputTokensPerMinute: 5_000,
    outputTokensPerMinute: 5_000,
    tokensPerMinute: 5_000,
  });
  const { hold: held } = await taken([rate]);
  assert.deepEqual(held.settlement(result()).used, {
    "r|requests|": 1,
    "r|input|": 50,
    "r|output|": 10,
    "r|tokens|": 60,
  });
  assert.deepEqual(held.settlement(result({ usageSource: "none" })).used, {});
  const unbilled = [sampleRecord({ input_tokens: 50, output_tokens: 10, billed: false })];
  assert.equal(held.settlement(result({ usage: unbilled })).used["r|tokens|"], 0);
});

test("when the input is told the hold shrinks to it and all the output that may come, once", async () => {
  const { hold: held, shrunk } = await taken();
  held.inputTold(40_000);
  held.inputTold(1);
  assert.deepEqual(shrunk, [["ex_sample", 40_000 + 100 * 30_000 + 1]]);
});

test("without a budget there is nothing to shrink", async () => {
  const { hold: held, shrunk } = await taken([sampleRate({ requestsPerMinute: 1 })]);
  held.inputTold(40_000);
  assert.deepEqual(shrunk, []);
});

test("what cost more than was held is charged as it is, and told", async () => {
  const { hold: held, errors, wrongBounds } = await taken();
  assert.equal(held.settlement(result({ costNanoUsd: heldNanoUsd })).chargeNanoUsd, heldNanoUsd);
  assert.deepEqual(errors, []);
  assert.equal(held.settlement(result({ costNanoUsd: heldNanoUsd + 1 })).chargeNanoUsd, heldNanoUsd + 1);
  assert.deepEqual(errors, ["an exchange cost more than its bound"]);
  assert.deepEqual(wrongBounds, [], "its tokens were within bounds: the price was not");
});

test("what was counted beyond a bound is told, and is not believed again", async () => {
  const bed = await taken();
  const counted = (input_tokens: number, output_tokens: number): ExchangeResult =>
    result({ usage: [sampleRecord({ input_tokens, output_tokens, billed: true })] });
  bed.hold.settlement(counted(inputTokens, 100));
  assert.deepEqual(bed.wrongBounds, []);
  bed.hold.settlement({ ...counted(inputTokens + 1, 101), usageSource: "estimated" });
  assert.deepEqual(bed.wrongBounds, [], "an estimate shows nothing");
  bed.hold.settlement(counted(inputTokens + 1, 101));
  assert.deepEqual(
    bed.wrongBounds.map(({ kind, subject, exchangeId }) => [kind, subject, exchangeId]),
    [
      ["bytes", "https://provider.example openai/gpt-5.5", "ex_sample"],
      ["output", "https://provider.example openai/gpt-5.5", "ex_sample"],
    ],
  );
  const next = sampleRouted({ body: sampleBody(JSON.stringify(plain)), call: { exchangeId: "ex_2" } });
  bed.define(sampleBudget({ amountNanoUsd: 1e12 }));
  const { hold: wide } = await hold(bed.deps, next);
  assert.equal(wide?.loweredOutput, null);
  // The window of 1,050,000 at the price of a long context, and the 128,000 tokens that the model can write.
  assert.equal(bed.reserved.at(-1)?.shares[0]?.amount, 1_050_000 * 10_000 + 128_000 * 45_000);
});

test("what the provider counted for a conversation bounds its next turn by what is new in it", async () => {
  const bed = holdBed(sampleBudget({ amountNanoUsd: 1e12, mode: "hard-no-edit" }));
  const turns = [{ role: "user", content: "x".repeat(20_000) }];
  const ask = async (exchangeId: string, input: readonly object[]): Promise<Hold | null> => {
    const body = sampleBody(JSON.stringify({ ...plain, input }));
    return (await hold(bed.deps, sampleRouted({ body, call: { exchangeId } }))).hold;
  };
  const amount = (): number => bed.reserved.at(-1)?.shares[0]?.amount ?? 0;
  const first = await ask("ex_1", turns);
  assert.ok(amount() > 21_000 * 5_000);
  const record = sampleRecord({ input_tokens: 5_000, completeness: "complete" });
  // Of several records none tells what the conversation came to, and an incomplete one tells too little.
  first?.settled(result({ usage: [record, record] }));
  first?.settled(result({ usage: [{ ...record, completeness: "partial" }] }));
  await ask("ex_2", turns);
  assert.ok(amount() > 21_000 * 5_000);
  first?.settled(result({ usage: [record] }));
  await ask("ex_3", [...turns, { role: "user", content: "more" }]);
  // The request has neither instructions nor other members: of three parts that are `{}` one is known, once.
  const added = JSON.stringify({ role: "user", content: "more" }).length + 2 * "{}".length;
  assert.equal(amount(), (5_000 + 400 + added) * 5_000 + 100 * 30_000);
});

test("a limit is lowered in every member that says one, and thinking stays below it", async () => {
  const chat = { model: "gpt-5.5", service_tier: "default", max_tokens: 90_000, max_completion_tokens: 5 };
  const { hold: held } = await taken(
    [sampleBudget({ amountNanoUsd: 6e9 })],
    { ...chat, messages: [] },
    { endpoint: "chat.completions" },
  );
  const lowered = held.loweredOutput;
  assert.deepEqual([lowered?.name, lowered?.alsoIn], ["max_completion_tokens", ["max_tokens"]]);
  assert.ok((lowered?.tokens ?? 0) > 8_192 && (lowered?.tokens ?? 0) < 90_000);

  const thinking = {
    model: "claude-opus-5-5",
    max_tokens: 60_000,
    messages: [],
    thinking: { type: "enabled", budget_tokens: 50_000 },
  };
  const options = { dialect: "anthropic", policy: { model: "claude-opus-5-5" } } as const;
  const narrow = await taken([sampleBudget({ amountNanoUsd: 3e9 })], thinking, options);
  const { tokens = 0, thinkingTokens = 0 } = narrow.hold.loweredOutput ?? {};
  assert.ok(tokens >= 4_096 && tokens < 50_000, String(tokens));
  assert.equal(thinkingTokens, tokens - 1);
  const little = { ...thinking, thinking: { type: "enabled", budget_tokens: 2_000 } };
  const kept = await taken([sampleBudget({ amountNanoUsd: 3e9 })], little, options);
  assert.equal(kept.hold.loweredOutput?.thinkingTokens, null, "it is below the limit already");
});
