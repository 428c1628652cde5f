/**
 * The reply on the lane, as the steps see it: the part of `ServerResponse` that they use, written in as few pieces
 * as there can be. It adds to a head what `node:http` adds.
 */

import { EventEmitter } from "node:events";
import { STATUS_CODES } from "node:http";
import type { Socket } from "node:net";
import type { CallerResponse } from "../../exchange.ts";

export interface LaneResponseOptions {
  readonly socket: Socket;
  /** The value of `date`. */
  readonly date: () => string;
  readonly keepAliveMs: number;
  /** The last byte is with the kernel. `mayStay`: the connection can carry another request. */
  readonly onFinished: (mayStay: boolean) => void;
}

type OnWritten = (error?: Error | null) => void;

/** Up to here what waits is joined: one write of one piece costs less than a list of them. */
const maxJoinedBytes = 16 * 1024;

export class LaneResponse extends EventEmitter implements CallerResponse {
  readonly #options: LaneResponseOptions;
  headersSent = false;
  destroyed = false;
  writableFinished = false;
  chunkedEncoding = false;
  #mayStay = true;
  #isEnded = false;
  #isGathering = false;
  #gathered: (string | Uint8Array)[] = [];

  constructor(options: LaneResponseOptions) {
    super();
    this.#options = options;
  }

  get closed(): boolean {
    return this.destroyed;
  }

  get socket(): Socket | null {
    return this.writableFinished ? null : this.#options.socket;
  }

  get writableNeedDrain(): boolean {
    return !this.#isGathering && this.#options.socket.writableNeedDrain;
  }

  writeHead(status: number, statusText: string | string[], lines?: string[]): void {
    const flat = typeof statusText === "string" ? (lines ?? []) : statusText;
    const reason = typeof statusText === "string" ? statusText : (STATUS_CODES[status] ?? "unknown");
    let head = `HTTP/1.1 ${status} ${reason}\r\n`;
    let [isDated, isLengthGiven, isConnectionGiven] = [false, false, false];
    for (let at = 0; at + 1 < flat.length; at += 2) {
      const [name = "", value = ""] = [flat[at], flat[at + 1]];
      const lower = name.toLowerCase();
      if (lower === "date") isDated = true;
      else if (lower === "content-length") isLengthGiven = true;
      else if (lower === "connection") {
        isConnectionGiven = true;
        if (/\bclose\b/i.test(value)) this.#mayStay = false;
      }
      head += `${name}: ${value}\r\n`;
    }
    refuseSplit(head, flat.length / 2 + 1);
    if (!isDated) head += `Date: ${this.#options.date()}\r\n`;
    if (!isConnectionGiven) {
      const seconds = Math.floor(this.#options.keepAliveMs / 1000);
      head += `Connection: keep-alive\r\nKeep-Alive: timeout=${seconds}\r\n`;
    }
    const hasBody = status !== 204 && status !== 304;
    this.chunkedEncoding = hasBody && !isLengthGiven;
    if (this.chunkedEncoding) head += "Transfer-Encoding: chunked\r\n";
    this.headersSent = true;
    this.#gathered.push(`${head}\r\n`);
  }

  /** What is written in this turn of the event loop and the next goes in one piece, or until the function is called. */
  gather(): () => void {
    this.#isGathering = true;
    const release = (): void => {
      if (!this.#isGathering) return;
      this.#isGathering = false;
      this.#flush();
    };
    setImmediate(() => setImmediate(release));
    return release;
  }

  write(chunk: string | Uint8Array): boolean {
    if (this.destroyed || this.#isEnded) return true;
    this.#push(typeof chunk === "string" ? Buffer.from(chunk) : chunk);
    if (this.#isGathering) return true;
    this.#flush();
    return !this.#options.socket.writableNeedDrain;
  }

  end(body?: string | Uint8Array): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    if (this.destroyed) return;
    const bytes = typeof body === "string" ? Buffer.from(body) : body;
    if (!this.headersSent) this.writeHead(200, ["content-length", String(bytes?.byteLength ?? 0)]);
    if (bytes !== undefined) this.#push(bytes);
    if (this.chunkedEncoding) this.#gathered.push("0\r\n\r\n");
    this.#isGathering = false;
    this.#flush((error) => {
      // What could not be written is over with the connection: `close` follows.
      if (error == null) this.#finish();
    });
  }

  destroy(): void {
    this.#options.socket.destroy();
  }

  /** The connection is gone. */
  close(): void {
    if (this.destroyed || this.writableFinished) return;
    this.destroyed = true;
    this.#gathered = [];
    this.emit("close");
  }

  #push(bytes: Uint8Array): void {
    if (bytes.byteLength === 0) return;
    if (this.chunkedEncoding) this.#gathered.push(`${bytes.byteLength.toString(16)}\r\n`, bytes, "\r\n");
    else this.#gathered.push(bytes);
  }

  #flush(onWritten?: OnWritten): void {
    const pieces = this.#gathered;
    this.#gathered = [];
    const { socket } = this.#options;
    const [only] = pieces;
    if (pieces.length === 1 && only !== undefined && typeof only !== "string") socket.write(only, onWritten);
    else if (pieces.length > 0) writeJoined(socket, pieces, onWritten);
    else if (onWritten !== undefined) socket.write("", onWritten);
  }

  #finish(): void {
    if (this.destroyed) return;
    this.writableFinished = true;
    this.emit("finish");
    this.#options.onFinished(this.#mayStay);
  }
}

function writeJoined(socket: Socket, pieces: readonly (string | Uint8Array)[], onWritten?: OnWritten): void {
  const byteLength = pieces.reduce((sum, piece) => sum + piece.length, 0);
  if (byteLength > maxJoinedBytes) {
    socket.cork();
    for (const piece of pieces) socket.write(piece, "latin1");
    if (onWritten !== undefined) socket.write("", onWritten);
    socket.uncork();
    return;
  }
  const joined = Buffer.allocUnsafe(byteLength);
  let at = 0;
  for (const piece of pieces) {
    if (typeof piece === "string") joined.write(piece, at, "latin1");
    else joined.set(piece, at);
    at += piece.length;
  }
  socket.write(joined, onWritten);
}

/** A value with a line end in it would be a line of its own (as `node:http` refuses it). */
function refuseSplit(head: string, lines: number): void {
  let found = 0;
  for (let at = head.indexOf("\n"); at !== -1; at = head.indexOf("\n", at + 1)) found += 1;
  if (found !== lines || /[\0\u0100-\uffff]|\r(?!\n)/.test(head))
    throw new Error("A header line of the reply has a byte that it may not have.");
}
