/**
 * Limits on SQLite. Every change goes through the ledger's write queue: what one turn of the event loop reserves and
 * settles shares a transaction with its rows, and each counter is written once in it. `BEGIN IMMEDIATE` makes the
 * transactions of several processes on one file follow each other, so a hold is decided on what is true.
 */

import type { DatabaseSync } from "node:sqlite";
import type { Clock } from "../../../clock.ts";
import type {
  BudgetAccount,
  BudgetAccountRow,
  BudgetState,
  BudgetTerms,
  HoldReply,
  HoldRequest,
  HoldRow,
  HoldShare,
  LeaseRequest,
  LeaseRow,
  Limits,
  Settlement,
} from "../../limits.ts";
import type { WriteQueue } from "../write-queue.ts";
import type { BudgetCounter, Counters } from "./counters.ts";
import { type HoldParts, HoldRows, holdRow, type KeptHold, type RatePart } from "./hold-rows.ts";

/** How long a late result still finds what was forfeited for it. */
const KEEP_CLOSED_HOLDS_MS = 40 * 24 * 3_600_000;

type Refusal = HoldReply & { readonly kind: "refused" };

export interface SqliteLimitsOptions {
  readonly database: DatabaseSync;
  readonly queue: WriteQueue;
  readonly counters: Counters;
  readonly clock: Clock;
}

/** See `Limits` for what every method promises. */
export class SqliteLimits implements Limits {
  readonly #queue: WriteQueue;
  readonly #counters: Counters;
  readonly #rows: HoldRows;
  readonly #clock: Clock;
  /** Open holds of this process, so that settling one reads nothing. */
  readonly #open = new Map<string, KeptHold>();

  constructor({ database, queue, counters, clock }: SqliteLimitsOptions) {
    this.#queue = queue;
    this.#counters = counters;
    this.#rows = new HoldRows(database);
    this.#clock = clock;
  }

