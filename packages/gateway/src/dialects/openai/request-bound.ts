/**
 * What bounds the cost of an OpenAI request (facts/budget.md 2; openai 7.57.0 for the members). Tools that the
 * provider runs bill the input again with every call: they are bounded by `max_tool_calls` or not at all.
 */

import { isObject, memberOf, textOf } from "../readings.ts";
import {
  countAsked,
  type ReadRequestBound,
  type RequestBound,
  restOf,
  wholeNumber,
} from "../request-bound.ts";

/** Members that are no input: they cost nothing, and may change from turn to turn. */
const noInput: ReadonlySet<string> = new Set([
  "model",
  "stream",
  "stream_options",
  "store",
  "include",
  "metadata",
  "client_metadata",
  "prompt_cache_key",
  "prompt_cache_retention",
  "prompt_cache_options",
  "safety_identifier",
  "user",
  "max_output_tokens",
  "max_completion_tokens",
  "max_tokens",
  "max_tool_calls",
  "temperature",
  "top_p",
  "top_logprobs",
  "logprobs",
  "logit_bias",
  "frequency_penalty",
  "presence_penalty",
  "seed",
  "stop",
  "n",
  "best_of",
  "service_tier",
  "parallel_tool_calls",
  "truncation",
]);
const responsesInput: ReadonlySet<string> = new Set([...noInput, "input", "tools", "instructions"]);
const chatInput: ReadonlySet<string> = new Set([...noInput, "messages", "tools"]);

/** Tools that the caller runs itself. `tool_search` finds among the tools that the request itself brings. */
const callerTools: ReadonlySet<string> = new Set([
  "function",
  "custom",
  "namespace",
  "tool_search",
  "local_shell",
  "apply_patch",
  "computer_use_preview",
  "computer",
]);
/** Hosted tools whose calls `max_tool_calls` limits and the price list prices by the call. */
const countedTools: Readonly<Record<string, "web_search_requests" | "file_search_calls">> = {
  web_search: "web_search_requests",
  web_search_2025_08_26: "web_search_requests",
  web_search_preview: "web_search_requests",
  web_search_preview_2025_03_11: "web_search_requests",
  file_search: "file_search_calls",
};

/** Codex 0.169.0 sends the tool unless told so; its older `tools.web_search = false` no longer does it (measured). */
const webSearchRemedy = "Codex sends no search with `web_search = 'disabled'` at the top of its config.toml.";

/** `responses`. */
export const responsesBound: ReadRequestBound = (body) => {
  const input = body["input"];
  return {
    ...common(body),
    ...toolsBound(allTools(body), wholeNumber(body["max_tool_calls"])),
    ...unboundedFeatures(body),
    turns: Array.isArray(input) ? input : [input],
    // Each under its name: what was counted as one is not known as another.
    parts: [
      { tools: body["tools"] },
      { instructions: body["instructions"] },
      { isStored: holdsStored(input) ? { type: "item_reference" } : null },
      restOf(body, responsesInput),
    ],
    outputLimit: { name: "max_output_tokens", tokens: wholeNumber(body["max_output_tokens"]) },
    countedAs: [body["truncation"], body["reasoning"], body["image"]],
  };
};

/** `responses.compact`: it takes no output limit, so the model's own is the bound. */
export const compactBound: ReadRequestBound = (body) => ({
  ...responsesBound(body),
  outputLimit: { name: "max_output_tokens", tokens: null, isFixed: true },
});

/** Items of which only the id is sent, or the part that the caller may see: the provider adds the rest. */
function holdsStored(input: unknown): boolean {
  if (!Array.isArray(input)) return false;
  return input.some((item) => {
    if (!isObject(item) || item["id"] === undefined || item["id"] === null) return false;
    const type = item["type"];
    if (type === undefined || type === null) return item["role"] === undefined;
    if (type === "reasoning") return typeof item["encrypted_content"] !== "string";
    return type === "web_search_call" || type === "code_interpreter_call";
  });
}

/** `chat.completions`. */
export const chatBound: ReadRequestBound = (body) => {
  const bound = common(body);
  const messages = body["messages"];
  const current = wholeNumber(body["max_completion_tokens"]);
  const legacy = wholeNumber(body["max_tokens"]);
  // Which of the two a provider obeys is its own business: the larger one bounds, and both are lowered.
  const given = ["max_completion_tokens", "max_tokens"].filter((name) => isGiven(body[name]));
  const [name = "max_completion_tokens", ...alsoIn] = given;
  const isReadable = given.length === [current, legacy].filter((limit) => limit !== null).length;
  const outputs = countAsked(body["n"]);
  const modalities = body["modalities"];
  return {
    ...bound,
    ...toolsBound(toolsOf(body["tools"]), null),
    ...(!isGiven(body["web_search_options"]) ? {} : { unboundable: "`web_search_options`" }),
    ...(outputs === null ? { unboundable: "an `n` that is no number" } : {}),
    ...(/search/.test(String(body["model"])) ? { unboundable: "a model that searches by itself" } : {}),
    ...(isGiven(body["prediction"]) ? { unboundable: "a `prediction`" } : {}),
    turns: Array.isArray(messages) ? messages : [messages],
    parts: [{ tools: body["tools"] }, restOf(body, chatInput)],
    outputLimit: {
      name,
      alsoIn,
      tokens: isReadable && given.length > 0 ? Math.max(current ?? 0, legacy ?? 0) : null,
    },
    outputs: outputs ?? 1,
    countedAs: body["reasoning_effort"],
    hasAudioOutput: Array.isArray(modalities) && modalities.includes("audio"),
  };
};

