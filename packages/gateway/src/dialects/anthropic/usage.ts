/**
 * Reads the usage of Anthropic `/messages`, plain and streamed.
 *
 * A stream begins with `message_start`, whose usage has the input side, tier, speed, region and the split of
 * cache writes, and a placeholder for the output that is never a result. Each `message_delta` carries
 * cumulative counts: a number overwrites, null keeps, nothing is added up. The one with a `stop_reason` is
 * final. Pings, unknown events and unknown deltas may stand anywhere.
 */

import type { PickPath } from "../../json-pick.ts";
import {
  countOf,
  isEventStream,
  isObject,
  isSuccess,
  JsonBodyReader,
  missingReading,
  noNames,
  pickFrom,
  textOf,
  unbilledReading,
  upstreamErrorReader,
} from "../readings.ts";
import type { Picks } from "../readings.ts";
import type { ReplyContext, ReplyEnd, ReplyReading, UsageReader } from "../usage-reader.ts";
import { createSseReader } from "../sse.ts";
import type { SseEvent, SseReader } from "../sse.ts";
import { readMessage } from "./usage-message.ts";

const ID: PickPath = ["id"];
const MODEL: PickPath = ["model"];
const STOP_REASON: PickPath = ["stop_reason"];
const BLOCK_TYPE: PickPath = ["content", "*", "type"];
const USAGE: PickPath = ["usage"];
const CONTAINER: PickPath = ["container", "id"];
/** Files that code has written: `*_code_execution_tool_result` blocks name them. */
const FILE: PickPath = ["content", "*", "content", "content", "*", "file_id"];
const BODY_PATHS: readonly PickPath[] = [ID, MODEL, STOP_REASON, BLOCK_TYPE, USAGE, CONTAINER, FILE];

const TYPE: PickPath = ["type"];
const START_ID: PickPath = ["message", "id"];
const START_MODEL: PickPath = ["message", "model"];
const START_USAGE: PickPath = ["message", "usage"];
const DELTA_STOP_REASON: PickPath = ["delta", "stop_reason"];
const START_CONTAINER: PickPath = ["message", "container", "id"];
const DELTA_CONTAINER: PickPath = ["delta", "container", "id"];
const STARTED_FILE: PickPath = ["content_block", "content", "content", "*", "file_id"];
const STARTED_BLOCK_TYPE: PickPath = ["content_block", "type"];
const FALLBACK_MODEL: PickPath = ["content_block", "to", "model"];
const EVENT_PATHS: readonly PickPath[] = [
  TYPE,
  START_ID,
  START_MODEL,
  START_USAGE,
  DELTA_STOP_REASON,
  STARTED_BLOCK_TYPE,
  FALLBACK_MODEL,
  USAGE,
  START_CONTAINER,
  DELTA_CONTAINER,
  STARTED_FILE,
];

const NEEDLES = ["message_start", "message_delta", "message_stop", "content_block_start", '"error"'];

/**
 * The reader of a reply to `/messages`. `raw` of the first record is the `usage` object, for a stream
 * `{message_start, message_delta}`: the first event's usage and the last one's. A record made from
 * `iterations` besides the first has its own entries.
 */
export function messagesUsage(context: ReplyContext): UsageReader {
  if (!isSuccess(context)) return upstreamErrorReader;
  if (isEventStream(context)) return new MessageStreamReader(context);
  return new JsonBodyReader(BODY_PATHS, (picks, end) => readBody(context, picks, end));
}

function readBody(context: ReplyContext, picks: Picks, end: ReplyEnd): ReplyReading {
  const responseId = textOf(picks.get(ID));
  const model = textOf(picks.get(MODEL));
  const usage = picks.get(USAGE);
  const isFinal = end === "complete";
  if (!isObject(usage)) {
    return missingReading(context, isFinal ? "ok" : "truncated", {
      responseId,
      servedModel: model,
      servedTier: null,
    });
  }
  const blocks = picks.all(BLOCK_TYPE).map(({ value }) => value);
  const reading = readMessage({
    context,
    responseId,
    model,
    usage,
    raw: usage,
    source: "body",
    stopReason: textOf(picks.get(STOP_REASON)),
    hasOutput: blocks.slice(blocks.lastIndexOf("fallback") + 1).length > 0,
    isFinal,
    endsAs: isFinal ? "ok" : "truncated",
  });
  return withMade(reading, textOf(picks.get(CONTAINER)), idsAt(picks, FILE));
}

/** The container that the message's code ran in, and the files that it wrote, belong to the room, too. */
function withMade(reading: ReplyReading, container: string | null, files: readonly string[]): ReplyReading {
  const made: NonNullable<ReplyReading["made"]> = [
    ...(container === null ? [] : [{ kind: "container" as const, id: container }]),
    ...files.map((id) => ({ kind: "file" as const, id })),
  ];
  return made.length === 0 ? reading : { ...reading, made };
}