  async reserve(request: HoldRequest): Promise<HoldReply> {
    const amountNanoUsd = budgetAmount(request.shares);
    let reply: HoldReply = { kind: "held" };
    await this.#queue.enqueue(() => {
      reply = this.#reserve(request, amountNanoUsd);
    });
    return reply;
  }

  shrink(holdId: string, amountNanoUsd: number): Promise<void> {
    return this.#queue.enqueue(() => {
      const hold = this.#find(holdId);
      if (hold === null || hold.state !== "open" || amountNanoUsd >= hold.amountNanoUsd) return;
      for (const key of hold.budgetKeys)
        this.#counters.move(key, { held: amountNanoUsd - hold.amountNanoUsd });
      this.#keep(hold, { ...hold, amountNanoUsd });
    });
  }

  release(holdId: string): Promise<void> {
    return this.#queue.enqueue(() => {
      const hold = this.#find(holdId);
      if (hold?.state === "open") this.#release(hold);
    });
  }

  async grant(lease: LeaseRequest): Promise<HoldReply> {
    let reply: HoldReply = { kind: "held" };
    await this.#queue.enqueue(() => {
      if (this.#rows.findLease(lease.id) !== null) return;
      const refusal = this.#refusalOf({ account: lease.account, amount: lease.amountNanoUsd }, 0);
      if (refusal !== null) {
        reply = refusal;
        return;
      }
      this.#counters.budget(lease.account);
      this.#counters.move(lease.account.key, { leased: lease.amountNanoUsd });
      this.#rows.insertLease({
        id: lease.id,
        bootId: lease.bootId,
        key: lease.account.key,
        state: "open",
        amountNanoUsd: lease.amountNanoUsd,
        spentNanoUsd: 0,
      });
    });
    return reply;
  }

  returnLease(
    leaseId: string,
    { spentNanoUsd, keptNanoUsd }: { readonly spentNanoUsd: number; readonly keptNanoUsd: number },
  ): Promise<void> {
    return this.#queue.enqueue(() => {
      const lease = this.#rows.findLease(leaseId);
      if (lease === null || lease.state === "closed") return;
      // Reports may come twice and out of order: what was spent only grows, what is granted only shrinks.
      const spent = Math.max(lease.spentNanoUsd, spentNanoUsd);
      if (lease.state === "forfeited") {
        // All of it was charged, so the refund is what it did not spend.
        this.#counters.move(lease.key, { spent: spent - lease.amountNanoUsd });
        this.#rows.updateLease({ ...lease, state: "closed", amountNanoUsd: spent, spentNanoUsd: spent });
        return;
      }
      const kept = Math.max(spent, Math.min(lease.amountNanoUsd, keptNanoUsd));
      const before = lease.amountNanoUsd - lease.spentNanoUsd;
      this.#counters.move(lease.key, { spent: spent - lease.spentNanoUsd, leased: kept - spent - before });
      const state = keptNanoUsd === 0 ? "closed" : "open";
      this.#rows.updateLease({ ...lease, state, amountNanoUsd: kept, spentNanoUsd: spent });
    });
  }

  setBudgetAmount(limitId: string, to: BudgetTerms): Promise<void> {
    return this.#queue.enqueue(() => this.#counters.setTerms(limitId, to, this.#clock.now()));
  }

  async peekBudgets(keys: readonly string[]): Promise<readonly (BudgetState | null)[]> {
    return keys.map((key) => {
      const counter = this.#counters.peek(key);
      return counter === null ? null : stateOf(counter);
    });
  }

  async budgetAccount(key: string): Promise<BudgetAccountRow | null> {
    return this.#queue.runNow(() => {
      const counter = this.#counters.findBudget(key);
      return counter === null ? null : accountRow(counter);
    });
  }

  async budgetAccounts(limitId: string): Promise<readonly BudgetAccountRow[]> {
    return this.#queue.runNow(() =>
      this.#counters.keysOf(limitId).flatMap((key) => {
        const counter = this.#counters.findBudget(key);
        return counter === null ? [] : [accountRow(counter)];
      }),
    );
  }

  async findHold(id: string): Promise<HoldRow | null> {
    const hold = this.#queue.runNow(() => this.#find(id));
    return hold === null ? null : holdRow(hold);
  }

  async findLease(id: string): Promise<LeaseRow | null> {
    return this.#queue.runNow(() => this.#rows.findLease(id));
  }

  async openOf(
    key: string,
  ): Promise<{ readonly holds: readonly HoldRow[]; readonly leases: readonly LeaseRow[] }> {
    return this.#queue.runNow(() => ({
      holds: this.#rows
        .openHolds()
        .filter((hold) => hold.budgetKeys.includes(key))
        .map(holdRow),
      leases: this.#rows.openLeases().filter((lease) => lease.key === key),
    }));
  }

  /** Part of the transaction that writes an exchange's result. Idempotent, and a correction moves the difference. */
  settle(holdId: string, settlement: Settlement): void {
    const hold = this.#find(holdId);
    if (hold === null) return;
    const charge = settlement.chargeNanoUsd ?? hold.chargeNanoUsd ?? hold.amountNanoUsd;
    const wasOpen = hold.state === "open";
    for (const key of hold.budgetKeys) {
      this.#counters.move(key, {
        spent: charge - (hold.chargeNanoUsd ?? 0),
        held: wasOpen ? -hold.amountNanoUsd : 0,
      });
    }
    if (wasOpen) this.#leave(hold, settlement.used);
    this.#keep(hold, { ...hold, state: "settled", chargeNanoUsd: charge });
  }

  /** Part of the transaction that interrupts exchanges: `hasIntent` tells which of them may have been sent. */
  forfeitOrphans(isAlive: (bootId: string) => boolean, hasIntent: (exchangeId: string) => boolean): void {
    for (const hold of this.#rows.openHolds()) {
      if (isAlive(hold.bootId)) continue;
      if (hasIntent(hold.id)) this.#forfeit(hold);
      else this.#release(hold);
    }
    for (const lease of this.#rows.openLeases()) {
      if (isAlive(lease.bootId)) continue;
      const unspent = lease.amountNanoUsd - lease.spentNanoUsd;
      this.#counters.move(lease.key, { spent: unspent, leased: -unspent });
      this.#rows.updateLease({ ...lease, state: "forfeited" });
    }
    this.#rows.forgetClosedHolds(this.#clock.now() - KEEP_CLOSED_HOLDS_MS);
  }

  #reserve({ id, bootId, nowMs, shares }: HoldRequest, amountNanoUsd: number): HoldReply {
    if (this.#find(id) !== null) return { kind: "held" };
    let refused: Refusal | null = null;
    for (const share of shares) {
      const refusal = this.#refusalOf(share, nowMs);
      if (refusal !== null && (refused === null || lastsMs(refusal) > lastsMs(refused))) refused = refusal;
    }
    if (refused !== null) return refused;
    const parts = this.#take(shares, nowMs);
    const hold: KeptHold = { id, bootId, state: "open", amountNanoUsd, chargeNanoUsd: null, ...parts };
    this.#rows.insertHold(hold, nowMs);
    this.#remember(id, hold);
    return { kind: "held" };
  }

  #take(shares: readonly HoldShare[], nowMs: number): HoldParts {
    const budgetKeys: string[] = [];
    const rates: RatePart[] = [];
    const concurrencyKeys: string[] = [];
    for (const { account, amount } of shares) {
      if (account.kind === "budget") {
        this.#counters.budget(account);
        this.#counters.move(account.key, { held: amount });
        budgetKeys.push(account.key);
      } else if (account.kind === "rate") {
        this.#counters.addToRate(account.key, nowMs, amount);
        rates.push([account.key, account.counts, nowMs, amount]);
      } else {
        this.#counters.run(account.key, 1);
        concurrencyKeys.push(account.key);
      }
    }
    return { budgetKeys, rates, concurrencyKeys };
  }

  #refusalOf({ account, amount }: HoldShare, nowMs: number): Refusal | null {
    const refused = { kind: "refused", account, budget: null, retryAfterMs: null } as const;
    if (account.kind === "concurrency") {
      return this.#counters.running(account.key) < account.max ? null : { ...refused, reason: "busy" };
    }
    if (account.kind === "rate") {
      const rate = this.#counters.rate(account.key);
      if (rate.usedAt(nowMs) + amount <= account.perMinute) return null;
      const retryAfterMs = rate.retryAfterMs(nowMs, amount, account.perMinute);
      return { ...refused, reason: retryAfterMs === null ? "too_large" : "busy", retryAfterMs };
    }
    if (!account.isEnforced) return null;
    const counter = this.#counters.budget(account);
    const budget = stateOf(account.isBroughtAlong === true ? withAmountOf(account, counter) : counter);
    const left = budget.amountNanoUsd + budget.toleranceNanoUsd - budget.spentNanoUsd;
    if (budget.spentNanoUsd >= budget.amountNanoUsd) return { ...refused, reason: "spent", budget };
    if (amount > left) return { ...refused, reason: "too_large", budget };
    return amount > budget.freeNanoUsd ? { ...refused, reason: "busy", budget } : null;
  }

  #forfeit(hold: KeptHold): void {
    for (const key of hold.budgetKeys) {
      this.#counters.move(key, { held: -hold.amountNanoUsd, spent: hold.amountNanoUsd });
    }
    this.#leave(hold, {});
    this.#keep(hold, { ...hold, state: "forfeited", chargeNanoUsd: hold.amountNanoUsd });
  }

  /** It was a request all the same; its tokens come back. */
  #release(hold: KeptHold): void {
    for (const key of hold.budgetKeys) this.#counters.move(key, { held: -hold.amountNanoUsd });
    const tokens = hold.rates.filter(([, counts]) => counts === "tokens");
    this.#leave(hold, Object.fromEntries(tokens.map(([key]) => [key, 0])));
    this.#keep(hold, { ...hold, state: "released", chargeNanoUsd: 0 });
  }

  #leave(hold: KeptHold, used: Settlement["used"]): void {
    const nowMs = this.#clock.now();
    for (const key of hold.concurrencyKeys) this.#counters.run(key, -1);
    for (const [key, counts, addedMs, amount] of hold.rates) {
      const really = used[key];
      if (counts === "tokens" && really !== undefined)
        this.#counters.correctRate(key, { addedMs, nowMs }, really - amount);
    }
  }

  #find(id: string): KeptHold | null {
    return this.#open.get(id) ?? this.#rows.findHold(id);
  }

  #keep(before: KeptHold, after: KeptHold): void {
    this.#rows.updateHold(after);
    if (this.#open.has(before.id)) this.#remember(before.id, after.state === "open" ? after : null);
  }

  #remember(id: string, hold: KeptHold | null): void {
    const before = this.#open.get(id);
    if (hold === null) this.#open.delete(id);
    else this.#open.set(id, hold);
    this.#counters.onRollback(() => {
      if (before === undefined) this.#open.delete(id);
      else this.#open.set(id, before);
    });
  }
}

