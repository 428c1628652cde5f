/** Charges: each pricing rule on a worked example, and what holds for every record whatever is in it. */

import assert from "node:assert/strict";
import test from "node:test";
import type { Charge, MeteredUsage } from "@meshagent/llm-proxy-protocol/usage";
import { ZERO, add, formatDecimal, parseDecimal, roundToNanoUsd } from "../money.ts";
import { createCatalogue } from "./catalogue.ts";
import { createPrices, createPricesOf } from "./charge.ts";
import { overrides } from "./overrides.ts";
import { loadPriceCard } from "./price-card.ts";
import type { PriceEntry } from "./price-card.ts";
import type { PriceContext, Prices } from "./prices.ts";
import { splitQuantities } from "./quantities.ts";

const NOW = Date.parse("2026-11-24T00:00:00Z");
const prices = createPrices({ card: null });

function usageOf(model: string, more: Partial<MeteredUsage>): MeteredUsage {
  return {
    kind: "primary",
    model,
    response_id: null,
    service_tier: null,
    source: "test",
    completeness: "complete",
    billed: true,
    raw: null,
    ...more,
  };
}

function chargeFor(id: string, more: Partial<MeteredUsage>, context: Partial<PriceContext> = {}): Charge {
  const slash = id.indexOf("/");
  const place = { provider: id.slice(0, slash), atMs: NOW, upstreamRegion: null, ...context };
  return prices.charge(usageOf(id.slice(slash + 1), more), place);
}

interface Example {
  readonly why: string;
  readonly id: string;
  readonly usage: Partial<MeteredUsage>;
  readonly context?: Partial<PriceContext>;
  /** USD with nine places; null: unpriced. */
  readonly cost: string | null;
}

function check(examples: readonly Example[]): void {
  for (const { why, id, usage, context, cost } of examples) {
    const charge = chargeFor(id, usage, context);
    assert.equal(charge.cost_usd, cost, `${id}: ${why}`);
    assert.equal(charge.cost_status, cost === null ? "unpriced" : "priced", `${id}: ${why}`);
  }
}

const CHAT = { input_tokens: 1000, output_tokens: 100 };

test("input, cache and output each take their price", () => {
  check([
    {
      // 760 x 2 + 1000 x 0.1 + 100 x 10 = 1520 + 100 + 1000 = 2620 per million
      why: "cached input",
      id: "openai/gpt-6.2-sol",
      usage: { input_tokens: 1760, cache_read_input_tokens: 1000, output_tokens: 100 },
      cost: "0.002620000",
    },
    {
      // 100 x 2 + 300 x 2.5 (unsplit) + 100 x 2.5 (30 min) + 200 x 5 (12 h) + 10 x 10 = 200 + 750 + 250 + 1000 + 100
      why: "cache writes of 30 minutes and 12 hours",
      id: "openai/gpt-6.2-sol",
      usage: {
        input_tokens: 700,
        cache_write_input_tokens: 600,
        cache_write_30m_input_tokens: 100,
        cache_write_12h_input_tokens: 200,
        output_tokens: 10,
      },
      cost: "0.002300000",
    },
    {
      // 50 x 4 + 400 x 0.2 + 100 x 5 (unsplit) + 300 x 5 (5 min) + 150 x 8 (1 h) + 20 x 20
      // = 200 + 80 + 500 + 1500 + 1200 + 400 = 3880
      why: "cache writes of 5 minutes and an hour",
      id: "anthropic/claude-opus-5-5",
      usage: {
        input_tokens: 1000,
        cache_read_input_tokens: 400,
        cache_write_input_tokens: 550,
        cache_write_5m_input_tokens: 300,
        cache_write_1h_input_tokens: 150,
        output_tokens: 20,
        reasoning_output_tokens: 15,
      },
      cost: "0.003880000",
    },
    {
      // No price for reads: 1000 x 30 + 10 x 180 = 30000 + 1800
      why: "a read without a price costs input",
      id: "openai/gpt-5.5-pro",
      usage: { input_tokens: 1000, cache_read_input_tokens: 900, output_tokens: 10 },
      cost: "0.031800000",
    },
    {
      // 10 x 0.02 = 0.2 per million
      why: "input alone",
      id: "openai/text-embedding-3-small",
      usage: { input_tokens: 10 },
      cost: "0.000000200",
    },
    {
      why: "zero counts are a known cost",
      id: "openai/gpt-5.5",
      usage: { input_tokens: 0 },
      cost: "0.000000000",
    },
  ]);
});