/** Legacy `completions`: each of its prompts has its own answers. */
export const completionsBound: ReadRequestBound = (body) => {
  const { prompt } = body;
  // A list of numbers is one prompt.
  const prompts = Array.isArray(prompt) ? prompt.filter((each) => typeof each !== "number").length : 1;
  const [n, bestOf] = [countAsked(body["n"]), countAsked(body["best_of"])];
  const isUnreadable = n === null || bestOf === null;
  const tokens = body["max_tokens"];
  return {
    ...common(body),
    ...(isUnreadable ? { unboundable: "an `n` or `best_of` that is no number" } : {}),
    parts: [restOf(body, noInput)],
    // Documented: 16 where the request sets none.
    outputLimit: { name: "max_tokens", tokens: isGiven(tokens) ? wholeNumber(tokens) : 16 },
    outputs: Math.max(1, prompts) * Math.max(n ?? 1, bestOf ?? 1),
  };
};

/** `embeddings`: input alone. */
export const embeddingsBound: ReadRequestBound = (body) => ({
  ...common(body),
  parts: [restOf(body, noInput)],
  outputs: 0,
});

function common(body: Readonly<Record<string, unknown>>): RequestBound {
  return {
    turns: [],
    parts: [],
    outputLimit: { name: "max_output_tokens", tokens: null },
    thinkingTokens: null,
    outputs: 1,
    rounds: 1,
    toolCalls: {},
    unboundable: null,
    ...tiersOf(body["service_tier"]),
    speeds: [null],
    hasLongCacheLifetime:
      isGiven(body["prompt_cache_retention"]) || isGiven(memberOf(body["prompt_cache_options"], "ttl")),
    hasAudioOutput: false,
  };
}

/** Without a tier, and with `auto`, the account's default decides; `fast` is another name of priority. */
function tiersOf(tier: unknown): Pick<RequestBound, "tiers" | "possibleTiers"> {
  if (tier === undefined || tier === null || tier === "auto") {
    return { tiers: [null], possibleTiers: ["priority", "flex"] };
  }
  if (typeof tier !== "string" || tier === "default" || tier === "standard") {
    return { tiers: [null], possibleTiers: [] };
  }
  return { tiers: [null, tier === "fast" ? "priority" : tier], possibleTiers: [] };
}

function toolsOf(tools: unknown): readonly unknown[] {
  return Array.isArray(tools) ? tools : [];
}

/** Tools may stand among the input, too. */
function allTools(body: Readonly<Record<string, unknown>>): readonly unknown[] {
  const { input } = body;
  const inInput = Array.isArray(input) ? input.flatMap((item) => toolsOf(memberOf(item, "tools"))) : [];
  const all = [...toolsOf(body["tools"]), ...inInput];
  if (all.length === 0) return all;
  return [...all, ...all.flatMap((tool) => toolsOf(memberOf(tool, "tools")))];
}

function toolsBound(
  tools: readonly unknown[],
  maxToolCalls: number | null,
): Pick<RequestBound, "rounds" | "toolCalls" | "unboundable" | "remedy"> {
  const types = tools.map((tool) => textOf(memberOf(tool, "type")) ?? "function");
  const hosted = types.filter((type) => !callerTools.has(type));
  const [first] = hosted;
  if (first === undefined) return { rounds: 1, toolCalls: {}, unboundable: null };
  const foreign = hosted.find((type) => !Object.hasOwn(countedTools, type));
  if (foreign !== undefined || maxToolCalls === null) {
    const name = foreign ?? first;
    const missing = foreign === undefined ? " and no `max_tool_calls`" : "";
    return {
      rounds: 1,
      toolCalls: {},
      unboundable: `the hosted tool \`${name}\`${missing}`,
      ...(countedTools[name] === "web_search_requests" ? { remedy: webSearchRemedy } : {}),
    };
  }
  const counts = Object.fromEntries(hosted.map((type) => [countedTools[type] ?? type, maxToolCalls]));
  const hasPreview = hosted.some((type) => type.startsWith("web_search_preview"));
  const previews = hasPreview ? { web_search_preview_requests: maxToolCalls } : {};
  return { rounds: maxToolCalls + 1, toolCalls: { ...counts, ...previews }, unboundable: null };
}

function unboundedFeatures(
  body: Readonly<Record<string, unknown>>,
): { readonly unboundable: string } | Record<string, never> {
  // What a strict parser refuses, a lax one may read as true.
  if (isGiven(body["background"]) && body["background"] !== false) return { unboundable: "`background`" };
  // A stored prompt brings its own text, tools and limits.
  for (const name of ["context_management", "prompt"]) {
    if (isGiven(body[name])) return { unboundable: `\`${name}\`` };
  }
  const mode = memberOf(body["reasoning"], "mode");
  if (isGiven(mode) && mode !== "standard") return { unboundable: "`reasoning.mode`" };
  const { input } = body;
  const compacts =
    Array.isArray(input) && input.some((item) => memberOf(item, "type") === "compaction_trigger");
  return compacts ? { unboundable: "a `compaction_trigger`" } : {};
}

function isGiven(value: unknown): boolean {
  return value !== undefined && value !== null;
}