/** For how long it will certainly not fit. */
function lastsMs({ reason, retryAfterMs }: Refusal): number {
  return reason === "busy" ? (retryAfterMs ?? 0) : Number.POSITIVE_INFINITY;
}

/** What every budget of one hold is asked for: a request costs the same in each. */
function budgetAmount(shares: readonly HoldShare[]): number {
  const amounts = shares.filter(({ account }) => account.kind === "budget").map(({ amount }) => amount);
  const [first = 0] = amounts;
  if (amounts.some((amount) => amount !== first || !Number.isSafeInteger(amount) || amount < 0)) {
    throw new RangeError("The budget shares of a hold are one and the same whole amount.");
  }
  return first;
}

function withAmountOf(account: BudgetAccount, counter: BudgetCounter): BudgetCounter {
  return { ...counter, amount: account.amountNanoUsd, tolerance: account.toleranceNanoUsd };
}

function stateOf(counter: BudgetCounter): BudgetState {
  const { amount, tolerance, spent, held, leased } = counter;
  return {
    amountNanoUsd: amount,
    toleranceNanoUsd: tolerance,
    spentNanoUsd: spent,
    heldNanoUsd: held,
    leasedNanoUsd: leased,
    freeNanoUsd: amount + tolerance - spent - held - leased,
  };
}

function accountRow(counter: BudgetCounter): BudgetAccountRow {
  return { key: counter.key, limitId: counter.limitId, ...stateOf(counter) };
}
