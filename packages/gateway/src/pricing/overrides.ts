/**
 * Our own prices: dated, and looked up before the base card. They hold what the base card lacks (newer
 * models, tiers, fast mode, places, cache lifetimes, prices per second) or has wrong. Data only.
 *
 * Sources, read on the day of `as_of` unless an entry says otherwise. "OpenAI": the price list at
 * developers.openai.com/api/docs/pricing and the model pages beside it. "Anthropic": the price list at
 * platform.claude.com/docs/en/about-claude/pricing. USD; tokens per million.
 */

import type { LongContext, PriceCard, PriceModifier, UnitPrice } from "./price-card.ts";

/** Before any of these models existed: the price holds as far back as there is usage. */
const ALWAYS = "1970-01-01";

/** OpenAI: above 272,000 input tokens the whole request costs more. */
const LONG_272K: LongContext = {
  above_input_tokens: 272_000,
  input_multiplier: "2",
  output_multiplier: "1.5",
};
/** OpenAI: priority ("fast") processing from gpt-5.6 on. */
const PRIORITY_DOUBLE: Readonly<Record<string, PriceModifier>> = { priority: { multiplier: "2" } };
/** OpenAI: the preview of web search with models that do not reason. */
const DEAR_PREVIEW: Readonly<Record<string, UnitPrice>> = {
  web_search_preview: { price: "25", per: 1000 },
};
/** OpenAI: regional processing of models released since 2026-03-05. */
const REGIONAL = "1.1";
/** Anthropic: inference in the US, Claude 4.6 and newer. */
const US_ONLY: Readonly<Record<string, string>> = { us: "1.1" };

