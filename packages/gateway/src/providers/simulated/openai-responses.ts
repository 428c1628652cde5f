/** `POST /responses`, streamed and not, with its helpers `/responses/compact` and `/responses/input_tokens`. */

import { toEpochSeconds, type Ask, type SimulatedEndpoint } from "./ask.ts";
import { asArray, asObject, asString, isObject, type JsonObject } from "./json.ts";
import type { KeptObject } from "./kept.ts";
import { servedModel } from "./models.ts";
import { readResponsesPrompt } from "./openai-prompt.ts";
import { outputItems, type OutputItem } from "./openai-responses-items.ts";
import { countInput, responsesUsage, servedTier } from "./openai-usage.ts";
import { itemsOf, missingContext } from "./openai-stored.ts";
import { nothingPlanned, planAnswer, type Plan } from "./plan.ts";
import { errorReply } from "./provider-errors.ts";
import type { EndpointReply } from "./reply.ts";
import { tokensOf, tokensOfBytes } from "./tokens.ts";

export const responses: SimulatedEndpoint = {
  dialect: "openai",
  method: "POST",
  path: /^\/responses$/,
  readPrompt: readResponsesPrompt,
  required: ["model"],
  answer: answerResponses,
};

/** Free: counts the prompt and says the number. */
export const inputTokens: SimulatedEndpoint = {
  ...responses,
  path: /^\/responses\/input_tokens$/,
  answer: (ask) => {
    const byteLength = ask.prompt.segments.reduce((sum, segment) => sum + Buffer.byteLength(segment.text), 0);
    const body = { object: "response.input_tokens", input_tokens: tokensOfBytes(byteLength) };
    return { status: 200, body: { kind: "json", text: `${JSON.stringify(body, null, 2)}\n` }, bill: null };
  },
};

/** Billed, and its reply names no model. */
export const compact: SimulatedEndpoint = {
  ...responses,
  path: /^\/responses\/compact$/,
  answer: answerCompact,
};

/** The response object's members that say how it stands. */
interface Standing {
  readonly status: string;
  readonly output: readonly JsonObject[];
  readonly usage: JsonObject | null;
  readonly tier: string;
  readonly error?: JsonObject;
  readonly reason?: string;
}

function answerResponses(ask: Ask): EndpointReply {
  const previous = asString(ask.body["previous_response_id"]);
  if (previous !== "" && ask.kept.get("response", previous) === null) {
    const message = `Previous response with id '${previous}' not found.`;
    const code = "previous_response_not_found";
    return errorReply("openai", { status: 400, message, code, param: "previous_response_id" }, ask.requestId);
  }
  const missing = missingContext(ask);
  if (missing !== null) return missing;
  // Only sockets have warm-ups; over HTTP the member means nothing.
  const isWarmUp = ask.isSocket && ask.body["generate"] === false;
  const plan = isWarmUp ? nothingPlanned : planAnswer(ask.prompt, ask.directives);
  const id = ask.ids.hex("resp_", 50);
  const model = servedModel(ask.prompt.model);
  const usage = responsesUsage(countInput(ask), plan, ask.body);
  const items = isWarmUp ? [] : outputItems(ask, plan);
  const end = endOf(ask, plan, { items, usage });
  // A failure without usage leaves open what was billed; here it bills nothing.
  const bill = ask.directives.isFailed ? null : { responseId: id, model, usage };
  const render = (standing: Standing): JsonObject => renderResponse(ask, id, standing);
  const events = streamEvents(items, end, render);
  keepResponse(ask, { id, shown: render(end), events });
  if (!ask.prompt.isStream) {
    // A background run is done when somebody asks for it.
    const isQueued = ask.body["background"] === true;
    const shown = isQueued
      ? render({ status: "queued", output: [], usage: null, tier: "auto" })
      : render(end);
    return { status: 200, body: { kind: "json", text: `${JSON.stringify(shown, null, 2)}\n` }, bill };
  }
  const errorEvent = (sent: number): string =>
    event("error", sent, {
      code: "server_error",
      message: "The simulated provider failed in the middle of the stream.",
      param: null,
    });
  return {
    status: 200,
    body: { kind: "events", events, errorEvent },
    bill,
  };
}

/** As the provider does unless it is told not to; a conversation gets what was said. */
function keepResponse(ask: Ask, response: Pick<KeptObject, "id" | "shown" | "events">): void {
  const parts = itemsOf(ask, ask.body["input"]);
  if (ask.body["store"] !== false) ask.kept.put("response", { ...response, parts });
  const conversation = ask.body["conversation"];
  const id = isObject(conversation) ? conversation["id"] : conversation;
  const kept = ask.kept.get("conversation", asString(id));
  if (kept !== null) {
    kept.parts = [...kept.parts, ...parts, ...asArray(response.shown["output"]).map(asObject)];
  }
}

