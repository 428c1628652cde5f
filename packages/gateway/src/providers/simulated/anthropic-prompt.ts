/** Reads a `Prompt` out of an Anthropic messages body. */

import { asArray, asCount, asObject, asString, isObject, type JsonObject } from "./json.ts";
import type { PromptSegment } from "./prompt-cache.ts";
import {
  cacheLifetimeOf,
  lastUserText,
  segmentOf,
  toolOutputOf,
  type OfferedTool,
  type Prompt,
  type ToolChoice,
} from "./prompt.ts";

/** What a budget of visible thinking spends of it here, in tokens. */
const THINKING_TOKENS = 48;

/** Of a messages or count_tokens body. */
export function readMessagesPrompt(body: JsonObject): Prompt {
  const messages = asArray(body["messages"]).map(asObject);
  const users = messages.filter((message) => message["role"] === "user");
  const thinking = asObject(body["thinking"]);
  const isThinking = thinking["type"] === "enabled";
  return {
    model: asString(body["model"]),
    isStream: body["stream"] === true,
    userText: lastUserText(users.findLast((message) => lastUserText(message["content"]) !== "")?.["content"]),
    toolResult: readToolResult(users.at(-1)?.["content"]),
    tools: readTools(body["tools"]),
    toolChoice: readToolChoice(body["tool_choice"]),
    answerSchema: readOutputFormat(body),
    maxOutputTokens: asCount(body["max_tokens"]),
    reasoningTokens: isThinking ? THINKING_TOKENS : 0,
    showsReasoning: isThinking,
    segments: readSegments(body, messages),
  };
}

/** In the order in which prompts are cached: tools, system, messages. */
function readSegments(body: JsonObject, messages: readonly JsonObject[]): readonly PromptSegment[] {
  const system = body["system"];
  const blocks = messages.flatMap((message) => {
    const content = message["content"];
    return typeof content === "string" ? [{ type: "text", text: content }] : asArray(content);
  });
  const segments = [
    ...asArray(body["tools"]),
    ...(typeof system === "string" ? [system] : asArray(system)),
    ...blocks,
  ].map(segmentOf);
  const last = segments.at(-1);
  // A mark on the request itself stands for one on its last block.
  const lifetime = cacheLifetimeOf(body["cache_control"]);
  if (last === undefined || lifetime === null || last.cacheLifetime !== null) return segments;
  return [...segments.slice(0, -1), { ...last, cacheLifetime: lifetime }];
}

/** The last result in the last user message; a request that answers tool calls ends with one. */
function readToolResult(content: unknown): string | null {
  const result = asArray(content)
    .map(asObject)
    .findLast((block) => block["type"] === "tool_result");
  return result === undefined ? null : toolOutputOf(result["content"]);
}

function readTools(listed: unknown): readonly OfferedTool[] {
  return asArray(listed)
    .map(asObject)
    .filter((tool) => isObject(tool["input_schema"]) && asString(tool["name"]) !== "")
    .map((tool) => ({
      name: asString(tool["name"]),
      kind: "function",
      namespace: null,
      schema: asObject(tool["input_schema"]),
    }));
}

function readToolChoice(choice: unknown): ToolChoice {
  const asked = asObject(choice);
  if (asked["type"] === "none") return "none";
  if (asked["type"] === "any") return "any";
  return asked["type"] === "tool" ? { name: asString(asked["name"]) } : "free";
}

function readOutputFormat(body: JsonObject): JsonObject | null {
  const format = asObject(asObject(body["output_config"])["format"] ?? body["output_format"]);
  return format["type"] === "json_schema" ? asObject(format["schema"]) : null;
}
