/** What forwarding saw of one exchange, for the row. Facts only: prices and outcomes are named by `record`. */

import type { ReplyReading } from "../meter/usage-reader.ts";
import type { UpstreamFailure } from "../upstream/client.ts";

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
