/**
 * What a dialect gives to the meter: a reader that watches the bytes of one reply and tells, at the end,
 * what the provider counted. A reader never alters, delays or fails a reply: whatever the bytes hold, it
 * does not throw.
 */

import type { MeteredUsage } from "@meshagent/llm-proxy-protocol/usage";
import type { MadeObject } from "../provider-objects.ts";

/** How the bytes of the reply ended, as far as the reader was shown them. */
export type ReplyEnd =
  /** The reply came to its own end. */
  | "complete"
  /** The upstream was cut, or a limit of the gateway ended it. */
  | "cut";

/** How the response ended, as the reply itself tells. */
export type ReplyOutcome =
  | "ok"
  | "incomplete"
  | "refused"
  | "cancelled"
  | "failed"
  | "stream_error"
  | "upstream_error"
  | "truncated";

export interface ReplyReading {
  readonly outcome: ReplyOutcome;
  /** One record per billed model, and per shown but unbilled hop; empty when the reply bills nothing. */
  readonly usage: readonly MeteredUsage[];
  /** The reply's id, model and tier, null where the reply does not say. */
  readonly responseId: string | null;
  readonly servedModel: string | null;
  readonly servedTier: string | null;
  /** The reply's object goes on upstream and tells later what it used: a background response, a batch. */
  readonly isRunning?: boolean;
  /** Provider-side objects that the reply shows besides itself: output items, containers. Absent for none. */
  readonly made?: readonly Pick<MadeObject, "kind" | "id">[];
}

export interface UsageReader {
  /**
   * Watches the next bytes of the reply's content (content-encoding removed). Any split is fine, also
   * inside a character, a line end or an event.
   */
  push(chunk: Uint8Array): void;
  /**
   * True once the reply has said all that it will be billed for: the terminal event of a stream has been
   * pushed. What follows (`[DONE]`, trailing events) can no longer make the reply incomplete.
   */
  readonly isTerminal: boolean;
  /**
   * True once the reply has told all input that it will be billed for, before its output: `read` then gives it. Absent
   * where a reply tells everything at its end.
   */
  readonly isInputTold?: boolean;
  /** What is known now, if the reply ends so. Can be asked at the terminal event and again at the end. */
  read(end: ReplyEnd): ReplyReading;
}

/** What a reader knows of the request that the reply answers. */
export interface ReplyContext {
  readonly requestedModel: string;
  /** HTTP status of the reply. */
  readonly status: number;
  /** The reply's media type without parameters, lower case, such as `text/event-stream`; "" when absent. */
  readonly mediaType: string;
  /** The request asked for a stream. */
  readonly isStreamRequested: boolean;
  /** Characters of the text that the endpoint bills by character; null where it has none, or it is not known. */
  readonly inputCharacters: number | null;
}

/** Makes the reader for one reply. */
export type UsageReaderFactory = (context: ReplyContext) => UsageReader;
