/**
 * A request as the simulated model reads it, whatever dialect it came in: what the user wrote last, which
 * tools are offered, and the pieces that are counted as input.
 */

import { asArray, asObject, asString, isObject, type JsonObject } from "./json.ts";
import type { PromptSegment } from "./prompt-cache.ts";

/** A tool that the client runs itself. */
export interface OfferedTool {
  readonly name: string;
  /** `function` takes JSON of `schema`; `custom` takes free text. */
  readonly kind: "function" | "custom";
  /** The namespace that it was offered in, null outside of one. */
  readonly namespace: string | null;
  readonly schema: JsonObject;
}

/** A call of one of them. */
export interface PlannedToolCall {
  readonly tool: OfferedTool;
  /** JSON of the tool's schema, or free text for a custom tool. */
  readonly input: string;
}

/** Whether the request leaves calling a tool to the model. A name forces that tool. */
export type ToolChoice = "free" | "none" | "any" | { readonly name: string };

export interface Prompt {
  /** The model as the request names it. */
  readonly model: string;
  readonly isStream: boolean;
  /** The text of the last message a user wrote, without the client's own reminders; "" for none. */
  readonly userText: string;
  /** The text of the tool result that the request ends with, null when it ends otherwise. */
  readonly toolResult: string | null;
  readonly tools: readonly OfferedTool[];
  readonly toolChoice: ToolChoice;
  /** The JSON schema that the answer must fit; an empty one for "any JSON object"; null for free text. */
  readonly answerSchema: JsonObject | null;
  /** The smallest limit on output tokens, null for none. */
  readonly maxOutputTokens: number | null;
  /** Hidden reasoning, in tokens. */
  readonly reasoningTokens: number;
  /** The client asked to see reasoning. */
  readonly showsReasoning: boolean;
  readonly segments: readonly PromptSegment[];
}

/** The last text in a message's content that the user wrote, not the client on the user's behalf. */
export function lastUserText(content: unknown): string {
  if (typeof content === "string") return isReminder(content) ? "" : content;
  const texts = asArray(content)
    .map((part) => asString(asObject(part)["text"]))
    .filter((text) => text !== "" && !isReminder(text));
  return texts.at(-1) ?? "";
}

/**
 * Coding agents put their own notes in user messages, wrapped in a tag (`<system-reminder>`,
 * `<environment_context>`): they are no wish of the user.
 */
function isReminder(text: string): boolean {
  return /^\s*<[a-z][a-z_-]*>/i.test(text);
}

/** All text in a content: a string, or text parts of any dialect. */
export function textOf(content: unknown): string {
  if (typeof content === "string") return content;
  return asArray(content)
    .map((part) => (typeof part === "string" ? part : asString(asObject(part)["text"])))
    .filter((text) => text !== "")
    .join("\n");
}

/** What a tool printed: shells of coding agents head it with facts about the run, ending in `Output:`. */
export function toolOutputOf(content: unknown): string {
  const text = textOf(content);
  const heading = /(?:^|\n)Output:\n?/.exec(text);
  return heading === null ? text : text.slice(heading.index + heading[0].length);
}

/** One segment for a value, without Anthropic's cache marks: moving a mark does not change the prompt. */
export function segmentOf(value: unknown): PromptSegment {
  const control = isObject(value) ? value["cache_control"] : undefined;
  const text = typeof value === "string" ? value : JSON.stringify(value, dropCacheControl);
  return { text, cacheLifetime: cacheLifetimeOf(control) };
}

/** The lifetime that a `cache_control` member asks for, null for none. */
export function cacheLifetimeOf(control: unknown): PromptSegment["cacheLifetime"] {
  if (!isObject(control)) return null;
  return control["ttl"] === "1h" ? "1h" : "5m";
}

function dropCacheControl(key: string, value: unknown): unknown {
  return key === "cache_control" ? undefined : value;
}

/** Hidden reasoning for an effort, in tokens. The numbers are made up; higher efforts think more. */
export function reasoningTokensOf(effort: unknown): number {
  const tokensByEffort: Readonly<Record<string, number>> = {
    low: 16,
    medium: 32,
    high: 64,
    xhigh: 128,
    max: 256,
  };
  return tokensByEffort[asString(effort)] ?? 0;
}
