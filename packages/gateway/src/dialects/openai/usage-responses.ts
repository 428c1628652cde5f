/**
 * Reads the usage of `/responses` and `/responses/compact`, plain and streamed.
 *
 * In a stream only the terminal event (`response.completed`, `response.incomplete`, `response.failed`) has
 * usage. It repeats the whole output, so it is picked from, never built. What the image tool used is counted
 * beside `usage`, at another model's price, and becomes a record of its own; so does `svg_usage` of an image
 * item. A compaction names no model.
 */

import type { PickPath } from "../../json-pick.ts";
import {
  isEventStream,
  isSuccess,
  JsonBodyReader,
  missingReading,
  pickFrom,
  textOf,
  upstreamErrorReader,
} from "../readings.ts";
import type { MessageReader } from "../socket-protocol.ts";
import type { ReplyContext, ReplyEnd, ReplyOutcome, ReplyReading, UsageReader } from "../usage-reader.ts";
import { createSseReader } from "../sse.ts";
import type { SseReader } from "../sse.ts";
import { readResponse, responsePaths } from "./usage-response-object.ts";

const TYPE: PickPath = ["type"];
const BODY = responsePaths([]);
const EVENT = responsePaths(["response"]);
const EVENT_PATHS: readonly PickPath[] = [TYPE, ...EVENT.all];

/** An event that holds none of these says nothing about usage. */
export const responsesNeedles: readonly string[] = [
  "response.completed",
  "response.incomplete",
  "response.failed",
  "response.created",
  '"error"',
];
const TERMINAL_TYPES: ReadonlySet<string> = new Set([
  "response.completed",
  "response.incomplete",
  "response.failed",
]);

/**
 * The reader of a reply to `/responses` or `/responses/compact`. `raw` of the primary record is the `usage`
 * object, or `{usage, tool_usage}` where the reply has `tool_usage` too; of the others their own object.
 */
export function responsesUsage(context: ReplyContext): UsageReader {
  if (!isSuccess(context)) return upstreamErrorReader;
  if (isEventStream(context)) return new ResponsesStreamReader(context);
  return new JsonBodyReader(BODY.all, (picks, end) =>
    readResponse({ context, paths: BODY, picks, end, source: "body" }),
  );
}

class ResponsesStreamReader implements UsageReader {
  readonly #events: ResponsesEvents;
  readonly #sse: SseReader;

  constructor(context: ReplyContext) {
    this.#events = new ResponsesEvents(context);
    this.#sse = createSseReader({
      needles: responsesNeedles,
      onEvent: (event) => this.#events.takeEvent(event.name, event.data),
    });
  }

  get isTerminal(): boolean {
    return this.#events.isTerminal;
  }

  push(chunk: Uint8Array): void {
    this.#sse.push(chunk);
  }

  read(end: ReplyEnd): ReplyReading {
    if (end === "complete" && !this.isTerminal) this.#sse.end();
    return this.#events.read(end, this.#sse.skippedEvents > 0);
  }
}

/** Reads the events of one response, by whatever they came: as server-sent events, or as messages of a WebSocket. */
export class ResponsesEvents implements MessageReader {
  readonly #context: ReplyContext;
  #responseId: string | null = null;
  #model: string | null = null;
  #hasError = false;
  #terminal: ReplyReading | null = null;

  constructor(context: ReplyContext) {
    this.#context = context;
  }

  get isTerminal(): boolean {
    return this.#terminal !== null;
  }

  take(message: Buffer): void {
    this.takeEvent("", message);
  }

  /** `name` stands in where the event does not say its type. */
  takeEvent(name: string, data: Buffer): void {
    if (this.#terminal !== null) return;
    const picks = pickFrom(data, EVENT_PATHS);
    if (picks.malformed !== null) return;
    const type = textOf(picks.get(TYPE)) ?? name;
    if (type === "error") this.#hasError = true;
    if (!type.startsWith("response.")) return;
    this.#responseId ??= textOf(picks.get(EVENT.id));
    this.#model ??= textOf(picks.get(EVENT.model));
    if (!TERMINAL_TYPES.has(type)) return;
    this.#terminal = readResponse({
      context: this.#context,
      paths: EVENT,
      picks,
      end: "complete",
      source: type,
    });
  }

  /** `hasSkipped`: an event was too long to be looked at, which may have been the terminal one. */
  read(end: ReplyEnd, hasSkipped = false): ReplyReading {
    if (this.#terminal !== null) return this.#terminal;
    const names = { responseId: this.#responseId, servedModel: this.#model, servedTier: null };
    return missingReading(this.#context, this.#outcome(end, hasSkipped), names);
  }

  #outcome(end: ReplyEnd, hasSkipped: boolean): ReplyOutcome {
    if (this.#hasError) return "stream_error";
    return end === "complete" && hasSkipped ? "ok" : "truncated";
  }
}
