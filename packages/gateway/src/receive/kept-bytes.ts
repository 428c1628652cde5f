/**
 * The bound on the bytes of all request bodies that are in memory at once.
 *
 * A body of a known length reserves all of it before its first byte is read, and may wait for room, in order
 * of arrival. A body of unknown length takes room as it grows and never waits for it: so nobody waits for
 * room while holding some, and no deadlock is possible.
 */

import { GatewayError } from "../errors.ts";
import { CallerGone } from "../caller-gone.ts";

/** Room held by one body. */
export interface Reservation {
  /** Takes more room; throws `overloaded` when there is none. */
  grow(bytes: number): void;
  /** Gives all of it back. Idempotent. */
  release(): void;
}

export interface KeptBytes {
  /** Bytes reserved now. */
  readonly usedBytes: number;
  /** Room for `bytes` when there is some now and nobody waits for it, else null. */
  tryReserve(bytes: number): Reservation | null;
  /**
   * Room for `bytes`, at once or within the bounded wait. Rejects with `overloaded` when none came free, with
   * `request_too_large` when it could never fit, and with `CallerGone` when `signal` is aborted.
   */
  reserve(bytes: number, signal: AbortSignal): Promise<Reservation>;
  /** A reservation of nothing, to be grown. */
  reserveNone(): Reservation;
}

export interface KeptBytesOptions {
  readonly maxBytes: number;
  /** How long a body of known length waits for room; 10 s unless told. */
  readonly maxWaitMs?: number;
}

interface Waiter {
  readonly bytes: number;
  readonly admit: () => void;
}

/** What a caller is told to wait. Bodies leave memory when their exchange ends, which is seconds away. */
const RETRY_AFTER_S = 2;

export function createKeptBytes(options: KeptBytesOptions): KeptBytes {
  return new Bound(options.maxBytes, options.maxWaitMs ?? 10_000);
}

class Bound implements KeptBytes {
  usedBytes = 0;
  readonly #maxBytes: number;
  readonly #maxWaitMs: number;
  readonly #waiters: Set<Waiter> = new Set();

  constructor(maxBytes: number, maxWaitMs: number) {
    this.#maxBytes = maxBytes;
    this.#maxWaitMs = maxWaitMs;
  }

  async reserve(bytes: number, signal: AbortSignal): Promise<Reservation> {
    if (bytes > this.#maxBytes) {
      throw new GatewayError(
        "request_too_large",
        `The request body has ${bytes} bytes and the gateway keeps at most ${this.#maxBytes}. Send less.`,
      );
    }
    if (signal.aborted) throw new CallerGone();
    if (this.#waiters.size > 0 || !this.#fits(bytes)) await this.#wait(bytes, signal);
    else this.usedBytes += bytes;
    return this.#reservation(bytes);
  }

  tryReserve(bytes: number): Reservation | null {
    if (this.#waiters.size > 0 || !this.#fits(bytes)) return null;
    this.usedBytes += bytes;
    return this.#reservation(bytes);
  }

  reserveNone(): Reservation {
    return this.#reservation(0);
  }

  #fits(bytes: number): boolean {
    return this.usedBytes + bytes <= this.#maxBytes;
  }

  /** Resolves when the bytes are taken. */
  #wait(bytes: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const leave = (): void => {
        clearTimeout(timer);
        signal.removeEventListener("abort", onAbort);
        this.#waiters.delete(waiter);
      };
      const refuse = (error: Error): void => {
        leave();
        reject(error);
        // Whoever stood behind may fit.
        this.#admitWaiters();
      };
      const onAbort = (): void => refuse(new CallerGone());
      const timer = setTimeout(() => refuse(noRoom()), this.#maxWaitMs);
      const waiter: Waiter = {
        bytes,
        admit: () => {
          leave();
          this.usedBytes += bytes;
          resolve();
        },
      };
      signal.addEventListener("abort", onAbort);
      this.#waiters.add(waiter);
    });
  }

  #admitWaiters(): void {
    for (const waiter of this.#waiters) {
      if (!this.#fits(waiter.bytes)) return;
      waiter.admit();
    }
  }

  #reservation(bytes: number): Reservation {
    let heldBytes = bytes;
    let isReleased = false;
    return {
      grow: (more) => {
        if (isReleased) return;
        if (!this.#fits(more)) throw noRoom();
        this.usedBytes += more;
        heldBytes += more;
      },
      release: () => {
        isReleased = true;
        this.usedBytes -= heldBytes;
        heldBytes = 0;
        this.#admitWaiters();
      },
    };
  }
}

function noRoom(): GatewayError {
  return new GatewayError(
    "overloaded",
    "The gateway has no memory left for request bodies. Try again in a few seconds.",
    {
      retryAfterS: RETRY_AFTER_S,
    },
  );
}