test("prices change on their day", () => {
  const read = { input_tokens: 1000, cache_read_input_tokens: 1000, output_tokens: 0 };
  check([
    // 1000 x 0.2, then 1000 x 0.1
    {
      why: "the day before",
      id: "anthropic/claude-sonnet-5-5",
      usage: read,
      context: { atMs: Date.parse("2026-10-06T23:59:59.999Z") },
      cost: "0.000200000",
    },
    { why: "today", id: "anthropic/claude-sonnet-5-5", usage: read, cost: "0.000100000" },
    // 1000 x 5 + 100 x 30 = 8000, then 1000 x 4 + 100 x 20 = 6000
    {
      why: "before the promotion",
      id: "openai/gpt-5.6",
      usage: CHAT,
      context: { atMs: Date.parse("2026-08-20T23:59:59Z") },
      cost: "0.008000000",
    },
    { why: "promotion", id: "openai/gpt-5.6-sol", usage: CHAT, cost: "0.006000000" },
    // 1000 x 2.5 + 100 x 15 = 4000, then 1000 x 2 + 100 x 12 = 3200
    {
      why: "before the cut",
      id: "openai/gpt-5.6-terra",
      usage: CHAT,
      context: { atMs: Date.parse("2026-07-29") },
      cost: "0.004000000",
    },
    { why: "after the cut", id: "openai/gpt-5.6-terra", usage: CHAT, cost: "0.003200000" },
  ]);
});

test("tiers: factors, lists, and what is not listed", () => {
  const cached = { input_tokens: 1000, cache_read_input_tokens: 400, output_tokens: 100 };
  check([
    // Standard: 600 x 5 + 400 x 0.5 + 100 x 30 = 6200
    {
      why: "standard",
      id: "openai/gpt-5.5",
      usage: { ...cached, service_tier: "standard" },
      cost: "0.006200000",
    },
    {
      why: "default is standard",
      id: "openai/gpt-5.5",
      usage: { ...cached, service_tier: "default" },
      cost: "0.006200000",
    },
    {
      why: "flex is half",
      id: "openai/gpt-5.5",
      usage: { ...cached, service_tier: "flex" },
      cost: "0.003100000",
    },
    {
      why: "batch is half",
      id: "openai/gpt-5.5",
      usage: { ...cached, service_tier: "batch" },
      cost: "0.003100000",
    },
    {
      // 600 x 12.5 + 400 x 1.25 + 100 x 75 = 7500 + 500 + 7500
      why: "a priority list",
      id: "openai/gpt-5.5",
      usage: { ...cached, service_tier: "priority" },
      cost: "0.015500000",
    },
    {
      // 2 x (600 x 2 + 400 x 0.1 + 100 x 10) = 2 x 2240
      why: "priority as a factor",
      id: "openai/gpt-6.1-sol",
      usage: { ...cached, service_tier: "priority" },
      cost: "0.004480000",
    },
    {
      // 3 x (600 x 10 + 400 x 1 + 100 x 50) = 3 x 11400
      why: "ultrafast",
      id: "openai/gpt-6-astra",
      usage: { ...cached, service_tier: "ultrafast" },
      cost: "0.034200000",
    },
    {
      why: "ultrafast from 2027-03-01: 6 x 11400",
      id: "openai/gpt-6-astra",
      usage: { ...cached, service_tier: "ultrafast" },
      context: { atMs: Date.parse("2027-03-01") },
      cost: "0.068400000",
    },
    {
      // Of the base card, with the provider's factor: (1000 x 1.1 + 100 x 4.4) / 2 = 770
      why: "flex of a model that only the base card has",
      id: "openai/o3-mini",
      usage: { ...CHAT, service_tier: "flex" },
      cost: "0.000770000",
    },
    {
      // Batch halves cache prices too: (200 x 2 + 500 x 0.1 + 300 x 2.5 + 100 x 10) / 2 = 2200 / 2
      why: "batch with cache",
      id: "anthropic/claude-sonnet-5-5",
      usage: {
        input_tokens: 1000,
        cache_read_input_tokens: 500,
        cache_write_input_tokens: 300,
        output_tokens: 100,
        service_tier: "batch",
      },
      cost: "0.001100000",
    },
    {
      why: "Anthropic priority",
      id: "anthropic/claude-opus-5",
      usage: { ...CHAT, service_tier: "priority" },
      cost: null,
    },
    { why: "scale", id: "openai/gpt-5.5", usage: { ...CHAT, service_tier: "scale" }, cost: null },
    { why: "a new tier", id: "openai/gpt-5.5", usage: { ...CHAT, service_tier: "warp" }, cost: null },
    {
      why: "no own property",
      id: "openai/gpt-5.5",
      usage: { ...CHAT, service_tier: "toString" },
      cost: null,
    },
    {
      why: "priority unlisted",
      id: "openai/gpt-5.4-nano",
      usage: { ...CHAT, service_tier: "priority" },
      cost: null,
    },
  ]);
});

