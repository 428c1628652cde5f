/** What each dialect says bounds a request, for sloppy clients and for those who look for a way around it. */

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { completeBound, messagesBound } from "./anthropic/request-bound.ts";
import {
  chatBound,
  compactBound,
  completionsBound,
  embeddingsBound,
  responsesBound,
} from "./openai/request-bound.ts";
import { dropCacheMarks, type ReadRequestBound, unseenIn } from "./request-bound.ts";

const unreadable = ["10", 1.5, -1, {}, [], true, 1e300];

describe("an output limit", () => {
  const limits: readonly (readonly [string, ReadRequestBound])[] = [
    ["max_output_tokens", responsesBound],
    ["max_tokens", chatBound],
    ["max_completion_tokens", chatBound],
    ["max_tokens", completionsBound],
    ["max_tokens", messagesBound],
    ["max_tokens_to_sample", completeBound],
  ];

  it("counts where it is a whole number, and is the model's own where it is none", () => {
    for (const [name, read] of limits) {
      assert.deepEqual(
        [read({ [name]: 10 }).outputLimit.name, read({ [name]: 10 }).outputLimit.tokens],
        [name, 10],
      );
      for (const value of unreadable) assert.equal(read({ [name]: value }).outputLimit.tokens, null, name);
    }
    assert.equal(completionsBound({}).outputLimit.tokens, 16);
    assert.equal(completionsBound({ max_tokens: null }).outputLimit.tokens, 16);
  });

  it("given twice under two names is the larger one, and both can be lowered", () => {
    const both = chatBound({ max_tokens: 10, max_completion_tokens: 100_000 }).outputLimit;
    assert.deepEqual(both, { name: "max_completion_tokens", alsoIn: ["max_tokens"], tokens: 100_000 });
    assert.equal(chatBound({ max_tokens: 100_000, max_completion_tokens: 10 }).outputLimit.tokens, 100_000);
    assert.equal(chatBound({ max_tokens: "9999", max_completion_tokens: 10 }).outputLimit.tokens, null);
    assert.deepEqual(chatBound({ max_tokens: 10, max_completion_tokens: null }).outputLimit, {
      name: "max_tokens",
      alsoIn: [],
      tokens: 10,
    });
  });

  it("of a compaction is the model's, whatever the request says", () => {
    const { outputLimit } = compactBound({ max_output_tokens: 5 });
    assert.deepEqual([outputLimit.tokens, outputLimit.isFixed], [null, true]);
  });
});

describe("how many answers are billed", () => {
  it("is told by `n`, `best_of` and prompts", () => {
    assert.equal(chatBound({}).outputs, 1);
    assert.equal(chatBound({ n: 5 }).outputs, 5);
    assert.equal(chatBound({ n: 0 }).outputs, 1);
    assert.equal(completionsBound({ prompt: ["a", "b"], n: 2, best_of: 3 }).outputs, 6);
    assert.equal(completionsBound({ prompt: [1, 2, 3] }).outputs, 1);
    assert.equal(completionsBound({ prompt: [[1], [2]] }).outputs, 2);
    assert.equal(completionsBound({ prompt: [1, "a", "b"] }).outputs, 2);
    assert.equal(completionsBound({ prompt: [] }).outputs, 1);
    assert.equal(embeddingsBound({ input: ["a", "b"] }).outputs, 0);
  });

  it("has no bound where it is no number that every parser reads alike", () => {
    for (const value of unreadable) {
      assert.match(chatBound({ n: value }).unboundable ?? "", /`n`/);
      assert.match(completionsBound({ best_of: value }).unboundable ?? "", /`best_of`/);
    }
  });
});

