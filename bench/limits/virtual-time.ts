/**
 * A clock that stands still until everything that one moment began has come to rest, and then jumps to the next thing
 * that is due. So minutes of traffic pass in seconds, and the same seed gives the same run on any machine.
 *
 * It knows no gateway. What waits for real I/O is told to it by `track`.
 */

import type { Clock } from "@meshagent/llm-proxy-gateway/clock";
import type { Timers } from "@meshagent/llm-proxy-gateway/hold/waiting-line";

interface Due {
  readonly atMs: number;
  /** Breaks ties: first asked, first called. */
  readonly order: number;
  readonly callback: () => void;
  isCancelled: boolean;
}

export class VirtualTime implements Clock, Timers {
  #nowMs: number;
  #asked = 0;
  #pending = 0;
  #failure: unknown = null;
  /** A binary heap, soonest first. */
  readonly #heap: Due[] = [];

  constructor(startMs: number) {
    this.#nowMs = startMs;
  }

  now(): number {
    return this.#nowMs;
  }

  after(delayMs: number, callback: () => void): () => void {
    const due: Due = {
      atMs: this.#nowMs + Math.max(0, Math.ceil(delayMs)),
      order: this.#asked++,
      callback,
      isCancelled: false,
    };
    this.#push(due);
    return () => {
      due.isCancelled = true;
    };
  }

  sleep(delayMs: number): Promise<void> {
    return new Promise((resolve) => {
      this.after(delayMs, resolve);
    });
  }

  /** Time stands still until this has settled. */
  async track<T>(work: Promise<T>): Promise<T> {
    this.#pending += 1;
    try {
      return await work;
    } finally {
      this.#pending -= 1;
    }
  }

  /** Runs beside the others; its failure ends `run`. */
  start(work: () => Promise<void>): void {
    work().catch((error: unknown) => {
      this.#failure ??= error;
    });
  }

  /** Until nothing is due any more, or `untilMs`. `atRest` is called at the end of each moment. */
  async run(untilMs: number, atRest: () => Promise<void>): Promise<void> {
    for (;;) {
      await this.#settle();
      await atRest();
      await this.#settle();
      if (this.#failure !== null) throw this.#failure;
      const next = this.#pop();
      if (next === null || next.atMs > untilMs) return;
      this.#nowMs = next.atMs;
      next.callback();
      for (let same = this.#pop(); same !== null; same = this.#pop()) {
        if (same.atMs > this.#nowMs) {
          this.#push(same);
          break;
        }
        same.callback();
      }
    }
  }

  /** A store's write takes a turn of the event loop, and what it wakes may begin another one. */
  async #settle(): Promise<void> {
    do await new Promise(setImmediate);
    while (this.#pending > 0);
  }

  #push(due: Due): void {
    const heap = this.#heap;
    let index = heap.push(due) - 1;
    while (index > 0) {
      const parent = (index - 1) >> 1;
      if (!isBefore(due, heap[parent])) break;
      heap[index] = heap[parent] ?? due;
      index = parent;
    }
    heap[index] = due;
  }

  /** The soonest that was not cancelled. */
  #pop(): Due | null {
    for (;;) {
      const first = this.#takeFirst();
      if (first === null || !first.isCancelled) return first;
    }
  }

  #takeFirst(): Due | null {
    const heap = this.#heap;
    const first = heap[0];
    const last = heap.pop();
    if (first === undefined || last === undefined) return null;
    if (heap.length === 0) return first;
    let index = 0;
    for (;;) {
      let child = 2 * index + 1;
      const right = heap[child + 1];
      if (right !== undefined && isBefore(right, heap[child])) child += 1;
      const smaller = heap[child];
      if (smaller === undefined || !isBefore(smaller, last)) break;
      heap[index] = smaller;
      index = child;
    }
    heap[index] = last;
    return first;
  }
}

function isBefore(one: Due, other: Due | undefined): boolean {
  if (other === undefined) return true;
  return one.atMs === other.atMs ? one.order < other.order : one.atMs < other.atMs;
}
