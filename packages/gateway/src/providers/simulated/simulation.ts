/**
 * The simulated provider: answers OpenAI's and Anthropic's APIs without a key and without a network, so
 * that everything can be tried and tested. It imitates forms and counts, and thinks nothing.
 *
 * Pure but for the time it is given and what it remembers: how many requests came, and which prompt
 * prefixes (the prompt cache), and what it keeps for later. The same requests in the same order get the same bytes.
 */

import { createHash } from "node:crypto";
import type { Clock } from "../../clock.ts";
import { complete } from "./anthropic-complete.ts";
import { anthropicModel, anthropicModels } from "./anthropic-models.ts";
import { countTokens, messages } from "./anthropic-messages.ts";
import { anthropicStored } from "./anthropic-stored.ts";
import type { Ask, SimulatedEndpoint } from "./ask.ts";
import { parseDirectives, type Directives } from "./directives.ts";
import { createIds } from "./ids.ts";
import { parseForm } from "./form.ts";
import { isObject, type JsonObject } from "./json.ts";
import { createKept } from "./kept.ts";
import { speech, transcriptions, translations } from "./openai-audio.ts";
import { chatCompletions } from "./openai-chat.ts";
import { completions } from "./openai-completions.ts";
import { edits, generations } from "./openai-images.ts";
import { embeddings, moderations, openaiModel, openaiModels } from "./openai-lists.ts";
import { readCompletionPrompt } from "./openai-prompt.ts";
import { compact, inputTokens, responses } from "./openai-responses.ts";
import { openaiFiles } from "./openai-files.ts";
import { openaiStored } from "./openai-stored.ts";
import { stepsOf } from "./pace.ts";
import { createPromptCache } from "./prompt-cache.ts";
import { errorReply, type ProviderError } from "./provider-errors.ts";
import { headersOf } from "./reply-headers.ts";
import type { EndpointReply, SimulatedReply, SimulatedRequest } from "./reply.ts";

const ENDPOINTS: readonly SimulatedEndpoint[] = [
  chatCompletions,
  completions,
  responses,
  inputTokens,
  compact,
  embeddings,
  moderations,
  speech,
  transcriptions,
  translations,
  generations,
  edits,
  openaiModels,
  openaiModel,
  messages,
  countTokens,
  complete,
  anthropicModels,
  anthropicModel,
  ...openaiStored,
  ...openaiFiles,
  ...anthropicStored,
];

export interface SimulationOptions {
  readonly clock: Clock;
  /** Keeps the ids of one process apart from those of another; the same seed repeats them. */
  readonly idSeed?: string;
}

export interface Simulation {
  answer(request: SimulatedRequest): SimulatedReply;
}

/** A simulated provider with an empty prompt cache that keeps nothing yet. */
export function createSimulation(options: SimulationOptions): Simulation {
  const cache = createPromptCache();
  const kept = createKept();
  let answered = 0;
  const answer = (request: SimulatedRequest): SimulatedReply => {
    answered += 1;
    const nowMs = options.clock.now();
    const ids = createIds(seedOf(options.idSeed ?? "", answered, request));
    const isOpenAi = request.dialect === "openai";
    const requestId = isOpenAi ? ids.hex("req_", 32) : ids.letters("req_01", 22);
    const parsed = parseRequest(request);
    const { body } = parsed;
    const prompt = (parsed.endpoint?.readPrompt ?? readCompletionPrompt)(isObject(body) ? body : {});
    const directives = parseDirectives(prompt.userText);
    const fault = faultOf(request, parsed, directives);
    const askAgain: Ask["askAgain"] = (path, again) => {
      const bytes = Buffer.from(JSON.stringify(again ?? {}));
      const reply = answer({ dialect: request.dialect, method: "POST", path, headers: [], body: bytes });
      return { status: reply.status, json: wholeOf(reply) };
    };
    const { dialect } = request;
    const ask = {
      ...parsed,
      dialect,
      prompt,
      directives,
      ids,
      requestId,
      nowMs,
      cache,
      kept,
      askAgain,
      isSocket: request.isSocket === true,
    };
    const reply =
      fault !== null || parsed.endpoint === null || !isObject(body)
        ? errorReply(request.dialect, fault ?? { status: 404, message: "Not found" }, requestId)
        : parsed.endpoint.answer({ ...ask, body });
    const headers = headersOf(reply, { dialect: request.dialect, requestId, nowMs, answered });
    return toReply(reply, headers, directives);
  };
  return { answer };
}

