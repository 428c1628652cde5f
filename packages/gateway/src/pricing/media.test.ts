/** What audio and images cost at the shipped prices, each sum spelled out. */

import assert from "node:assert/strict";
import test from "node:test";
import type { Charge, MeteredUsage } from "@meshagent/llm-proxy-protocol/usage";
import { createPrices } from "./charge.ts";
import { loadPriceCard } from "./price-card.ts";

const context = { provider: "openai", atMs: Date.parse("2026-11-24T00:00:00Z"), upstreamRegion: null };
const shipped = createPrices({ card: null });

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

function charge(model: string, more: Partial<MeteredUsage>): Charge {
  return shipped.charge(usageOf(model, more), context);
}

/** Component, quantity and unit price of each line. */
function linesOf({ lines }: Charge): readonly (readonly [string, number, string, number])[] {
  return lines.map((line) => [line.component, line.quantity, line.unit_price, line.per]);
}

test("speech by character: 43 x $15/1M = $0.000645", () => {
  const cost = charge("tts-1", { input_characters: 43, completeness: "derived" });
  assert.equal(cost.cost_nano_usd, 645_000);
  assert.deepEqual(linesOf(cost), [["character_input", 43, "15", 1_000_000]]);
  // 4096 x $30/1M = $0.12288
  assert.equal(
    charge("tts-1-hd", { input_characters: 4096, completeness: "derived" }).cost_usd,
    "0.122880000",
  );
});

test("speech by token: 14 x $0.6/1M + 101 x $12/1M = $0.0000084 + $0.001212", () => {
  const cost = charge("gpt-4o-mini-tts", { input_tokens: 14, output_tokens: 101 });
  assert.equal(cost.cost_nano_usd, 8_400 + 1_212_000);
  assert.deepEqual(linesOf(cost), [
    ["input", 14, "0.6", 1_000_000],
    ["output", 101, "12", 1_000_000],
  ]);
});

test("speech of which nobody counted anything has no cost", () => {
  assert.equal(charge("gpt-4o-mini-tts", { completeness: "missing" }).cost_status, "unpriced");
  // A price by token says nothing about characters.
  assert.equal(charge("gpt-4o-mini-tts", { input_characters: 5 }).cost_nano_usd, null);
});

test("transcription by token: audio and text take the one input price of the list", () => {
  // (110 + 10) x $2.5/1M + 25 x $10/1M = $0.0003 + $0.00025
  const counts = { input_tokens: 120, input_audio_tokens: 110, input_text_tokens: 10, output_tokens: 25 };
  const cost = charge("gpt-4o-transcribe", counts);
  assert.equal(cost.cost_nano_usd, 300_000 + 250_000);
  assert.deepEqual(linesOf(cost), [
    ["input", 120, "2.5", 1_000_000],
    ["output", 25, "10", 1_000_000],
  ]);
  // 120 x $1.25/1M + 25 x $5/1M = $0.00015 + $0.000125, also under a dated name.
  assert.equal(charge("gpt-4o-mini-transcribe-2025-12-15", counts).cost_nano_usd, 150_000 + 125_000);
});

test("transcription by second: 9 x $0.006/60 = $0.0009, with a fraction 12.5 x $0.006/60 = $0.00125", () => {
  const cost = charge("whisper-1", { input_audio_seconds: 9 });
  assert.equal(cost.cost_nano_usd, 900_000);
  assert.deepEqual(linesOf(cost), [["second_input", 9, "0.006", 60]]);
  assert.equal(
    charge("whisper-1", { input_audio_seconds: 12.5, completeness: "derived" }).cost_nano_usd,
    1_250_000,
  );
  // 20 x $0.0045/60 = $0.0015
  assert.equal(charge("gpt-transcribe", { input_audio_seconds: 20 }).cost_nano_usd, 1_500_000);
});

test("audio and text in one chat have prices of their own (gpt-audio)", () => {
  // In: 100 x $32/1M + 20 x $2.5/1M; out: 200 x $64/1M + 30 x $10/1M.
  const cost = charge("gpt-audio", {
    input_tokens: 120,
    input_audio_tokens: 100,
    input_text_tokens: 20,
    output_tokens: 230,
    output_audio_tokens: 200,
    output_text_tokens: 30,
  });
  assert.equal(cost.cost_nano_usd, 3_200_000 + 50_000 + 12_800_000 + 300_000);
  assert.deepEqual(linesOf(cost), [
    ["input", 20, "2.5", 1_000_000],
    ["input_audio", 100, "32", 1_000_000],
    ["output", 30, "10", 1_000_000],
    ["output_audio", 200, "64", 1_000_000],
  ]);
});

