import assert from "node:assert/strict";
import { test } from "node:test";
import { openAiModelTraits } from "./model-traits.ts";

const efforts = (model: string): string | undefined => openAiModelTraits(model)?.reasoningEfforts.join(" ");

test("efforts by family, an undated name and a dated one alike", () => {
  const rows: readonly (readonly [string, string])[] = [
    ["gpt-6.2-sol", "low medium high xhigh"],
    ["gpt-5.4", "low medium high xhigh"],
    ["gpt-5.4-2026-03-05", "low medium high xhigh"],
    ["gpt-5.4-pro", "medium high xhigh"],
    ["gpt-5.3-codex", "low medium high xhigh"],
    ["gpt-5.1", "none low medium high"],
    ["gpt-5.1-2025-11-13", "none low medium high"],
    ["gpt-5.1-codex-max", "low medium high xhigh"],
    ["gpt-5.1-codex-mini", "low medium high"],
    ["gpt-5-codex", "low medium high"],
    ["gpt-5", "minimal low medium high"],
    ["gpt-5-nano-2025-08-07", "minimal low medium high"],
    ["gpt-5-pro", "high"],
    ["o4-mini", "low medium high"],
    ["o1-mini", ""],
    ["gpt-4.1", ""],
    ["gpt-4o-mini", ""],
  ];
  for (const [model, expected] of rows) assert.equal(efforts(model), expected, model);
});

test("what came with a family is not promised of an older one", () => {
  const flags = (model: string): string => {
    const traits = openAiModelTraits(model);
    assert.ok(traits !== null);
    const { takesCustomTools, takesToolSearch, takesVerbosity, takesImages } = traits;
    return [takesCustomTools, takesToolSearch, takesVerbosity, takesImages].map(Number).join("");
  };
  assert.equal(flags("gpt-5.4-mini"), "1111");
  assert.equal(flags("gpt-5.4-nano"), "1011");
  assert.equal(flags("gpt-5.3-codex"), "1111");
  assert.equal(flags("gpt-5.1"), "1011");
  assert.equal(flags("gpt-5-codex"), "1001");
  assert.equal(flags("gpt-4.1"), "0001");
  assert.equal(flags("o3-mini"), "0000");
});

test("an agent needs a model that calls tools", () => {
  for (const model of ["gpt-5.4", "gpt-5.5-pro", "o3", "gpt-4o", "gpt-4-turbo", "codex-mini-latest"])
    assert.equal(openAiModelTraits(model)?.callsTools, true, model);
  for (const model of [
    "text-embedding-3-large",
    "gpt-image-2",
    "gpt-4o-transcribe",
    "gpt-4o-mini-tts",
    "gpt-realtime-mini",
    "gpt-4o-realtime-preview-2025-06-03",
    "gpt-audio",
    "gpt-5.2-chat-latest",
    "o4-mini-deep-research",
    "sora-2-pro",
  ])
    assert.equal(openAiModelTraits(model)?.callsTools, false, model);
});

test("nothing is made up of a model that is not OpenAI's", () => {
  for (const model of ["qwen3-coder", "gpt-oss-120b", "llama-4", "ollama", "mistral-large", ""])
    assert.equal(openAiModelTraits(model), null, model);
});
