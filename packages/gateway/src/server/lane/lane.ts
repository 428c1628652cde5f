/**
 * The lane: connections on which plain requests with a body, such as coding agents send all day, are read and
 * answered without `node:http`. A connection leaves it for good, with what was read of it, at the first request that
 * is not plain. It knows framing and connections, and no dialect.
 */

import type { Socket } from "node:net";
import type { Clock } from "../../clock.ts";
import { createReadBuffer } from "../../read-buffer.ts";
import type { Slabs } from "../../slabs.ts";
import { readLaneHead } from "./lane-head.ts";
import { type BodySource, LaneRequest } from "./lane-request.ts";
import { LaneResponse } from "./lane-response.ts";
import { lentReads } from "./lent-reads.ts";

export interface LaneOptions {
  readonly clock: Clock;
  readonly slabs: Slabs;
  /** How long a connection is kept without a request. */
  readonly keepAliveMs: number;
  /** How long a connection may stay without the head of its first request. */
  readonly headersTimeoutMs: number;
  /** How often silent connections are looked for; 1000 unless told. */
  readonly sweepMs?: number;
  /** Whether requests to this path and query can be the lane's. */
  readonly takes: (target: string) => boolean;
  readonly onRequest: (request: LaneRequest, response: LaneResponse) => void;
  /** Gives the connection to `node:http`; what was read of it will be read again. */
  readonly leave: (socket: Socket) => void;
}

export interface Lane {
  /** Takes a connection that nobody has read from. Returns what stands for it from now on. */
  accept(socket: Socket): Socket;
  close(): void;
}

/** A connection stays longer than its caller was told, by what a request takes that is on its way (as of `node:http`). */
const keepAliveGraceMs = 1000;

export function createLane(options: LaneOptions): Lane {
  const connections = new Set<LaneConnection>();
  const shared: Shared = {
    options,
    connections,
    date: cachedDate(options.clock),
    buffer: createReadBuffer(),
  };
  const sweep = setInterval(() => {
    for (const connection of connections) connection.sweep();
  }, options.sweepMs ?? 1000);
  sweep.unref();
  return {
    accept: (socket) => new LaneConnection(shared, socket).socket,
    close: () => clearInterval(sweep),
  };
}

interface Shared {
  readonly options: LaneOptions;
  readonly connections: Set<LaneConnection>;
  readonly date: () => string;
  readonly buffer: Buffer | null;
}

class LaneConnection implements BodySource {
  readonly #shared: Shared;
  readonly socket: Socket;
  /** null between two requests. */
  #request: LaneRequest | null = null;
  #response: LaneResponse | null = null;
  #bodyBytesLeft = 0;
  /** What came behind the request that is being answered. */
  #behind: Buffer | null = null;
  #hasLeft = false;
  #idleSinceMs: number;
  #isNew = true;

