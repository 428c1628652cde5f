/** The input bound against tokenizers that do their worst, and against whoever tries to be known for less. */

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { messagesBound } from "../dialects/anthropic/request-bound.ts";
import { chatBound, responsesBound } from "../dialects/openai/request-bound.ts";
import type { RequestBound } from "../dialects/request-bound.ts";
import { boundInput, type InputBound, type InputRule } from "./input-bound.ts";
import { KnownPrefixes } from "./known-prefixes.ts";

type Body = Readonly<Record<string, unknown>>;

const rule: InputRule = {
  tokensPerNonAsciiByte: 11,
  tokensPerImage: 5_000,
  limits: { contextTokens: 10_000_000, maxOutputTokens: 64_000 },
  scope: "test",
};

function boundOf(
  body: Body,
  read: (body: Body) => RequestBound,
  prefixes = new KnownPrefixes(10),
): InputBound {
  return boundInput(read(body), rule, {
    prefixes,
    bodyBytes: Buffer.byteLength(JSON.stringify(body)),
    hasEscapes: JSON.stringify(body).includes("\\"),
    wrong: new Set(),
  });
}

function tokensOf(body: Body, read: (body: Body) => RequestBound, prefixes = new KnownPrefixes(10)): number {
  return boundOf(body, read, prefixes).tokens ?? assert.fail("no bound");
}

/** A tokenizer that normalises first and knows single bytes only: no byte-level tokenizer counts more. */
const worstCount = (text: string): number => Buffer.byteLength(text.normalize("NFKC"));

/** What one character of UTF-8 bytes may come to (facts/budget.md 2, table of adversarial texts). */
const adversaries = [
  "\ufdfa",
  "\u3316",
  "\u0001",
  "\u007f",
  "😀",
  "👩‍👩‍👧",
  "q\n",
  "~x1y",
  "\ua9c5",
  "é",
  "e\u0301",
  '"\\',
  "\ud800",
];

const filler = "x".repeat(20_000);
const user = (content: unknown): Body => ({ role: "user", content });

describe("the input bound of an unknown tokenizer", () => {
  it("is never below its worst count", () => {
    for (const piece of adversaries) {
      for (const length of [1, 7, 300, 5_000]) {
        const text = piece.repeat(length);
        const body = { model: "m", messages: [user(text)], system: text };
        assert.ok(
          tokensOf(body, messagesBound) >= 2 * worstCount(text),
          `${JSON.stringify(piece)} x ${length}`,
        );
      }
    }
  });

  it("is never below it for random mixtures, with and without a known beginning", () => {
    let seed = 7;
    const random = (below: number): number => {
      seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648;
      return seed % below;
    };
    const text = (): string =>
      Array.from({ length: 1 + random(2_000) }, () => adversaries[random(adversaries.length)]).join("");
    const worstOf = (body: {
      readonly messages: readonly Body[];
      readonly system: readonly Body[];
    }): number =>
      [
        ...body.messages.map(({ content }) => content),
        ...body.system.map(({ text: each }) => each),
      ].reduce<number>((sum, each) => sum + worstCount(String(each)), 0);
    for (let session = 0; session < 20; session++) {
      const prefixes = new KnownPrefixes(10);
      const blocks = [text(), text(), text()].map((each) => ({ type: "text", text: each }));
      let messages: readonly Body[] = [user(filler)];
      for (let turn = 0; turn < 6; turn++) {
        // The system changes, repeats its blocks and leaves some out, as turns go by.
        const system = Array.from({ length: random(5) }, () => blocks[random(blocks.length)] ?? {});
        const body = { model: "m", messages, system };
        const { tokens, conversation } = boundOf(body, messagesBound, prefixes);
        assert.ok((tokens ?? 0) >= worstOf(body), `session ${session}, turn ${turn}`);
        // The provider tells the exact count.
        if (conversation !== null) prefixes.remember(conversation, worstOf(body));
        messages = [...messages, user(text())];
      }
    }
  });
});

/** A member that is not there has a name of its own for a part: two bytes, and again when it is new. */
function assertAbout(actual: number, expected: number): void {
  assert.ok(actual >= expected && actual <= expected + 8, `${actual} for ${expected}`);
}

