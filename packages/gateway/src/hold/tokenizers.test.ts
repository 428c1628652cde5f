/**
 * The rule for OpenAI's text, that a byte is at most one token, against its real tokenizers: o200k of today's models and
 * cl100k of those before. Texts are short, because this implementation takes seconds for long runs of punctuation
 * (facts/budget.md 2).
 */

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { encode as cl100k } from "gpt-tokenizer/encoding/cl100k_base";
import { encode as o200k } from "gpt-tokenizer/encoding/o200k_base";
import { chatBound, responsesBound } from "../dialects/openai/request-bound.ts";
import { openai } from "../providers/openai/provider.ts";
import { Dice } from "../store/conformance/dice.ts";
import { boundInput, type InputRule, type InputSources } from "./input-bound.ts";
import { KnownPrefixes } from "./known-prefixes.ts";

/** Marks such as `<|endoftext|>` in a text are text. */
const asText = { allowedSpecial: new Set<string>(), disallowedSpecial: new Set<string>() };
const tokenizers = {
  o200k: (text: string): number => o200k(text, asText).length,
  cl100k: (text: string): number => cl100k(text, asText).length,
};

/** As a provider decodes it: what is no character becomes the replacement character. */
const decoded = (text: string): string => text.toWellFormed();

/** Pieces that are known to be dear, or to confuse: one token a byte, joined and combined characters, marks. */
const pieces = [
  "q\n",
  "~x1y",
  "\u0001",
  "\u007f",
  "\u0000",
  "\u{a9c5}",
  "\u3316",
  "\ufdfa",
  "\ufffd",
  "\ufeff",
  "\ud800",
  "\u200d",
  "e\u0301",
  "한",
  "语",
  "ไ",
  "👩‍👩‍👧",
  "🏴󠁧󠁢󠁥󠁮󠁧󠁿",
  "𝔘",
  "\u{10ffff}",
  " ",
  "\t",
  "\r\n",
  "0",
  "123",
  "Zq9",
  "'s",
  "\\u0041",
  '"',
  "<|endoftext|>",
  "<|im_start|>",
  "const x = ",
  "the ",
] as const;

function randomText(dice: Dice): string {
  const length = 1 + dice.below(60);
  const kind = dice.below(5);
  if (kind === 0) return dice.pick(pieces).repeat(length);
  if (kind === 1) return Array.from({ length }, () => dice.pick(pieces)).join("");
  if (kind === 2) return String.fromCharCode(...Array.from({ length }, () => dice.below(128)));
  if (kind === 3) return String.fromCharCode(...Array.from({ length }, () => dice.below(0x10000)));
  return String.fromCodePoint(...Array.from({ length }, () => dice.below(0x110000)));
}

const rule: InputRule = {
  tokensPerNonAsciiByte: openai.tokensPerNonAsciiByte,
  tokensPerImage: openai.tokensPerImage,
  limits: null,
  scope: "test",
};

function boundOf(body: Readonly<Record<string, unknown>>, prefixes = new KnownPrefixes(1)): number {
  const read = body["messages"] === undefined ? responsesBound : chatBound;
  return boundInput(read(body), rule, sources(body, prefixes)).tokens ?? assert.fail();
}

function sources(body: Readonly<Record<string, unknown>>, prefixes: KnownPrefixes): InputSources {
  const text = JSON.stringify(body);
  const bodyBytes = Buffer.byteLength(text);
  return { prefixes, bodyBytes, hasEscapes: text.includes("\\"), wrong: new Set() };
}

for (const [name, count] of Object.entries(tokenizers)) {
  describe(`a byte is at most one token of ${name}`, () => {
    it("whatever the text", () => {
      const dice = new Dice(name.length);
      let dearest = 0;
      for (let round = 0; round < 3_000; round++) {
        const text = decoded(randomText(dice));
        const tokens = count(text);
        assert.ok(tokens <= Buffer.byteLength(text), JSON.stringify(text));
        dearest = Math.max(dearest, tokens / Buffer.byteLength(text));
      }
      assert.equal(dearest, 1, "the rule is not slack: some text takes a token for each byte");
    });

    it("and a whole request is bounded by its bytes, with what a template adds to each message", () => {
      const dice = new Dice(7);
      for (let round = 0; round < 200; round++) {
        const texts = Array.from({ length: 1 + dice.below(8) }, () => randomText(dice));
        // The documented template: 3 tokens and the role for each message, 3 for the answer.
        const truth = texts.reduce((sum, text) => sum + 4 + count(decoded(text)), 3);
        const messages = texts.map((content) => ({ role: "user", content }));
        assert.ok(boundOf({ model: "m", messages }) >= truth, JSON.stringify(messages));
        assert.ok(boundOf({ model: "m", input: messages }) >= truth, JSON.stringify(messages));
      }
    });

    it("and what is new behind a beginning that the provider has counted by its bytes alone", () => {
      const dice = new Dice(11);
      for (let round = 0; round < 60; round++) {
        const texts = Array.from({ length: 2 + dice.below(6) }, () => randomText(dice));
        // Long enough to be remembered: small requests are bounded by their bytes.
        const messages = ["the ".repeat(2_500), ...texts].map((content) => ({ role: "user", content }));
        const truthOf = (list: readonly { readonly content: string }[]): number =>
          list.reduce((sum, { content }) => sum + 4 + count(decoded(content)), 3);
        const prefixes = new KnownPrefixes(10);
        const first = { model: "m", input: messages.slice(0, 2) };
        const bound = responsesBound(first);
        const { conversation } = boundInput(bound, rule, sources(first, prefixes));
        assert.ok(conversation !== null);
        prefixes.remember(conversation, truthOf(messages.slice(0, 2)));
        const whole = { model: "m", input: messages };
        const warm = boundOf(whole, prefixes);
        assert.ok(warm < boundOf(whole), "it is known");
        assert.ok(warm >= truthOf(messages), JSON.stringify(texts));
      }
    });
  });
}
