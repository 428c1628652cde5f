/**
 * What the readers of audio and images share. Their replies name no id and no tier; their usage stands at the
 * top of a JSON body or of the event that ends a stream. Audio itself and plain text (`text`, `srt`, `vtt`) tell
 * nothing, and are not even looked at: what resembles usage in there was spoken by someone.
 */

import type { Completeness, MeteredUsage, UsageCounts, UsageKind } from "@meshagent/llm-proxy-protocol/usage";
import type { PickPath } from "../../json-pick.ts";
import { isSuccess, JsonBodyReader, noPicks, pickFrom, textOf, upstreamErrorReader } from "../readings.ts";
import type { Picks } from "../readings.ts";
import type { ReplyContext, ReplyEnd, ReplyOutcome, ReplyReading, UsageReader } from "../usage-reader.ts";
import { createSseReader } from "../sse.ts";
import type { SseEvent, SseReader } from "../sse.ts";

/** Where a reply's numbers stand, and what they say. */
export interface MediaReply {
  /** Types of the event that ends a stream and tells its usage. */
  readonly terminalTypes: readonly string[];
  /** `mediaPaths`, and what else is picked from a body or from a terminal event. */
  readonly paths: readonly PickPath[];
  /** The records of a body or a terminal event; of nothing picked, what is billed although nothing tells. */
  readonly records: (context: ReplyContext, told: ToldUsage) => readonly MeteredUsage[];
}

/** What was found in a reply. */
export interface ToldUsage {
  readonly picks: Picks;
  /** The event's type, `body`, or `none`. */
  readonly source: string;
  readonly end: ReplyEnd;
}

const TYPE: PickPath = ["type"];
const ERROR: PickPath = ["error"];
const MODEL: PickPath = ["model"];

export const USAGE: PickPath = ["usage"];

/** What every kind picks. A model is there where a compatible server names one; OpenAI's own replies do not. */
export const mediaPaths: readonly PickPath[] = [TYPE, ERROR, MODEL, USAGE];

/** The reader of a reply of this kind. */
export function mediaUsage(reply: MediaReply, context: ReplyContext): UsageReader {
  if (!isSuccess(context)) return upstreamErrorReader;
  if (context.mediaType === "text/event-stream") return new MediaStreamReader(reply, context);
  const isJson = context.mediaType === "application/json" || context.mediaType.endsWith("+json");
  if (!isJson) return new UntoldReader(reply, context);
  return new JsonBodyReader(reply.paths, (picks, end) =>
    readingOf(reply, context, { picks, end, source: "body" }),
  );
}

/** A record with numbers that are the provider's own, or derived from what is exact. */
export interface ToldNumbers {
  readonly kind: UsageKind;
  readonly model: string;
  readonly counts: UsageCounts;
  readonly completeness: Completeness;
  readonly raw: unknown;
}

/** The record of one billed model. What a cut body says is a lower bound. */
export function mediaRecord(numbers: ToldNumbers, { source, end }: ToldUsage): MeteredUsage {
  const { kind, model, counts, completeness, raw } = numbers;
  return {
    kind,
    model,
    response_id: null,
    service_tier: null,
    ...counts,
    source,
    completeness: completeness === "complete" && end === "cut" ? "partial" : completeness,
    billed: true,
    raw,
  };
}

/** The model that a reply names, else the one that was asked for. */
export function mediaModel(context: ReplyContext, { picks }: ToldUsage): string {
  return textOf(picks.get(MODEL)) ?? context.requestedModel;
}

function readingOf(reply: MediaReply, context: ReplyContext, told: ToldUsage): ReplyReading {
  return {
    outcome: told.end === "cut" ? "truncated" : "ok",
    usage: reply.records(context, told),
    responseId: null,
    servedModel: textOf(told.picks.get(MODEL)),
    servedTier: null,
  };
}

const nothingTold: ToldUsage = { picks: noPicks, source: "none", end: "cut" };

/** Of a reply that cannot tell: what follows from the request alone, if anything. */
class UntoldReader implements UsageReader {
  readonly isTerminal: boolean = false;
  readonly #reply: MediaReply;
  readonly #context: ReplyContext;

  constructor(reply: MediaReply, context: ReplyContext) {
    this.#reply = reply;
    this.#context = context;
  }

  push(): void {}

  read(end: ReplyEnd): ReplyReading {
    return {
      ...readingOf(this.#reply, this.#context, nothingTold),
      outcome: end === "cut" ? "truncated" : "ok",
    };
  }
}

/**
 * Each terminal event is billed by itself: a stream has one, and one for each image where several are asked
 * for. Events in between hold megabytes of media and are not parsed.
 */
class MediaStreamReader implements UsageReader {
  readonly #reply: MediaReply;
  readonly #context: ReplyContext;
  readonly #sse: SseReader;
  readonly #terminals: ReplyReading[] = [];
  #hasError = false;

  constructor(reply: MediaReply, context: ReplyContext) {
    this.#reply = reply;
    this.#context = context;
    this.#sse = createSseReader({
      needles: [...reply.terminalTypes, '"error"', "event: error"],
      onEvent: (event) => this.#take(event),
    });
  }

  get isTerminal(): boolean {
    return this.#terminals.length > 0;
  }

  push(chunk: Uint8Array): void {
    this.#sse.push(chunk);
  }

  read(end: ReplyEnd): ReplyReading {
    if (end === "complete" && !this.isTerminal) this.#sse.end();
    const last = this.#terminals.at(-1);
    if (last !== undefined) return { ...last, usage: this.#terminals.flatMap(({ usage }) => usage) };
    return { ...readingOf(this.#reply, this.#context, nothingTold), outcome: this.#outcome(end) };
  }

  #outcome(end: ReplyEnd): ReplyOutcome {
    if (this.#hasError) return "stream_error";
    return end === "complete" && this.#sse.skippedEvents > 0 ? "ok" : "truncated";
  }

  #take(event: SseEvent): void {
    const picks = pickFrom(event.data, this.#reply.paths);
    if (picks.malformed !== null) return;
    const type = textOf(picks.get(TYPE)) ?? event.name;
    const error = picks.get(ERROR);
    if (type === "error" || (error !== undefined && error !== null)) this.#hasError = true;
    if (!this.#reply.terminalTypes.includes(type)) return;
    this.#terminals.push(readingOf(this.#reply, this.#context, { picks, source: type, end: "complete" }));
  }
}
