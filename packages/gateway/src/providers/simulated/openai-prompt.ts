/** Reads a `Prompt` out of OpenAI request bodies: chat completions, legacy completions and responses. */

import { asArray, asCount, asObject, asString, isObject, type JsonObject } from "./json.ts";
import { isReasoningModel } from "./models.ts";
import {
  lastUserText,
  reasoningTokensOf,
  segmentOf,
  textOf,
  toolOutputOf,
  type OfferedTool,
  type Prompt,
  type ToolChoice,
} from "./prompt.ts";

/** Of a chat completions body. */
export function readChatPrompt(body: JsonObject): Prompt {
  const messages = asArray(body["messages"]).map(asObject);
  const last = messages.at(-1) ?? {};
  const model = asString(body["model"]);
  const user = messages.findLast((message) => message["role"] === "user");
  return {
    model,
    isStream: body["stream"] === true,
    userText: lastUserText(user?.["content"]),
    toolResult: last["role"] === "tool" ? toolOutputOf(last["content"]) : null,
    tools: readTools(asArray(body["tools"]), null),
    toolChoice: readToolChoice(body["tool_choice"]),
    answerSchema: readResponseFormat(body["response_format"]),
    maxOutputTokens: smallest(body["max_completion_tokens"], body["max_tokens"]),
    reasoningTokens: isReasoningModel(model) ? reasoningTokensOf(body["reasoning_effort"]) : 0,
    showsReasoning: false,
    segments: [...asArray(body["tools"]), ...messages].map(segmentOf),
  };
}

/** Of a legacy completions body, whose prompt is text and nothing else. */
export function readCompletionPrompt(body: JsonObject): Prompt {
  const text = textOf(body["prompt"]);
  return {
    model: asString(body["model"]),
    isStream: body["stream"] === true,
    userText: text,
    toolResult: null,
    tools: [],
    toolChoice: "none",
    answerSchema: null,
    // The endpoint's own default; without it a completion would never be cut short.
    maxOutputTokens: asCount(body["max_tokens"]) ?? 16,
    reasoningTokens: 0,
    showsReasoning: false,
    segments: [segmentOf(text)],
  };
}

/** Of a request about audio or images: its text stands in one member, and a form writes `true` as text. */
export function readMediaPrompt(body: JsonObject, textMember: string): Prompt {
  return {
    ...readCompletionPrompt({}),
    model: asString(body["model"]),
    isStream: body["stream"] === true || /^(true|1)$/i.test(asString(body["stream"])),
    userText: asString(body[textMember]),
    maxOutputTokens: null,
    segments: [],
  };
}

/** Of a responses body, also the lighter form that Codex uses for newer models (tools among the input). */
export function readResponsesPrompt(body: JsonObject): Prompt {
  const input = body["input"];
  const items = typeof input === "string" ? [{ role: "user", content: input }] : asArray(input).map(asObject);
  const last: JsonObject = items.at(-1) ?? {};
  const model = asString(body["model"]);
  const user = items.findLast((item) => isUserMessage(item) && lastUserText(item["content"]) !== "");
  const listed = [
    ...asArray(body["tools"]),
    ...items.filter(isToolList).flatMap((item) => asArray(item["tools"])),
  ];
  const reasoning = asObject(body["reasoning"]);
  return {
    model,
    isStream: body["stream"] === true,
    userText: lastUserText(user?.["content"]),
    toolResult: isToolOutput(last) ? toolOutputOf(last["output"]) : null,
    tools: readTools(listed, null),
    toolChoice: readToolChoice(body["tool_choice"]),
    answerSchema: readResponseFormat(asObject(body["text"])["format"]),
    maxOutputTokens: asCount(body["max_output_tokens"]),
    reasoningTokens: isReasoningModel(model) ? reasoningTokensOf(reasoning["effort"]) : 0,
    showsReasoning: false,
    segments: [...asArray(body["tools"]), body["instructions"] ?? "", ...items].map(segmentOf),
  };
}

function isUserMessage(item: JsonObject): boolean {
  return item["role"] === "user" && (item["type"] ?? "message") === "message";
}

function isToolList(item: JsonObject): boolean {
  return item["type"] === "additional_tools";
}

function isToolOutput(item: JsonObject): boolean {
  return asString(item["type"]).endsWith("_call_output");
}

function readTools(listed: readonly unknown[], namespace: string | null): readonly OfferedTool[] {
  return listed.map(asObject).flatMap((tool): readonly OfferedTool[] => {
    const inner = tool["type"] === "namespace" ? asArray(tool["tools"]) : null;
    if (inner !== null) return readTools(inner, asString(tool["name"]));
    // Chat completions wraps what responses writes flat.
    const kind = tool["type"] === "custom" ? "custom" : "function";
    const definition = isObject(tool[kind]) ? asObject(tool[kind]) : tool;
    const name = asString(definition["name"]);
    const isClientTool = tool["type"] === "function" || tool["type"] === "custom";
    if (!isClientTool || name === "") return [];
    return [{ name, kind, namespace, schema: asObject(definition["parameters"]) }];
  });
}

function readToolChoice(choice: unknown): ToolChoice {
  if (choice === "none") return "none";
  if (choice === "required") return "any";
  if (!isObject(choice)) return "free";
  const name = asString(choice["name"]) || asString(asObject(choice["function"] ?? choice["custom"])["name"]);
  return name === "" ? "free" : { name };
}

function readResponseFormat(format: unknown): JsonObject | null {
  const asked = asObject(format);
  if (asked["type"] === "json_object") return {};
  if (asked["type"] !== "json_schema") return null;
  return asObject(asked["schema"] ?? asObject(asked["json_schema"])["schema"]);
}

function smallest(first: unknown, second: unknown): number | null {
  const limits = [asCount(first), asCount(second)].filter((limit) => limit !== null);
  return limits.length === 0 ? null : Math.min(...limits);
}
