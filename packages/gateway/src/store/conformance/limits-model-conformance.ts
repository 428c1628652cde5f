/**
 * Random histories of budgets against a provider that keeps books. It charges up to the full hold, often exactly that,
 * and goes on billing for requests whose process died; calls are repeated, lost and late; processes end and come back.
 * After every step: the provider's books never exceed what a budget allows, and every account agrees with a plain
 * model. The seed is in the test's name; give it in STORE_SEED to repeat.
 */

import assert from "node:assert/strict";
import { test } from "node:test";
import type { BudgetAccount, HoldReply } from "../limits.ts";
import { Dice, seeds } from "./dice.ts";
import { sampleIntent, sampleResult } from "./sample-exchanges.ts";
import { withStore } from "./store-under-test.ts";
import type { OpenStore, StoreUnderTest } from "./store-under-test.ts";

const STEPS = 400;

const accounts: readonly BudgetAccount[] = [
  account("project|month 1", 90_000, 0),
  account("room|day 1", 30_000, 2_000),
  account("room|day 2", 30_000, 2_000),
  account("token|total", 9_000, 500),
];

function account(key: string, amountNanoUsd: number, toleranceNanoUsd: number): BudgetAccount {
  const limitId = key.split("|")[0] ?? key;
  const fresh = { spentBeforeNanoUsd: 0, isEnforced: true };
  return { kind: "budget", key, limitId, amountNanoUsd, toleranceNanoUsd, ...fresh };
}

interface Modelled {
  readonly id: string;
  bootId: string;
  readonly keys: readonly string[];
  amount: number;
  state: "sent" | "over";
  /** What the gateway has charged. */
  charged: number;
  /** What the provider will bill; at most what was held when it was sent or shrunk. */
  billed: number;
}

class World {
  readonly exchanges: Modelled[] = [];
  under: StoreUnderTest;
  readonly #dice: Dice;
  #count = 0;

  constructor(under: StoreUnderTest, dice: Dice) {
    this.under = under;
    this.#dice = dice;
  }

  async step(): Promise<void> {
    const kind = this.#dice.below(100);
    if (kind < 50) await this.#reserve();
    else if (kind < 65) await this.#shrink();
    else if (kind < 96) await this.#settle();
    else await this.#crash();
  }

  spent(key: string): number {
    return this.#of(key).reduce((sum, each) => sum + each.charged, 0);
  }

  held(key: string): number {
    return this.#of(key).reduce((sum, each) => sum + (each.state === "over" ? 0 : each.amount), 0);
  }

  /** The provider's books: everything that was ever sent, also what nobody knows the price of yet. */
  billed(key: string): number {
    return this.#of(key).reduce((sum, each) => sum + each.billed, 0);
  }

  #of(key: string): readonly Modelled[] {
    return this.exchanges.filter((each) => each.keys.includes(key));
  }

  #some(state: Modelled["state"]): Modelled | undefined {
    const these = this.exchanges.filter((each) => each.state === state);
    return these.length === 0 ? undefined : this.#dice.pick(these);
  }

  async #reserve(): Promise<void> {
    const chosen = accounts.filter(() => this.#dice.chance(60));
    const amount = this.#dice.below(4_000);
    const id = `ex_${this.#count++}`;
    const { store, bootId } = this.under;
    const shares = chosen.map((each) => ({ account: each, amount }));
    const intent = sampleIntent({ id, bootId });
    const ask = (): Promise<HoldReply> => store.limits.reserve({ intent, nowMs: 0, shares });
    const expected = chosen.every(({ key, amountNanoUsd, toleranceNanoUsd }) => {
      const spent = this.spent(key);
      return spent < amountNanoUsd && spent + this.held(key) + amount <= amountNanoUsd + toleranceNanoUsd;
    });
    const replies = await Promise.all(this.#dice.chance(20) ? [ask(), ask()] : [ask()]);
    for (const reply of replies) assert.equal(reply.kind === "held", expected, `${id} ${amount}`);
    if (!expected) return;
    const keys = chosen.map((each) => each.key);
    // Sent at once, or never: the provider may bill nothing of it.
    const billed = this.#dice.chance(40) ? amount : this.#dice.below(amount + 1);
    this.exchanges.push({ id, bootId, keys, amount, state: "sent", charged: 0, billed });
  }

  async #shrink(): Promise<void> {
    const exchange = this.#some("sent");
    if (exchange === undefined) return;
    // The provider has told its input: what it may still bill is at least what it will.
    const room = exchange.amount - exchange.billed;
    const to = exchange.billed + this.#dice.below(room + 1);
    await this.under.store.limits.shrink(exchange.id, to);
    if (this.#dice.chance(20)) await this.under.store.limits.shrink(exchange.id, to);
    exchange.amount = Math.min(exchange.amount, to);
  }

  async #settle(): Promise<void> {
    // Also what is settled already, with the same or a better reading.
    const exchange = this.#some(this.#dice.chance(85) ? "sent" : "over");
    if (exchange === undefined) return;
    const isKnown = this.#dice.chance(80);
    const settlement = { chargeNanoUsd: isKnown ? exchange.billed : null, used: {} };
    const result = sampleResult({ id: exchange.id, costNanoUsd: settlement.chargeNanoUsd });
    await this.under.store.ledger.recordResult(result, settlement);
    if (this.#dice.chance(20)) await this.under.store.ledger.recordResult(result, settlement);
    if (isKnown) exchange.charged = exchange.billed;
    else if (exchange.state === "sent") exchange.charged = exchange.amount;
    exchange.state = "over";
  }

  /** `kill -9`: everything that runs has lost its process; half of the time nobody looks for orphans right away. */
  async #crash(): Promise<void> {
    this.under = await this.under.reopen();
    if (this.#dice.chance(50)) return;
    await this.under.store.ledger.interruptOrphans(0);
    for (const exchange of this.exchanges) {
      if (exchange.state === "over" || exchange.bootId === this.under.bootId) continue;
      exchange.charged = exchange.amount;
      exchange.state = "over";
    }
  }
}

async function check(world: World): Promise<void> {
  for (const { key, amountNanoUsd, toleranceNanoUsd } of accounts) {
    const limit = amountNanoUsd + toleranceNanoUsd;
    assert.ok(world.billed(key) <= limit, `${key}: the provider bills ${world.billed(key)} of ${limit}`);
    assert.ok(
      world.billed(key) <= world.spent(key) + world.held(key),
      `${key}: what is billed is spent or held`,
    );
    const row = await world.under.store.limits.budgetAccount(key);
    if (row === null) continue;
    assert.deepEqual([row.spentNanoUsd, row.heldNanoUsd], [world.spent(key), world.held(key)], key);
    assert.equal(row.spentNanoUsd + row.heldNanoUsd + row.leasedNanoUsd + row.freeNanoUsd, limit, key);
  }
}

export function limitsModelConformance(name: string, open: OpenStore): void {
  for (const seed of seeds()) {
    test(`${name} limits: no history overspends, and accounts agree with a plain model (seed ${seed})`, () =>
      withStore(open, async (under) => {
        const world = new World(under, new Dice(seed));
        for (let step = 0; step < STEPS; step++) {
          await world.step();
          await check(world);
        }
        const used = accounts.map(({ key }) => world.spent(key));
        assert.ok(Math.max(...used) > 5_000, `a history in which money was spent: ${used.join()}`);
      }));
  }
}
