/** The split of a usage record: every token once, none negative. */

import assert from "node:assert/strict";
import test from "node:test";
import type { UsageCounts } from "@meshagent/llm-proxy-protocol/usage";
import { hasCounts, splitQuantities, toolCalls } from "./quantities.ts";

function tokensOf(usage: UsageCounts): Record<string, number> {
  return Object.fromEntries(
    splitQuantities(usage).tokens.map(({ component, quantity }) => [component, quantity]),
  );
}

test("each token has one component", () => {
  const cases: readonly (readonly [string, UsageCounts, Record<string, number>])[] = [
    ["plain", { input_tokens: 10, output_tokens: 5 }, { input: 10, output: 5 }],
    ["reasoning is output", { output_tokens: 5, reasoning_output_tokens: 4 }, { output: 5 }],
    // 100 in all, 60 read, 30 written: 10 are fresh.
    [
      "cached",
      { input_tokens: 100, cache_read_input_tokens: 60, cache_write_input_tokens: 30 },
      { input: 10, cache_read: 60, cache_write: 30 },
    ],
    // 30 written, 20 for 5 min and 4 for 1 h: 6 are of no named lifetime.
    [
      "split writes",
      {
        input_tokens: 100,
        cache_write_input_tokens: 30,
        cache_write_5m_input_tokens: 20,
        cache_write_1h_input_tokens: 4,
      },
      { input: 70, cache_write: 6, cache_write_5m: 20, cache_write_1h: 4 },
    ],
    [
      "lifetimes without a total",
      { input_tokens: 10, cache_write_30m_input_tokens: 3, cache_write_12h_input_tokens: 2 },
      { input: 5, cache_write_30m: 3, cache_write_12h: 2 },
    ],
    // Audio 80 of which 50 cached: 30 fresh. Text 20 of which 10 cached: 10 fresh.
    [
      "modalities",
      {
        input_tokens: 100,
        input_audio_tokens: 80,
        input_text_tokens: 20,
        cache_read_input_tokens: 60,
        cache_read_audio_tokens: 50,
        cache_read_text_tokens: 10,
        output_tokens: 9,
        output_audio_tokens: 7,
        output_text_tokens: 2,
      },
      {
        input_audio: 30,
        input_text: 10,
        cache_read_audio: 50,
        cache_read_text: 10,
        output_audio: 7,
        output_text: 2,
      },
    ],
    // Nobody says which half of the audio was cached: the fresh half is taken for audio, the dearer.
    [
      "cached of unknown modality",
      { input_tokens: 100, input_audio_tokens: 80, cache_read_input_tokens: 50 },
      { input_audio: 50, cache_read: 50 },
    ],
    [
      "only modalities",
      { input_text_tokens: 3, input_image_tokens: 4, output_image_tokens: 6 },
      { input_text: 3, input_image: 4, output_image: 6 },
    ],
    ["nothing", { input_tokens: 0, output_tokens: 0 }, {}],
  ];
  for (const [name, usage, expected] of cases) assert.deepEqual(tokensOf(usage), expected, name);
});

test("counts that contradict each other give what was named, and nothing negative", () => {
  // 50 read and 30 written of an input of 10: all 80 are there, none is fresh.
  const contradiction = { input_tokens: 10, cache_read_input_tokens: 50, cache_write_input_tokens: 30 };
  assert.deepEqual(tokensOf(contradiction), { cache_read: 50, cache_write: 30 });
  assert.equal(splitQuantities(contradiction).inputTokens, 80);
  // More audio than output.
  assert.deepEqual(tokensOf({ output_tokens: 5, output_audio_tokens: 9, output_text_tokens: 9 }), {
    output_audio: 5,
  });
  assert.deepEqual(tokensOf({ input_tokens: -5, output_tokens: Number.NaN }), {});
  assert.deepEqual(tokensOf({ input_tokens: 5, cache_read_input_tokens: Number.POSITIVE_INFINITY }), {
    input: 5,
  });
});

test("seconds and characters are units of their own", () => {
  const { tokens, units } = splitQuantities({
    input_audio_seconds: 12.5,
    output_audio_seconds: 1,
    output_video_seconds: 8,
    session_audio_seconds: 60,
    input_characters: 42,
  });
  assert.deepEqual(tokens, []);
  assert.deepEqual(units, [
    { component: "second_input", quantity: 12.5 },
    { component: "second_output", quantity: 9 },
    { component: "second_session", quantity: 60 },
    { component: "character_input", quantity: 42 },
  ]);
});

test("tool calls are counted each under the price that they take", () => {
  assert.deepEqual(toolCalls({}), []);
  assert.deepEqual(toolCalls({ web_search_requests: 2, file_search_calls: 1, web_fetch_requests: 5 }), [
    { component: "web_search", quantity: 2 },
    { component: "file_search_call", quantity: 1 },
  ]);
  assert.deepEqual(toolCalls({ web_search_requests: 2, web_search_preview_requests: 2 }), [
    { component: "web_search_preview", quantity: 2 },
  ]);
  assert.deepEqual(toolCalls({ web_search_preview_requests: 2 }), [], "it is a part of the searches");
});

test("a record without any count says nothing; one with zeros says zero", () => {
  assert.equal(hasCounts({}), false);
  assert.equal(hasCounts({ web_fetch_requests: 3 }), false);
  assert.equal(hasCounts({ input_tokens: 0 }), true);
  assert.equal(hasCounts({ web_search_requests: 1 }), true);
});
