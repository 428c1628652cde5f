/**
 * Decides what the simulated model answers, before any dialect gives it a form: text, a tool call, JSON of
 * a schema, a refusal; how it stops, and how many tokens that makes. Pure, and the same for every dialect.
 */

import { withoutDirectives, type Directives } from "./directives.ts";
import type { OfferedTool, PlannedToolCall, Prompt } from "./prompt.ts";
import { valueFor } from "./schema-value.ts";
import { shellCall, wantedCommand } from "./shell-tool.ts";
import { firstBytes, firstTokens, tokensOf } from "./tokens.ts";

export type PlannedStop = "end" | "tool" | "length" | "refusal";

export interface Plan {
  /** Reasoning that the caller sees, "" for none. */
  readonly thinking: string;
  readonly text: string;
  readonly toolCall: PlannedToolCall | null;
  readonly stop: PlannedStop;
  /** Part of `outputTokens`. */
  readonly reasoningTokens: number;
  readonly outputTokens: number;
}

const OPENING = "This is a simulated reply from MeshAgent: no provider was asked.";
const FILLER = " More simulated text follows, so that the reply is as long as it was asked to be.";
const THINKING =
  "This is simulated reasoning from MeshAgent. The request is read, an answer is chosen, and nothing is thought.";
const REFUSAL = "This is a simulated refusal from MeshAgent: the request asked for one.";

/** Of a request that only warms the prompt cache. */
export const nothingPlanned: Plan = {
  thinking: "",
  text: "",
  toolCall: null,
  stop: "end",
  reasoningTokens: 0,
  outputTokens: 0,
};

/** What a model would say when it refuses, for dialects whose refusals have a text. */
export const refusalText: string = REFUSAL;

/** The plan for a prompt and its directives. */
export function planAnswer(prompt: Prompt, directives: Directives): Plan {
  const thinking = directives.isThinking || prompt.showsReasoning ? THINKING : "";
  const reasoningTokens = Math.max(prompt.reasoningTokens, tokensOf(thinking));
  if (directives.refusal === "early") {
    return {
      thinking: "",
      text: "",
      toolCall: null,
      stop: "refusal",
      reasoningTokens: 0,
      outputTokens: tokensOf(REFUSAL),
    };
  }
  const toolCall = prompt.toolResult === null ? chooseToolCall(prompt) : null;
  const text = toolCall === null ? answerText(prompt, directives) : "";
  const whole: Plan = {
    thinking,
    text,
    toolCall,
    stop: toolCall === null ? "end" : "tool",
    reasoningTokens,
    outputTokens: reasoningTokens + tokensOf(text) + tokensOf(toolCall?.input ?? ""),
  };
  return shorten(whole, prompt.maxOutputTokens, directives);
}

/** Stops the plan at the output limit, half way when that is asked for, or at a late refusal. */
function shorten(plan: Plan, maxOutputTokens: number | null, directives: Directives): Plan {
  const halfTokens = plan.reasoningTokens + Math.ceil((plan.outputTokens - plan.reasoningTokens) / 2);
  const isHalved = directives.isIncomplete || directives.refusal === "late";
  const limit = Math.min(maxOutputTokens ?? Infinity, isHalved ? halfTokens : Infinity);
  if (plan.outputTokens <= limit) return plan;
  const text = firstTokens(plan.text, Math.max(0, limit - plan.reasoningTokens));
  return {
    thinking: limit < plan.reasoningTokens ? "" : plan.thinking,
    text,
    toolCall: null,
    stop: directives.refusal === "late" ? "refusal" : "length",
    reasoningTokens: Math.min(plan.reasoningTokens, limit),
    outputTokens: limit,
  };
}

function chooseToolCall(prompt: Prompt): PlannedToolCall | null {
  const { tools, toolChoice, userText } = prompt;
  if (toolChoice === "none" || tools.length === 0) return null;
  const forced =
    typeof toolChoice === "object" ? tools.find((tool) => tool.name === toolChoice.name) : undefined;
  if (forced !== undefined) return callOf(forced);
  const request = withoutDirectives(userText);
  const command = wantedCommand(request);
  const shell = command === null ? null : shellCall(tools, command);
  if (shell !== null) return shell;
  const first = tools.find((tool) => tool.kind === "function") ?? tools[0];
  const isWanted = toolChoice === "any" || /\buse (a|the|your) tool\b/i.test(request);
  return first !== undefined && isWanted ? callOf(first) : null;
}

function callOf(tool: OfferedTool): PlannedToolCall {
  return { tool, input: tool.kind === "custom" ? "simulated" : JSON.stringify(valueFor(tool.schema)) };
}

function answerText(prompt: Prompt, directives: Directives): string {
  if (prompt.answerSchema !== null) {
    return JSON.stringify(valueFor(prompt.answerSchema, { title: "Simulated title" }));
  }
  const text = `${OPENING}${answerTo(prompt)}${noteOnUnknown(directives)}`;
  const lengthBytes = directives.hugeBytes ?? (directives.lengthTokens ?? 0) * 4;
  if (lengthBytes === 0) return text;
  const missing = Math.max(0, lengthBytes - Buffer.byteLength(text));
  return firstBytes(text + FILLER.repeat(Math.ceil(missing / FILLER.length)), lengthBytes);
}

function answerTo(prompt: Prompt): string {
  if (prompt.toolResult !== null) {
    const firstLine =
      prompt.toolResult
        .split("\n")
        .find((line) => line.trim() !== "")
        ?.trim() ?? "";
    return firstLine === ""
      ? " The tool printed nothing."
      : ` The tool answered: "${firstBytes(firstLine, 200)}".`;
  }
  const request = withoutDirectives(prompt.userText).split("\n")[0]?.trim() ?? "";
  return request === "" ? "" : ` You wrote: "${firstBytes(request, 200)}".`;
}

function noteOnUnknown(directives: Directives): string {
  if (directives.unknown.length === 0) return "";
  return ` Not understood: ${firstBytes(directives.unknown.join(", "), 200)}. The directives are listed in the documentation.`;
}
