/**
 * The promises of a hard budget (facts: P1 to P10), watched while the gateway's own store keeps it. It stands between
 * the hold step and the store, keeps books of its own of what is held and what the provider bills, and throws at the
 * first promise that is broken. P7 is about leases, which direct reservations do without.
 */

import assert from "node:assert/strict";
import type { HoldReply, HoldRequest, Limits } from "@meshagent/llm-proxy-gateway/store/limits";
import type { VirtualTime } from "./virtual-time.ts";

/** How long something that fits may go on waiting (P10). */
const promptMs = 1_000;

interface Asking {
  readonly sinceMs: number;
  /** What it asked for at its last try; null before its first, and while the store decides. */
  wantedNanoUsd: number | null;
  fitsSinceMs: number | null;
}

export interface BooksOptions {
  readonly limits: Limits;
  readonly time: VirtualTime;
  /** Of the budget under test. */
  readonly limitId: string;
  /** In how many budgets each hold has to stand. */
  readonly scopes: number;
  readonly holdWaitMs: number;
}

export class Books {
  readonly #options: BooksOptions;
  /** Who asks, in the order in which they came. */
  readonly #asking = new Map<string, Asking>();
  readonly #held = new Map<string, number>();
  #billedNanoUsd = 0;
  #spentNanoUsd = 0;
  #isSpent = false;
  #admittedAtMs = 0;
  #admitted = 0;

  constructor(options: BooksOptions) {
    this.#options = options;
    this.#admittedAtMs = options.time.now();
  }

  get billedNanoUsd(): number {
    return this.#billedNanoUsd;
  }

  /** As the budget's account last said. */
  get spentNanoUsd(): number {
    return this.#spentNanoUsd;
  }

  /** P4 leaves nothing more to happen then. */
  get isSpent(): boolean {
    return this.#isSpent;
  }

  get admittedAtMs(): number {
    return this.#admittedAtMs;
  }

  get admitted(): number {
    return this.#admitted;
  }

  /** The store as the hold step sees it. */
  readonly limits: Pick<Limits, "reserve" | "shrink" | "peekBudgets"> = {
    reserve: (request) => this.#options.time.track(this.#reserve(request)),
    shrink: async (id, amountNanoUsd) => {
      const before = this.#held.get(id);
      assert.ok(before !== undefined, `${id} is shrunk while it is held`);
      this.#held.set(id, Math.min(before, amountNanoUsd));
      await this.#options.time.track(this.#options.limits.shrink(id, amountNanoUsd));
    },
    peekBudgets: (keys) => this.#options.limits.peekBudgets(keys),
  };

  /** A request came to the hold step. */
  asks(id: string): void {
    this.#asking.set(id, { sinceMs: this.#options.time.now(), wantedNanoUsd: null, fitsSinceMs: null });
  }

  /** It was let in or refused. */
  answered(id: string): void {
    const asking = this.#asking.get(id);
    this.#asking.delete(id);
    const waitedMs = this.#options.time.now() - (asking?.sinceMs ?? 0);
    assert.ok(waitedMs <= this.#options.holdWaitMs + promptMs, `${id} waited ${waitedMs} ms`);
  }

  /** P5: nothing goes up without its hold in every scope. */
  async sent(id: string): Promise<void> {
    const hold = await this.#options.limits.findHold(id);
    assert.ok(hold !== null && hold.chargeNanoUsd === null, `P5: ${id} is held when it goes up`);
    assert.equal(hold.budgetKeys.length, this.#options.scopes, `P5: ${id} is held in every budget`);
    assert.equal(hold.amountNanoUsd, this.#held.get(id));
    this.#admitted += 1;
    this.#admittedAtMs = this.#options.time.now();
  }

  /** What the provider bills for it, whatever the gateway got to see. P3: a charge is at most its first hold. */
  billed(id: string, nanoUsd: number): void {
    const held = this.#held.get(id) ?? 0;
    assert.ok(nanoUsd <= held, `the bill of ${id}, ${nanoUsd}, is within its hold of ${held}`);
    this.#billedNanoUsd += nanoUsd;
  }

  /** Its result is written. `isKnown`: the gateway saw the usage. */
  async settled(id: string, nanoUsd: number, isKnown: boolean): Promise<void> {
    const hold = await this.#options.limits.findHold(id);
    // P6: no usage, the whole hold.
    assert.equal(hold?.chargeNanoUsd, isKnown ? nanoUsd : this.#held.get(id), `P6: the charge of ${id}`);
    this.#held.delete(id);
  }

  /** Everything of this moment has come to rest. */
  async check(): Promise<void> {
    const { limits, limitId, time } = this.#options;
    for (const account of await limits.budgetAccounts(limitId)) {
      const { amountNanoUsd, toleranceNanoUsd, spentNanoUsd, heldNanoUsd, leasedNanoUsd } = account;
      const limit = amountNanoUsd + toleranceNanoUsd;
      assert.equal(spentNanoUsd + heldNanoUsd + leasedNanoUsd + account.freeNanoUsd, limit, "P2");
      assert.ok(account.freeNanoUsd >= 0, `P1: ${account.freeNanoUsd} is free`);
      const held = [...this.#held.values()].reduce((sum, amount) => sum + amount, 0);
      assert.equal(
        heldNanoUsd,
        held,
        "the store holds what was reserved and not given back (P9: nothing, at rest)",
      );
      assert.ok(this.#billedNanoUsd + held <= limit, `P1: ${this.#billedNanoUsd} billed and ${held} held`);
      assert.ok(this.#billedNanoUsd <= spentNanoUsd, "what is billed is charged");
      this.#spentNanoUsd = spentNanoUsd;
      this.#isSpent = spentNanoUsd >= amountNanoUsd;
      this.#checkPrompt(account.freeNanoUsd, time.now());
    }
  }

  async #reserve(request: HoldRequest): Promise<HoldReply> {
    const wasSpent = this.#isSpent;
    const amount = request.shares.find(({ account }) => account.kind === "budget")?.amount ?? 0;
    const reply = await this.#options.limits.reserve(request);
    const { id } = request.intent;
    const asking = this.#asking.get(id);
    if (reply.kind === "held") {
      assert.ok(!wasSpent, "P4: a spent budget lets nothing in");
      this.#held.set(id, amount);
    } else if (asking !== undefined) {
      asking.wantedNanoUsd = amount;
    }
    return reply;
  }

  /** P10: who came first and would fit is let in. */
  #checkPrompt(freeNanoUsd: number, nowMs: number): void {
    const first = this.#asking.entries().next().value;
    if (first === undefined) return;
    const [id, asking] = first;
    const fits = !this.#isSpent && asking.wantedNanoUsd !== null && asking.wantedNanoUsd <= freeNanoUsd;
    asking.fitsSinceMs = fits ? (asking.fitsSinceMs ?? nowMs) : null;
    const forMs = nowMs - (asking.fitsSinceMs ?? nowMs);
    assert.ok(forMs <= promptMs, `P10: ${id} has fitted for ${forMs} ms and nobody came before it`);
  }
}
