/**
 * What bounds the cost of an Anthropic request (facts/budget.md 2, facts/wire.md 1.2; @anthropic-ai/sdk 1.12.0 for the
 * members). Server tools bill the input again with every use: `max_uses` bounds them or nothing does.
 */

import { isObject, memberOf } from "../readings.ts";
import { type ReadRequestBound, type RequestBound, restOf, wholeNumber } from "../request-bound.ts";

/** Members that are no input, or have a place of their own. */
const noInput: ReadonlySet<string> = new Set([
  "model",
  "messages",
  "system",
  "tools",
  "max_tokens",
  "max_tokens_to_sample",
  "stream",
  "metadata",
  "temperature",
  "top_p",
  "top_k",
  "stop_sequences",
  "service_tier",
  "speed",
  "inference_geo",
  "thinking",
  "context_management",
]);

/** Tools that the caller runs itself, and the search among the tools that the request brings. */
const callerTool = /^(?:custom|(?:bash|text_editor|computer|memory|tool_search_tool\w*)_\d{8})$/;
/** What a tool of Anthropic's own adds to the input: computer use 735, the text editor 700, bash 245 (docs), with room. */
const toolTokens = 1_500;
const webSearch = /^web_search_\d{8}$/;

/** `messages`. */
export const messagesBound: ReadRequestBound = (body) => {
  const { messages, system, tools, thinking } = body;
  const toolList: readonly unknown[] = Array.isArray(tools) ? tools : [];
  return {
    ...toolsBound(toolList),
    ...unboundedFeatures(body),
    turns: Array.isArray(messages) ? messages.map(asShorthand) : [messages],
    // Each under its name: what was counted as one is not known as another.
    parts: [
      { tools },
      ...(Array.isArray(system) ? system : [system]).map((block: unknown) => ({ system: block })),
      restOf(body, noInput),
    ],
    countedAs: [thinking, body["context_management"]],
    hiddenTokens:
      toolList.filter((tool) => (memberOf(tool, "type") ?? "custom") !== "custom").length * toolTokens,
    outputLimit: { name: "max_tokens", tokens: wholeNumber(body["max_tokens"]) },
    thinkingTokens: wholeNumber(memberOf(thinking, "budget_tokens")),
    outputs: 1,
    ...tiersOf,
    speeds: body["speed"] === "fast" ? [null, "fast"] : [null],
    hasLongCacheLifetime: false,
    hasAudioOutput: false,
  };
};

/**
 * A message whose content is one block of text and nothing else, as the string that is its documented shorthand. Claude
 * Code 2.1.330 writes the message that it marks for the cache with blocks, and the same one with a string in the next
 * turn, when the mark has moved on (measured): without this no beginning of its turns is known again.
 */
function asShorthand(message: unknown): unknown {
  if (!isObject(message)) return message;
  const { content } = message;
  if (!Array.isArray(content) || content.length !== 1) return message;
  const [block] = content as readonly unknown[];
  if (!isObject(block) || Object.keys(block).length !== 2) return message;
  if (block["type"] !== "text" || typeof block["text"] !== "string") return message;
  return { ...message, content: block["text"] };
}

/** Legacy `complete`. */
export const completeBound: ReadRequestBound = (body) => ({
  turns: [],
  parts: [restOf(body, noInput)],
  outputLimit: { name: "max_tokens_to_sample", tokens: wholeNumber(body["max_tokens_to_sample"]) },
  thinkingTokens: null,
  outputs: 1,
  rounds: 1,
  toolCalls: {},
  unboundable: null,
  ...tiersOf,
  speeds: [null],
  hasLongCacheLifetime: false,
  hasAudioOutput: false,
});

/** Priority capacity is bought beforehand and has no price per token: a reply served from it costs no more. */
const tiersOf: Pick<RequestBound, "tiers" | "possibleTiers"> = { tiers: [null], possibleTiers: [] };

function toolsBound(tools: readonly unknown[]): Pick<RequestBound, "rounds" | "toolCalls" | "unboundable"> {
  let uses = 0;
  for (const tool of tools) {
    const type = memberOf(tool, "type");
    if (type === undefined || type === null || (typeof type === "string" && callerTool.test(type))) continue;
    const maxUses = wholeNumber(memberOf(tool, "max_uses"));
    const isCounted = typeof type === "string" && webSearch.test(type);
    if (!isCounted || maxUses === null) {
      const remedy = isCounted ? " and no `max_uses`" : "";
      return {
        rounds: 1,
        toolCalls: {},
        unboundable: `the server tool \`${typeof type === "string" ? type : "?"}\`${remedy}`,
      };
    }
    uses += maxUses;
  }
  return { rounds: uses + 1, toolCalls: uses === 0 ? {} : { web_search_requests: uses }, unboundable: null };
}

function unboundedFeatures(
  body: Readonly<Record<string, unknown>>,
): { readonly unboundable: string } | Record<string, never> {
  for (const name of ["mcp_servers", "fallbacks", "container", "compaction", "thread"] as const) {
    const value = body[name];
    if (value === undefined || value === null || (Array.isArray(value) && value.length === 0)) continue;
    return { unboundable: `\`${name}\`` };
  }
  if (addsTools(body["messages"])) return { unboundable: "a `tool_addition` block" };
  const edits = memberOf(body["context_management"], "edits");
  const compacts =
    Array.isArray(edits) &&
    edits.some((edit) => isObject(edit) && !String(edit["type"]).startsWith("clear_"));
  return compacts ? { unboundable: "compaction (`context_management`)" } : {};
}

/** Tools may be added in the middle of a conversation, server tools too. */
function addsTools(messages: unknown): boolean {
  if (!Array.isArray(messages)) return false;
  return messages.some((message) => {
    const content = memberOf(message, "content");
    return Array.isArray(content) && content.some((block) => memberOf(block, "type") === "tool_addition");
  });
}
