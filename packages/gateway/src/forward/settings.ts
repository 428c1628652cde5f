/** The settings of forwarding: times and limits, each with its reason. */

import type { Members } from "../roster.ts";
import type { CreateMeter } from "../observation.ts";
import type { DisconnectPolicy } from "../config/settings.ts";
import type { Clock } from "../clock.ts";
import type { Log } from "../observe/log.ts";
import type { DrainSlots } from "./drain-slots.ts";
import type { KeptLists } from "./kept-lists.ts";
import type { SharedFlights } from "./shared-flights.ts";
import type { UpstreamClient } from "../upstream/client.ts";

export interface ForwardSettings {
  readonly disconnectPolicy: DisconnectPolicy;
  readonly drainMaxMs: number;
  readonly drainMaxBytes: number;
  /** How long the end of a reply waits for its row before it goes on without. */
  readonly settleTimeoutMs: number;
  /** A caller that takes no byte for this long, while bytes wait for it, counts as gone. */
  readonly callerStallTimeoutMs: number;
  /** How often a request of which nothing was written is sent, in all. */
  readonly maxAttempts: number;
  /** Where callers reach the gateway, for links in replies; null: where the caller says it did. */
  readonly publicUrl: string | null;
}

export interface ForwardDeps {
  readonly clock: Clock;
  readonly log: Log;
  readonly settings: ForwardSettings;
  readonly drainSlots: DrainSlots;
  /** By the upstream's kind: over the network, or the simulated provider in this process. */
  readonly clientFor: (isSimulated: boolean) => UpstreamClient;
  /** Identical token counts that are asked for at once. */
  readonly flights: SharedFlights;
  /** Model lists for who waits for them before its first turn. */
  readonly keptLists: KeptLists;
  readonly createMeter: CreateMeter;
  /** Running relays, so that a shutdown can end those that outlive its bound. */
  readonly running: Members<Stoppable>;
}

export interface Stoppable {
  /** Ends the exchange now; its row is written. */
  stop(): void;
}
