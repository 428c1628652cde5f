/**
 * What Anthropic's models take and give at most. Source: the models overview of platform.claude.com/docs, from
 * memory of its figures where it was not at hand: then the largest that any model of the family has had, because a
 * limit that is too large only makes a hold larger.
 */

import type { ModelLimits } from "../provider.ts";

const limits: readonly (readonly [RegExp, ModelLimits])[] = [
  [/^claude-haiku-4-5/, { contextTokens: 200_000, maxOutputTokens: 64_000 }],
  [/^claude-opus-4(-1)?(-\d{8})?$/, { contextTokens: 200_000, maxOutputTokens: 32_000 }],
  [/^claude-opus-4-5/, { contextTokens: 200_000, maxOutputTokens: 64_000 }],
  [/^claude-sonnet-4(-5)?(-\d{8})?$/, { contextTokens: 1_000_000, maxOutputTokens: 64_000 }],
  [/^claude-/, { contextTokens: 1_000_000, maxOutputTokens: 128_000 }],
];

/** See `Provider.modelLimits`. */
export function anthropicModelLimits(model: string): ModelLimits | null {
  return limits.find(([pattern]) => pattern.test(model))?.[1] ?? null;
}
