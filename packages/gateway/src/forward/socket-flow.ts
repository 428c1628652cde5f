/**
 * One direction of a connection: its chunks, one after another, each at the pace of whoever takes them. While a
 * chunk waits, the other side is not read. It looks at no byte.
 */

import type { Duplex } from "node:stream";

export interface FlowOptions {
  readonly stream: Duplex;
  /** A promise, which never rejects, where the next chunk must wait for it. */
  readonly onChunk: (chunk: Buffer) => Promise<void> | undefined;
  /** Nothing comes any more: the other side has ended, or the connection is gone. Called once. */
  readonly onEnd: () => void;
}

export class Flow {
  readonly #options: FlowOptions;
  readonly #queue: Buffer[] = [];
  #isBusy = false;
  #isEnded = false;
  #isTold = false;

  constructor(options: FlowOptions) {
    this.#options = options;
    const { stream } = options;
    stream.on("data", (chunk: Buffer) => this.#take(chunk));
    for (const event of ["end", "close", "error"]) stream.on(event, () => this.#end());
    stream.resume();
  }

  #take(chunk: Buffer): void {
    if (this.#isBusy) {
      this.#queue.push(chunk);
      return;
    }
    const wait = this.#options.onChunk(chunk);
    if (wait === undefined) return;
    this.#isBusy = true;
    this.#options.stream.pause();
    void wait.then(() => this.#goOn());
  }

  #goOn(): void {
    for (let next = this.#queue.shift(); next !== undefined; next = this.#queue.shift()) {
      const wait = this.#options.onChunk(next);
      if (wait === undefined) continue;
      void wait.then(() => this.#goOn());
      return;
    }
    this.#isBusy = false;
    if (this.#isEnded) this.#tell();
    else this.#options.stream.resume();
  }

  #end(): void {
    this.#isEnded = true;
    if (!this.#isBusy) this.#tell();
  }

  #tell(): void {
    if (this.#isTold) return;
    this.#isTold = true;
    this.#options.onEnd();
  }
}

/** Resolves when the stream takes bytes again, or is gone. */
export function drained(stream: Duplex): Promise<void> {
  if (stream.destroyed || !stream.writableNeedDrain) return Promise.resolve();
  return new Promise((resolve) => {
    const done = (): void => {
      stream.off("drain", done);
      stream.off("close", done);
      resolve();
    };
    stream.on("drain", done);
    stream.on("close", done);
  });
}

/** How long the other side of a connection may take to end its half, or to answer a close frame. */
export const closeTimeoutMs = 5_000;

/** Ends a connection whose other side does not. What still comes is thrown away, so that its end is seen. */
export function destroyLater(stream: Duplex): void {
  if (stream.destroyed) return;
  const timer = setTimeout(() => stream.destroy(), closeTimeoutMs);
  timer.unref();
  stream.once("close", () => clearTimeout(timer));
  stream.resume();
}
