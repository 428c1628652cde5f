/** Seeded chance for the random histories. */

/** Mulberry32: small, seeded, good enough to pick with. */
export class Dice {
  #state: number;

  constructor(seed: number) {
    this.#state = seed;
  }

  /** A whole number from 0 to `limit` - 1. */
  below(limit: number): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % limit;
  }

  pick<T>(values: readonly T[]): T {
    return values[this.below(values.length)] as T;
  }

  chance(percent: number): boolean {
    return this.below(100) < percent;
  }
}

/** The seeds of a random suite: two fixed ones and a new one, or the one in STORE_SEED. */
export function seeds(): readonly number[] {
  const given = process.env["STORE_SEED"];
  return given === undefined ? [1, 2, Date.now() % 2 ** 31] : [Number(given)];
}