/** The plain body of a reply, parsed. */
function wholeOf({ steps }: SimulatedReply): unknown {
  const chunks = [...steps].flatMap((step) => (step.kind === "bytes" ? [step.bytes] : []));
  try {
    return JSON.parse(Buffer.concat(chunks).toString());
  } catch {
    return null;
  }
}

function toReply(
  reply: EndpointReply,
  headers: SimulatedReply["headers"],
  directives: Directives,
): SimulatedReply {
  return {
    status: reply.status,
    headers,
    headerDelayMs: directives.delayMs,
    steps: stepsOf(reply.body, directives),
    bill: reply.bill,
  };
}

interface ParsedRequest {
  readonly path: string;
  readonly query: URLSearchParams;
  readonly endpoint: SimulatedEndpoint | null;
  /** undefined when the bytes are neither JSON nor a form. An empty body reads as `{}`. */
  readonly body: unknown;
}

function parseRequest(request: SimulatedRequest): ParsedRequest {
  const queryAt = request.path.indexOf("?");
  const whole = queryAt < 0 ? request.path : request.path.slice(0, queryAt);
  const path = whole.startsWith("/v1/") ? whole.slice("/v1".length) : whole;
  const query = new URLSearchParams(queryAt < 0 ? "" : request.path.slice(queryAt));
  const endpoint = ENDPOINTS.find(
    (candidate) =>
      candidate.dialect === request.dialect &&
      candidate.method === request.method &&
      candidate.path.test(path),
  );
  return { path, query, endpoint: endpoint ?? null, body: parseBody(request) };
}

function parseBody({ body: bytes, headers }: SimulatedRequest): unknown {
  if (bytes.length === 0) return {};
  const contentType = headers.find(([name]) => name.toLowerCase() === "content-type")?.[1] ?? "";
  const form = parseForm(contentType, bytes);
  if (form !== null) return form;
  try {
    return JSON.parse(Buffer.from(bytes).toString()) as unknown;
  } catch {
    return undefined;
  }
}

/** Why the request gets an error instead of an answer, or null. */
function faultOf(
  request: SimulatedRequest,
  parsed: ParsedRequest,
  directives: Directives,
): ProviderError | null {
  const { endpoint, body } = parsed;
  const isOpenAi = request.dialect === "openai";
  if (endpoint === null) {
    const message = `Invalid URL (${request.method} ${request.path}): the simulated provider does not answer it.`;
    return { status: 404, message };
  }
  if (!isObject(body)) return { status: 400, message: "The body of the request is no JSON object." };
  const missing = endpoint.required.find((name) => isMissing(body, name));
  if (missing !== undefined) {
    const message = isOpenAi ? `Missing required parameter: '${missing}'.` : `${missing}: Field required`;
    return { status: 400, message, code: "missing_required_parameter", param: missing };
  }
  if (directives.errorStatus === null) return null;
  return {
    status: directives.errorStatus,
    message: `This is a simulated error ${directives.errorStatus} from MeshAgent.`,
  };
}

function isMissing(body: JsonObject, name: string): boolean {
  const value = body[name];
  return value === undefined || value === null || value === "";
}

function seedOf(idSeed: string, ordinal: number, request: SimulatedRequest): string {
  const hash = createHash("sha256").update(`${request.dialect} ${request.method} ${request.path}\0`);
  return `${idSeed}:${ordinal}:${hash.update(request.body).digest("hex")}`;
}
