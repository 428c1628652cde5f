import assert from "node:assert/strict";
import { test } from "node:test";
import type { MeteredUsage, UsageCounts } from "@meshagent/llm-proxy-protocol/usage";
import { type Ceiling, mostNanoUsd, outputThatFits, type Reach } from "./ceiling.ts";
import { createPrices } from "./charge.ts";
import { loadPriceCard } from "./price-card.ts";

const prices = createPrices({ card: null });
const atMs = Date.parse("2026-11-25T00:00:00Z");
const plain: Reach = {
  tiers: [null],
  possibleTiers: [],
  speeds: [null],
  hasLongCacheLifetime: false,
  hasMediaInput: false,
  hasAudioOutput: false,
  isRegional: false,
};

function ceiling(name: string, reach: Partial<Reach> = {}): Ceiling {
  const [provider = "", model = ""] = name.split("/");
  const found = prices.ceiling({ provider, model, atMs }, { ...plain, ...reach });
  assert.ok(found !== null, name);
  return found;
}

/** USD for a million tokens: input, output. */
function usd({ inputNanoUsd, outputNanoUsd }: Ceiling["standard"]): readonly number[] {
  return [Number(inputNanoUsd) / 1e9, Number(outputNanoUsd) / 1e9];
}

test("input is priced at its dearest class: a cache write", () => {
  // claude-opus-4-6: 5 input, 6.25 for a write of five minutes, 10 for one of an hour, 25 output; 1.1 in the US.
  assert.deepEqual(usd(ceiling("anthropic/claude-opus-4-6").standard), [6.875, 27.5]);
  assert.deepEqual(
    usd(ceiling("anthropic/claude-opus-4-6", { hasLongCacheLifetime: true }).standard),
    [11, 27.5],
  );
  // gpt-5.5 has no price for writes: 5 input, 30 output.
  assert.deepEqual(usd(ceiling("openai/gpt-5.5").standard), [5, 30]);
});

test("a list needs a price for the cache writes that its provider has, and for no other's", () => {
  const listed = (standard: Readonly<Record<string, string | null>>): Ceiling | null => {
    const card = loadPriceCard(
      JSON.stringify({
        as_of: "2026-11-20",
        tools: {},
        models: { "anthropic/own": [{ effective_from: "2026-01-01", aliases: [], standard }] },
      }),
    );
    return createPrices({ card }).ceiling({ provider: "anthropic", model: "own", atMs }, plain);
  };
  const own = { input: "4", cache_read: "0.2", output: "20" };
  for (const name of ["cache_write", "cache_write_5m", "cache_write_30m"]) {
    const found = listed({ ...own, [name]: "5" });
    assert.deepEqual(found === null ? null : usd(found.standard), [5, 20], name);
  }
  assert.equal(listed({ ...own, cache_write: null }), null);
  assert.equal(listed({ ...own, cache_write_5m: null }), null);
  assert.equal(
    listed({ ...own, cache_write_12h: "9" }),
    null,
    "of the long writes alone nothing is known of a short one",
  );
});

test("a tier that the request may be served in counts, and so do a region and a fast mode", () => {
  // gpt-5.5 priority: 12.5 and 75; regional 1.1.
  assert.deepEqual(
    usd(ceiling("openai/gpt-5.5", { tiers: [null, "priority", "flex"] }).standard),
    [12.5, 75],
  );
  assert.deepEqual(usd(ceiling("openai/gpt-5.5", { isRegional: true }).standard), [5.5, 33]);
  const fast = ceiling("anthropic/claude-opus-5", { speeds: [null, "fast"] }).standard;
  const standard = ceiling("anthropic/claude-opus-5").standard;
  assert.ok(fast.outputNanoUsd > standard.outputNanoUsd && fast.inputNanoUsd > standard.inputNanoUsd);
});

