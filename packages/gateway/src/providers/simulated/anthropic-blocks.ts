/** The content blocks of an Anthropic message, and how each of them is streamed. */

import { OTHER_MODEL } from "./anthropic-usage.ts";
import type { Ask } from "./ask.ts";
import { asObject, type JsonObject } from "./json.ts";
import type { Plan } from "./plan.ts";
import type { PlannedToolCall } from "./prompt.ts";
import { piecesOf } from "./tokens.ts";

/** A block as it ends, as its start shows it, and the deltas between. */
export interface ContentBlock {
  readonly done: JsonObject;
  readonly started: JsonObject;
  readonly deltas: readonly JsonObject[];
}

/** All blocks of the message, in order. A refusal before any output has none. */
export function contentBlocks(ask: Ask, plan: Plan): readonly ContentBlock[] {
  const blocks: ContentBlock[] = [];
  if (ask.directives.iterations === "fallback") blocks.push(whole(fallbackBlock(ask)));
  if (plan.thinking !== "") blocks.push(thinkingBlock(ask, plan.thinking));
  if (ask.directives.isWebSearch && plan.stop !== "refusal") blocks.push(...webSearchBlocks(ask));
  if (plan.text !== "") blocks.push(textBlock(plan.text));
  if (plan.toolCall !== null) blocks.push(toolUseBlock(ask, plan.toolCall));
  return blocks;
}

/** A block that comes in one piece. */
function whole(block: JsonObject): ContentBlock {
  return { done: block, started: block, deltas: [] };
}

function fallbackBlock(ask: Ask): JsonObject {
  const trigger = { type: "refusal", category: null };
  return { type: "fallback", from: { model: ask.prompt.model }, to: { model: OTHER_MODEL }, trigger };
}

function thinkingBlock(ask: Ask, thinking: string): ContentBlock {
  const signature = ask.ids.opaque(192);
  const isOmitted = asObject(ask.body["thinking"])["display"] === "omitted";
  const shown = isOmitted ? "" : thinking;
  return {
    started: { type: "thinking", thinking: "", signature: "" },
    done: { type: "thinking", thinking: shown, signature },
    deltas: [
      ...piecesOf(shown).map((piece) => ({ type: "thinking_delta", thinking: piece })),
      { type: "signature_delta", signature },
    ],
  };
}

function textBlock(text: string): ContentBlock {
  return {
    started: { type: "text", text: "" },
    done: { type: "text", text },
    deltas: piecesOf(text).map((piece) => ({ type: "text_delta", text: piece })),
  };
}

function toolUseBlock(ask: Ask, call: PlannedToolCall): ContentBlock {
  const head = { type: "tool_use", id: ask.ids.letters("toolu_01", 22), name: call.tool.name };
  return {
    started: { ...head, input: {} },
    done: { ...head, input: JSON.parse(call.input) as unknown },
    // The first piece of a tool's input is always empty.
    deltas: ["", ...piecesOf(call.input)].map((piece) => ({ type: "input_json_delta", partial_json: piece })),
  };
}

function webSearchBlocks(ask: Ask): readonly ContentBlock[] {
  const id = ask.ids.letters("srvtoolu_01", 22);
  const input = { query: "simulated search" };
  const head = { type: "server_tool_use", id, name: "web_search" };
  const result = {
    type: "web_search_result",
    title: "A simulated page",
    url: "https://example.com/",
    encrypted_content: ask.ids.opaque(48),
    page_age: null,
  };
  return [
    {
      started: { ...head, input: {} },
      done: { ...head, input },
      deltas: [{ type: "input_json_delta", partial_json: JSON.stringify(input) }],
    },
    whole({ type: "web_search_tool_result", tool_use_id: id, content: [result] }),
  ];
}
