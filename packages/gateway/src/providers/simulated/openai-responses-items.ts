/**
 * The output items of a Responses reply, and the events that stream each of them. Codex takes an item from
 * its `response.output_item.done` and shows the deltas before it.
 */

import type { Ask } from "./ask.ts";
import { asArray, type JsonObject } from "./json.ts";
import { refusalText, type Plan } from "./plan.ts";
import type { PlannedToolCall } from "./prompt.ts";
import { piecesOf } from "./tokens.ts";

/** An item as it ends, and its events between `output_item.added` and `output_item.done`. */
export interface OutputItem {
  readonly done: JsonObject;
  /** As `output_item.added` shows it. */
  readonly added: JsonObject;
  /** Event types with their members; `item_id` and `output_index` are added to each. */
  readonly events: readonly (readonly [type: string, members: JsonObject])[];
}

/** All items of the reply, in order. */
export function outputItems(ask: Ask, plan: Plan): readonly OutputItem[] {
  const items: OutputItem[] = [];
  if (plan.thinking !== "") items.push(reasoningItem(ask, plan.thinking));
  if (ask.directives.isWebSearch) items.push(webSearchItem(ask));
  if (plan.toolCall?.tool.kind === "custom") items.push(customCallItem(ask, plan.toolCall));
  else if (plan.toolCall !== null) items.push(functionCallItem(ask, plan.toolCall));
  else if (plan.text !== "" || plan.stop === "refusal") items.push(messageItem(ask, plan));
  return items;
}

function reasoningItem(ask: Ask, thinking: string): OutputItem {
  const isEncrypted = asArray(ask.body["include"]).includes("reasoning.encrypted_content");
  const id = ask.ids.hex("rs_", 48);
  const head = { id, type: "reasoning" };
  const sealed = isEncrypted ? { encrypted_content: ask.ids.opaque(96) } : {};
  const summary = { type: "summary_text", text: thinking };
  const at = { summary_index: 0 };
  return {
    added: { ...head, ...sealed, summary: [] },
    done: { ...head, ...sealed, summary: [summary] },
    events: [
      ["response.reasoning_summary_part.added", { ...at, part: { ...summary, text: "" } }],
      ...piecesOf(thinking).map((delta): [string, JsonObject] => [
        "response.reasoning_summary_text.delta",
        { ...at, delta },
      ]),
      ["response.reasoning_summary_text.done", { ...at, text: thinking }],
      ["response.reasoning_summary_part.done", { ...at, part: summary }],
    ],
  };
}

function webSearchItem(ask: Ask): OutputItem {
  const head = { id: ask.ids.hex("ws_", 48), type: "web_search_call" };
  const action = { type: "search", query: "simulated search" };
  return {
    added: { ...head, status: "in_progress", action },
    done: { ...head, status: "completed", action },
    events: [
      ["response.web_search_call.in_progress", {}],
      ["response.web_search_call.searching", {}],
      ["response.web_search_call.completed", {}],
    ],
  };
}

function functionCallItem(ask: Ask, call: PlannedToolCall): OutputItem {
  const { name, namespace } = call.tool;
  const head = { id: ask.ids.hex("fc_", 48), type: "function_call" };
  const tail = { call_id: ask.ids.letters("call_", 24), name, ...(namespace === null ? {} : { namespace }) };
  return {
    added: { ...head, status: "in_progress", arguments: "", ...tail },
    done: { ...head, status: "completed", arguments: call.input, ...tail },
    events: [
      ...deltas(ask, "response.function_call_arguments.delta", call.input),
      ["response.function_call_arguments.done", { arguments: call.input, name }],
    ],
  };
}

function customCallItem(ask: Ask, call: PlannedToolCall): OutputItem {
  const { name, namespace } = call.tool;
  const head = { id: ask.ids.hex("ctc_", 48), type: "custom_tool_call" };
  const tail = { call_id: ask.ids.letters("call_", 24), name, ...(namespace === null ? {} : { namespace }) };
  return {
    added: { ...head, status: "in_progress", input: "", ...tail },
    done: { ...head, status: "completed", input: call.input, ...tail },
    events: [
      ...deltas(ask, "response.custom_tool_call_input.delta", call.input),
      ["response.custom_tool_call_input.done", { input: call.input }],
    ],
  };
}

function messageItem(ask: Ask, plan: Plan): OutputItem {
  const head = { id: ask.ids.hex("msg_", 48), type: "message" };
  const isRefusal = plan.stop === "refusal" && plan.text === "";
  const part = (text: string): JsonObject =>
    isRefusal
      ? { type: "refusal", refusal: text }
      : { type: "output_text", annotations: [], logprobs: [], text };
  const text = isRefusal ? refusalText : plan.text;
  const at = { content_index: 0 };
  const kind = isRefusal ? "response.refusal" : "response.output_text";
  const logprobs = isRefusal ? {} : { logprobs: [] };
  const status =
    plan.stop === "length" || (plan.stop === "refusal" && !isRefusal) ? "incomplete" : "completed";
  return {
    added: { ...head, status: "in_progress", content: [], role: "assistant" },
    done: { ...head, status, content: [part(text)], role: "assistant" },
    events: [
      ["response.content_part.added", { ...at, part: part("") }],
      ...deltas(ask, `${kind}.delta`, text).map(([type, members]): [string, JsonObject] => [
        type,
        { ...at, ...logprobs, ...members },
      ]),
      [`${kind}.done`, { ...at, ...logprobs, [isRefusal ? "refusal" : "text"]: text }],
      ["response.content_part.done", { ...at, part: part(text) }],
    ],
  };
}

function deltas(ask: Ask, type: string, text: string): readonly (readonly [string, JsonObject])[] {
  return piecesOf(text).map((delta) => [
    type,
    { delta, obfuscation: ask.ids.letters("", 1 + ((delta.length * 7) % 16)) },
  ]);
}