test("fast mode: own prices for input and output, the cache in proportion", () => {
  check([
    {
      // Input 4 -> 8, so reads 0.2 -> 0.4 and writes 5 -> 10, an hour 8 -> 16; output 40.
      // 100 x 8 + 500 x 0.4 + 300 x 10 + 100 x 16 + 100 x 40 = 800 + 200 + 3000 + 1600 + 4000 = 9600
      why: "cache in proportion",
      id: "anthropic/claude-opus-5-5",
      usage: {
        input_tokens: 1000,
        cache_read_input_tokens: 500,
        cache_write_input_tokens: 400,
        cache_write_5m_input_tokens: 300,
        cache_write_1h_input_tokens: 100,
        output_tokens: 100,
        speed: "fast",
      },
      cost: "0.009600000",
    },
    // 1000 x 5 + 100 x 25
    {
      why: "standard speed",
      id: "anthropic/claude-opus-5",
      usage: { ...CHAT, speed: "standard" },
      cost: "0.007500000",
    },
    // 1000 x 10 x 1.1 + 100 x 50 x 1.1
    {
      why: "fast in the US",
      id: "anthropic/claude-opus-5",
      usage: { ...CHAT, speed: "fast", inference_geo: "us" },
      cost: "0.016500000",
    },
    { why: "not offered", id: "anthropic/claude-sonnet-5", usage: { ...CHAT, speed: "fast" }, cost: null },
    {
      why: "fast and batch",
      id: "anthropic/claude-opus-5",
      usage: { ...CHAT, speed: "fast", service_tier: "batch" },
      cost: null,
    },
    { why: "a new speed", id: "anthropic/claude-opus-5", usage: { ...CHAT, speed: "warp" }, cost: null },
  ]);
});

test("places: inference in the US, regional hosts", () => {
  check([
    // (1000 x 2 + 100 x 10) x 1.1 = 3300
    {
      why: "us",
      id: "anthropic/claude-sonnet-5-5",
      usage: { ...CHAT, inference_geo: "us" },
      cost: "0.003300000",
    },
    {
      why: "global",
      id: "anthropic/claude-sonnet-5-5",
      usage: { ...CHAT, inference_geo: "global" },
      cost: "0.003000000",
    },
    {
      why: "not available",
      id: "anthropic/claude-sonnet-5-5",
      usage: { ...CHAT, inference_geo: "not_available" },
      cost: "0.003000000",
    },
    {
      why: "an unlisted place",
      id: "anthropic/claude-sonnet-5-5",
      usage: { ...CHAT, inference_geo: "mars" },
      cost: null,
    },
    // An older model has one price everywhere: 1000 x 1 + 100 x 5
    {
      why: "no table",
      id: "anthropic/claude-haiku-4-5",
      usage: { ...CHAT, inference_geo: "us" },
      cost: "0.001500000",
    },
    // (1000 x 5 + 100 x 30) x 1.1 = 8800
    {
      why: "regional",
      id: "openai/gpt-5.5",
      usage: CHAT,
      context: { upstreamRegion: "eu" },
      cost: "0.008800000",
    },
    // Released before the uplift: 1000 x 1.75 + 100 x 14
    {
      why: "older",
      id: "openai/gpt-5.2",
      usage: CHAT,
      context: { upstreamRegion: "us" },
      cost: "0.003150000",
    },
    // (1000 x 5 + 100 x 30) x 0.5 x 1.1
    {
      why: "regional batch",
      id: "openai/gpt-5.5",
      usage: { ...CHAT, service_tier: "batch" },
      context: { upstreamRegion: "eu" },
      cost: "0.004400000",
    },
  ]);
});