describe("a known beginning", () => {
  function afterOne(body: Body, read: (body: Body) => RequestBound, counted: number): KnownPrefixes {
    const prefixes = new KnownPrefixes(10);
    const { conversation } = boundOf(body, read);
    assert.notEqual(conversation, null);
    if (conversation !== null) prefixes.remember(conversation, counted);
    return prefixes;
  }

  const messages = [user(filler)];

  it("bounds the next turn by what is new", () => {
    const prefixes = afterOne({ messages }, messagesBound, 5_000);
    const next = user("and then?");
    // 5,000 + 400, and the bytes of the new turn.
    assertAbout(
      tokensOf({ messages: [...messages, next] }, messagesBound, prefixes),
      5_400 + JSON.stringify(next).length,
    );
  });

  it("counts a system block as often as it is sent", () => {
    const block = { type: "text", text: "s".repeat(1_000) };
    const prefixes = afterOne({ messages, system: [block] }, messagesBound, 5_000);
    assertAbout(tokensOf({ messages, system: [block] }, messagesBound, prefixes), 5_400);
    const many = tokensOf(
      { messages, system: Array.from({ length: 11 }, () => block) },
      messagesBound,
      prefixes,
    );
    assert.ok(many >= 15_400, String(many));
  });

  it("does not take one member for another of the same text", () => {
    const text = "i".repeat(3_000);
    const prefixes = afterOne({ input: messages, tools: text }, responsesBound, 5_000);
    const other = tokensOf({ input: messages, instructions: text }, responsesBound, prefixes);
    assert.ok(other >= 8_400, String(other));
  });

  it("is another one where thinking, context management, truncation or a beta counts differently", () => {
    const clearing = { context_management: { edits: [{ type: "clear_tool_uses_20250919" }] } };
    const cases: readonly (readonly [Body, Body, (body: Body) => RequestBound])[] = [
      [{ messages, ...clearing }, { messages }, messagesBound],
      [
        { messages, thinking: { type: "disabled" } },
        { messages, thinking: { type: "adaptive" } },
        messagesBound,
      ],
      [{ input: messages, truncation: "auto" }, { input: messages }, responsesBound],
      [
        { input: messages, reasoning: { context: "current_turn" } },
        { input: messages, reasoning: { context: "all_turns" } },
        responsesBound,
      ],
    ];
    for (const [first, second, read] of cases) {
      const prefixes = afterOne(first, read, 10);
      assert.ok(tokensOf(second, read, prefixes) >= 20_000, JSON.stringify(second).slice(0, 80));
    }
  });

  it("is not remembered of what can hold more the next time", () => {
    const image = (url: string): Body => user([{ type: "image_url", image_url: { url } }]);
    const changing: readonly (readonly [Body, (body: Body) => RequestBound])[] = [
      [{ input: messages, conversation: "conv_1" }, responsesBound],
      [{ messages: [...messages, image("https://example.com/now.png")] }, chatBound],
      [
        { messages: [user([{ type: "document", source: { type: "url", url: "https://a/b.pdf" } }])] },
        messagesBound,
      ],
    ];
    for (const [body, read] of changing) assert.equal(boundOf(body, read).conversation, null);
    const inline = { messages: [...messages, image("data:image/png;base64,AAAA")] };
    assert.notEqual(boundOf(inline, chatBound).conversation, null);
  });

  it("is found again when what was a block of text, for its cache mark, is written as a string", () => {
    const environment = { role: "system", output_config: { effort: "medium" } };
    const marked = { ...environment, content: [{ type: "text", text: filler }] };
    const prefixes = afterOne({ messages: [marked] }, messagesBound, 5_000);
    const added = [{ role: "assistant", content: "ok" }, user("more")];
    assertAbout(
      tokensOf({ messages: [{ ...environment, content: filler }, ...added] }, messagesBound, prefixes),
      5_400 + added.map((turn) => JSON.stringify(turn)).join("").length,
    );
  });

  it("is found again when only cache marks moved, which are dropped before", () => {
    const prefixes = afterOne({ messages, tools: [{ name: "a" }] }, messagesBound, 5_000);
    assertAbout(tokensOf({ messages, tools: [{ name: "a" }] }, messagesBound, prefixes), 5_400);
    const changed = tokensOf({ messages, tools: [{ name: "b" }] }, messagesBound, prefixes);
    assertAbout(changed, 5_400 + '{"tools":[{"name":"b"}]}'.length);
  });
});

describe("what the bytes do not show", () => {
  const window = 10_000_000;

  it("is bounded by the window alone", () => {
    const hidden: readonly (readonly [Body, (body: Body) => RequestBound])[] = [
      [{ input: [{ id: "msg_1" }] }, responsesBound],
      [{ input: [{ type: "item_reference", id: "msg_1" }] }, responsesBound],
      [{ input: [{ type: "reasoning", id: "rs_1", summary: [] }] }, responsesBound],
      [{ input: [{ type: "web_search_call", id: "ws_1" }] }, responsesBound],
      [{ input: "x", previous_response_id: "resp_1" }, responsesBound],
      [{ input: "x", conversation: { id: "conv_1" } }, responsesBound],
      [{ messages: [{ role: "assistant", audio: { id: "audio_1" } }] }, chatBound],
      [{ messages: [user([{ type: "document", source: { type: "base64", data: "AA" } }])] }, messagesBound],
      [{ messages: [user([{ "\u0074ype": "container_upload", file: "f" }])] }, messagesBound],
    ];
    for (const [body, read] of hidden) assert.equal(tokensOf(body, read), window, JSON.stringify(body));
  });

  it("is none of it where a reference is null, or its content is sent", () => {
    for (const body of [
      { input: "x", previous_response_id: null, conversation: null },
      { input: [{ type: "reasoning", id: "rs_1", encrypted_content: "AAAA" }] },
      { input: [{ id: "msg_1", role: "user", content: "hello" }] },
    ])
      assert.ok(tokensOf(body, responsesBound) < 2_000, JSON.stringify(body));
  });

  it("counts a picture, and a tool of the provider's own", () => {
    const image = { type: "image", source: { type: "base64", data: "" } };
    const plain = tokensOf({ messages: [user([])] }, messagesBound);
    assert.ok(tokensOf({ messages: [user([image, image])] }, messagesBound) >= plain + 10_000);
    const tools = [{ type: "bash_20250124" }, { type: "computer_20250124" }];
    // Anthropic adds 245 and 735 tokens, and some for the use of tools.
    assert.ok(tokensOf({ messages: [user([])], tools }, messagesBound) >= plain + 3_000);
  });

  it("counts white space and escapes that a parser drops", () => {
    const body = { input: "x" };
    const bound = boundInput(responsesBound(body), rule, {
      prefixes: new KnownPrefixes(1),
      bodyBytes: 6_000,
      hasEscapes: true,
      wrong: new Set(),
    });
    assert.ok((bound.tokens ?? 0) >= 6_000);
  });
});
