/** Anthropic's usage object, with the variants that bill several models (facts: wire.md 1.2). */

import type { Ask } from "./ask.ts";
import type { IterationsVariant } from "./directives.ts";
import { asString, type JsonObject } from "./json.ts";
import type { Plan } from "./plan.ts";
import { countAnthropicInput, prefixesOf, type AnthropicInput } from "./prompt-cache.ts";

/** What the results of one simulated web search add to the input, in tokens. */
export const WEB_SEARCH_INPUT_TOKENS = 640;
/** The model of the simulated advisor, and the one that a declined request falls back to. */
export const OTHER_MODEL = "claude-opus-5-5";

const COMPACTION = { inputTokens: 1800, outputTokens: 350 };
const ADVISOR = { inputTokens: 900, outputTokens: 120 };

/** The usage of one message, as its start and its end tell it. */
export interface AnthropicUsage {
  /** In `message_start`: the input so far, and an output count that is only a placeholder. */
  readonly start: JsonObject;
  /** In `message_delta`: cumulative, without what only the start tells. */
  readonly delta: JsonObject;
  /** In a plain reply: everything. */
  readonly whole: JsonObject;
}

/** Counts the prompt and remembers it. Prompts share a cache when they share a model. */
export function countUsage(ask: Ask, plan: Plan): AnthropicUsage {
  const prefixes = prefixesOf(`anthropic:${ask.prompt.model}`, ask.prompt.segments);
  const input = countAnthropicInput(ask.cache, prefixes, ask.nowMs);
  const isSearching = ask.directives.isWebSearch;
  const start = { input_tokens: input.inputTokens, ...cacheCounts(input) };
  const end = { ...start, input_tokens: input.inputTokens + (isSearching ? WEB_SEARCH_INPUT_TOKENS : 0) };
  const output = {
    output_tokens: plan.outputTokens,
    output_tokens_details: { thinking_tokens: plan.reasoningTokens },
    server_tool_use: isSearching ? { web_search_requests: 1, web_fetch_requests: 0 } : null,
  };
  const split = {
    cache_creation: {
      ephemeral_5m_input_tokens: input.write5mTokens,
      ephemeral_1h_input_tokens: input.write1hTokens,
    },
  };
  const labels = {
    service_tier: "standard",
    inference_geo: asString(ask.body["inference_geo"]) || "global",
    speed: ask.body["speed"] === "fast" ? "fast" : "standard",
  };
  const hops = ask.directives.iterations;
  const iterations = hops === null ? {} : { iterations: iterationsOf(hops, { ...end, ...split }, ask, plan) };
  const placeholder = {
    output_tokens: Math.min(3, plan.outputTokens),
    output_tokens_details: null,
    server_tool_use: null,
  };
  return {
    start: { ...start, ...split, ...placeholder, ...labels },
    delta: { ...end, ...output, ...iterations },
    whole: { ...end, ...split, ...output, ...labels, ...iterations },
  };
}

function cacheCounts(input: AnthropicInput): JsonObject {
  return {
    cache_creation_input_tokens: input.write5mTokens + input.write1hTokens,
    cache_read_input_tokens: input.cacheReadTokens,
  };
}

/**
 * The billed models of one message. Compaction and advisor are not in the top-level counts; with an advisor
 * those hold the first round's input and all rounds' output; a declined hop has no output.
 */
function iterationsOf(
  variant: IterationsVariant,
  own: JsonObject,
  ask: Ask,
  plan: Plan,
): readonly JsonObject[] {
  const whole = { ...own, type: "message", model: null, output_tokens: plan.outputTokens };
  if (variant === "compaction") return [extra({ type: "compaction" }, COMPACTION), whole];
  if (variant === "fallback") {
    const declined = { ...whole, model: ask.prompt.model, output_tokens: 0 };
    return [declined, { ...whole, type: "fallback_message", model: OTHER_MODEL }];
  }
  const firstTokens = Math.floor(plan.outputTokens / 2);
  const rest = {
    inputTokens: ADVISOR.outputTokens + firstTokens,
    outputTokens: plan.outputTokens - firstTokens,
  };
  return [
    { ...whole, output_tokens: firstTokens },
    extra({ type: "advisor_message", model: OTHER_MODEL }, ADVISOR),
    extra({ type: "message", model: null }, rest),
  ];
}

function extra(
  head: JsonObject,
  counts: { readonly inputTokens: number; readonly outputTokens: number },
): JsonObject {
  return {
    ...head,
    input_tokens: counts.inputTokens,
    output_tokens: counts.outputTokens,
    cache_creation_input_tokens: 0,
    cache_read_input_tokens: 0,
    cache_creation: { ephemeral_5m_input_tokens: 0, ephemeral_1h_input_tokens: 0 },
  };
}