function endOf(ask: Ask, plan: Plan, made: { items: readonly OutputItem[]; usage: JsonObject }): Standing {
  const tier = servedTier(ask.body);
  const output = made.items.map((item) => item.done);
  if (ask.directives.isFailed) {
    const error = { code: "server_error", message: "The simulated provider was asked to fail." };
    return { status: "failed", output: [], usage: null, tier, error };
  }
  const usage = ask.directives.hidesUsage ? null : made.usage;
  const isFiltered = plan.stop === "refusal" && plan.text !== "";
  if (plan.stop !== "length" && !isFiltered) return { status: "completed", output, usage, tier };
  return {
    status: "incomplete",
    output,
    usage,
    tier,
    reason: isFiltered ? "content_filter" : "max_output_tokens",
  };
}

function streamEvents(
  items: readonly OutputItem[],
  end: Standing,
  render: (standing: Standing) => JsonObject,
): readonly string[] {
  // Early events do not know the tier yet, and repeat the whole response object all the same.
  const begun = render({ status: "in_progress", output: [], usage: null, tier: "auto" });
  const told: (readonly [type: string, members: JsonObject])[] = [
    ["response.created", { response: begun }],
    ["response.in_progress", { response: begun }],
  ];
  for (const [index, item] of items.entries()) {
    told.push(["response.output_item.added", { output_index: index, item: item.added }]);
    for (const [type, members] of item.events) {
      told.push([type, { item_id: item.done["id"], output_index: index, ...members }]);
    }
    told.push(["response.output_item.done", { output_index: index, item: item.done }]);
  }
  told.push([`response.${end.status}`, { response: render(end) }]);
  return told.map(([type, members], sequence) => event(type, sequence, members));
}

function event(type: string, sequence: number, members: JsonObject): string {
  return `event: ${type}\ndata: ${JSON.stringify({ type, sequence_number: sequence, ...members })}\n\n`;
}

function renderResponse(ask: Ask, id: string, standing: Standing): JsonObject {
  const { body, nowMs, directives } = ask;
  const isDone = standing.status === "completed";
  const searches = directives.isWebSearch && standing.usage !== null;
  const reasoning = asObject(body["reasoning"]);
  return {
    id,
    object: "response",
    created_at: toEpochSeconds(nowMs),
    status: standing.status,
    background: body["background"] === true,
    completed_at: isDone ? toEpochSeconds(nowMs) : null,
    error: standing.error ?? null,
    incomplete_details: standing.reason === undefined ? null : { reason: standing.reason },
    instructions: body["instructions"] ?? null,
    max_output_tokens: body["max_output_tokens"] ?? null,
    max_tool_calls: null,
    model: servedModel(ask.prompt.model),
    output: standing.output,
    parallel_tool_calls: body["parallel_tool_calls"] ?? true,
    previous_response_id: body["previous_response_id"] ?? null,
    prompt_cache_key: body["prompt_cache_key"] ?? null,
    reasoning: { effort: reasoning["effort"] ?? null, summary: reasoning["summary"] ?? null },
    safety_identifier: null,
    service_tier: standing.tier,
    store: body["store"] ?? true,
    temperature: body["temperature"] ?? 1,
    text: body["text"] ?? { format: { type: "text" }, verbosity: "medium" },
    tool_choice: body["tool_choice"] ?? "auto",
    ...(searches ? { tool_usage: { web_search: { num_requests: 1 } } } : {}),
    tools: body["tools"] ?? [],
    top_logprobs: 0,
    top_p: body["top_p"] ?? 1,
    truncation: "disabled",
    usage: standing.usage,
    user: null,
    metadata: body["metadata"] ?? {},
  };
}

function answerCompact(ask: Ask): EndpointReply {
  const id = ask.ids.hex("resp_", 50);
  const sealed = ask.ids.opaque(300);
  const output = [{ id: ask.ids.hex("cmp_", 48), type: "compaction", encrypted_content: sealed }];
  const counts = { outputTokens: tokensOf(sealed), reasoningTokens: 0 };
  const usage = responsesUsage(countInput(ask), counts, ask.body);
  const shown = ask.directives.hidesUsage ? {} : { usage };
  const reply = {
    id,
    created_at: toEpochSeconds(ask.nowMs),
    object: "response.compaction",
    output,
    ...shown,
  };
  return {
    status: 200,
    body: { kind: "json", text: `${JSON.stringify(reply, null, 2)}\n` },
    bill: { responseId: id, model: ask.prompt.model, usage },
  };
}
