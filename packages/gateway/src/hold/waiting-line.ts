/**
 * Who waits for money that running requests hold: first come first served. Of each participant only the first stands in
 * line, its others behind it, and after each turn it goes to the end: whoever sends many at once waits behind itself.
 * The first of a line is woken when something that it waits for may have become free; who comes after it waits, however
 * little it asks for. Where other processes settle, too, the first looks again by itself.
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

/** The places of an account by who waits, in the order of their turns. No list is empty. */
type Line = Map<string, Place[]>;

export class WaitingLines {
  readonly #timers: Timers;
  readonly #lines = new Map<string, Line>();
  #isClosed = false;

  constructor(timers: Timers) {
    this.#timers = timers;
  }

  /** How many wait, over all lines. */
  get length(): number {
    let length = 0;
    for (const line of this.#lines.values()) for (const places of line.values()) length += places.length;
    return length;
  }

  /** Nobody is to wait any more. */
  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** The first of these accounts that somebody waits for already, or null. */
  taken(keys: readonly string[]): string | null {
    return keys.find((key) => this.#lines.has(key)) ?? null;
  }

  /** A place in the account's line: behind the others of `who`, else at the end. */
  join(key: string, who: string): WaitingPlace {
    const line: Line = this.#lines.get(key) ?? new Map<string, Place[]>();
    this.#lines.set(key, line);
    const place: Place = { wake: null };
    const own = line.get(who);
    if (own === undefined) line.set(who, [place]);
    else own.push(place);
    return {
      key,
      wait: (forMs) => this.#wait(place, forMs),
      isFirst: () => firstOf(line) === place,
      leave: () => this.#leave(key, who, place),
    };
  }

  /** Something of these accounts was given back. */
  freed(keys: readonly string[]): void {
    for (const key of keys) {
      const line = this.#lines.get(key);
      if (line !== undefined) firstOf(line)?.wake?.();
    }
  }

  /** Wakes everybody, for the last time. */
  close(): void {
    this.#isClosed = true;
    for (const line of this.#lines.values())
      for (const places of line.values()) for (const place of places) place.wake?.();
  }

  #wait(place: Place, forMs: number): Promise<void> {
    if (this.#isClosed) return Promise.resolve();
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

  #leave(key: string, who: string, place: Place): void {
    const line = this.#lines.get(key);
    const own = line?.get(who);
    if (line === undefined || own?.includes(place) !== true) return;
    const hadTurn = own[0] === place;
    const others = own.filter((other) => other !== place);
    if (hadTurn) line.delete(who);
    if (others.length > 0) line.set(who, others);
    if (line.size === 0) this.#lines.delete(key);
    else if (hadTurn) firstOf(line)?.wake?.();
  }
}

function firstOf(line: Line): Place | undefined {
  return line.values().next().value?.[0];
}

export interface WaitingPlace {
  /** The account that it waits for. */
  readonly key: string;
  /** Resolves when it may be its turn, or the time is over. */
  wait(forMs: number): Promise<void>;
  isFirst(): boolean;
  /** Idempotent. */
  leave(): void;
}
