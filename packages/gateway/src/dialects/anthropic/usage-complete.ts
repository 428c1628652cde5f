/**
 * Reads Anthropic's legacy `/complete`, plain and streamed. It counts nothing that a caller gets to see, so its
 * usage is `missing`; what the reply tells is who served and whether it came to its end.
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
import type { Picks, ReplyNames } from "../readings.ts";
import type { ReplyContext, ReplyEnd, ReplyOutcome, ReplyReading, UsageReader } from "../usage-reader.ts";
import { createSseReader } from "../sse.ts";
import type { SseEvent, SseReader } from "../sse.ts";

const TYPE: PickPath = ["type"];
const ID: PickPath = ["id"];
const MODEL: PickPath = ["model"];
const STOP_REASON: PickPath = ["stop_reason"];
const PATHS: readonly PickPath[] = [TYPE, ID, MODEL, STOP_REASON];

/** The reader of a reply to `/complete`. */
export function completeUsage(context: ReplyContext): UsageReader {
  if (!isSuccess(context)) return upstreamErrorReader;
  if (isEventStream(context)) return new CompletionStreamReader(context);
  return new JsonBodyReader(PATHS, (picks, end) =>
    missingReading(context, end === "cut" ? "truncated" : "ok", namesOf(picks)),
  );
}

function namesOf(picks: Picks): ReplyNames {
  return { responseId: textOf(picks.get(ID)), servedModel: textOf(picks.get(MODEL)), servedTier: null };
}

class CompletionStreamReader implements UsageReader {
  readonly #context: ReplyContext;
  readonly #sse: SseReader;
  #names: ReplyNames = { responseId: null, servedModel: null, servedTier: null };
  #hasStopReason = false;
  #hasError = false;

  constructor(context: ReplyContext) {
    this.#context = context;
    this.#sse = createSseReader({
      needles: ["stop_reason", '"error"'],
      onEvent: (event) => this.#take(event),
    });
  }

  get isTerminal(): boolean {
    return this.#hasStopReason;
  }

  push(chunk: Uint8Array): void {
    this.#sse.push(chunk);
  }

  read(end: ReplyEnd): ReplyReading {
    if (end === "complete" && !this.isTerminal) this.#sse.end();
    return missingReading(this.#context, this.#outcome(), this.#names);
  }

  #outcome(): ReplyOutcome {
    if (this.#hasStopReason) return "ok";
    return this.#hasError ? "stream_error" : "truncated";
  }

  /** Each event repeats id and model; only the last one has a reason to stop. */
  #take(event: SseEvent): void {
    const picks = pickFrom(event.data, PATHS);
    if (picks.malformed !== null) return;
    const type = textOf(picks.get(TYPE)) ?? event.name;
    if (type === "error") this.#hasError = true;
    if (type !== "completion") return;
    const { responseId, servedModel } = namesOf(picks);
    this.#names = {
      responseId: responseId ?? this.#names.responseId,
      servedModel: servedModel ?? this.#names.servedModel,
      servedTier: null,
    };
    this.#hasStopReason = textOf(picks.get(STOP_REASON)) !== null;
  }
}
