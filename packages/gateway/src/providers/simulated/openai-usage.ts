/** OpenAI's usage objects, one per endpoint family, and the tier that serves (facts: wire.md 1.1). */

import type { Ask } from "./ask.ts";
import type { JsonObject } from "./json.ts";
import { asObject, asString } from "./json.ts";
import { billsCacheWrites } from "./models.ts";
import { countOpenAiInput, prefixesOf, type OpenAiInput } from "./prompt-cache.ts";

/** The output that a usage object reports. */
export interface OpenAiOutput {
  readonly outputTokens: number;
  readonly reasoningTokens: number;
}

/** Counts the prompt and remembers it. Prompts share a cache when they share model and cache key. */
export function countInput(ask: Ask): OpenAiInput {
  const { model, segments } = ask.prompt;
  const prefixes = prefixesOf(`openai:${model}:${asString(ask.body["prompt_cache_key"])}`, segments);
  return countOpenAiInput(ask.cache, prefixes, { nowMs: ask.nowMs, billsWrites: billsCacheWrites(model) });
}

/** Usage of chat and legacy completions. */
export function chatUsage(input: OpenAiInput, output: OpenAiOutput, model: string): JsonObject {
  const writes = billsCacheWrites(model) ? { cache_write_tokens: input.cacheWriteTokens } : {};
  return {
    prompt_tokens: input.inputTokens,
    completion_tokens: output.outputTokens,
    total_tokens: input.inputTokens + output.outputTokens,
    prompt_tokens_details: { cached_tokens: input.cachedTokens, ...writes, audio_tokens: 0 },
    completion_tokens_details: {
      reasoning_tokens: output.reasoningTokens,
      audio_tokens: 0,
      accepted_prediction_tokens: 0,
      rejected_prediction_tokens: 0,
    },
  };
}

/** Usage of responses. The split of writes by lifetime is there when something was written. */
export function responsesUsage(input: OpenAiInput, output: OpenAiOutput, body: JsonObject): JsonObject {
  const written = input.cacheWriteTokens;
  const isLong = asObject(body["prompt_cache_options"])["ttl"] === "12h";
  const split = { ttl_30m_tokens: isLong ? 0 : written, ttl_12h_tokens: isLong ? written : 0 };
  return {
    input_tokens: input.inputTokens,
    input_tokens_details: {
      cached_tokens: input.cachedTokens,
      cache_write_tokens: written,
      ...(written > 0 ? { cache_write_tokens_details: split } : {}),
    },
    output_tokens: output.outputTokens,
    output_tokens_details: { reasoning_tokens: output.reasoningTokens },
    total_tokens: input.inputTokens + output.outputTokens,
  };
}

/** The tier that serves a request: `fast` is served as `priority`, no wish and `auto` as `default`. */
export function servedTier(body: JsonObject): string {
  const wish = asString(body["service_tier"]);
  if (wish === "fast" || wish === "priority") return "priority";
  return ["flex", "scale", "ultrafast"].includes(wish) ? wish : "default";
}
