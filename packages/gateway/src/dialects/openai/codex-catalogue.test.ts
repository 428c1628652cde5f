import assert from "node:assert/strict";
import { describe, it, test } from "node:test";
import { openai } from "../../providers/openai/provider.ts";
import type { CatalogueContext } from "../dialect.ts";
import { codexCatalogue } from "./codex-catalogue.ts";
import type { CodexEntry } from "./codex-entry.ts";

const codex = { originator: "codex_exec", "user-agent": "codex_exec/0.169.0 (Debian 12.0.0; x86_64)" };
const everything: CatalogueContext = { provider: openai, isGranted: () => true };
const only = (...models: readonly string[]): CatalogueContext => ({
  provider: openai,
  isGranted: (model) => models.includes(model),
});
/** The first is the newest. */
const listOf = (...ids: readonly string[]): { object: string; data: { id: string; created: number }[] } => ({
  object: "list",
  data: ids.map((id, index) => ({ id, created: 1_750_000_000 - index })),
});

interface Asked {
  readonly version?: string;
  readonly context?: CatalogueContext;
}

function catalogued(list: unknown, { version = "0.169.0", context = everything }: Asked = {}): unknown {
  const add = codexCatalogue({ query: `?client_version=${version}`, headers: codex });
  assert.ok(add !== null);
  return add(list, context);
}

function entries(list: unknown, asked: Asked = {}): readonly CodexEntry[] {
  return (catalogued(list, asked) as { models: readonly CodexEntry[] }).models;
}

function entry(model: string): CodexEntry {
  const [first, ...rest] = entries(listOf(model));
  assert.ok(first !== undefined);
  assert.deepEqual(rest, []);
  return first;
}

const shown = (models: readonly CodexEntry[]): readonly string[] =>
  models.filter(({ visibility }) => visibility === "list").map(({ slug }) => slug);

test("only Codex gets it: a version in the query, and an originator, whatever its name", () => {
  const asks = (query: string, headers: Record<string, string>): boolean =>
    codexCatalogue({ query, headers }) !== null;
  assert.equal(asks("?client_version=0.169.0", codex), true);
  assert.equal(asks("?client_version=0.169.0", { originator: "an-editor" }), true);
  assert.equal(asks("?client_version=0.169.0", { "user-agent": "openai-node/7.57.0" }), false);
  assert.equal(asks("", codex), false);
  assert.equal(asks("?client_version=new", codex), false);
});

describe("the list itself", () => {
  it("stays as it was, member by member", () => {
    const list = { ...listOf("gpt-5.4"), has_more: false };
    const { models, ...rest } = catalogued(list) as Record<string, unknown>;
    assert.deepEqual(rest, list);
    assert.ok(Array.isArray(models));
    assert.equal("models" in list, false, "what was given is not changed");
  });

  it("that is none comes back as it is", () => {
    for (const list of [null, "x", 1, [{ id: "gpt-5.4" }]]) assert.equal(catalogued(list), list);
    assert.deepEqual(entries({ error: {} }), []);
  });
});

describe("which models are described", () => {
  it("those that Codex does not bring along, by its version", () => {
    const list = listOf("gpt-6.1-sol", "gpt-5.5", "gpt-5.4", "gpt-5.2");
    assert.deepEqual(shown(entries(list)), ["gpt-5.4", "gpt-5.2"]);
    assert.deepEqual(shown(entries(list, { version: "0.155.0" })), ["gpt-6.1-sol", "gpt-5.2"]);
    assert.deepEqual(shown(entries(list, { version: "0.144.0" })), ["gpt-6.1-sol"]);
    assert.deepEqual(shown(entries(list, { version: "9.0.0" })), ["gpt-5.4", "gpt-5.2"]);
  });

  it("no embeddings, pictures and sound, nor what calls no tools", () => {
    const ids = [
      "text-embedding-3-small",
      "omni-moderation-latest",
      "gpt-image-2",
      "dall-e-3",
      "sora-2",
      "whisper-1",
      "tts-1",
      "gpt-realtime",
      "gpt-4o-transcribe",
      "gpt-4o-mini-tts",
      "gpt-4o-audio-preview",
      "gpt-4o-search-preview",
      "o3-deep-research",
      "chatgpt-4o-latest",
      "gpt-5-chat-latest",
      "davinci-002",
      "gpt-3.5-turbo-instruct",
    ];
    assert.deepEqual(entries(listOf(...ids)), []);
  });

  it("a dated name only where the model is not there under its own", () => {
    const list = listOf("gpt-5.4-2026-03-05", "gpt-5.4", "gpt-5.2-2025-12-11");
    assert.deepEqual(shown(entries(list)), ["gpt-5.4", "gpt-5.2-2025-12-11"]);
  });

  it("the newest first, behind Codex's own", () => {
    const list = listOf("gpt-5.2", "gpt-5.4");
    list.data.reverse();
    const models = entries(list);
    assert.deepEqual(shown(models), ["gpt-5.2", "gpt-5.4"]);
    assert.ok(models.every(({ priority }) => priority > 43));
    assert.ok((models[0]?.priority ?? 0) < (models[1]?.priority ?? 0));
  });

  it("what is older than agents is described, and not in the picker", () => {
    assert.deepEqual([entry("gpt-4.1").visibility, entry("o3").visibility], ["hide", "hide"]);
    assert.deepEqual([entry("gpt-5").visibility, entry("qwen3-coder").visibility], ["list", "list"]);
  });
});