function idsAt(picks: Picks, path: PickPath): readonly string[] {
  return picks.all(path).flatMap(({ value }) => textOf(value) ?? []);
}

class MessageStreamReader implements UsageReader {
  readonly #context: ReplyContext;
  readonly #sse: SseReader;
  #hasBegun = false;
  #responseId: string | null = null;
  #model: string | null = null;
  #startUsage: Readonly<Record<string, unknown>> | null = null;
  #deltaUsage: Readonly<Record<string, unknown>> | null = null;
  /** The counts so far. */
  #usage: Readonly<Record<string, unknown>> = {};
  #isOutputTold = false;
  #hasOutput = false;
  #stopReason: string | null = null;
  #isStopped = false;
  #hasError = false;
  #container: string | null = null;
  readonly #files: string[] = [];

  constructor(context: ReplyContext) {
    this.#context = context;
    this.#sse = createSseReader({ needles: NEEDLES, onEvent: (event) => this.#take(event) });
  }

  get isInputTold(): boolean {
    return this.#startUsage !== null;
  }

  get isTerminal(): boolean {
    return this.#stopReason !== null || this.#isStopped;
  }

  push(chunk: Uint8Array): void {
    this.#sse.push(chunk);
  }

  read(end: ReplyEnd): ReplyReading {
    if (end === "complete" && !this.isTerminal) this.#sse.end();
    const unfinished = this.#hasError ? "stream_error" : "truncated";
    if (!this.#hasBegun)
      return this.#hasError ? unbilledReading("stream_error") : missingReading(this.#context, unfinished);
    const endsAs = this.isTerminal ? "ok" : unfinished;
    if (this.#startUsage === null && this.#deltaUsage === null) {
      return missingReading(this.#context, endsAs, {
        ...noNames,
        responseId: this.#responseId,
        servedModel: this.#model,
      });
    }
    const reading = readMessage({
      context: this.#context,
      responseId: this.#responseId,
      model: this.#model,
      usage: this.#usage,
      raw: { message_start: this.#startUsage, message_delta: this.#deltaUsage },
      source: this.#deltaUsage === null ? "message_start" : "message_delta",
      stopReason: this.#stopReason,
      hasOutput: this.#hasOutput,
      isFinal: this.isTerminal && this.#isOutputTold,
      endsAs,
    });
    return withMade(reading, this.#container, this.#files);
  }

  #take(event: SseEvent): void {
    const picks = pickFrom(event.data, EVENT_PATHS);
    if (picks.malformed !== null) return;
    const type = textOf(picks.get(TYPE)) ?? event.name;
    if (type === "message_start") this.#takeStart(picks);
    else if (type === "message_delta") this.#takeDelta(picks);
    else if (type === "message_stop") this.#isStopped = this.#hasBegun;
    else if (type === "content_block_start") this.#takeBlock(picks);
    else if (type === "error") this.#hasError = true;
  }

  #takeStart(picks: Picks): void {
    if (this.#hasBegun) return;
    this.#hasBegun = true;
    this.#responseId = textOf(picks.get(START_ID));
    this.#model = textOf(picks.get(START_MODEL));
    this.#container = textOf(picks.get(START_CONTAINER));
    const usage = picks.get(START_USAGE);
    if (!isObject(usage)) return;
    this.#startUsage = usage;
    // The output of message_start is a placeholder: 0 is the lower bound until a message_delta tells.
    this.#usage = { ...usage, output_tokens: 0 };
  }

  #takeDelta(picks: Picks): void {
    this.#hasBegun = true;
    const usage = picks.get(USAGE);
    if (isObject(usage)) {
      this.#deltaUsage = usage;
      const given = Object.entries(usage).filter(([, value]) => value !== null);
      this.#usage = { ...this.#usage, ...Object.fromEntries(given) };
      if (countOf(usage["output_tokens"]) !== null) this.#isOutputTold = true;
    }
    this.#stopReason = textOf(picks.get(DELTA_STOP_REASON)) ?? this.#stopReason;
    this.#container = textOf(picks.get(DELTA_CONTAINER)) ?? this.#container;
  }

  /** A `fallback` block is no output: it marks that another model goes on, and names it. */
  #takeBlock(picks: Picks): void {
    this.#files.push(...idsAt(picks, STARTED_FILE));
    const isFallback = picks.get(STARTED_BLOCK_TYPE) === "fallback";
    this.#hasOutput = !isFallback;
    if (isFallback) this.#model = textOf(picks.get(FALLBACK_MODEL)) ?? this.#model;
  }
}
