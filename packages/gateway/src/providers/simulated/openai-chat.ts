/** `POST /chat/completions`, streamed and not (facts: wire.md 1.1). */

import { dataEvent, toEpochSeconds, type Ask, type SimulatedEndpoint } from "./ask.ts";
import { asArray, asCount, asObject, isObject, type JsonObject } from "./json.ts";
import { servedModel } from "./models.ts";
import { readChatPrompt } from "./openai-prompt.ts";
import { chatUsage, countInput, servedTier } from "./openai-usage.ts";
import { planAnswer, refusalText, type Plan } from "./plan.ts";
import { openaiError } from "./provider-errors.ts";
import type { EndpointReply } from "./reply.ts";
import { piecesOf } from "./tokens.ts";

const MOST_CHOICES = 8;

export const chatCompletions: SimulatedEndpoint = {
  dialect: "openai",
  method: "POST",
  path: /^\/chat\/completions$/,
  readPrompt: readChatPrompt,
  required: ["model", "messages"],
  answer: answerChat,
};

interface ChatReply {
  readonly ask: Ask;
  readonly plan: Plan;
  readonly id: string;
  readonly callId: string;
  readonly choices: readonly number[];
  readonly usage: JsonObject;
  /** Members that every chunk and the plain reply share, after `id` and `object`. */
  readonly head: JsonObject;
}

function answerChat(ask: Ask): EndpointReply {
  const plan = planAnswer(ask.prompt, ask.directives);
  const model = servedModel(ask.prompt.model);
  const count = Math.min(MOST_CHOICES, Math.max(1, asCount(ask.body["n"]) ?? 1));
  const output = { outputTokens: plan.outputTokens * count, reasoningTokens: plan.reasoningTokens * count };
  const reply: ChatReply = {
    ask,
    plan,
    id: ask.ids.letters("chatcmpl-", 29),
    callId: ask.ids.letters("call_", 24),
    choices: Array.from({ length: count }, (_, index) => index),
    usage: chatUsage(countInput(ask), output, model),
    head: {
      created: toEpochSeconds(ask.nowMs),
      model,
      service_tier: servedTier(ask.body),
      system_fingerprint: ask.ids.hex("fp_", 10),
    },
  };
  const bill = { responseId: reply.id, model, usage: reply.usage };
  if (ask.body["store"] === true) keepCompletion(reply);
  if (!ask.prompt.isStream) return { status: 200, body: { kind: "json", text: plainText(reply) }, bill };
  const error = { status: 500, message: "The simulated provider failed in the middle of the stream." };
  const errorEvent = (): string => dataEvent({ error: openaiError(error) });
  return { status: 200, body: { kind: "events", events: chunkEvents(reply), errorEvent }, bill };
}

/** Only where the request says so. */
function keepCompletion(reply: ChatReply): void {
  const { ask, id } = reply;
  const shown = { ...asObject(JSON.parse(plainText(reply))), metadata: ask.body["metadata"] ?? {} };
  const parts = asArray(ask.body["messages"]).map((message, index) => ({
    id: `${id}-${index}`,
    ...asObject(message),
  }));
  ask.kept.put("chat_completion", { id, shown, parts });
}

function plainText(reply: ChatReply): string {
  const { plan, ask } = reply;
  const isRefusal = plan.stop === "refusal" && plan.text === "";
  const message = {
    role: "assistant",
    content: plan.text === "" ? null : plan.text,
    refusal: isRefusal ? refusalText : null,
    annotations: [],
    ...(plan.toolCall === null ? {} : { tool_calls: [toolCallOf(reply, plan.toolCall.input)] }),
  };
  const choices = reply.choices.map((index) => ({
    index,
    message,
    logprobs: null,
    finish_reason: finishReason(plan),
  }));
  const usage = ask.directives.hidesUsage ? {} : { usage: reply.usage };
  const { service_tier, system_fingerprint, ...head } = reply.head;
  const body = {
    id: reply.id,
    object: "chat.completion",
    ...head,
    choices,
    ...usage,
    service_tier,
    system_fingerprint,
  };
  return `${JSON.stringify(body, null, 2)}\n`;
}

function chunkEvents(reply: ChatReply): readonly string[] {
  const { ask, plan } = reply;
  const options = asObject(ask.body["stream_options"]);
  const asksUsage = options["include_usage"] === true;
  const isObfuscated = options["include_obfuscation"] !== false;
  const chunk = (choices: readonly object[], usage: JsonObject | null): string => {
    const members = { id: reply.id, object: "chat.completion.chunk", ...reply.head, choices };
    const padding = isObfuscated ? { obfuscation: ask.ids.letters("", paddingOf(choices)) } : {};
    return dataEvent({ ...members, ...(asksUsage ? { usage } : {}), ...padding });
  };
  const ofEach = (delta: object, finish: string | null): readonly string[] =>
    reply.choices.map((index) => chunk([{ index, delta, logprobs: null, finish_reason: finish }], null));
  const isUsageSent = asksUsage && !ask.directives.hidesUsage;
  return [
    ...deltasOf(reply).flatMap((delta) => ofEach(delta, null)),
    ...ofEach({}, finishReason(plan)),
    ...(isUsageSent ? [chunk([], reply.usage)] : []),
    "data: [DONE]\n\n",
  ];
}

function deltasOf(reply: ChatReply): readonly object[] {
  const { plan } = reply;
  const call = plan.toolCall;
  if (call !== null) {
    const kind = call.tool.kind;
    const member = kind === "custom" ? "input" : "arguments";
    const pieces = piecesOf(call.input).map((piece) => ({
      tool_calls: [{ index: 0, [kind]: { [member]: piece } }],
    }));
    const start = { index: 0, ...toolCallOf(reply, "") };
    return [{ role: "assistant", content: null, tool_calls: [start], refusal: null }, ...pieces];
  }
  const isRefusal = plan.stop === "refusal" && plan.text === "";
  const pieces = piecesOf(isRefusal ? refusalText : plan.text);
  const start = { role: "assistant", content: isRefusal ? null : "", refusal: isRefusal ? "" : null };
  return [start, ...pieces.map((piece) => (isRefusal ? { refusal: piece } : { content: piece }))];
}

function toolCallOf(reply: ChatReply, input: string): object {
  const call = reply.plan.toolCall;
  if (call === null) return {};
  const { kind, name } = call.tool;
  const definition = kind === "custom" ? { name, input } : { name, arguments: input };
  return { id: reply.callId, type: kind, [kind]: definition };
}

function finishReason(plan: Plan): string {
  if (plan.stop === "tool") return "tool_calls";
  if (plan.stop === "length") return "length";
  // A model that refuses from the start stops by itself; one that is stopped half way was filtered.
  return plan.stop === "refusal" && plan.text !== "" ? "content_filter" : "stop";
}

/** OpenAI pads chunks with random letters so that their sizes tell little about their text. */
function paddingOf(choices: readonly object[]): number {
  const first = choices[0];
  const size = isObject(first) ? JSON.stringify(first["delta"]).length : 0;
  return 1 + ((size * 7) % 16);
}
