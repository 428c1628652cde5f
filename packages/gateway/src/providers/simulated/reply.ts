/**
 * What goes into the simulated provider and what comes out. A reply is a list of steps rather than bytes,
 * so that whoever plays it (in process or on a socket) decides what waiting and cutting mean.
 */

import type { HeaderLines } from "../../upstream/client.ts";
import type { DialectName } from "../provider.ts";
import type { JsonObject } from "./json.ts";

export interface SimulatedRequest {
  /** Whose API is asked; the path alone does not tell (`/v1/models`). */
  readonly dialect: DialectName;
  readonly method: string;
  /** Path and query, with or without the leading `/v1`. */
  readonly path: string;
  readonly headers: HeaderLines;
  readonly body: Uint8Array;
  /** It is a message of a WebSocket, as a request would have it. */
  readonly isSocket?: boolean;
}

/** One step of a reply's body. The end of the list is the end of the reply. */
export type SimulatedStep =
  | { readonly kind: "bytes"; readonly bytes: Uint8Array }
  | { readonly kind: "wait"; readonly waitMs: number }
  /** Nothing follows, ever, and the connection stays open. */
  | { readonly kind: "stall" }
  /** The connection is destroyed here. */
  | { readonly kind: "cut" };

/** What the provider would put on its invoice for the reply, whether or not the caller gets to see it. */
export interface SimulatedBill {
  /** The reply's id, null where it has none. */
  readonly responseId: string | null;
  /** The model that served. */
  readonly model: string;
  /** The provider's own usage object. */
  readonly usage: JsonObject;
}

export interface SimulatedReply {
  readonly status: number;
  readonly headers: HeaderLines;
  /** Silence before the header. */
  readonly headerDelayMs: number;
  readonly steps: Iterable<SimulatedStep>;
  /** null when nothing is billed. */
  readonly bill: SimulatedBill | null;
}

/** What an endpoint makes; the simulation adds the headers and the delays that all endpoints share. */
export interface EndpointReply {
  readonly status: number;
  readonly body: EndpointBody;
  readonly bill: SimulatedBill | null;
  /** Header lines of this endpoint alone. */
  readonly headers?: HeaderLines;
}

export type EndpointBody =
  | { readonly kind: "json"; readonly text: string }
  /** Audio, or text that is no JSON. */
  | { readonly kind: "bytes"; readonly contentType: string; readonly bytes: Uint8Array }
  | {
      readonly kind: "events";
      /** Whole server-sent events, the empty line included. */
      readonly events: readonly string[];
      /** What the provider sends instead of the rest when it fails in the middle, after `sent` events. */
      readonly errorEvent: (sent: number) => string;
    };
