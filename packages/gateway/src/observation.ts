/**
 * What forwarding sees of one exchange: the meter that watches the reply, and the facts that go to the row. Prices
 * and outcomes are named by `record`.
 */

import type { ReplyEnd, ReplyReading, UsageReader } from "./dialects/usage-reader.ts";
import type { UpstreamFailure } from "./upstream/client.ts";

/** How the exchange ended for the gateway. */
export type Ending =
  /** The caller has, or is about to get, all of the reply. Also when it left after the terminal event. */
  | "complete"
  /** The caller left; the reply was read to its end all the same. */
  | "drained"
  /** The caller left, and reading on was given up (policy, or a limit of drains). */
  | "abandoned"
  /** The upstream was cut, or fell silent, inside its reply. */
  | "cut"
  /** No reply came. */
  | "no_reply"
  /** The gateway's own shutdown ended it. */
  | "stopped";

export interface Observation {
  readonly ending: Ending;
  /** The caller went away before it had all that it will be billed for. */
  readonly isCallerGone: boolean;
  /** The provider's status; null when no reply came. */
  readonly status: number | null;
  /** null for endpoints that bill nothing, and when no reply came. */
  readonly reading: ReplyReading | null;
  /** Why the meter could not read the reply, or null. */
  readonly meterFault: string | null;
  readonly isStream: boolean;
  readonly firstByteAtMs: number | null;
  /** Bytes of the reply's body as the provider sent them. */
  readonly responseBytes: number;
  readonly providerRequestId: string | null;
  /** Requests made, 1 for the usual exchange. */
  readonly attempts: number;
  readonly failure: UpstreamFailure | null;
}

export interface MeterOptions {
  /** Fresh: nothing was pushed to it. */
  readonly reader: UsageReader;
  /** The `content-encoding` header as it came, "" when absent. */
  readonly contentEncoding: string;
  /** A reply that decodes to more is not read on. Bytes; 512 MiB unless told. */
  readonly maxDecodedBytes?: number;
}

export interface Meter {
  /**
   * Takes the next bytes as they came. Returns nothing when they are read already, else a promise that
   * settles, and never rejects, when they are. The chunk must not change before.
   */
  observe(chunk: Uint8Array): Promise<void> | void;
  /** True once the chunks observed hold all that the reply will be billed for. */
  readonly isTerminal: boolean;
  /** See `UsageReader.isInputTold`. */
  readonly isInputTold: boolean;
  /** What is known now, if the reply ends so. */
  read(end: ReplyEnd): ReplyReading;
  /** What is known at the end of the reply's bytes. Never rejects; can be asked again. */
  finish(end: ReplyEnd): Promise<ReplyReading> | ReplyReading;
  /** What went wrong in the meter, in words for the log, or null. */
  readonly fault: string | null;
}

/** Makes the meter of one reply. */
export type CreateMeter = (options: MeterOptions) => Meter;
