/**
 * The caller's half of a relay: writes the reply's head and bytes, keeps the pace of a slow reader, and notices
 * when the caller is gone. It alters no byte and knows nothing of providers.
 */

import type { CallerResponse } from "../exchange.ts";
import type { HeaderLines } from "../upstream/client.ts";

export interface CallerSideOptions {
  readonly response: CallerResponse;
  /** A caller that takes no byte for this long, while bytes wait, counts as gone. */
  readonly stallTimeoutMs: number;
  /** The connection ended before the reply did. Called once. */
  readonly onGone: () => void;
}

const noBytes = Buffer.alloc(0);

export class CallerSide {
  readonly #options: CallerSideOptions;
  readonly #response: CallerResponse;
  #isGone = false;
  #isDone = false;
  /** The reply has another end than the connection's. */
  #isFramed = false;
  #letGo: () => void = () => {};
  #waiting: (() => void) | null = null;
  #stallTimer: NodeJS.Timeout | null = null;

  constructor(options: CallerSideOptions) {
    this.#options = options;
    this.#response = options.response;
    this.#response.on("close", () => this.#onClose());
    this.#response.on("drain", () => this.#release());
    // A write to a connection that just ended is no fault: `close` follows and says all there is to say.
    this.#response.on("error", () => {});
    if (this.#response.destroyed || this.#response.closed) queueMicrotask(() => this.#onClose());
  }

  get isGone(): boolean {
    return this.#isGone;
  }

  get hasHead(): boolean {
    return this.#response.headersSent;
  }

  /** Sends status and headers at once, so that a client that waits for them sees that it was heard. */
  writeHead(status: number, statusText: string, lines: HeaderLines): void {
    if (this.#isGone) return;
    const flat = lines.flat();
    const isLengthGiven = lines.some(([name]) => name.toLowerCase() === "content-length");
    if (statusText === "") this.#response.writeHead(status, flat);
    else this.#response.writeHead(status, statusText, flat);
    this.#isFramed = isLengthGiven || this.#response.chunkedEncoding;
    // Small replies come in one piece: head, body and end then go in one write, which is one system call less
    // for each. The head waits for two turns of the event loop at most, one of which the row takes.
    this.#letGo = this.#response.gather?.() ?? gather(this.#response);
    // `flushHeaders` would write the head as UTF-8, and its bytes are latin1. A reply without a body ends soon.
    if (status !== 204 && status !== 304) this.#response.write(noBytes);
  }

  /**
   * False: the caller is slow, and `whenWritable()` says when it has caught up. Bytes for a gone caller go nowhere.
   * `framed` is the same chunk with its chunk framing, which is sent as it is where the reply is chunked too: the
   * provider's framing is as good as ours, and one piece of memory is written in place of four.
   */
  write(chunk: Uint8Array, framed: Uint8Array | null = null): boolean {
    if (this.#isGone || chunk.byteLength === 0) return true;
    if (
      framed !== null && this.#response.chunkedEncoding
        ? this.#writeFramed(framed)
        : this.#response.write(chunk)
    )
      return true;
    this.#stallTimer ??= setTimeout(() => this.#response.destroy(), this.#options.stallTimeoutMs);
    return false;
  }

  #writeFramed(framed: Uint8Array): boolean {
    const response = this.#response;
    response.chunkedEncoding = false;
    const isTaken = response.write(framed);
    response.chunkedEncoding = true;
    return isTaken;
  }

  /** Resolves when the caller has caught up or is gone. */
  whenWritable(): Promise<void> {
    if (this.#isGone || !this.#response.writableNeedDrain) return Promise.resolve();
    return new Promise((resolve) => {
      this.#waiting = resolve;
    });
  }

  end(): void {
    this.#isDone = true;
    this.#clearStall();
    if (this.#isGone) return;
    const { socket } = this.#response;
    this.#response.end();
    if (socket !== null && socket.writableLength > 0) this.#watchEnd();
  }

  /**
   * Passes an upstream's cut on as a cut: what was written is delivered, then the connection ends without the
   * end of the message. A reply that only the connection's end frames is reset, so that it cannot look whole.
   */
  cut(): void {
    this.#isDone = true;
    this.#clearStall();
    this.#letGo();
    const socket = this.#response.socket;
    if (this.#isGone) return;
    // Pipelined behind another request: it ends the connection when its turn has come.
    if (socket === null) this.#response.once("socket", () => queueMicrotask(() => this.cut()));
    else if (this.#isFramed || "encrypted" in socket) {
      socket.destroySoon();
      if (socket.writableLength > 0) this.#watchEnd();
    } else socket.resetAndDestroy();
  }

  /** A caller that never takes the last bytes would hold its connection, and the end of its exchange, for ever. */
  #watchEnd(): void {
    this.#stallTimer = setTimeout(() => this.#response.destroy(), this.#options.stallTimeoutMs);
    this.#response.once("finish", () => this.#clearStall());
  }

  #onClose(): void {
    this.#clearStall();
    if (this.#isGone || this.#isDone || this.#response.writableFinished) return;
    this.#isGone = true;
    this.#release();
    this.#options.onGone();
  }

  #release(): void {
    this.#clearStall();
    const waiting = this.#waiting;
    this.#waiting = null;
    waiting?.();
  }

  #clearStall(): void {
    if (this.#stallTimer !== null) clearTimeout(this.#stallTimer);
    this.#stallTimer = null;
  }
}

/** The socket is corked and not the response: a corked response of Node 24 writes its end before its chunks. */
function gather({ socket }: CallerResponse): () => void {
  socket?.cork();
  setImmediate(() => setImmediate(() => socket?.uncork()));
  return () => {};
}