test("images: 48 text x $5/1M + 323 image x $8/1M in, 1056 image x $30/1M out (gpt-image-2)", () => {
  const input = { input_tokens: 371, input_image_tokens: 323, input_text_tokens: 48 };
  const cost = charge("gpt-image-2", { ...input, output_tokens: 1056, output_image_tokens: 1056 });
  assert.equal(cost.cost_nano_usd, 240_000 + 2_584_000 + 31_680_000);
  assert.deepEqual(linesOf(cost), [
    ["input", 48, "5", 1_000_000],
    ["input_image", 323, "8", 1_000_000],
    ["output", 1056, "30", 1_000_000],
  ]);
  // A stream does not split its output: it is all image.
  const streamed = charge("gpt-image-2-2026-04-21", { ...input, output_tokens: 1056 });
  assert.equal(streamed.cost_nano_usd, cost.cost_nano_usd);
});

test("the names under which newer image models are asked for have a price", () => {
  for (const name of ["gpt-image-2.5-sunburst", "gpt-image-2.5-flare-2026-09-08", "gpt-image-2.6-flare"]) {
    // 10 x $5/1M + 1056 x $30/1M
    const cost = charge(name, { input_tokens: 10, input_text_tokens: 10, output_tokens: 1056 });
    assert.equal(cost.cost_nano_usd, 50_000 + 31_680_000, name);
  }
  assert.equal(charge("gpt-image-2.6", { input_tokens: 10, output_tokens: 1056 }).cost_nano_usd, null);
});

test("images whose output text is cheaper: 1056 x $32/1M + 10 x $10/1M (gpt-image-1.5)", () => {
  const split = { output_tokens: 1066, output_image_tokens: 1056, output_text_tokens: 10 };
  const cost = charge("gpt-image-1.5", { input_tokens: 10, input_text_tokens: 10, ...split });
  assert.equal(cost.cost_nano_usd, 50_000 + 33_792_000 + 100_000);
  assert.deepEqual(linesOf(cost), [
    ["input", 10, "5", 1_000_000],
    ["output_text", 10, "10", 1_000_000],
    ["output_image", 1056, "32", 1_000_000],
  ]);
  // Not split: all image. 1066 x $32/1M.
  assert.equal(
    charge("gpt-image-1.5", { input_tokens: 10, input_text_tokens: 10, output_tokens: 1066 }).cost_nano_usd,
    50_000 + 34_112_000,
  );
});

test("images edited with an older model: image input has its price (gpt-image-1-mini)", () => {
  // 20 x $2/1M + 300 x $2.5/1M + 272 x $8/1M
  const cost = charge("gpt-image-1-mini", {
    input_tokens: 320,
    input_image_tokens: 300,
    input_text_tokens: 20,
    output_tokens: 272,
  });
  assert.equal(cost.cost_nano_usd, 40_000 + 750_000 + 2_176_000);
});

test("an operator's card can price any of it", () => {
  const card = loadPriceCard(
    JSON.stringify({
      as_of: "2026-11-20",
      models: {
        "openai/my-voice": [
          { effective_from: "2026-01-01", standard: { character_input: { price: "2", per: 1000 } } },
        ],
        "openai/my-images": [
          {
            effective_from: "2026-01-01",
            standard: { input_text: "1", input_image: "2", output_image: "3", output_text: "4" },
          },
        ],
      },
    }),
  );
  const own = createPrices({ card });
  // 7 x $2/1000
  const voice = own.charge(usageOf("my-voice", { input_characters: 7, completeness: "derived" }), context);
  assert.equal(voice.cost_nano_usd, 14_000_000);
  // 10 x $1/1M + 20 x $2/1M + 30 x $3/1M + 40 x $4/1M
  const images = own.charge(
    usageOf("my-images", {
      input_tokens: 30,
      input_text_tokens: 10,
      input_image_tokens: 20,
      output_tokens: 70,
      output_image_tokens: 30,
      output_text_tokens: 40,
    }),
    context,
  );
  assert.equal(images.cost_nano_usd, 10_000 + 40_000 + 90_000 + 160_000);
});