test("a long context costs more once the bound passes its threshold", () => {
  const found = ceiling("openai/gpt-5.5");
  assert.equal(found.aboveInputTokens, 272_000);
  assert.deepEqual(usd(found.long), [10, 45]);
  // 272,000 x 5 + 1,000 x 30 = 1,390,000 micro-dollars; one token more: 272,001 x 10 + 1,000 x 45 = 2,765,010.
  assert.equal(mostNanoUsd(found, { input: 272_000, output: 1_000 }), 1_390_000_000);
  assert.equal(mostNanoUsd(found, { input: 272_001, output: 1_000 }), 2_765_010_000);
});

test("what has no price has no ceiling", () => {
  for (const name of ["openai/gpt-unheard-of", "anthropic/gpt-5.5"]) {
    const [provider = "", model = ""] = name.split("/");
    assert.equal(prices.ceiling({ provider, model, atMs }, plain), null, name);
  }
  assert.equal(
    prices.ceiling({ provider: "openai", model: "gpt-5.5", atMs }, { ...plain, tiers: [null, "scale"] }),
    null,
  );
  // Its cache writes have a price that nobody knows.
  assert.equal(prices.ceiling({ provider: "openai", model: "gpt-6.2-astra", atMs }, plain), null);
});

test("the output that fits is the most that costs no more", () => {
  const found = ceiling("openai/gpt-5.5");
  for (const [input, nanoUsd] of [
    [1_000, 10_000_000],
    [0, 29_999],
    [0, 30_000],
    [271_999, 2_000_000_000],
    [300_000, 4_000_000_001],
  ] as const) {
    const output = outputThatFits(found, input, nanoUsd);
    assert.ok(mostNanoUsd(found, { input, output }) <= nanoUsd, `${output} tokens fit`);
    assert.ok(mostNanoUsd(found, { input, output: output + 1 }) > nanoUsd, `${output + 1} do not`);
  }
  assert.equal(outputThatFits(found, 1_000_000, 5), -1);
});

test("no charge is above its ceiling, whatever the provider makes of the request", () => {
  let state = 11;
  const below = (limit: number): number => {
    state = (state * 1_103_515_245 + 12_345) % 2 ** 31;
    return Math.floor((state / 2 ** 31) * limit);
  };
  const names = [
    "anthropic/claude-opus-4-6",
    "anthropic/claude-haiku-4-5",
    "anthropic/claude-sonnet-5-5",
    "anthropic/claude-haiku-5-5",
    "openai/gpt-5.5",
    "openai/gpt-6-sol",
    "openai/gpt-5.6-sol",
    "openai/gpt-4o",
  ];
  for (let round = 0; round < 4_000; round++) {
    const name = names[below(names.length)] ?? "";
    const [provider = "", model = ""] = name.split("/");
    const isOpenAi = provider === "openai";
    const tiers = isOpenAi ? [null, "priority", "flex"] : [null];
    const most = ceiling(name, { tiers, hasLongCacheLifetime: true, isRegional: isOpenAi });
    const input = below(400_000);
    const output = below(50_000);
    const read = below(input + 1);
    const written = below(input - read + 1);
    const writes: UsageCounts = isOpenAi
      ? { cache_write_30m_input_tokens: written }
      : { cache_write_1h_input_tokens: below(written + 1) };
    const usage: MeteredUsage = {
      kind: "primary",
      model,
      response_id: null,
      service_tier: tiers[below(tiers.length)] ?? "standard",
      source: "test",
      completeness: "complete",
      billed: true,
      raw: null,
      input_tokens: input,
      output_tokens: output,
      cache_read_input_tokens: read,
      cache_write_input_tokens: written,
      ...(isOpenAi ? {} : { inference_geo: below(2) === 0 ? "us" : "global" }),
      ...writes,
    };
    const charge = prices.charge(usage, { provider, atMs, upstreamRegion: isOpenAi ? "us" : null });
    if (charge.cost_nano_usd === null) continue;
    // The bound of the input is at least what it is.
    const bound = input + below(5_000);
    assert.ok(
      charge.cost_nano_usd <= mostNanoUsd(most, { input: bound, output }),
      `${name} ${JSON.stringify(usage)}: ${charge.cost_nano_usd}`,
    );
  }
});
