/**
 * The one door to a provider: a request with its body goes in, the reply comes out as chunks.
 *
 * Everything above this interface is indifferent to how HTTP is spoken. An implementation follows no
 * redirect, decodes nothing, adds no header but what framing needs, and retries nothing by itself.
 */

/** Header lines as [name, value] pairs, in wire order, repeated names repeated. */
export type HeaderLines = readonly (readonly [name: string, value: string])[];

export interface UpstreamRequest {
  readonly method: string;
  /** Scheme, host and port, such as `https://api.openai.com`. */
  readonly origin: string;
  /** Path and query, sent as it is. */
  readonly path: string;
  readonly headers: HeaderLines;
  /** The body's chunks and their total length; null for none. */
  readonly body: UpstreamBody | null;
  readonly timeouts: UpstreamTimeouts;
}

/** A body that can be sent again from the start while it is kept. */
export interface UpstreamBody {
  readonly byteLength: number;
  chunks(): Iterable<Uint8Array>;
  /** Told by a client that knows when the last byte is with the kernel, and no chunk is read any more. */
  written?(): void;
}

export interface UpstreamTimeouts {
  /** From dialling to a usable connection, TLS included. */
  readonly connectTimeoutMs: number;
  /** From the request's last byte to the reply's header. */
  readonly firstByteTimeoutMs: number;
  /** The longest silence inside the reply. */
  readonly idleTimeoutMs: number;
}

export interface UpstreamReply {
  readonly status: number;
  readonly statusText: string;
  readonly headers: HeaderLines;
}

/**
 * Is told of one reply, in this order: `onReply` once, `onChunk` any number of times, then exactly one of
 * `onEnd` and `onFailure`. `onFailure` may come at any point, also first.
 */
export interface UpstreamObserver {
  onReply(reply: UpstreamReply): void;
  /**
   * The chunk belongs to the observer. Return false to pause until `UpstreamCall.resume()`. `framed` is the same chunk
   * as it stands in an HTTP/1.1 chunked body, where the client has it so: to be sent on in its stead.
   */
  onChunk(chunk: Uint8Array, framed?: Uint8Array | null): boolean;
  onEnd(): void;
  onFailure(failure: UpstreamFailure): void;
}

export interface UpstreamCall {
  resume(): void;
  /** Ends the call and its connection. No observer method is called afterwards. */
  abort(): void;
}

export type UpstreamFailureReason =
  /** No connection: refused, unresolved, TLS failed. Nothing was sent. */
  | "connect_failed"
  | "connect_timeout"
  | "first_byte_timeout"
  | "idle_timeout"
  /** The connection ended before or inside the reply. */
  | "connection_lost"
  /** What came back was no valid HTTP. */
  | "invalid_reply";

export interface UpstreamFailure {
  readonly reason: UpstreamFailureReason;
  /** True when it is certain that no byte of the request was written: the only case a POST may be repeated. */
  readonly isUnsent: boolean;
  /** For logs. Holds no header and no body. */
  readonly cause: Error;
}

export interface UpstreamClient {
  /** Throws when the request cannot be written as it is; calls the observer only after it has returned. */
  send(request: UpstreamRequest, observer: UpstreamObserver): UpstreamCall;
  /** Closes idle connections and waits for none. */
  close(): Promise<void>;
}