  constructor(shared: Shared, accepted: Socket) {
    this.#shared = shared;
    this.#idleSinceMs = shared.options.clock.now();
    const lent = lentReads(accepted, shared.buffer, (bytes) => this.#onBytes(bytes, true));
    const socket = lent ?? accepted;
    this.socket = socket;
    if (lent === null) socket.on("data", this.#onData);
    socket
      .on("end", this.#onEnd)
      .on("drain", this.#onDrain)
      .on("error", this.#onError)
      .on("close", this.#onClose);
    shared.connections.add(this);
    if (lent === null) socket.resume();
  }

  sweep(): void {
    if (this.#request !== null) return;
    const { clock, keepAliveMs, headersTimeoutMs } = this.#shared.options;
    const limitMs = this.#isNew ? headersTimeoutMs : keepAliveMs + keepAliveGraceMs;
    if (clock.now() - this.#idleSinceMs > limitMs) this.socket.destroy();
  }

  pauseBody(): void {
    this.socket.pause();
  }

  resumeBody(): void {
    if (this.#behind === null) this.socket.resume();
  }

  readonly #onData = (bytes: Buffer): void => {
    this.#onBytes(bytes, false);
  };

  readonly #onDrain = (): void => {
    this.#response?.emit("drain");
  };

  /** `close` follows, and says all that there is to say. */
  readonly #onError = (): void => {};

  /** Who ends its half has no use for a reply, as `node:http` sees it. */
  readonly #onEnd = (): void => {
    this.socket.end();
  };

  readonly #onClose = (): void => {
    this.#shared.connections.delete(this);
    this.#request?.close();
    this.#response?.close();
  };

  #onBytes(bytes: Buffer, isLent: boolean): void {
    if (this.#hasLeft) {
      if (!this.socket.push(Buffer.from(bytes))) this.socket.pause();
    } else if (this.#request === null) this.#begin(bytes, isLent);
    else this.#goOn(this.#request, bytes, isLent);
  }

  #begin(bytes: Buffer, isLent: boolean): void {
    const { options } = this.#shared;
    const headEnd = bytes.indexOf("\r\n\r\n", 0, "latin1");
    const head = headEnd === -1 ? null : readLaneHead(bytes.toString("latin1", 0, headEnd));
    if (head === null || !options.takes(head.target)) {
      this.#leave(bytes);
      return;
    }
    this.#isNew = false;
    this.#bodyBytesLeft = head.contentLength;
    const request = new LaneRequest(head, { socket: this.socket, source: this, slabs: options.slabs });
    this.#request = request;
    this.#response = new LaneResponse({
      socket: this.socket,
      date: this.#shared.date,
      keepAliveMs: options.keepAliveMs,
      onFinished: (mayStay) => this.#onFinished(mayStay),
    });
    options.onRequest(request, this.#response);
    this.#goOn(request, bytes.subarray(headEnd + 4), isLent);
  }

  #goOn(request: LaneRequest, bytes: Buffer, isLent: boolean): void {
    const taken = Math.min(this.#bodyBytesLeft, bytes.length);
    this.#bodyBytesLeft -= taken;
    if (taken > 0) request.take(taken === bytes.length ? bytes : bytes.subarray(0, taken), isLent);
    if (this.#bodyBytesLeft === 0 && !request.complete) {
      request.finish();
      if (this.#response?.writableFinished === true) this.#next();
    }
    if (taken < bytes.length) this.#keepBehind(bytes.subarray(taken));
  }

  /** A second request before the first is answered: `node:http` gets it afterwards, and the connection with it. */
  #keepBehind(bytes: Buffer): void {
    if (this.#request === null) {
      this.#onBytes(bytes, true);
      return;
    }
    this.#behind = this.#behind === null ? Buffer.from(bytes) : Buffer.concat([this.#behind, bytes]);
    this.socket.pause();
  }

  #onFinished(mayStay: boolean): void {
    if (!mayStay) this.socket.destroySoon();
    else if (this.#request?.complete === true) this.#next();
  }

  #next(): void {
    this.#request?.close();
    this.#request = null;
    this.#response = null;
    this.#idleSinceMs = this.#shared.options.clock.now();
    if (this.#behind !== null) this.#leave(this.#behind);
  }

  #leave(bytes: Buffer): void {
    const socket = this.socket;
    this.#hasLeft = true;
    this.#shared.connections.delete(this);
    socket.off("data", this.#onData).off("end", this.#onEnd).off("drain", this.#onDrain);
    socket.off("error", this.#onError).off("close", this.#onClose);
    socket.unshift(Buffer.from(bytes));
    this.#behind = null;
    this.#shared.options.leave(socket);
    if (socket.isPaused()) socket.resume();
  }
}

/** `Date` of RFC 9110 section 6.6.1, made once a second. */
function cachedDate(clock: Clock): () => string {
  let second = 0;
  let text = "";
  return () => {
    const now = Math.floor(clock.now() / 1000);
    if (now !== second) [second, text] = [now, new Date(now * 1000).toUTCString()];
    return text;
  };
}
