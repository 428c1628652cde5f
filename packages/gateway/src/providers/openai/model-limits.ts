/**
 * What OpenAI's models take and give at most, by their ids without a date. Source: the model pages of
 * developers.openai.com/api/docs/models, read on 2026-11-25 as far as they were at hand; where a page was not, the
 * largest of the family, because a limit that is too large only makes a hold larger.
 */

import type { ModelLimits } from "../provider.ts";

const limits: readonly (readonly [RegExp, ModelLimits])[] = [
  [/^gpt-4o(-mini)?(-|$)/, { contextTokens: 128_000, maxOutputTokens: 16_384 }],
  [/^gpt-4\.1(-|$)/, { contextTokens: 1_047_576, maxOutputTokens: 32_768 }],
  [/^(o3|o4)(-|$)/, { contextTokens: 200_000, maxOutputTokens: 100_000 }],
  [/^gpt-5(\.[0-3])?(-|$)/, { contextTokens: 400_000, maxOutputTokens: 128_000 }],
  [/^gpt-(5\.[4-9]|[6-9])/, { contextTokens: 1_050_000, maxOutputTokens: 128_000 }],
  [/^text-embedding-/, { contextTokens: 300_000, maxOutputTokens: 0 }],
];

/** See `Provider.modelLimits`. */
export function openAiModelLimits(model: string): ModelLimits | null {
  return limits.find(([pattern]) => pattern.test(model))?.[1] ?? null;
}
