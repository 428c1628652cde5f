/**
 * Reads the usage of a realtime session's messages: `response.done`, also of a response that was cancelled or
 * failed, and the transcription of what somebody said, in tokens or in seconds. Neither names its model: it is the
 * session's, which the context says.
 */

import type { MeteredUsage } from "@meshagent/llm-proxy-protocol/usage";
import type { PickPath } from "../../json-pick.ts";
import { isObject, memberOf, missingReading, noNames, pickFrom, textOf } from "../readings.ts";
import type { Picks, ReplyNames } from "../readings.ts";
import type { MessageReader } from "../socket-protocol.ts";
import type { ReplyContext, ReplyEnd, ReplyOutcome, ReplyReading } from "../usage-reader.ts";
import { completenessOf, openaiCounts } from "./usage-counts.ts";

const TYPE: PickPath = ["type"];
const RESPONSE_ID: PickPath = ["response", "id"];
const STATUS: PickPath = ["response", "status"];
const USAGE: PickPath = ["response", "usage"];
const ITEM_ID: PickPath = ["item_id"];
const TRANSCRIPTION_USAGE: PickPath = ["usage"];
const PATHS: readonly PickPath[] = [TYPE, RESPONSE_ID, STATUS, USAGE, ITEM_ID, TRANSCRIPTION_USAGE];

const outcomes: Readonly<Record<string, ReplyOutcome>> = {
  completed: "ok",
  incomplete: "incomplete",
  failed: "failed",
  cancelled: "cancelled",
};

/** The reader of one response, or of one transcription. */
export function realtimeUsage(context: ReplyContext): MessageReader {
  return new RealtimeReader(context);
}

class RealtimeReader implements MessageReader {
  readonly #context: ReplyContext;
  #responseId: string | null = null;
  #hasError = false;
  #terminal: ReplyReading | null = null;

  constructor(context: ReplyContext) {
    this.#context = context;
  }

  get isTerminal(): boolean {
    return this.#terminal !== null;
  }

  take(message: Buffer): void {
    const picks = pickFrom(message, PATHS);
    const type = textOf(picks.get(TYPE)) ?? "";
    if (type === "error") this.#hasError = true;
    this.#responseId ??= textOf(picks.get(RESPONSE_ID));
    if (type === "response.done") this.#terminal = this.#readDone(picks);
    else if (type.endsWith("input_audio_transcription.completed"))
      this.#terminal = this.#readTranscription(picks);
  }

  read(_end: ReplyEnd): ReplyReading {
    if (this.#terminal !== null) return this.#terminal;
    const outcome = this.#hasError ? "stream_error" : "truncated";
    return missingReading(this.#context, outcome, { ...noNames, responseId: this.#responseId });
  }

  #readDone(picks: Picks): ReplyReading {
    const names = { ...noNames, responseId: textOf(picks.get(RESPONSE_ID)) };
    const outcome = outcomes[textOf(picks.get(STATUS)) ?? ""] ?? "ok";
    return this.#reading("primary", picks.get(USAGE), { outcome, names, source: "response.done" });
  }

  #readTranscription(picks: Picks): ReplyReading {
    const names = { ...noNames, responseId: textOf(picks.get(ITEM_ID)) };
    const source = "input_audio_transcription.completed";
    return this.#reading("input_transcription", picks.get(TRANSCRIPTION_USAGE), {
      outcome: "ok",
      names,
      source,
    });
  }

  #reading(
    kind: MeteredUsage["kind"],
    usage: unknown,
    about: { readonly outcome: ReplyOutcome; readonly names: ReplyNames; readonly source: string },
  ): ReplyReading {
    const { outcome, names, source } = about;
    if (!isObject(usage)) {
      const reading = missingReading(this.#context, outcome, names);
      return { ...reading, usage: reading.usage.map((record) => ({ ...record, kind })) };
    }
    const seconds = memberOf(usage, "seconds");
    const isBySeconds = typeof seconds === "number" && Number.isFinite(seconds) && seconds >= 0;
    const counts = isBySeconds ? { input_audio_seconds: seconds } : openaiCounts(usage);
    const record: MeteredUsage = {
      kind,
      model: this.#context.requestedModel,
      response_id: names.responseId,
      service_tier: null,
      ...counts,
      source,
      completeness: isBySeconds ? "complete" : completenessOf(counts, true),
      billed: true,
      raw: usage,
    };
    return { outcome, usage: [record], ...names };
  }
}
