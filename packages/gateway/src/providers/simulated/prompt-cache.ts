/**
 * A provider's prompt cache, simple: it remembers which prompt prefixes it has seen, and for how long. It
 * holds hashes, never a prompt, and a bounded number of them.
 */

import { createHash } from "node:crypto";
import { tokensOfBytes } from "./tokens.ts";

/** A piece of a prompt, in the order in which a provider reads it. */
export interface PromptSegment {
  readonly text: string;
  /** Anthropic: a cache mark ends here, with this lifetime. */
  readonly cacheLifetime: CacheLifetime | null;
}

export type CacheLifetime = "5m" | "1h";

/** A prefix of a prompt: everything up to the end of one segment. */
export interface PromptPrefix {
  readonly key: string;
  /** Tokens of the whole prefix. */
  readonly tokens: number;
  readonly cacheLifetime: CacheLifetime | null;
}

export interface PromptCache {
  has(key: string, nowMs: number): boolean;
  /** Remembers a prefix until `untilMs`. */
  put(key: string, untilMs: number): void;
}

/** Both providers cache prompts of at least this many tokens. */
const LEAST_CACHED_TOKENS = 1024;
/** OpenAI's cache hits come in steps of so many tokens. */
const OPENAI_STEP_TOKENS = 128;
const OPENAI_LIFETIME_MS = 10 * 60_000;
const LIFETIME_MS: Readonly<Record<CacheLifetime, number>> = { "5m": 5 * 60_000, "1h": 60 * 60_000 };

/** An empty cache that holds at most `mostPrefixes`; the ones put longest ago go first. */
export function createPromptCache(mostPrefixes = 20_000): PromptCache {
  const untilMsByKey = new Map<string, number>();
  return {
    has: (key, nowMs) => (untilMsByKey.get(key) ?? 0) > nowMs,
    put: (key, untilMs) => {
      untilMsByKey.delete(key);
      untilMsByKey.set(key, untilMs);
      const oldest = untilMsByKey.size > mostPrefixes ? untilMsByKey.keys().next().value : undefined;
      if (oldest !== undefined) untilMsByKey.delete(oldest);
    },
  };
}

/** The prefixes of a prompt within a scope: only prompts of the same scope share them. */
export function prefixesOf(scope: string, segments: readonly PromptSegment[]): readonly PromptPrefix[] {
  let key = scope;
  let byteLength = 0;
  return segments.map((segment) => {
    byteLength += Buffer.byteLength(segment.text);
    key = createHash("sha256").update(key).update("\0").update(segment.text).digest("base64");
    return { key, tokens: tokensOfBytes(byteLength), cacheLifetime: segment.cacheLifetime };
  });
}

/** OpenAI's counts: all input, and the parts of it that were read from and written to the cache. */
export interface OpenAiInput {
  readonly inputTokens: number;
  readonly cachedTokens: number;
  readonly cacheWriteTokens: number;
}

/** Counts a prompt as OpenAI does, which caches every prompt by itself, and remembers it. */
export function countOpenAiInput(
  cache: PromptCache,
  prefixes: readonly PromptPrefix[],
  options: { readonly nowMs: number; readonly billsWrites: boolean },
): OpenAiInput {
  const inputTokens = prefixes.at(-1)?.tokens ?? 0;
  const stepped = (tokens: number): number =>
    tokens < LEAST_CACHED_TOKENS ? 0 : tokens - (tokens % OPENAI_STEP_TOKENS);
  const hit = prefixes.findLast((prefix) => cache.has(prefix.key, options.nowMs));
  const cachedTokens = stepped(hit?.tokens ?? 0);
  for (const prefix of prefixes) {
    if (prefix.tokens >= LEAST_CACHED_TOKENS) cache.put(prefix.key, options.nowMs + OPENAI_LIFETIME_MS);
  }
  const cacheWriteTokens = options.billsWrites ? stepped(inputTokens) - cachedTokens : 0;
  return { inputTokens, cachedTokens, cacheWriteTokens };
}

/** Anthropic's counts: four parts that do not overlap. */
export interface AnthropicInput {
  readonly inputTokens: number;
  readonly cacheReadTokens: number;
  readonly write5mTokens: number;
  readonly write1hTokens: number;
}

/** Counts a prompt as Anthropic does, which caches up to the marks in the request, and remembers them. */
export function countAnthropicInput(
  cache: PromptCache,
  prefixes: readonly PromptPrefix[],
  nowMs: number,
): AnthropicInput {
  const totalTokens = prefixes.at(-1)?.tokens ?? 0;
  const lastMark = prefixes.findLastIndex((prefix) => prefix.cacheLifetime !== null);
  const cacheable = prefixes.slice(0, lastMark + 1).filter((prefix) => prefix.tokens >= LEAST_CACHED_TOKENS);
  const cacheReadTokens = cacheable.findLast((prefix) => cache.has(prefix.key, nowMs))?.tokens ?? 0;
  const written = { "5m": 0, "1h": 0 };
  let from = cacheReadTokens;
  for (const prefix of cacheable) {
    if (prefix.cacheLifetime === null) continue;
    // A read renews what it read, for as long as its mark says.
    cache.put(prefix.key, nowMs + LIFETIME_MS[prefix.cacheLifetime]);
    if (prefix.tokens <= from) continue;
    written[prefix.cacheLifetime] += prefix.tokens - from;
    from = prefix.tokens;
  }
  return {
    inputTokens: totalTokens - from,
    cacheReadTokens,
    write5mTokens: written["5m"],
    write1hTokens: written["1h"],
  };
}