/** The shipped overrides. */
export const overrides: PriceCard = {
  as_of: "2026-11-23",
  tools: {
    "openai.web_search": { price: "10", per: 1000, source: "OpenAI" },
    "openai.web_search_preview": {
      price: "10",
      per: 1000,
      source: "OpenAI; models that do not reason have a price of their own",
    },
    "openai.file_search_call": { price: "2.5", per: 1000, source: "OpenAI" },
    "anthropic.web_search": { price: "10", per: 1000, source: "Anthropic; web fetch is free" },
  },
  providers: {
    openai: [
      {
        effective_from: ALWAYS,
        tiers: { batch: { multiplier: "0.5" }, flex: { multiplier: "0.5" }, ultrafast: { multiplier: "3" } },
        source: "OpenAI; scale tier has no price per token. Ultrafast at 3 is announced until 2027-03-01",
      },
      {
        effective_from: "2027-03-01",
        tiers: { batch: { multiplier: "0.5" }, flex: { multiplier: "0.5" }, ultrafast: { multiplier: "6" } },
        source: "OpenAI, announced price of ultrafast",
      },
    ],
    anthropic: [
      {
        effective_from: ALWAYS,
        tiers: { batch: { multiplier: "0.5" } },
        source: "Anthropic; priority tier has no price per token",
      },
    ],
  },
  models: {
    "openai/gpt-6.2-astra": [
      {
        effective_from: "2026-11-17",
        standard: { input: "8", cache_read: "0.4", cache_write: null, output: "40" },
        tiers: PRIORITY_DOUBLE,
        long_context: LONG_272K,
        regional_multiplier: REGIONAL,
        source:
          "OpenAI, released that day. Cached input is 60 % below gpt-6-astra by reports; cache writes are not known",
      },
    ],
    "openai/gpt-6.2-sol": [
      {
        effective_from: ALWAYS,
        standard: {
          input: "2",
          cache_read: "0.1",
          cache_write: "2.5",
          cache_write_30m: "2.5",
          cache_write_12h: "5",
          output: "10",
        },
        tiers: PRIORITY_DOUBLE,
        long_context: LONG_272K,
        regional_multiplier: REGIONAL,
        source: "OpenAI",
      },
    ],
    "openai/gpt-6.1-sol": [
      {
        effective_from: ALWAYS,
        standard: { input: "2", cache_read: "0.1", cache_write: "2.5", cache_write_30m: "2.5", output: "10" },
        tiers: PRIORITY_DOUBLE,
        long_context: LONG_272K,
        regional_multiplier: REGIONAL,
        source: "OpenAI; no price for cache writes of 12 hours",
      },
    ],
    "openai/gpt-6-astra": [
      {
        effective_from: ALWAYS,
        standard: {
          input: "10",
          cache_read: "1",
          cache_write: "12.5",
          cache_write_30m: "12.5",
          output: "50",
        },
        tiers: PRIORITY_DOUBLE,
        long_context: LONG_272K,
        regional_multiplier: REGIONAL,
        source: "OpenAI",
      },
    ],
    "openai/gpt-6-sol": [
      {
        effective_from: ALWAYS,
        standard: { input: "2", cache_read: "0.2", cache_write: "2.5", cache_write_30m: "2.5", output: "10" },
        tiers: PRIORITY_DOUBLE,
        long_context: LONG_272K,
        regional_multiplier: REGIONAL,
        source: "OpenAI",
      },
    ],
    "openai/gpt-6-luna": [
      {
        effective_from: ALWAYS,
        standard: {
          input: "0.1",
          cache_read: "0.01",
          cache_write: "0.125",
          cache_write_30m: "0.125",
          output: "0.5",
        },
        tiers: PRIORITY_DOUBLE,
        long_context: LONG_272K,
        regional_multiplier: REGIONAL,
        source: "OpenAI",
      },
    ],
    "openai/gpt-5.6-sol": [
      {
        effective_from: ALWAYS,
        aliases: ["gpt-5.6"],
        standard: {
          input: "5",
          cache_read: "0.5",
          cache_write: "6.25",
          cache_write_30m: "6.25",
          output: "30",
        },
        tiers: PRIORITY_DOUBLE,
        long_context: LONG_272K,
        regional_multiplier: REGIONAL,
        source: "OpenAI",
      },
      {
        effective_from: "2026-08-21",
        aliases: ["gpt-5.6"],
        standard: { input: "4", cache_read: "0.4", cache_write: "5", cache_write_30m: "5", output: "20" },
        tiers: PRIORITY_DOUBLE,
        long_context: LONG_272K,
        regional_multiplier: REGIONAL,
        source: "OpenAI, promotion until at least 2026-11-21 with no end announced; then 5/0.5/6.25/30 again",
      },
    ],
    "openai/gpt-5.6-terra": [
      {
        effective_from: ALWAYS,
        standard: {
          input: "2.5",
          cache_read: "0.25",
          cache_write: "3.125",
          cache_write_30m: "3.125",
          output: "15",
        },
        tiers: PRIORITY_DOUBLE,
        long_context: LONG_272K,
        regional_multiplier: REGIONAL,
        source: "OpenAI",
      },
      {
        effective_from: "2026-07-30",
        standard: { input: "2", cache_read: "0.2", cache_write: "2.5", cache_write_30m: "2.5", output: "12" },
        tiers: PRIORITY_DOUBLE,
        long_context: LONG_272K,
        regional_multiplier: REGIONAL,
        source: "OpenAI",
      },
    ],
    "openai/gpt-5.6-luna": [
      {
        effective_from: ALWAYS,
        standard: {
          input: "1",
          cache_read: "0.1",
          cache_write: "1.25",
          cache_write_30m: "1.25",
          output: "6",
        },
        tiers: PRIORITY_DOUBLE,
        long_context: LONG_272K,
        regional_multiplier: REGIONAL,
        source: "OpenAI",
      },
      {
        effective_from: "2026-07-30",
        standard: {
          input: "0.2",
          cache_read: "0.02",
          cache_write: "0.25",
          cache_write_30m: "0.25",
          output: "1.2",
        },
        tiers: PRIORITY_DOUBLE,
        long_context: LONG_272K,
        regional_multiplier: REGIONAL,
        source: "OpenAI",
      },
    ],
    "openai/gpt-5.5": [
      {
        effective_from: ALWAYS,
        standard: { input: "5", cache_read: "0.5", output: "30" },
        tiers: { priority: { input: "12.5", cache_read: "1.25", output: "75" } },
        long_context: LONG_272K,
        regional_multiplier: REGIONAL,
        source: "OpenAI",
      },
    ],
    "openai/gpt-5.5-pro": [
      {
        effective_from: ALWAYS,
        standard: { input: "30", output: "180" },
        long_context: LONG_272K,
        regional_multiplier: REGIONAL,
        source: "OpenAI",
      },
    ],
    "openai/gpt-5.4": [
      {
        effective_from: ALWAYS,
        standard: { input: "2.5", cache_read: "0.25", output: "15" },
        tiers: { priority: { input: "5", cache_read: "0.5", output: "30" } },
        long_context: LONG_272K,
        regional_multiplier: REGIONAL,
        source: "OpenAI",
      },
    ],
    "openai/gpt-5.4-pro": [
      {
        effective_from: ALWAYS,
        standard: { input: "30", output: "180" },
        long_context: LONG_272K,
        regional_multiplier: REGIONAL,
        source: "OpenAI",
      },
    ],
    "openai/gpt-5.4-mini": [
      {
        effective_from: ALWAYS,
        standard: { input: "0.75", cache_read: "0.075", output: "4.5" },
        tiers: { priority: { input: "1.5", cache_read: "0.15", output: "9" } },
        regional_multiplier: REGIONAL,
        source: "OpenAI",
      },
    ],
    "openai/gpt-5.4-nano": [
      {
        effective_from: ALWAYS,
        standard: { input: "0.2", cache_read: "0.02", output: "1.25" },
        regional_multiplier: REGIONAL,
        source: "OpenAI",
      },
    ],
    "openai/gpt-5.2": [
      {
        effective_from: ALWAYS,
        standard: { input: "1.75", cache_read: "0.175", output: "14" },
        tiers: { priority: { input: "3.5", cache_read: "0.35", output: "28" } },
        source: "OpenAI",
      },
    ],
    "openai/gpt-5.1": [
      {
        effective_from: ALWAYS,
        standard: { input: "1.25", cache_read: "0.125", output: "10" },
        tiers: { priority: { input: "2.5", cache_read: "0.25", output: "20" } },
        source: "OpenAI",
      },
    ],
    "openai/gpt-5": [
      {
        effective_from: ALWAYS,
        standard: { input: "1.25", cache_read: "0.125", output: "10" },
        tiers: { priority: { input: "2.5", cache_read: "0.25", output: "20" } },
        source: "OpenAI",
      },
    ],
    "openai/gpt-5-mini": [
      {
        effective_from: ALWAYS,
        standard: { input: "0.25", cache_read: "0.025", output: "2" },
        tiers: { priority: { input: "0.45", cache_read: "0.045", output: "3.6" } },
        source: "OpenAI",
      },
    ],
    "openai/gpt-4.1": [
      {
        effective_from: ALWAYS,
        standard: { input: "2", cache_read: "0.5", output: "8" },
        tiers: { priority: { input: "3.5", cache_read: "0.875", output: "14" } },
        tools: DEAR_PREVIEW,
        source: "OpenAI",
      },
    ],
    "openai/gpt-4.1-mini": [
      {
        effective_from: ALWAYS,
        standard: { input: "0.4", cache_read: "0.1", output: "1.6" },
        tools: DEAR_PREVIEW,
        source: "OpenAI",
      },
    ],
    "openai/gpt-4o": [
      {
        effective_from: ALWAYS,
        standard: { input: "2.5", cache_read: "1.25", output: "10" },
        tiers: { priority: { input: "4.25", cache_read: "2.125", output: "17" } },
        tools: DEAR_PREVIEW,
        source: "OpenAI",
      },
    ],
    "openai/gpt-4o-mini": [
      {
        effective_from: ALWAYS,
        standard: { input: "0.15", cache_read: "0.075", output: "0.6" },
        tiers: { priority: { input: "0.25", cache_read: "0.125", output: "1" } },
        tools: DEAR_PREVIEW,
        source: "OpenAI",
      },
    ],
    "openai/o3": [
      {
        effective_from: "2025-06-10",
        standard: { input: "2", cache_read: "0.5", output: "8" },
        tiers: { priority: { input: "3.5", cache_read: "0.875", output: "14" } },
        source: "OpenAI; the base card has the prices before this day",
      },
    ],
    "openai/o4-mini": [
      {
        effective_from: ALWAYS,
        standard: { input: "1.1", cache_read: "0.275", output: "4.4" },
        tiers: { priority: { input: "2", cache_read: "0.5", output: "8" } },
        source: "OpenAI",
      },
    ],
    "openai/gpt-image-2.6-sunburst": [
      {
        effective_from: ALWAYS,
        aliases: ["gpt-image-2.6-flare"],
        standard: { input: "5", cache_read: "1.25", input_image: "8", cache_read_image: "2", output: "30" },
        regional_multiplier: REGIONAL,
        source: "OpenAI, model page of sunburst; flare by reports of the release on 2026-11-04",
      },
    ],
    "openai/gpt-image-2.5": [
      {
        effective_from: ALWAYS,
        aliases: ["gpt-image-2.5-sunburst", "gpt-image-2.5-flare"],
        standard: { input: "5", cache_read: "1.25", input_image: "8", cache_read_image: "2", output: "30" },
        regional_multiplier: REGIONAL,
        source: "OpenAI; sunburst and flare cost the same",
      },
    ],
    "openai/gpt-image-2": [
      {
        effective_from: ALWAYS,
        standard: { input: "5", cache_read: "1.25", input_image: "8", cache_read_image: "2", output: "30" },
        regional_multiplier: REGIONAL,
        source: "OpenAI; released 2026-04-21 by its dated id",
      },
    ],
    "openai/gpt-image-1.5": [
      {
        effective_from: ALWAYS,
        standard: {
          input: "5",
          cache_read: "1.25",
          input_image: "8",
          cache_read_image: "2",
          output: "32",
          output_image: "32",
          output_text: "10",
        },
        source: "OpenAI; output that is not split is all image",
      },
    ],
    "openai/gpt-4o-transcribe": [
      {
        effective_from: ALWAYS,
        aliases: ["gpt-4o-transcribe-diarize"],
        standard: { input: "2.5", output: "10" },
        source: "OpenAI; the base card has audio input at 6, the list has one input price",
      },
    ],
    "openai/gpt-4o-mini-transcribe": [
      {
        effective_from: ALWAYS,
        standard: { input: "1.25", output: "5" },
        source: "OpenAI; the base card has audio input at 3, the list has one input price",
      },
    ],
    "openai/whisper-1": [
      {
        effective_from: ALWAYS,
        standard: { second_input: { price: "0.006", per: 60 } },
        source: "OpenAI, per minute of audio",
      },
    ],
    "openai/gpt-transcribe": [
      {
        effective_from: ALWAYS,
        standard: { second_input: { price: "0.0045", per: 60 } },
        source: "OpenAI, per minute of audio",
      },
    ],
    "openai/gpt-realtime-whisper": [
      {
        effective_from: ALWAYS,
        standard: { second_input: { price: "0.017", per: 60 } },
        source: "OpenAI, per minute of audio",
      },
    ],
    "openai/gpt-live-transcribe": [
      {
        effective_from: ALWAYS,
        standard: { second_input: { price: "0.017", per: 60 } },
        source: "OpenAI, per minute of audio",
      },
    ],
    "openai/gpt-realtime-translate": [
      {
        effective_from: ALWAYS,
        standard: { second_input: { price: "0.034", per: 60 } },
        source: "OpenAI, per minute of audio",
      },
    ],
    "openai/gpt-live-1": [
      {
        effective_from: ALWAYS,
        standard: { second_session: { price: "0.05", per: 60 } },
        source: "OpenAI, per minute of the session",
      },
    ],
    "openai/tts-1": [
      {
        effective_from: ALWAYS,
        standard: { character_input: { price: "15", per: 1_000_000 } },
        source: "OpenAI, per million characters",
      },
    ],
    "openai/tts-1-hd": [
      {
        effective_from: ALWAYS,
        standard: { character_input: { price: "30", per: 1_000_000 } },
        source: "OpenAI, per million characters",
      },
    ],
    "openai/sora-2": [
      {
        effective_from: ALWAYS,
        standard: { second_output: { price: "0.1", per: 1 } },
        source: "OpenAI, per second at 720p; sora-2-pro depends on a size that usage does not tell",
      },
    ],
    "anthropic/claude-fable-5-2": [
      {
        effective_from: ALWAYS,
        standard: {
          input: "8",
          cache_read: "0.2",
          cache_write: "10",
          cache_write_5m: "10",
          cache_write_1h: "16",
          output: "40",
        },
        speeds: { fast: { input: "16", output: "80" } },
        inference_geo: US_ONLY,
        source: "Anthropic",
      },
    ],
    "anthropic/claude-fable-5-1": [
      {
        effective_from: ALWAYS,
        standard: {
          input: "10",
          cache_read: "0.25",
          cache_write: "12.5",
          cache_write_5m: "12.5",
          cache_write_1h: "20",
          output: "50",
        },
        inference_geo: US_ONLY,
        source: "Anthropic",
      },
    ],
    "anthropic/claude-mythos-5-1": [
      {
        effective_from: ALWAYS,
        standard: {
          input: "10",
          cache_read: "0.25",
          cache_write: "12.5",
          cache_write_5m: "12.5",
          cache_write_1h: "20",
          output: "50",
        },
        inference_geo: US_ONLY,
        source: "Anthropic",
      },
    ],
    "anthropic/claude-fable-5": [
      {
        effective_from: ALWAYS,
        standard: {
          input: "10",
          cache_read: "1",
          cache_write: "12.5",
          cache_write_5m: "12.5",
          cache_write_1h: "20",
          output: "50",
        },
        inference_geo: US_ONLY,
        source: "Anthropic",
      },
    ],
    "anthropic/claude-mythos-5": [
      {
        effective_from: ALWAYS,
        standard: {
          input: "10",
          cache_read: "1",
          cache_write: "12.5",
          cache_write_5m: "12.5",
          cache_write_1h: "20",
          output: "50",
        },
        inference_geo: US_ONLY,
        source: "Anthropic",
      },
    ],
    "anthropic/claude-opus-5-5": [
      {
        effective_from: ALWAYS,
        standard: {
          input: "4",
          cache_read: "0.2",
          cache_write: "5",
          cache_write_5m: "5",
          cache_write_1h: "8",
          output: "20",
        },
        speeds: { fast: { input: "8", output: "40" } },
        inference_geo: US_ONLY,
        source: "Anthropic",
      },
    ],
    "anthropic/claude-opus-5": [
      {
        effective_from: ALWAYS,
        standard: {
          input: "5",
          cache_read: "0.5",
          cache_write: "6.25",
          cache_write_5m: "6.25",
          cache_write_1h: "10",
          output: "25",
        },
        speeds: { fast: { input: "10", output: "50" } },
        inference_geo: US_ONLY,
        source: "Anthropic",
      },
    ],
    "anthropic/claude-opus-4-8": [
      {
        effective_from: ALWAYS,
        standard: {
          input: "5",
          cache_read: "0.5",
          cache_write: "6.25",
          cache_write_5m: "6.25",
          cache_write_1h: "10",
          output: "25",
        },
        speeds: { fast: { input: "10", output: "50" } },
        inference_geo: US_ONLY,
        source: "Anthropic",
      },
    ],
    "anthropic/claude-opus-4-7": [
      {
        effective_from: ALWAYS,
        standard: {
          input: "5",
          cache_read: "0.5",
          cache_write: "6.25",
          cache_write_5m: "6.25",
          cache_write_1h: "10",
          output: "25",
        },
        inference_geo: US_ONLY,
        source: "Anthropic",
      },
    ],
    "anthropic/claude-opus-4-6": [
      {
        effective_from: "2026-03-13",
        standard: {
          input: "5",
          cache_read: "0.5",
          cache_write: "6.25",
          cache_write_5m: "6.25",
          cache_write_1h: "10",
          output: "25",
        },
        inference_geo: US_ONLY,
        source: "Anthropic; until this day there was a long context price, which the base card has",
      },
    ],
    "anthropic/claude-sonnet-5-5": [
      {
        effective_from: ALWAYS,
        standard: {
          input: "2",
          cache_read: "0.2",
          cache_write: "2.5",
          cache_write_5m: "2.5",
          cache_write_1h: "4",
          output: "10",
        },
        inference_geo: US_ONLY,
        source: "Anthropic",
      },
      {
        effective_from: "2026-10-07",
        standard: {
          input: "2",
          cache_read: "0.1",
          cache_write: "2.5",
          cache_write_5m: "2.5",
          cache_write_1h: "4",
          output: "10",
        },
        inference_geo: US_ONLY,
        source: "Anthropic, price of cache reads halved",
      },
    ],
    "anthropic/claude-sonnet-5": [
      {
        effective_from: ALWAYS,
        standard: {
          input: "2",
          cache_read: "0.2",
          cache_write: "2.5",
          cache_write_5m: "2.5",
          cache_write_1h: "4",
          output: "10",
        },
        inference_geo: US_ONLY,
        source: "Anthropic",
      },
    ],
    "anthropic/claude-sonnet-4-6": [
      {
        effective_from: "2026-03-13",
        standard: {
          input: "3",
          cache_read: "0.3",
          cache_write: "3.75",
          cache_write_5m: "3.75",
          cache_write_1h: "6",
          output: "15",
        },
        inference_geo: US_ONLY,
        source: "Anthropic; until this day there was a long context price, which the base card has",
      },
    ],
    "anthropic/claude-haiku-5-5": [
      {
        effective_from: ALWAYS,
        standard: {
          input: "0.1",
          cache_read: "0.01",
          cache_write: "0.125",
          cache_write_5m: "0.125",
          cache_write_1h: "0.2",
          output: "0.5",
        },
        long_context: {
          above_input_tokens: 100_000,
          prices: {
            input: "0.5",
            cache_read: "0.05",
            cache_write: "0.625",
            cache_write_5m: "0.625",
            cache_write_1h: "1",
            output: "2.5",
          },
        },
        inference_geo: US_ONLY,
        source: "Anthropic",
      },
    ],
  },
};