test("a long context is dearer from the first token above the threshold, for the whole request", () => {
  check([
    // 272000 x 5 + 1000 x 30 = 1,390,000
    {
      why: "at the threshold",
      id: "openai/gpt-5.5",
      usage: { input_tokens: 272_000, output_tokens: 1000 },
      cost: "1.390000000",
    },
    // 272001 x 10 + 1000 x 45 = 2,765,010
    {
      why: "one above",
      id: "openai/gpt-5.5",
      usage: { input_tokens: 272_001, output_tokens: 1000 },
      cost: "2.765010000",
    },
    {
      // Cache counts towards the threshold. 2 x (1 x 2 + 200000 x 0.2 + 100000 x 2.5) + 10 x 15
      // = 2 x (2 + 40000 + 250000) + 150 = 580154
      why: "with cache",
      id: "openai/gpt-6-sol",
      usage: {
        input_tokens: 300_001,
        cache_read_input_tokens: 200_000,
        cache_write_input_tokens: 100_000,
        output_tokens: 10,
      },
      cost: "0.580154000",
    },
    {
      // 300000 x 5 x 2 x 0.5 x 1.1 + 1000 x 30 x 1.5 x 0.5 x 1.1 = 1,650,000 + 24,750
      why: "stacks with flex and region",
      id: "openai/gpt-5.5",
      usage: { input_tokens: 300_000, output_tokens: 1000, service_tier: "flex" },
      context: { upstreamRegion: "eu" },
      cost: "1.674750000",
    },
    {
      // A priority list in a long context: 300000 x 12.5 x 2 + 1000 x 75 x 1.5 = 7,500,000 + 112,500
      why: "stacks with a list",
      id: "openai/gpt-5.5",
      usage: { input_tokens: 300_000, output_tokens: 1000, service_tier: "priority" },
      cost: "7.612500000",
    },
    // 100000 x 0.1 + 1000 x 0.5 = 10500
    {
      why: "at the threshold of a card of its own",
      id: "anthropic/claude-haiku-5-5",
      usage: { input_tokens: 100_000, output_tokens: 1000 },
      cost: "0.010500000",
    },
    {
      // 10001 x 0.5 + 60000 x 0.05 + 20000 x 0.625 + 10000 x 1 + 1000 x 2.5
      // = 5000.5 + 3000 + 12500 + 10000 + 2500 = 33000.5
      why: "above it",
      id: "anthropic/claude-haiku-5-5",
      usage: {
        input_tokens: 100_001,
        cache_read_input_tokens: 60_000,
        cache_write_input_tokens: 30_000,
        cache_write_5m_input_tokens: 20_000,
        cache_write_1h_input_tokens: 10_000,
        output_tokens: 1000,
      },
      cost: "0.033000500",
    },
    {
      // (200000 x 0.5 + 1000 x 2.5) x 0.5 x 1.1 = 102500 x 0.55
      why: "above it, batch, in the US",
      id: "anthropic/claude-haiku-5-5",
      usage: { input_tokens: 200_000, output_tokens: 1000, service_tier: "batch", inference_geo: "us" },
      cost: "0.056375000",
    },
    // Of the base card: 200001 x 6 + 100 x 22.5 = 1,202,256
    {
      why: "of the base card",
      id: "anthropic/claude-sonnet-4-5-20250929",
      usage: { input_tokens: 200_001, output_tokens: 100 },
      cost: "1.202256000",
    },
  ]);
});

