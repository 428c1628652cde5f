/**
 * The upstream client on plain sockets: HTTP/1.1, one request at a time per connection, as many connections as
 * there are running exchanges. Made for large bodies up and long streams down: no stream objects, no header
 * objects, no copies. It follows no redirect, decodes nothing and repeats nothing.
 */

import type {
  UpstreamCall,
  UpstreamClient,
  UpstreamFailureReason,
  UpstreamObserver,
  UpstreamReply,
  UpstreamRequest,
} from "./client.ts";
import {
  type ConnectFailure,
  type Connection,
  type Connections,
  type ConnectionsOptions,
  type ConnectionUser,
  createConnections,
} from "./connections.ts";
import { InvalidReplyError, type ReplyHandler, ReplyParser } from "./reply-parser.ts";
import { requestHead } from "./request-head.ts";

/** Far above what providers send, far below what hurts. */
const maxHeadBytes = 256 * 1024;
/** Up to here head and body go in one write, which saves a system call. */
const oneWriteMaxBytes = 16 * 1024;
/** So many bytes of a body go in one system call, however much waits already. */
const inOneGoBytes = 1024 * 1024;

export function createHttp1Client(options: ConnectionsOptions): UpstreamClient {
  const connections = createConnections(options);
  return {
    send: (request, observer) => new Http1Call(connections, request, observer),
    close: async () => connections.close(),
  };
}

class Http1Call implements UpstreamCall, ReplyHandler, ConnectionUser {
  readonly #request: UpstreamRequest;
  readonly #head: string;
  readonly #observer: UpstreamObserver;
  readonly #parser: ReplyParser;
  readonly #cancelDial: () => void;
  #connection: Connection | null = null;
  #timer: NodeJS.Timeout | null = null;
  #isOver = false;
  #isPaused = false;
  #isSent = false;
  /** Of the body, as its length says. */
  #unsentBytes: number;
  #hasHead = false;

