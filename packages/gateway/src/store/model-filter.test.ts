import assert from "node:assert/strict";
import { test } from "node:test";
import { isModelOrSnapshot } from "./model-filter.ts";

test("finds the model and its dated snapshots", () => {
  assert.ok(isModelOrSnapshot("gpt-5.5", "gpt-5.5"));
  assert.ok(isModelOrSnapshot("gpt-5.5", "gpt-5.5-2026-04-23"));
  assert.ok(isModelOrSnapshot("claude-haiku-4-5", "claude-haiku-4-5-20251001"));
});

test("never finds a sibling", () => {
  for (const sibling of [
    "gpt-5.5-mini",
    "gpt-5.5-2026",
    "gpt-5.50",
    "gpt-5.5-2026-04-23-mini",
    "gpt-5",
    "",
  ]) {
    assert.ok(!isModelOrSnapshot("gpt-5.5", sibling), sibling);
  }
  assert.ok(!isModelOrSnapshot("claude-sonnet-5", "claude-sonnet-5-5"));
});
