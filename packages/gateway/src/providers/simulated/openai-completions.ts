/** `POST /completions`, the legacy endpoint: text in, text out. */

import { dataEvent, toEpochSeconds, type Ask, type SimulatedEndpoint } from "./ask.ts";
import { asObject } from "./json.ts";
import { servedModel } from "./models.ts";
import { readCompletionPrompt } from "./openai-prompt.ts";
import { chatUsage, countInput } from "./openai-usage.ts";
import { planAnswer } from "./plan.ts";
import { openaiError } from "./provider-errors.ts";
import type { EndpointReply } from "./reply.ts";
import { piecesOf } from "./tokens.ts";

export const completions: SimulatedEndpoint = {
  dialect: "openai",
  method: "POST",
  path: /^\/completions$/,
  readPrompt: readCompletionPrompt,
  required: ["model", "prompt"],
  answer: answerCompletion,
};

function answerCompletion(ask: Ask): EndpointReply {
  const plan = planAnswer(ask.prompt, ask.directives);
  const model = servedModel(ask.prompt.model);
  const id = ask.ids.letters("cmpl-", 29);
  const usage = chatUsage(countInput(ask), plan, model);
  const head = { id, object: "text_completion", created: toEpochSeconds(ask.nowMs), model };
  const choice = (text: string, finish: string | null): object => ({
    text,
    index: 0,
    logprobs: null,
    finish_reason: finish,
  });
  const finish = plan.stop === "end" ? "stop" : "length";
  const bill = { responseId: id, model, usage };
  if (!ask.prompt.isStream) {
    const shown = ask.directives.hidesUsage ? {} : { usage };
    const text = `${JSON.stringify({ ...head, choices: [choice(plan.text, finish)], ...shown }, null, 2)}\n`;
    return { status: 200, body: { kind: "json", text }, bill };
  }
  const asksUsage = asObject(ask.body["stream_options"])["include_usage"] === true;
  const chunk = (choices: readonly object[], counted: object | null): string =>
    dataEvent({ ...head, choices, ...(asksUsage ? { usage: counted } : {}) });
  const events = [
    ...piecesOf(plan.text).map((piece) => chunk([choice(piece, null)], null)),
    chunk([choice("", finish)], null),
    ...(asksUsage && !ask.directives.hidesUsage ? [chunk([], usage)] : []),
    "data: [DONE]\n\n",
  ];
  const error = { status: 500, message: "The simulated provider failed in the middle of the stream." };
  return {
    status: 200,
    body: { kind: "events", events, errorEvent: () => dataEvent({ error: openaiError(error) }) },
    bill,
  };
}