test("audio, images, seconds and characters", () => {
  check([
    {
      // Text 200 x 4, audio 300 x 32, cached text 100 x 0.4, cached audio 400 x 0.4, out text 10 x 16, audio 50 x 64
      // = 800 + 9600 + 40 + 160 + 160 + 3200 = 13960
      why: "realtime",
      id: "openai/gpt-realtime",
      usage: {
        input_tokens: 1000,
        input_text_tokens: 300,
        input_audio_tokens: 700,
        cache_read_input_tokens: 500,
        cache_read_text_tokens: 100,
        cache_read_audio_tokens: 400,
        output_tokens: 60,
        output_text_tokens: 10,
        output_audio_tokens: 50,
      },
      cost: "0.013960000",
    },
    // 50 x 5 + 200 x 8 + 1000 x 30 = 31850
    {
      why: "an image edit",
      id: "openai/gpt-image-2.5",
      usage: { input_tokens: 250, input_text_tokens: 50, input_image_tokens: 200, output_tokens: 1000 },
      cost: "0.031850000",
    },
    // Output not split is an image: 10 x 5 + 1000 x 32
    {
      why: "unsplit image output",
      id: "openai/gpt-image-1.5",
      usage: { input_tokens: 10, output_tokens: 1000 },
      cost: "0.032050000",
    },
    // 10 x 5 + 900 x 32 + 100 x 10
    {
      why: "split image output",
      id: "openai/gpt-image-1.5",
      usage: { input_tokens: 10, output_tokens: 1000, output_image_tokens: 900, output_text_tokens: 100 },
      cost: "0.029850000",
    },
    // No price for images: all 1000 x 5, and 100 x 30
    {
      why: "plain price",
      id: "openai/gpt-5.5",
      usage: { ...CHAT, input_image_tokens: 700 },
      cost: "0.008000000",
    },
    // 90 s at 0.006 a minute = 0.009
    { why: "seconds", id: "openai/whisper-1", usage: { input_audio_seconds: 90 }, cost: "0.009000000" },
    // 7 x 0.017 / 60 = 0.00198333...
    {
      why: "rounded once",
      id: "openai/gpt-live-transcribe",
      usage: { input_audio_seconds: 7 },
      cost: "0.001983333",
    },
    // 8.47 x 0.0045 / 60 = 0.00063525
    {
      why: "parts of seconds",
      id: "openai/gpt-transcribe",
      usage: { input_audio_seconds: 8.47 },
      cost: "0.000635250",
    },
    // 42 x 15 / 10^6
    {
      why: "characters",
      id: "openai/tts-1",
      usage: { input_characters: 42, completeness: "derived" },
      cost: "0.000630000",
    },
    { why: "a session", id: "openai/gpt-live-1", usage: { session_audio_seconds: 120 }, cost: "0.100000000" },
    { why: "video", id: "openai/sora-2", usage: { output_video_seconds: 8 }, cost: "0.800000000" },
    // 500 x 2.5 + 100 x 10
    {
      why: "audio at the one input price of the list",
      id: "openai/gpt-4o-transcribe",
      usage: { input_tokens: 500, input_audio_tokens: 480, output_tokens: 100 },
      cost: "0.002250000",
    },
    { why: "tokens of a model priced by the second", id: "openai/whisper-1", usage: CHAT, cost: null },
    // Both counted, seconds priced: 60 s
    {
      why: "both units",
      id: "openai/whisper-1",
      usage: { ...CHAT, input_audio_seconds: 60 },
      cost: "0.006000000",
    },
    // Both counted, tokens priced: 1000 x 2.5 + 100 x 10
    {
      why: "both units, the other way",
      id: "openai/gpt-4o-transcribe",
      usage: { ...CHAT, input_audio_seconds: 60 },
      cost: "0.003500000",
    },
    { why: "seconds without a price", id: "openai/gpt-5.5", usage: { input_audio_seconds: 60 }, cost: null },
    { why: "output without a price", id: "openai/text-embedding-3-small", usage: CHAT, cost: null },
  ]);
});

test("tool calls are added without multipliers", () => {
  check([
    // 8000 per million / 2 + 3 x 10 / 1000 + 2 x 2.5 / 1000 = 0.004 + 0.03 + 0.005
    {
      why: "OpenAI",
      id: "openai/gpt-5.5",
      usage: { ...CHAT, service_tier: "flex", web_search_requests: 3, file_search_calls: 2 },
      cost: "0.039000000",
    },
    // 1000 x 2 + 100 x 10 = 3000; fetches are free and code execution cannot be derived
    {
      why: "Anthropic",
      id: "anthropic/claude-sonnet-5",
      usage: { ...CHAT, web_search_requests: 1, web_fetch_requests: 9, code_execution_requests: 2 },
      cost: "0.013000000",
    },
    // 3 searches, 2 of them by the preview tool: 1 x 10 + 2 x 25 per thousand; a model that reasons pays 10 for each.
    {
      why: "a preview",
      id: "openai/gpt-4o",
      usage: { web_search_requests: 3, web_search_preview_requests: 2 },
      cost: "0.060000000",
    },
    {
      why: "a preview, reasoning",
      id: "openai/gpt-5.5",
      usage: { web_search_requests: 3, web_search_preview_requests: 2 },
      cost: "0.030000000",
    },
    // More than there are in all is no more than all.
    {
      why: "too many previews",
      id: "openai/gpt-4o",
      usage: { web_search_requests: 1, web_search_preview_requests: 9 },
      cost: "0.025000000",
    },
    { why: "only a tool", id: "openai/gpt-5.5", usage: { web_search_requests: 1 }, cost: "0.010000000" },
    {
      why: "no price",
      id: "anthropic/claude-sonnet-5",
      usage: { ...CHAT, file_search_calls: 1 },
      cost: null,
    },
  ]);
});