  constructor(connections: Connections, request: UpstreamRequest, observer: UpstreamObserver) {
    this.#request = request;
    this.#head = requestHead(request);
    this.#unsentBytes = request.body?.byteLength ?? 0;
    this.#observer = observer;
    this.#parser = new ReplyParser({ isHead: request.method === "HEAD", maxHeadBytes }, this);
    let isSynchronous = true;
    this.#cancelDial = connections.open(request.origin, request.timeouts.connectTimeoutMs, (result) => {
      // The observer must not be called before `send` has returned.
      if (isSynchronous) queueMicrotask(() => this.#onOpen(result));
      else this.#onOpen(result);
    });
    isSynchronous = false;
  }

  resume(): void {
    if (!this.#isPaused || this.#isOver) return;
    this.#isPaused = false;
    this.#timer?.refresh();
    this.#connection?.socket.resume();
  }

  abort(): void {
    if (this.#isOver) return;
    this.#end();
    this.#cancelDial();
    this.#connection?.discard();
  }

  #onOpen(result: Connection | ConnectFailure): void {
    if ("cause" in result) {
      this.#fail(result.isTimeout ? "connect_timeout" : "connect_failed", result.cause);
    } else if (this.#isOver) {
      result.keep();
    } else if (!result.isUsable) {
      this.#fail("connect_failed", new Error("The connection was closed before it was used."));
    } else {
      this.#connection = result;
      result.use(this);
      this.#write(result);
    }
  }

  #write(connection: Connection): void {
    const { socket } = connection;
    const { body } = this.#request;
    this.#startTimer(this.#request.timeouts.firstByteTimeoutMs);
    if (body === null || body.byteLength <= oneWriteMaxBytes) {
      const chunks = body === null ? [] : [...body.chunks()];
      const headed = Buffer.concat([Buffer.from(this.#head, "latin1"), ...chunks]);
      this.#unsentBytes -= headed.length - this.#head.length;
      socket.write(headed);
      body?.written?.();
      this.#isSent = true;
      return;
    }
    socket.cork();
    socket.write(this.#head, "latin1");
    this.#writeChunks(connection, body.chunks()[Symbol.iterator]());
    socket.uncork();
  }

  /**
   * Many in one go, because they are in memory anyway and a system call costs more than a chunk; then as fast as the
   * socket takes them. The clock of the first byte starts when the last one is written.
   */
  #writeChunks(connection: Connection, chunks: Iterator<Uint8Array>): void {
    const { socket } = connection;
    socket.cork();
    let hasRoom = true;
    for (let written = 0; (hasRoom || written < inOneGoBytes) && !this.#isOver;) {
      const next = chunks.next();
      if (next.done === true) {
        this.#isSent = true;
        socket.write("", (error) => {
          if (error == null) this.#request.body?.written?.();
        });
        break;
      }
      hasRoom = socket.write(next.value);
      written += next.value.byteLength;
      this.#unsentBytes -= next.value.byteLength;
    }
    socket.uncork();
    this.#timer?.refresh();
    if (!this.#isSent && !this.#isOver) socket.once("drain", () => this.#writeChunks(connection, chunks));
  }

  onData(bytes: Buffer): void {
    this.#timer?.refresh();
    try {
      this.#parser.push(bytes);
    } catch (error) {
      this.#fail("invalid_reply", error instanceof Error ? error : new InvalidReplyError("unknown"));
    }
  }

  onHead(reply: UpstreamReply): void {
    this.#hasHead = true;
    this.#startTimer(this.#request.timeouts.idleTimeoutMs);
    this.#observer.onReply(reply);
  }

  onBody(bytes: Uint8Array): void {
    if (this.#isOver) return;
    const { chunk, framed } = framedChunk(bytes);
    if (this.#observer.onChunk(chunk, framed) || this.#isOver) return;
    this.#isPaused = true;
    this.#connection?.socket.pause();
  }

  onComplete(isReusable: boolean): void {
    if (this.#isOver) return;
    this.#end();
    const connection = this.#connection;
    // A reply that came before the whole request was written leaves the connection out of step, and so does a body
    // that is not what its length says: what is missing would be taken out of the next request.
    const isWhole = this.#isSent && this.#unsentBytes === 0;
    const isInStep = isReusable && isWhole && connection?.socket.writableLength === 0;
    if (isInStep) connection?.keep();
    else connection?.discard();
    this.#observer.onEnd();
  }

  onEnd(): void {
    if (this.#isOver || this.#parser.end()) return;
    this.#fail("connection_lost", new Error("The connection ended inside the reply."));
  }

  onClosed(cause: Error): void {
    this.#fail("connection_lost", cause);
  }

  #startTimer(ms: number): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#onTimeout(), ms);
  }

  #onTimeout(): void {
    // A pause is the caller's pace, not the provider's silence.
    if (this.#isPaused) {
      this.#timer?.refresh();
      return;
    }
    const reason = this.#hasHead ? "idle_timeout" : "first_byte_timeout";
    this.#fail(reason, new Error("The provider was silent for too long."));
  }

  #fail(reason: UpstreamFailureReason, cause: Error): void {
    if (this.#isOver) return;
    this.#end();
    const isUnsent = this.#connection === null;
    this.#connection?.discard();
    this.#observer.onFailure({ reason, isUnsent, cause });
  }

  #end(): void {
    this.#isOver = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
  }
}

/**
 * A copy, because the memory is the connection's, and with the framing of a chunk around it: who passes it on in chunks
 * writes one piece in place of three.
 */
function framedChunk(bytes: Uint8Array): { readonly chunk: Uint8Array; readonly framed: Uint8Array } {
  const size = `${bytes.length.toString(16)}\r\n`;
  const end = size.length + bytes.length;
  const framed = Buffer.allocUnsafe(end + 2);
  framed.write(size, "latin1");
  framed.set(bytes, size.length);
  framed.write("\r\n", end, "latin1");
  return { chunk: framed.subarray(size.length, end), framed };
}
