/**
 * Estimates of usage, for the rows that must not read zero and cannot read the truth: an exchange whose process
 * was killed, and one that was cancelled with its caller. Every estimate is marked as one.
 */

import type { MeteredUsage } from "@meshagent/llm-proxy-protocol/usage";

/** Tokens per byte of what coding agents send: 0.23 to 0.30 measured over three tokenizers. */
const tokensPerRequestByte = 0.25;
/** Bytes of a streamed reply per output token: an event of about 120 bytes carries about one token (measured). */
const replyBytesPerToken = 120;
/** The median output of an agent's turn, for a reply of which nothing was seen. */
const typicalOutputTokens = 600;

export interface EstimateInput {
  readonly model: string;
  readonly requestBytes: number;
  /** Bytes of the reply seen so far; null when the reply cannot be known to have begun. */
  readonly responseBytes: number | null;
  readonly maxOutputTokens: number | null;
  /** What is known of the reply's usage, as a lower bound. */
  readonly known: MeteredUsage | null;
}

/** One record, `completeness: "estimated"`; known counts are kept where they are larger. */
export function estimateUsage(input: EstimateInput): MeteredUsage {
  const guessedOutput =
    input.responseBytes === null ? typicalOutputTokens : Math.ceil(input.responseBytes / replyBytesPerToken);
  const cappedOutput = Math.min(guessedOutput, input.maxOutputTokens ?? Number.POSITIVE_INFINITY);
  const known = input.known;
  const counts = {
    input_tokens: known?.input_tokens ?? Math.ceil(input.requestBytes * tokensPerRequestByte),
    output_tokens: Math.max(known?.output_tokens ?? 0, cappedOutput),
  };
  if (known !== null) return { ...known, ...counts, completeness: "estimated" };
  return {
    kind: "primary",
    model: input.model,
    response_id: null,
    ...counts,
    service_tier: null,
    source: "estimate",
    completeness: "estimated",
    billed: true,
    raw: null,
  };
}