describe("what a provider itself says to Codex", () => {
  it("stands before our words, as far as the token may use it", () => {
    const own = { slug: "gpt-5.4", display_name: "theirs" };
    const list = {
      ...listOf("gpt-5.4", "gpt-5.2"),
      models: [own, { slug: "gpt-5.1" }, null, { slug: 1 }, "x"],
    };
    const models = entries(list, { context: only("gpt-5.4", "gpt-5.2") });
    assert.equal(models[0], own);
    assert.deepEqual(
      models.filter(({ visibility }) => visibility !== "hide").map(({ slug }) => slug),
      ["gpt-5.4", "gpt-5.2"],
    );
  });
});

describe("what Codex brings along and the token may not use", () => {
  const hiddenOf = (list: unknown, context: CatalogueContext, version = "0.169.0"): readonly string[] =>
    entries(list, { context, version })
      .filter(({ visibility }) => visibility === "hide")
      .map(({ slug }) => slug);

  it("leaves the picker", () => {
    const hidden = hiddenOf(listOf("gpt-5.4", "gpt-5.5"), only("gpt-5.4", "gpt-5.5"));
    assert.ok(hidden.includes("gpt-6.1-sol") && hidden.includes("gpt-5.6-luna"));
    assert.ok(!hidden.includes("gpt-5.5") && !hidden.includes("gpt-5.4"));
  });

  it("but not where something may be used that it stands for", () => {
    const dated = "gpt-5.5-2026-04-23";
    assert.ok(!hiddenOf(listOf(dated), only(dated)).includes("gpt-5.5"));
  });

  it("is nothing for a token that may use everything, whatever the provider lists", () => {
    assert.deepEqual(hiddenOf(listOf(), everything), []);
  });

  it("is only what this version brings", () => {
    const hidden = hiddenOf(listOf(), only(), "0.144.0");
    assert.ok(hidden.includes("gpt-5.4") && !hidden.includes("gpt-6.1-sol"));
  });
});

describe("an entry", () => {
  it("of a model that is known says what it can do", () => {
    const { base_instructions: instructions, supported_reasoning_levels: levels, ...rest } = entry("gpt-5.4");
    assert.match(instructions, /^You are a coding agent\./);
    assert.deepEqual(
      levels.map(({ effort }) => effort),
      ["low", "medium", "high", "xhigh"],
    );
    assert.ok(levels.every(({ description }) => description !== ""));
    assert.deepEqual(rest, {
      slug: "gpt-5.4",
      display_name: "GPT-5.4",
      description: "OpenAI through this gateway.",
      default_reasoning_level: "medium",
      shell_type: "shell_command",
      visibility: "list",
      supported_in_api: true,
      priority: 100,
      availability_nux: null,
      upgrade: null,
      include_skills_usage_instructions: true,
      supports_reasoning_summaries: true,
      default_reasoning_summary: "none",
      support_verbosity: true,
      default_verbosity: "low",
      apply_patch_tool_type: "freeform",
      truncation_policy: { mode: "tokens", limit: 10_000 },
      supports_parallel_tool_calls: true,
      supports_search_tool: true,
      // 1 050 000 less 128 000 of output; the usual part of it without a surcharge.
      context_window: 272_000,
      max_context_window: 922_000,
      experimental_supported_tools: [],
      input_modalities: ["text", "image"],
    });
  });

  it("of a model that nobody knows promises little", () => {
    const unknown = entry("qwen3-coder");
    assert.equal(unknown.display_name, "qwen3-coder");
    assert.deepEqual(
      [unknown.context_window, unknown.max_context_window, unknown.input_modalities],
      [128_000, 128_000, ["text"]],
    );
    assert.deepEqual(
      [unknown.apply_patch_tool_type, unknown.default_reasoning_level, unknown.supported_reasoning_levels],
      [null, null, []],
    );
    assert.deepEqual(
      [unknown.support_verbosity, unknown.supports_parallel_tool_calls, unknown.supports_search_tool],
      [false, false, false],
    );
  });

  it("has every member that some version of Codex cannot do without", () => {
    // Measured with 0.144.0, 0.155.0 and 0.169.0: without one of them Codex refuses the whole list.
    const needed = [
      "slug",
      "display_name",
      "supported_reasoning_levels",
      "shell_type",
      "visibility",
      "supported_in_api",
      "priority",
      "base_instructions",
      "supports_reasoning_summaries",
      "support_verbosity",
      "truncation_policy",
      "supports_parallel_tool_calls",
      "experimental_supported_tools",
    ];
    for (const model of ["gpt-5.4", "gpt-4.1", "qwen3-coder"]) {
      const written = JSON.parse(JSON.stringify(entry(model))) as Record<string, unknown>;
      for (const member of needed) assert.ok(written[member] != null, `${model}: ${member}`);
      assert.notEqual(written["base_instructions"], "", "an empty prompt would be sent as one");
    }
  });

  it("begins with an effort that the model takes, medium where it can", () => {
    assert.equal(entry("gpt-5-pro").default_reasoning_level, "high");
    assert.equal(entry("gpt-5.2-pro").default_reasoning_level, "medium");
    assert.equal(entry("gpt-4.1").default_reasoning_level, null);
  });
});