test("lines show each term with its price, and the version of the prices", () => {
  const charge = chargeFor("openai/gpt-6.2-sol", {
    input_tokens: 1760,
    output_tokens: 10,
    service_tier: "flex",
    web_search_requests: 1,
  });
  assert.deepEqual(charge, {
    // 1760 x 1 + 10 x 5 = 1810 per million, + 0.01
    cost_nano_usd: 11_810_000,
    cost_usd: "0.011810000",
    cost_status: "priced",
    lines: [
      { component: "input", quantity: 1760, unit_price: "1", per: 1_000_000, amount: "0.00176" },
      { component: "output", quantity: 10, unit_price: "5", per: 1_000_000, amount: "0.00005" },
      { component: "openai.web_search", quantity: 1, unit_price: "10", per: 1000, amount: "0.01" },
    ],
    price_version: "overrides@2026-11-23",
  });
  assert.equal(chargeFor("openai/o3-mini", CHAT).price_version, "genai-prices@0.1.8");
});

test("half a nano-dollar is rounded up, once per record", () => {
  // 1 x 0.0005 / 10^6 = 0.0000000005; two such terms are one whole nano-dollar, not two rounded ones.
  const own = createPrices({
    card: loadPriceCard(
      JSON.stringify({
        as_of: "2026-11-20",
        models: {
          "openai/tiny": [{ effective_from: "2026-01-01", standard: { input: "0.0005", output: "0.0005" } }],
        },
      }),
    ),
  });
  const context = { provider: "openai", atMs: NOW, upstreamRegion: null };
  assert.equal(own.charge(usageOf("tiny", { input_tokens: 1 }), context).cost_nano_usd, 1);
  assert.equal(own.charge(usageOf("tiny", { input_tokens: 1, output_tokens: 1 }), context).cost_nano_usd, 1);
  assert.equal(own.charge(usageOf("tiny", { input_tokens: 1, output_tokens: 2 }), context).cost_nano_usd, 2);
});

test("what is not known is never 0", () => {
  const nothing = { cost_nano_usd: null, cost_usd: null, cost_status: "unpriced", lines: [] };
  const everything = "overrides@2026-11-23+genai-prices@0.1.8";
  for (const id of [
    "openai/gpt-5.5-unknown",
    "openai/claude-opus-5",
    "nobody/gpt-5.5",
    "openai/sora-2-pro",
  ]) {
    assert.deepEqual(chargeFor(id, CHAT), { ...nothing, price_version: everything }, id);
  }
  assert.deepEqual(chargeFor("openai/gpt-5.5", { ...CHAT, completeness: "missing" }), {
    ...nothing,
    price_version: everything,
  });
  // A record without a single count is as good as missing.
  assert.equal(chargeFor("openai/gpt-5.5", {}).cost_nano_usd, null);
  // A component with a price that nobody knows: gpt-6.2-astra's cache writes.
  assert.equal(
    chargeFor("openai/gpt-6.2-astra", { ...CHAT, cache_write_input_tokens: 10 }).cost_nano_usd,
    null,
  );
  // 1000 x 8 + 100 x 40
  assert.equal(chargeFor("openai/gpt-6.2-astra", CHAT).cost_usd, "0.012000000");
  // A longer lifetime takes no shorter one's price.
  assert.equal(
    chargeFor("openai/gpt-6.1-sol", { ...CHAT, cache_write_12h_input_tokens: 10 }).cost_nano_usd,
    null,
  );
  assert.equal(chargeFor("openai/gpt-5.5", { input_tokens: 1e300 }).cost_nano_usd, null);
});

test("what is not billed costs 0 and has no lines", () => {
  for (const more of [{ billed: false }, { completeness: "none" }] as const) {
    for (const id of ["anthropic/claude-opus-5", "nobody/unknown"]) {
      const { cost_nano_usd, cost_usd, cost_status, lines } = chargeFor(id, { ...CHAT, ...more });
      assert.deepEqual(
        { cost_nano_usd, cost_usd, cost_status, lines },
        {
          cost_nano_usd: 0,
          cost_usd: "0.000000000",
          cost_status: "priced",
          lines: [],
        },
      );
    }
  }
});

