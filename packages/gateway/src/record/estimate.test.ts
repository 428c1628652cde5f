import assert from "node:assert/strict";
import { test } from "node:test";
import type { MeteredUsage } from "@meshagent/llm-proxy-protocol/usage";
import { estimateUsage } from "./estimate.ts";

const nothingKnown = {
  model: "m",
  requestBytes: 1000,
  responseBytes: null,
  maxOutputTokens: null,
  known: null,
};

test("a reply of which nothing was seen: a quarter token per byte in, a typical turn out", () => {
  assert.deepEqual(estimateUsage(nothingKnown), {
    kind: "primary",
    model: "m",
    response_id: null,
    input_tokens: 250, // 1000 bytes x 0.25
    output_tokens: 600,
    service_tier: null,
    source: "estimate",
    completeness: "estimated",
    billed: true,
    raw: null,
  });
});

test("a reply that was seen in part: a token per 120 bytes, rounded up", () => {
  const output = (responseBytes: number): number | undefined =>
    estimateUsage({ ...nothingKnown, responseBytes }).output_tokens;
  assert.equal(output(0), 0);
  assert.equal(output(1), 1);
  assert.equal(output(120), 1);
  assert.equal(output(121), 2);
  assert.equal(output(120_000), 1000);
});

test("input is rounded up, so that a small request does not read zero", () => {
  assert.equal(estimateUsage({ ...nothingKnown, requestBytes: 1 }).input_tokens, 1);
  assert.equal(estimateUsage({ ...nothingKnown, requestBytes: 5 }).input_tokens, 2); // 1.25
});

test("the request's output limit caps the guess", () => {
  assert.equal(estimateUsage({ ...nothingKnown, maxOutputTokens: 10 }).output_tokens, 10);
  assert.equal(estimateUsage({ ...nothingKnown, maxOutputTokens: 601 }).output_tokens, 600);
  assert.equal(estimateUsage({ ...nothingKnown, responseBytes: 1200, maxOutputTokens: 3 }).output_tokens, 3);
});

test("known input stays exact, and known output is a lower bound", () => {
  const known: MeteredUsage = {
    kind: "primary",
    model: "claude-opus-5-5",
    response_id: "msg_1",
    service_tier: "standard",
    source: "message_start",
    completeness: "partial",
    billed: true,
    raw: { message_start: { input_tokens: 7 } },
    input_tokens: 107,
    cache_read_input_tokens: 100,
    output_tokens: 4,
  };
  const of = (responseBytes: number): MeteredUsage =>
    estimateUsage({ ...nothingKnown, responseBytes, known });
  assert.deepEqual(of(1200), { ...known, output_tokens: 10, completeness: "estimated" });
  assert.deepEqual(of(120), { ...known, output_tokens: 4, completeness: "estimated" });
  // More than the limit was seen: what was seen wins.
  assert.equal(
    estimateUsage({ ...nothingKnown, responseBytes: 1200, maxOutputTokens: 2, known }).output_tokens,
    4,
  );
});
