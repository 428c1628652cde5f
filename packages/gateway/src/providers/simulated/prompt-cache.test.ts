/** The prompt cache and the sums of its counts. */

import assert from "node:assert/strict";
import { test } from "node:test";
import {
  countAnthropicInput,
  countOpenAiInput,
  createPromptCache,
  prefixesOf,
  type CacheLifetime,
  type PromptSegment,
} from "./prompt-cache.ts";

/** A segment of so many tokens: four bytes each. */
function segment(letter: string, tokens: number, cacheLifetime: CacheLifetime | null = null): PromptSegment {
  return { text: letter.repeat(tokens * 4), cacheLifetime };
}

const openAi = { nowMs: 0, billsWrites: false };

test("OpenAI: a prompt seen before is read in steps of 128 tokens", () => {
  const cache = createPromptCache();
  const prompt = prefixesOf("m", [segment("a", 2000), segment("b", 100)]);
  assert.deepEqual(countOpenAiInput(cache, prompt, openAi), {
    inputTokens: 2100,
    cachedTokens: 0,
    cacheWriteTokens: 0,
  });
  // 2100 = 16 x 128 + 52.
  assert.equal(countOpenAiInput(cache, prompt, openAi).cachedTokens, 2048);
});

test("OpenAI: a longer prompt reads the part that it shares", () => {
  const cache = createPromptCache();
  countOpenAiInput(cache, prefixesOf("m", [segment("a", 1500), segment("b", 10)]), openAi);
  const next = countOpenAiInput(cache, prefixesOf("m", [segment("a", 1500), segment("c", 900)]), openAi);
  // The shared prefix has 1500 = 11 x 128 + 92 tokens.
  assert.deepEqual(next, { inputTokens: 2400, cachedTokens: 1408, cacheWriteTokens: 0 });
});

test("OpenAI: under 1024 tokens nothing is cached", () => {
  const cache = createPromptCache();
  const prompt = prefixesOf("m", [segment("a", 1023)]);
  countOpenAiInput(cache, prompt, openAi);
  assert.equal(countOpenAiInput(cache, prompt, openAi).cachedTokens, 0);
});

test("OpenAI: writes are what is stored beyond what was read", () => {
  const cache = createPromptCache();
  const writing = { nowMs: 0, billsWrites: true };
  const first = countOpenAiInput(cache, prefixesOf("m", [segment("a", 1500)]), writing);
  assert.deepEqual(first, { inputTokens: 1500, cachedTokens: 0, cacheWriteTokens: 1408 });
  const second = countOpenAiInput(cache, prefixesOf("m", [segment("a", 1500), segment("b", 600)]), writing);
  // 2100 tokens fill 2048; 1408 of them were there.
  assert.deepEqual(second, { inputTokens: 2100, cachedTokens: 1408, cacheWriteTokens: 640 });
});

test("OpenAI: another scope shares nothing, and a prefix is forgotten after ten minutes", () => {
  const cache = createPromptCache();
  const segments = [segment("a", 2048)];
  countOpenAiInput(cache, prefixesOf("key-1", segments), openAi);
  assert.equal(countOpenAiInput(cache, prefixesOf("key-2", segments), openAi).cachedTokens, 0);
  const prompt = prefixesOf("key-1", segments);
  assert.equal(countOpenAiInput(cache, prompt, { ...openAi, nowMs: 599_999 }).cachedTokens, 2048);
  assert.equal(countOpenAiInput(cache, prompt, { ...openAi, nowMs: 599_999 + 600_000 }).cachedTokens, 0);
});

test("Anthropic: without a mark nothing is written or read", () => {
  const cache = createPromptCache();
  const prompt = prefixesOf("m", [segment("a", 3000)]);
  const counts = { inputTokens: 3000, cacheReadTokens: 0, write5mTokens: 0, write1hTokens: 0 };
  assert.deepEqual(countAnthropicInput(cache, prompt, 0), counts);
  assert.deepEqual(countAnthropicInput(cache, prompt, 0), counts);
});

test("Anthropic: a marked prefix is written, then read, and the rest stays input", () => {
  const cache = createPromptCache();
  const prompt = prefixesOf("m", [segment("a", 2000, "5m"), segment("b", 50)]);
  const first = { inputTokens: 50, cacheReadTokens: 0, write5mTokens: 2000, write1hTokens: 0 };
  const second = { inputTokens: 50, cacheReadTokens: 2000, write5mTokens: 0, write1hTokens: 0 };
  assert.deepEqual(countAnthropicInput(cache, prompt, 0), first);
  assert.deepEqual(countAnthropicInput(cache, prompt, 1000), second);
});

test("Anthropic: two marks split the write by lifetime", () => {
  const cache = createPromptCache();
  const prompt = prefixesOf("m", [segment("a", 1500, "1h"), segment("b", 400, "5m"), segment("c", 7)]);
  const counts = { inputTokens: 7, cacheReadTokens: 0, write5mTokens: 400, write1hTokens: 1500 };
  assert.deepEqual(countAnthropicInput(cache, prompt, 0), counts);
  // Six minutes on, the five minutes are over and the hour is not.
  const later = { inputTokens: 7, cacheReadTokens: 1500, write5mTokens: 400, write1hTokens: 0 };
  assert.deepEqual(countAnthropicInput(cache, prompt, 6 * 60_000), later);
});

test("Anthropic: a mark that moves on reads what an earlier mark wrote", () => {
  const cache = createPromptCache();
  countAnthropicInput(cache, prefixesOf("m", [segment("a", 1200), segment("b", 300, "5m")]), 0);
  const moved = prefixesOf("m", [segment("a", 1200), segment("b", 300), segment("c", 500, "5m")]);
  const counts = { inputTokens: 0, cacheReadTokens: 1500, write5mTokens: 500, write1hTokens: 0 };
  assert.deepEqual(countAnthropicInput(cache, moved, 0), counts);
});

test("Anthropic: the four parts add up to the prompt", () => {
  const cache = createPromptCache();
  for (const size of [10, 1024, 1500, 4000]) {
    const prompt = prefixesOf("m", [segment("a", 1100, "1h"), segment("b", size, "5m"), segment("c", 13)]);
    const counts = countAnthropicInput(cache, prompt, 0);
    const sum = counts.inputTokens + counts.cacheReadTokens + counts.write5mTokens + counts.write1hTokens;
    assert.equal(sum, 1100 + size + 13);
  }
});

test("the cache is bounded, oldest first", () => {
  const cache = createPromptCache(2);
  cache.put("a", 10);
  cache.put("b", 10);
  cache.put("a", 10);
  cache.put("c", 10);
  assert.deepEqual(
    ["a", "b", "c"].map((key) => cache.has(key, 0)),
    [true, false, true],
  );
});