test("partial counts give a lower bound, which is never 0", () => {
  // 1000 x 5 + 1 x 25
  const bound = chargeFor("anthropic/claude-opus-5", {
    input_tokens: 1000,
    output_tokens: 1,
    completeness: "partial",
  });
  assert.deepEqual([bound.cost_usd, bound.cost_status], ["0.005025000", "lower_bound"]);
  const empty = chargeFor("anthropic/claude-opus-5", { input_tokens: 0, completeness: "partial" });
  assert.deepEqual([empty.cost_usd, empty.cost_nano_usd, empty.cost_status], [null, null, "lower_bound"]);
  assert.equal(chargeFor("openai/unknown", { ...CHAT, completeness: "partial" }).cost_status, "unpriced");
});

test("the operator's card: its entry replaces the shipped one as a whole", () => {
  const entry: PriceEntry = {
    effective_from: "2026-01-01",
    standard: {
      input: "3",
      cache_read: "0.3",
      output: "12",
      output_audio: "24",
      second_input: { price: "0.6", per: 60 },
    },
    tiers: {
      flex: { input: "1" },
      house: { input: "6", output: "12" },
      gold: { multiplier: "0.9" },
      odd: { input: "1", output: "12" },
    },
  };
  const own: Prices = createPricesOf(
    createCatalogue({ card: { as_of: "2026-11-20", models: { "openai/gpt-5.5": [entry] } }, overrides }),
  );
  const context = { provider: "openai", atMs: NOW, upstreamRegion: null };
  const cost = (more: Partial<MeteredUsage>): string | null =>
    own.charge(usageOf("gpt-5.5", more), context).cost_usd;
  const cached = {
    input_tokens: 1000,
    cache_read_input_tokens: 500,
    output_tokens: 100,
    output_audio_tokens: 50,
  };
  // 500 x 3 + 500 x 0.3 + 50 x 12 + 50 x 24 = 1500 + 150 + 600 + 1200
  assert.equal(cost(cached), "0.003450000");
  // Scaled like input, 2 x: 3000 + 300; output 12 is listed as it was, audio scaled like it: 600 + 1200
  assert.equal(cost({ ...cached, service_tier: "house" }), "0.005100000");
  // Only input listed, a third: all of it a third. 3450 / 3 = 1150, with whole prices
  assert.equal(cost({ ...cached, service_tier: "flex" }), "0.001150000");
  const flex = own.charge(usageOf("gpt-5.5", { ...cached, service_tier: "flex" }), context);
  assert.deepEqual(
    flex.lines.map((line) => `${line.component} ${line.unit_price}`),
    ["input 1", "cache_read 0.1", "output 4", "output_audio 8"],
  );
  // 3450 x 0.9
  assert.equal(cost({ ...cached, service_tier: "gold" }), "0.003105000");
  // Seconds follow the tier: 60 s at 0.6 x 0.9
  assert.equal(cost({ input_audio_seconds: 60, service_tier: "gold" }), "0.540000000");
  // The shipped entry lists priority and batch; the card's does not.
  assert.equal(cost({ ...cached, service_tier: "priority" }), null);
  assert.equal(cost({ ...cached, service_tier: "batch" }), null);
});

// ---------------------------------------------------------------- what holds for every record

const SEED = 20_261_124;

function makeRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

function pick<Value>(random: () => number, values: readonly Value[]): Value {
  return values[Math.floor(random() * values.length)] as Value;
}

const TOKEN_FIELDS = [
  "input_tokens",
  "output_tokens",
  "cache_read_input_tokens",
  "cache_write_input_tokens",
  "cache_write_5m_input_tokens",
  "cache_write_1h_input_tokens",
  "cache_write_30m_input_tokens",
  "cache_write_12h_input_tokens",
  "input_text_tokens",
  "input_audio_tokens",
  "input_image_tokens",
  "cache_read_text_tokens",
  "cache_read_audio_tokens",
  "output_audio_tokens",
  "output_image_tokens",
  "web_search_requests",
] as const;

const MODELS = [
  ...Object.keys(overrides.models),
  "openai/o3-mini",
  "anthropic/claude-sonnet-4-5",
  "openai/gpt-realtime",
];
const HOSTILE = [Number.NaN, -1, Number.POSITIVE_INFINITY, 1e300, 0.5, 2 ** 53];

