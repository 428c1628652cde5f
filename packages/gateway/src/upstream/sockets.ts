/**
 * The door to a provider's WebSockets: a request to upgrade goes in, a connection comes out, of which every byte
 * is a frame's. Frames are not looked at here, and no extension is ever agreed on.
 */

import type { Duplex } from "node:stream";
import type { HeaderLines, UpstreamFailure, UpstreamReply, UpstreamTimeouts } from "./client.ts";

export interface SocketRequest {
  /** Scheme, host and port, with `http:` or `https:`. */
  readonly origin: string;
  /** Path and query, sent as it is. */
  readonly path: string;
  /** Without the lines of the handshake itself, which the client adds. */
  readonly headers: HeaderLines;
  /** Subprotocols to offer, best first. */
  readonly protocols: readonly string[];
  readonly timeouts: UpstreamTimeouts;
}

/** An upgraded connection. */
export interface OpenedSocket {
  readonly kind: "opened";
  readonly reply: UpstreamReply;
  /** What the provider chose of the protocols offered, or null. */
  readonly protocol: string | null;
  /** Paused; frames in both directions. */
  readonly stream: Duplex;
}

/** The provider answered with something else than 101; its words are for the caller. */
export interface RefusedSocket {
  readonly kind: "refused";
  readonly reply: UpstreamReply;
  readonly body: Uint8Array;
}

/** No connection, or none that speaks the protocol. */
export interface FailedSocket {
  readonly kind: "failed";
  readonly failure: UpstreamFailure;
}

export type SocketResult = OpenedSocket | RefusedSocket | FailedSocket;

export interface SocketClient {
  /** Never rejects. Aborted, it gives `failed`. */
  open(request: SocketRequest, signal: AbortSignal): Promise<SocketResult>;
  close(): Promise<void>;
}
