/**
 * OpenAI's usage objects in the shape of `UsageCounts`.
 *
 * Every endpoint has its own names for the same counts: `prompt_tokens` or `input_tokens`, and details under
 * `prompt_tokens_details` (chat), `input_tokens_details` (responses, images) or `input_token_details`
 * (audio). Input and output are inclusive already, so nothing is added up here.
 */

import type { Completeness, UsageCounts } from "@meshagent/llm-proxy-protocol/usage";
import { memberOf, putCount, textOf } from "../readings.ts";
import type { MutableCounts } from "../readings.ts";

/** The counts of one usage object; whatever is no usage object has none. */
export function openaiCounts(usage: unknown): UsageCounts {
  const counts: MutableCounts = {};
  putCount(counts, "input_tokens", memberOf(usage, "input_tokens") ?? memberOf(usage, "prompt_tokens"));
  putCount(counts, "output_tokens", memberOf(usage, "output_tokens") ?? memberOf(usage, "completion_tokens"));
  putInputDetails(counts, firstMember(usage, inputDetailNames));
  putOutputDetails(counts, firstMember(usage, outputDetailNames));
  putCount(
    counts,
    "reasoning_output_tokens",
    counts.reasoning_output_tokens ?? memberOf(usage, "reasoning_tokens"),
  );
  putCount(
    counts,
    "cache_read_input_tokens",
    counts.cache_read_input_tokens ?? memberOf(usage, "cached_tokens"),
  );
  putCachedImageDetails(counts, memberOf(usage, "cached_tokens_details"));
  return counts;
}

/** `complete` when the object has what the endpoint counts, `partial` when it has a part, else `missing`. */
export function completenessOf(counts: UsageCounts, isOutputCounted: boolean): Completeness {
  const hasInput = counts.input_tokens !== undefined;
  const hasOutput = counts.output_tokens !== undefined || !isOutputCounted;
  if (hasInput && hasOutput) return "complete";
  return hasInput || counts.output_tokens !== undefined ? "partial" : "missing";
}

/**
 * The tier that served. Only a finished reply says it: events before say `auto`, the request's wish, which
 * counts as not said.
 */
export function servedTierOf(value: unknown): string | null {
  const tier = textOf(value);
  if (tier === null || tier === "auto") return null;
  return tier === "default" ? "standard" : tier;
}

const inputDetailNames = ["input_tokens_details", "input_token_details", "prompt_tokens_details"];
const outputDetailNames = ["output_tokens_details", "output_token_details", "completion_tokens_details"];

function firstMember(value: unknown, names: readonly string[]): unknown {
  for (const name of names) {
    const member = memberOf(value, name);
    if (member !== undefined && member !== null) return member;
  }
  return undefined;
}

function putInputDetails(counts: MutableCounts, details: unknown): void {
  putCount(counts, "cache_read_input_tokens", memberOf(details, "cached_tokens"));
  putCount(counts, "cache_write_input_tokens", memberOf(details, "cache_write_tokens"));
  const lifetimes = memberOf(details, "cache_write_tokens_details");
  putCount(counts, "cache_write_30m_input_tokens", memberOf(lifetimes, "ttl_30m_tokens"));
  putCount(counts, "cache_write_12h_input_tokens", memberOf(lifetimes, "ttl_12h_tokens"));
  putCount(counts, "input_text_tokens", memberOf(details, "text_tokens"));
  putCount(counts, "input_audio_tokens", memberOf(details, "audio_tokens"));
  putCount(counts, "input_image_tokens", memberOf(details, "image_tokens"));
  const cached = memberOf(details, "cached_tokens_details");
  putCount(counts, "cache_read_text_tokens", memberOf(cached, "text_tokens"));
  putCount(counts, "cache_read_audio_tokens", memberOf(cached, "audio_tokens"));
  putCount(counts, "cache_read_image_tokens", memberOf(cached, "image_tokens"));
}

function putOutputDetails(counts: MutableCounts, details: unknown): void {
  putCount(counts, "reasoning_output_tokens", memberOf(details, "reasoning_tokens"));
  putCount(counts, "output_text_tokens", memberOf(details, "text_tokens"));
  putCount(counts, "output_audio_tokens", memberOf(details, "audio_tokens"));
  putCount(counts, "output_image_tokens", memberOf(details, "image_tokens"));
  putCount(counts, "accepted_prediction_tokens", memberOf(details, "accepted_prediction_tokens"));
  putCount(counts, "rejected_prediction_tokens", memberOf(details, "rejected_prediction_tokens"));
}

/** The image tool has its cached counts at the top of its usage object. */
function putCachedImageDetails(counts: MutableCounts, details: unknown): void {
  putCount(counts, "cache_read_text_tokens", memberOf(details, "cached_text_tokens"));
  putCount(counts, "cache_read_image_tokens", memberOf(details, "cached_image_tokens"));
}
