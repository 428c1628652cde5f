/** Seeded chance: the distributions that the traffic is drawn from. */

import { Dice } from "@meshagent/llm-proxy-gateway/store/conformance/dice";

export class Chance {
  readonly #dice: Dice;

  constructor(seed: number) {
    this.#dice = new Dice(seed);
  }

  /** From 0 up to but not with 1. */
  share(): number {
    return this.#dice.below(2 ** 30) / 2 ** 30;
  }

  between(least: number, most: number): number {
    return least + (most - least) * this.share();
  }

  pick<T>(values: readonly T[]): T {
    return this.#dice.pick(values);
  }

  is(probability: number): boolean {
    return this.share() < probability;
  }

  /** Half of the values are below `median`; `spread` is the deviation of the logarithm. */
  logNormal(median: number, spread: number): number {
    const radius = Math.sqrt(-2 * Math.log(1 - this.share()));
    return median * Math.exp(spread * radius * Math.cos(2 * Math.PI * this.share()));
  }

  /** A seed for another one, independent of this one's later draws. */
  fork(): Chance {
    return new Chance(this.#dice.below(2 ** 30));
  }
}
