/**
 * How a dialect tells, when it is asked later, what a background run used: where the object is read, whether it
 * has come to its end, and where its usage stands. It asks nobody itself.
 */

import type { MeteredUsage } from "@meshagent/llm-proxy-protocol/usage";
import type { MadeObject, ObjectKind } from "../provider-objects.ts";
import type { HeaderLines } from "../upstream/client.ts";
import type { ReplyContext, ReplyOutcome, ReplyReading, UsageReaderFactory } from "./usage-reader.ts";

/** Where an object that bills later stands. */
export type Standing =
  | { readonly state: "running"; readonly made: CollectedObjects }
  | { readonly state: "done"; readonly reading: ReplyReading; readonly made: CollectedObjects }
  /** Its usage stands in the lines of further replies, one a request of the batch. */
  | {
      readonly state: "lines";
      readonly outcome: ReplyOutcome;
      /** Paths below the provider's prefix. */
      readonly paths: readonly string[];
      /** The records of one line; [] for one that bills nothing. */
      readonly readLine: (line: Uint8Array) => readonly MeteredUsage[];
      /** Objects that the line's answer made, which the provider keeps. Absent: none. */
      readonly madeBy?: (line: Uint8Array) => CollectedObjects;
      /** What is billed should there be no lines any more. */
      readonly total: readonly MeteredUsage[];
      readonly made: CollectedObjects;
    };

/** Objects that it shows and whose room is the run's: output items, output files. */
export type CollectedObjects = readonly Pick<MadeObject, "kind" | "id">[];

export interface Collecting {
  readonly kind: ObjectKind;
  /** Lines that the provider wants besides its credential. */
  readonly headers: HeaderLines;
  /** Where the object is read, below the provider's prefix. */
  path(id: string): string;
  /** null when the reply is not understood. */
  standing(body: Uint8Array, requestedModel: string): Standing | null;
}

/** What a reader tells of a plain JSON text that is there as a whole. */
export function readWhole(
  reader: UsageReaderFactory,
  body: Uint8Array,
  requestedModel: string,
): ReplyReading {
  const context: ReplyContext = {
    requestedModel,
    status: 200,
    mediaType: "application/json",
    isStreamRequested: false,
    inputCharacters: null,
  };
  const reading = reader(context);
  reading.push(body);
  return reading.read("complete");
}
