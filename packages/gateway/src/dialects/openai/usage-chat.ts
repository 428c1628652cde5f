/**
 * Reads the usage of chat completions and legacy completions, which share one usage object, plain and
 * streamed.
 *
 * A stream tells its usage only when asked (`stream_options.include_usage`): in one extra chunk with empty
 * `choices` before `[DONE]`. Some compatible servers put it on a chunk that has choices, some repeat a
 * growing count on every chunk: the last one counts, and only empty choices or `[DONE]` make it final.
 * Usage is for all choices together.
 */

import type { PickPath } from "../../json-pick.ts";
import {
  isEventStream,
  isObject,
  isSuccess,
  JsonBodyReader,
  memberOf,
  missingReading,
  pickFrom,
  textOf,
  upstreamErrorReader,
} from "../readings.ts";
import type { Picks, ReplyNames } from "../readings.ts";
import type { ReplyContext, ReplyEnd, ReplyOutcome, ReplyReading, UsageReader } from "../usage-reader.ts";
import { createSseReader } from "../sse.ts";
import type { SseEvent, SseReader } from "../sse.ts";
import { completenessOf, openaiCounts, servedTierOf } from "./usage-counts.ts";

const ID: PickPath = ["id"];
const MODEL: PickPath = ["model"];
const TIER: PickPath = ["service_tier"];
const USAGE: PickPath = ["usage"];
const CHOICES: PickPath = ["choices"];
const ERROR: PickPath = ["error"];
const BODY_PATHS: readonly PickPath[] = [ID, MODEL, TIER, USAGE];
const CHUNK_PATHS: readonly PickPath[] = [...BODY_PATHS, CHOICES, ERROR];

/** `_tokens"` ends the name of every count, so chunks with `"usage":null` are not even parsed. */
const NEEDLES = ['_tokens"', '"error"', "[DONE]"];

/** The reader of a reply to `/chat/completions` or `/completions`. `raw` is the usage object. */
export function chatUsage(context: ReplyContext): UsageReader {
  if (!isSuccess(context)) return upstreamErrorReader;
  if (isEventStream(context)) return new ChatStreamReader(context);
  return new JsonBodyReader(BODY_PATHS, (picks, end) => readBody(context, picks, end));
}

interface ChatFindings {
  readonly usage: unknown;
  readonly source: string;
  /** The numbers are the provider's last. */
  readonly isFinal: boolean;
  readonly outcome: ReplyOutcome;
}

function readBody(context: ReplyContext, picks: Picks, end: ReplyEnd): ReplyReading {
  const names = {
    responseId: textOf(picks.get(ID)),
    servedModel: textOf(picks.get(MODEL)),
    servedTier: servedTierOf(picks.get(TIER)),
  };
  const isFinal = end === "complete";
  const outcome = isFinal ? "ok" : "truncated";
  return chatReading(context, names, { usage: picks.get(USAGE), source: "body", isFinal, outcome });
}

function chatReading(context: ReplyContext, names: ReplyNames, findings: ChatFindings): ReplyReading {
  if (!isObject(findings.usage)) return missingReading(context, findings.outcome, names);
  const counts = openaiCounts(findings.usage);
  const completeness = completenessOf(counts, true);
  const record = {
    kind: "primary" as const,
    model: names.servedModel ?? context.requestedModel,
    response_id: names.responseId,
    service_tier: names.servedTier,
    ...counts,
    source: findings.source,
    completeness: completeness === "complete" && !findings.isFinal ? ("partial" as const) : completeness,
    billed: true,
    raw: findings.usage,
  };
  return { outcome: findings.outcome, usage: [record], ...names };
}

class ChatStreamReader implements UsageReader {
  readonly #context: ReplyContext;
  readonly #sse: SseReader;
  #responseId: string | null = null;
  #model: string | null = null;
  #tier: string | null = null;
  #usage: unknown = null;
  #isUsageFinal = false;
  #isUsageWithFinish = false;
  #isDone = false;
  #hasError = false;

  constructor(context: ReplyContext) {
    this.#context = context;
    this.#sse = createSseReader({
      needles: NEEDLES,
      leadingEvents: 1,
      onEvent: (event) => this.#take(event),
    });
  }

  get isTerminal(): boolean {
    return this.#isDone || this.#isUsageFinal;
  }

  push(chunk: Uint8Array): void {
    this.#sse.push(chunk);
  }

  read(end: ReplyEnd): ReplyReading {
    if (end === "complete" && !this.isTerminal) this.#sse.end();
    const isFinal = this.isTerminal || (end === "complete" && this.#isUsageWithFinish);
    const names = { responseId: this.#responseId, servedModel: this.#model, servedTier: this.#tier };
    return chatReading(this.#context, names, {
      usage: this.#usage,
      source: "chunk",
      isFinal,
      outcome: this.#outcome(isFinal),
    });
  }

  #outcome(isFinal: boolean): ReplyOutcome {
    if (this.#hasError) return "stream_error";
    return isFinal ? "ok" : "truncated";
  }

  #take(event: SseEvent): void {
    if (event.data.length < 16 && event.data.toString("latin1").trim() === "[DONE]") {
      this.#isDone = true;
      return;
    }
    const picks = pickFrom(event.data, CHUNK_PATHS);
    if (picks.malformed !== null) return;
    const error = picks.get(ERROR);
    if (event.name === "error" || (error !== undefined && error !== null)) this.#hasError = true;
    this.#responseId ??= textOf(picks.get(ID));
    this.#model ??= textOf(picks.get(MODEL));
    this.#tier = servedTierOf(picks.get(TIER)) ?? this.#tier;
    const usage = picks.get(USAGE);
    if (!isObject(usage)) return;
    this.#usage = usage;
    const choices = picks.get(CHOICES);
    if (Array.isArray(choices) && choices.length === 0) this.#isUsageFinal = true;
    this.#isUsageWithFinish = Array.isArray(choices) && choices.some(hasFinished);
  }
}

function hasFinished(choice: unknown): boolean {
  return textOf(memberOf(choice, "finish_reason")) !== null;
}