function randomRecord(
  random: () => number,
  isHostile: boolean,
): { id: string; usage: Partial<MeteredUsage> } {
  const usage: Record<string, unknown> = {
    service_tier: pick(random, [null, "standard", "flex", "batch", "priority", "scale", "??"]),
    speed: pick(random, [undefined, "standard", "fast"]) ?? "standard",
    completeness: pick(random, ["complete", "partial", "estimated"]),
  };
  for (const field of TOKEN_FIELDS) {
    if (random() < 0.5) continue;
    usage[field] =
      isHostile && random() < 0.3 ? pick(random, HOSTILE) : Math.floor(random() * 10 ** (random() * 7));
  }
  return { id: pick(random, MODELS), usage };
}

test(`lines add up to the cost, carry every token once, and are never negative (seed ${SEED})`, () => {
  const random = makeRandom(SEED);
  let priced = 0;
  for (let round = 0; round < 4000; round += 1) {
    const { id, usage } = randomRecord(random, false);
    const charge = chargeFor(id, usage, { upstreamRegion: pick(random, [null, "us", "eu"]) });
    const message = `seed ${SEED}, round ${round}, ${id} ${JSON.stringify(usage)}`;
    if (charge.cost_nano_usd === null) continue;
    priced += 1;
    const sum = charge.lines.reduce((total, line) => add(total, parseDecimal(line.amount)), ZERO);
    assert.equal(BigInt(charge.cost_nano_usd), roundToNanoUsd(sum), message);
    for (const line of charge.lines) {
      assert.ok(line.quantity > 0, message);
      // quantity x unit price = amount x per, in whole numbers of the same scale
      const product = {
        coefficient: parseDecimal(line.amount).coefficient * BigInt(line.per),
        scale: parseDecimal(line.amount).scale,
      };
      const unit = parseDecimal(line.unit_price);
      const expected = { coefficient: unit.coefficient * BigInt(line.quantity), scale: unit.scale };
      assert.equal(formatDecimal(product), formatDecimal(expected), message);
    }
    const billedTokens = charge.lines
      .filter((line) => line.per === 1_000_000)
      .reduce((total, line) => total + line.quantity, 0);
    const { inputTokens } = splitQuantities(usage);
    const outputTokens =
      usage.output_tokens ?? (usage.output_audio_tokens ?? 0) + (usage.output_image_tokens ?? 0);
    assert.equal(billedTokens, inputTokens + outputTokens, message);
  }
  assert.ok(priced > 500, `only ${priced} records had a price`);
});

test(`no record whatever makes it throw or go below zero (seed ${SEED})`, () => {
  const random = makeRandom(SEED + 1);
  for (let round = 0; round < 4000; round += 1) {
    const { id, usage } = randomRecord(random, true);
    const charge = chargeFor(id, usage);
    const message = `seed ${SEED}, round ${round}, ${id} ${JSON.stringify(usage)}`;
    assert.ok(charge.cost_nano_usd === null || charge.cost_nano_usd >= 0, message);
    assert.equal(charge.cost_nano_usd === null, charge.cost_usd === null, message);
    for (const line of charge.lines) assert.ok(line.quantity > 0 && !line.amount.startsWith("-"), message);
  }
});

test("more of anything never costs less (seeded)", () => {
  const random = makeRandom(SEED + 2);
  for (let round = 0; round < 1000; round += 1) {
    const id = pick(random, ["openai/gpt-6.2-sol", "anthropic/claude-haiku-5-5", "openai/gpt-5.5"]);
    const less = {
      input_tokens: Math.floor(random() * 400_000),
      output_tokens: Math.floor(random() * 10_000),
    };
    const more = { input_tokens: less.input_tokens + 1, output_tokens: less.output_tokens + 1 };
    const [low, high] = [chargeFor(id, less).cost_nano_usd, chargeFor(id, more).cost_nano_usd];
    assert.ok(
      low !== null && high !== null && high > low,
      `seed ${SEED}, round ${round}, ${id} ${JSON.stringify(less)}`,
    );
  }
});

test("a charge takes a few microseconds (printed, not asserted)", (context) => {
  const usage = usageOf("gpt-6.2-sol", {
    input_tokens: 9000,
    cache_read_input_tokens: 8000,
    output_tokens: 700,
  });
  const place = { provider: "openai", atMs: NOW, upstreamRegion: null };
  for (let index = 0; index < 5000; index += 1) prices.charge(usage, place);
  const startMs = performance.now();
  for (let index = 0; index < 20_000; index += 1) prices.charge(usage, place);
  context.diagnostic(
    `${(((performance.now() - startMs) * 1000) / 20_000).toFixed(2)} microseconds per charge`,
  );
  assert.equal(prices.charge(usage, place).cost_status, "priced");
});
