import assert from "node:assert/strict";
import { test } from "node:test";
import { matchesModel } from "./model-pattern.ts";

test("a pattern is a name, or the beginning of names", () => {
  const cases: readonly (readonly [string, string, boolean])[] = [
    ["openai/gpt-5.5", "openai/gpt-5.5", true],
    ["openai/gpt-5.5", "openai/gpt-5.5-mini", false],
    ["openai/gpt-5.5*", "openai/gpt-5.5", true],
    ["openai/gpt-5.5*", "openai/gpt-5.5-mini", true],
    ["openai/*", "openai/", true],
    ["openai/*", "anthropic/claude-opus-5-5", false],
    ["*", "anything/at-all", true],
    ["", "", true],
    ["", "openai/gpt-5.5", false],
    ["OpenAI/*", "openai/gpt-5.5", false],
    [" openai/*", "openai/gpt-5.5", false],
    // Only the last one stands for more than itself.
    ["*/gpt-5.5", "openai/gpt-5.5", false],
    ["openai/*-mini", "openai/gpt-5.5-mini", false],
    ["openai/**", "openai/gpt-5.5", false],
    ["openai/**", "openai/*x", true],
  ];
  for (const [pattern, name, holds] of cases)
    assert.equal(matchesModel(pattern, name), holds, `${pattern} ${name}`);
});