describe("what has no bound", () => {
  const cases: readonly (readonly [ReadRequestBound, object, RegExp])[] = [
    [responsesBound, { prompt: { id: "pmpt_1" } }, /`prompt`/],
    [responsesBound, { background: true }, /`background`/],
    [responsesBound, { background: "true" }, /`background`/],
    [responsesBound, { context_management: [{ type: "compaction" }] }, /`context_management`/],
    [responsesBound, { reasoning: { mode: "pro" } }, /`reasoning.mode`/],
    [responsesBound, { input: [{ type: "compaction_trigger" }] }, /compaction_trigger/],
    [responsesBound, { tools: [{ type: "web_search" }] }, /`web_search` and no `max_tool_calls`/],
    [responsesBound, { tools: [{ type: "mcp" }], max_tool_calls: 1 }, /`mcp`/],
    [responsesBound, { tools: [{ type: "web_search" }], max_tool_calls: "1" }, /no `max_tool_calls`/],
    [
      responsesBound,
      { input: [{ type: "additional_tools", tools: [{ type: "code_interpreter" }] }] },
      /code_int/,
    ],
    [responsesBound, { tools: [{ type: "namespace", tools: [{ type: "mcp" }] }] }, /`mcp`/],
    [chatBound, { web_search_options: {} }, /`web_search_options`/],
    [chatBound, { model: "gpt-4o-search-preview" }, /searches by itself/],
    [chatBound, { prediction: { type: "content", content: "x" } }, /`prediction`/],
    [messagesBound, { mcp_servers: [{}] }, /`mcp_servers`/],
    [messagesBound, { fallbacks: "default" }, /`fallbacks`/],
    [messagesBound, { container: "c" }, /`container`/],
    [messagesBound, { compaction: { type: "summarize" } }, /`compaction`/],
    [messagesBound, { thread: { type: "create" } }, /`thread`/],
    [messagesBound, { tools: [{ type: "web_search_20250305" }] }, /no `max_uses`/],
    [messagesBound, { tools: [{ type: "web_search_20250305", max_uses: "3" }] }, /no `max_uses`/],
    [messagesBound, { tools: [{ type: "advisor_20260301", max_uses: 1 }] }, /advisor/],
    [messagesBound, { tools: [{ type: "code_execution_20250825" }] }, /code_execution/],
    [messagesBound, { context_management: { edits: [{ type: "compact_20260112" }] } }, /compaction/],
    [messagesBound, { messages: [{ content: [{ type: "tool_addition", tool: {} }] }] }, /tool_addition/],
  ];

  it("is named", () => {
    for (const [read, body, what] of cases)
      assert.match(read(body as Record<string, unknown>).unboundable ?? "", what, JSON.stringify(body));
  });

  it("is nothing of what agents send", () => {
    const codex = {
      tools: [{ type: "function" }, { type: "custom" }, { type: "local_shell" }],
      reasoning: { effort: "high" },
      background: false,
      prompt: null,
    };
    assert.equal(responsesBound(codex).unboundable, null);
    const claude = {
      tools: [{ name: "Bash" }, { type: "custom" }, { type: "bash_20250124" }],
      context_management: { edits: [{ type: "clear_thinking_20251015", keep: "all" }] },
      container: null,
      messages: [{ role: "user", content: "hi" }],
    };
    assert.equal(messagesBound(claude).unboundable, null);
    assert.equal(chatBound({ n: null, web_search_options: null, prediction: null }).unboundable, null);
  });

  it("counts the calls that hosted tools are allowed, by the price of each", () => {
    const calls = (...types: readonly string[]): unknown => {
      const bound = responsesBound({ tools: types.map((type) => ({ type })), max_tool_calls: 3 });
      assert.deepEqual([bound.rounds, bound.unboundable], [4, null]);
      return bound.toolCalls;
    };
    assert.deepEqual(calls("web_search", "function"), { web_search_requests: 3 });
    assert.deepEqual(calls("file_search", "web_search"), { file_search_calls: 3, web_search_requests: 3 });
    const previews = { web_search_requests: 3, web_search_preview_requests: 3 };
    assert.deepEqual(calls("web_search_preview"), previews);
    assert.deepEqual(calls("web_search_2025_08_26", "web_search_preview_2025_03_11"), previews);
  });

  it("never throws, whatever a body holds", () => {
    for (const value of [null, 1, "x", [], {}, [null], [[[]]], { type: 1 }, [{ type: null, tools: "x" }]])
      for (const name of [
        "messages",
        "input",
        "tools",
        "system",
        "prompt",
        "thinking",
        "reasoning",
        "n",
        "service_tier",
      ])
        for (const read of [
          messagesBound,
          completeBound,
          responsesBound,
          chatBound,
          completionsBound,
          embeddingsBound,
        ])
          read({ [name]: value });
  });
});

describe("dearer classes", () => {
  it("are those that a request asks for, or leaves to the account", () => {
    assert.deepEqual(chatBound({}).possibleTiers, ["priority", "flex"]);
    assert.deepEqual(chatBound({ service_tier: "auto" }).possibleTiers, ["priority", "flex"]);
    assert.deepEqual(chatBound({ service_tier: "default" }).possibleTiers, []);
    assert.deepEqual(chatBound({ service_tier: "fast" }).tiers, [null, "priority"]);
    assert.deepEqual(messagesBound({ speed: "fast" }).speeds, [null, "fast"]);
  });

  it("include a long lifetime in the cache, by either of its names", () => {
    assert.equal(responsesBound({}).hasLongCacheLifetime, false);
    assert.equal(responsesBound({ prompt_cache_retention: "24h" }).hasLongCacheLifetime, true);
    assert.equal(responsesBound({ prompt_cache_options: { ttl: "12h" } }).hasLongCacheLifetime, true);
    assert.deepEqual(dropCacheMarks({ a: [{ cache_control: { type: "ephemeral" } }] }), {
      hasLongLifetime: false,
    });
    assert.deepEqual(dropCacheMarks({ a: [{ cache_control: { ttl: "1h" } }] }), { hasLongLifetime: true });
  });
});

describe("cache marks", () => {
  it("are taken out wherever they stand, and nothing else is", () => {
    const body = {
      cache_control: {},
      system: [{ text: "a", cache_control: { ttl: "5m" } }],
      other: { cache: 1 },
    };
    dropCacheMarks(body);
    assert.deepEqual(body, { system: [{ text: "a" }], other: { cache: 1 } });
  });
});

describe("what is not seen", () => {
  it("is found at any depth", () => {
    const nested = {
      content: [{ type: "tool_result", content: [{ type: "image" }, { type: "input_image" }] }],
    };
    assert.deepEqual(unseenIn(nested), { images: 2, isOpen: false, mayChange: false });
    assert.deepEqual(unseenIn([{ a: { file_id: "f" } }]), { images: 0, isOpen: true, mayChange: false });
    assert.equal(unseenIn({ source: { type: "url", url: "http://x" } }).mayChange, true);
  });
});
