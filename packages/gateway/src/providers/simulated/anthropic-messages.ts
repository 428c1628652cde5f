/** `POST /messages`, streamed and not, and `POST /messages/count_tokens` (facts: wire.md 1.2). */

import { contentBlocks, type ContentBlock } from "./anthropic-blocks.ts";
import { readMessagesPrompt } from "./anthropic-prompt.ts";
import { countUsage, OTHER_MODEL, type AnthropicUsage } from "./anthropic-usage.ts";
import type { Ask, SimulatedEndpoint } from "./ask.ts";
import type { JsonObject } from "./json.ts";
import { servedModel } from "./models.ts";
import { planAnswer, refusalText, type Plan } from "./plan.ts";
import { anthropicError } from "./provider-errors.ts";
import type { EndpointReply } from "./reply.ts";
import { tokensOfBytes } from "./tokens.ts";

export const messages: SimulatedEndpoint = {
  dialect: "anthropic",
  method: "POST",
  path: /^\/messages$/,
  readPrompt: readMessagesPrompt,
  required: ["model", "max_tokens", "messages"],
  answer: answerMessage,
};

/** Free: counts the prompt and says the number. */
export const countTokens: SimulatedEndpoint = {
  ...messages,
  path: /^\/messages\/count_tokens$/,
  required: ["model", "messages"],
  answer: (ask) => {
    const byteLength = ask.prompt.segments.reduce((sum, segment) => sum + Buffer.byteLength(segment.text), 0);
    const text = JSON.stringify({ input_tokens: tokensOfBytes(byteLength) });
    return { status: 200, body: { kind: "json", text }, bill: null };
  },
};

interface MessageReply {
  readonly id: string;
  readonly requestedModel: string;
  /** The model that served; another one than requested after a fallback. */
  readonly model: string;
  readonly usage: AnthropicUsage;
  readonly blocks: readonly ContentBlock[];
  readonly plan: Plan;
  readonly hidesUsage: boolean;
}

function answerMessage(ask: Ask): EndpointReply {
  const plan = planAnswer(ask.prompt, ask.directives);
  const requestedModel = servedModel(ask.prompt.model);
  const reply: MessageReply = {
    id: ask.ids.letters("msg_01", 22),
    requestedModel,
    model: ask.directives.iterations === "fallback" ? OTHER_MODEL : requestedModel,
    usage: countUsage(ask, plan),
    blocks: contentBlocks(ask, plan),
    plan,
    hidesUsage: ask.directives.hidesUsage,
  };
  // A refusal before any output shows its usage and bills none of it.
  const isFree = plan.stop === "refusal" && plan.text === "";
  const bill = isFree ? null : { responseId: reply.id, model: reply.model, usage: reply.usage.whole };
  if (!ask.prompt.isStream) return { status: 200, body: { kind: "json", text: plainText(reply) }, bill };
  const error = anthropicError({ status: 529, message: "Overloaded" });
  const errorEvent = (): string => event("error", { type: "error", error, request_id: ask.requestId });
  return { status: 200, body: { kind: "events", events: streamEvents(reply), errorEvent }, bill };
}

function plainText(reply: MessageReply): string {
  return JSON.stringify({
    model: reply.model,
    id: reply.id,
    type: "message",
    role: "assistant",
    content: reply.blocks.map((block) => block.done),
    ...stopOf(reply.plan),
    ...(reply.hidesUsage ? {} : { usage: reply.usage.whole }),
  });
}

function streamEvents(reply: MessageReply): readonly string[] {
  const begun = {
    model: reply.requestedModel,
    id: reply.id,
    type: "message",
    role: "assistant",
    content: [],
    stop_reason: null,
    stop_sequence: null,
    stop_details: null,
    ...(reply.hidesUsage ? {} : { usage: reply.usage.start }),
  };
  const events = [event("message_start", { type: "message_start", message: begun })];
  for (const [index, block] of reply.blocks.entries()) {
    events.push(
      event("content_block_start", { type: "content_block_start", index, content_block: block.started }),
    );
    if (index === 0) events.push('event: ping\ndata: {"type": "ping"}\n\n');
    for (const delta of block.deltas) {
      events.push(event("content_block_delta", { type: "content_block_delta", index, delta }));
    }
    events.push(event("content_block_stop", { type: "content_block_stop", index }));
  }
  const usage = reply.hidesUsage ? {} : { usage: reply.usage.delta };
  events.push(event("message_delta", { type: "message_delta", delta: stopOf(reply.plan), ...usage }));
  events.push(event("message_stop", { type: "message_stop" }));
  return events;
}

function stopOf(plan: Plan): JsonObject {
  const reasons = { end: "end_turn", tool: "tool_use", length: "max_tokens", refusal: "refusal" };
  const details = { type: "refusal", category: null, explanation: refusalText };
  return {
    stop_reason: reasons[plan.stop],
    stop_sequence: null,
    stop_details: plan.stop === "refusal" ? details : null,
  };
}

/** Anthropic pads its events with spaces before the closing brace, so that their sizes tell little. */
function event(name: string, data: JsonObject): string {
  const text = JSON.stringify(data);
  const padding = " ".repeat((text.length * 7) % 16);
  return `event: ${name}\ndata: ${text.slice(0, -1)}${padding}}\n\n`;
}
