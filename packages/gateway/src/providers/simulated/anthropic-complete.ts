/** `POST /complete`, Anthropic's legacy endpoint: text in, text out, and no usage (facts: wire.md 1.2). */

import type { Ask, SimulatedEndpoint } from "./ask.ts";
import { asCount, asString, type JsonObject } from "./json.ts";
import { servedModel } from "./models.ts";
import { readCompletionPrompt } from "./openai-prompt.ts";
import { planAnswer } from "./plan.ts";
import type { Prompt } from "./prompt.ts";
import { anthropicError } from "./provider-errors.ts";
import type { EndpointReply } from "./reply.ts";
import { piecesOf, tokensOf } from "./tokens.ts";

export const complete: SimulatedEndpoint = {
  dialect: "anthropic",
  method: "POST",
  path: /^\/complete$/,
  readPrompt: readCompletePrompt,
  required: ["model", "prompt", "max_tokens_to_sample"],
  answer: answerComplete,
};

/** The prompt is a transcript of turns, each headed by who speaks. */
function readCompletePrompt(body: JsonObject): Prompt {
  const turns = asString(body["prompt"]).split(/\n\nHuman:/);
  const said = (turns.at(-1) ?? "").split(/\n\nAssistant:/, 1)[0] ?? "";
  return {
    ...readCompletionPrompt(body),
    userText: said.trim(),
    maxOutputTokens: asCount(body["max_tokens_to_sample"]),
  };
}

function answerComplete(ask: Ask): EndpointReply {
  const plan = planAnswer(ask.prompt, ask.directives);
  const model = servedModel(ask.prompt.model);
  const id = ask.ids.letters("compl_01", 22);
  const reason = plan.stop === "length" ? "max_tokens" : "stop_sequence";
  const part = (completion: string, stopReason: string | null): JsonObject => ({
    type: "completion",
    id,
    completion,
    stop_reason: stopReason,
    model,
    stop: stopReason === "stop_sequence" ? "\n\nHuman:" : null,
    log_id: id,
  });
  const usage = { input_tokens: tokensOf(asString(ask.body["prompt"])), output_tokens: plan.outputTokens };
  const bill = { responseId: id, model, usage };
  if (!ask.prompt.isStream) {
    return { status: 200, body: { kind: "json", text: JSON.stringify(part(plan.text, reason)) }, bill };
  }
  const events = [
    'event: ping\ndata: {"type": "ping"}\n\n',
    ...piecesOf(plan.text).map((piece) => event("completion", part(piece, null))),
    event("completion", part("", reason)),
  ];
  const error = anthropicError({ status: 529, message: "Overloaded" });
  const errorEvent = (): string => event("error", { type: "error", error, request_id: ask.requestId });
  return { status: 200, body: { kind: "events", events, errorEvent }, bill };
}

function event(name: string, data: JsonObject): string {
  return `event: ${name}\ndata: ${JSON.stringify(data)}\n\n`;
}
