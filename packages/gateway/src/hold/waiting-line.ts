/**
 * Who waits for money that running requests hold, first come first served. The first of a line is woken when something
 * that it waits for may have become free; who comes after it waits behind it, however little it asks for. Where other
 * processes settle, too, the first looks again by itself.
 */

/** Waits at most this long; injected, so that tests and simulations own the time. */
export interface Timers {
  /** Calls back once, after `delayMs`; the function it gives cancels that. */
  after(delayMs: number, callback: () => void): () => void;
}

export const systemTimers: Timers = {
  after: (delayMs, callback) => {
    const timer = setTimeout(callback, delayMs);
    return () => clearTimeout(timer);
  },
};

interface Place {
  wake: (() => void) | null;
}

export class WaitingLines {
  readonly #timers: Timers;
  readonly #lines = new Map<string, Place[]>();

  constructor(timers: Timers) {
    this.#timers = timers;
  }

  /** How many wait, over all lines. */
  get length(): number {
    let length = 0;
    for (const line of this.#lines.values()) length += line.length;
    return length;
  }

  /** The first of these accounts that somebody waits for already, or null. */
  taken(keys: readonly string[]): string | null {
    return keys.find((key) => this.#lines.has(key)) ?? null;
  }

  /** A place at the end of the account's line. */
  join(key: string): WaitingPlace {
    const place: Place = { wake: null };
    const line = this.#lines.get(key);
    if (line === undefined) this.#lines.set(key, [place]);
    else line.push(place);
    return {
      wait: (forMs) => this.#wait(place, forMs),
      isFirst: () => this.#lines.get(key)?.[0] === place,
      leave: () => this.#leave(key, place),
    };
  }

  /** Something of these accounts was given back. */
  freed(keys: readonly string[]): void {
    for (const key of keys) this.#lines.get(key)?.[0]?.wake?.();
  }

  #wait(place: Place, forMs: number): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        place.wake = null;
        cancel();
        resolve();
      };
      const cancel = this.#timers.after(forMs, done);
      place.wake = done;
    });
  }

  #leave(key: string, place: Place): void {
    const line = this.#lines.get(key)?.filter((other) => other !== place) ?? [];
    if (line.length === 0) this.#lines.delete(key);
    else this.#lines.set(key, line);
    line[0]?.wake?.();
  }
}

export interface WaitingPlace {
  /** Resolves when it may be its turn, or the time is over. */
  wait(forMs: number): Promise<void>;
  isFirst(): boolean;
  leave(): void;
}
