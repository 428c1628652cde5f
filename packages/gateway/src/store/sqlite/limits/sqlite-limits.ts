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
  LimitAccount,
  Limits,
  Settlement,
} from "../../limits.ts";
import { type EncodedIntent, encodeIntent, type IntentRows } from "../intent-rows.ts";
import type { WriteQueue } from "../write-queue.ts";
import type { BudgetCounter, Counters } from "./counters.ts";
import { HoldRows, holdRow, type KeptHold, type RateShare } from "./hold-rows.ts";
import { KnownAccounts } from "./known-accounts.ts";

type Refusal = HoldReply & { readonly kind: "refused" };

export interface SqliteLimitsOptions {
  readonly database: DatabaseSync;
  readonly queue: WriteQueue;
  readonly counters: Counters;
  readonly intents: IntentRows;
  readonly clock: Clock;
}

/** See `Limits` for what every method promises. */
export class SqliteLimits implements Limits {
  readonly #queue: WriteQueue;
  readonly #counters: Counters;
  readonly #rows: HoldRows;
  readonly #intents: IntentRows;
  readonly #clock: Clock;
  readonly #accounts = new KnownAccounts();
  /** Open holds of this process, so that settling one reads nothing. */
  readonly #open = new Map<string, KeptHold>();

  constructor({ database, queue, counters, intents, clock }: SqliteLimitsOptions) {
    this.#queue = queue;
    this.#counters = counters;
    this.#rows = new HoldRows(database);
    this.#intents = intents;
    this.#clock = clock;
  }

  async reserve(request: HoldRequest): Promise<HoldReply> {
    const amountNanoUsd = budgetAmount(request.shares);
    const intent = encodeIntent(request.intent);
    let reply: HoldReply = held;
    await this.#queue.enqueue(() => {
      reply = this.#reserve(request, intent, amountNanoUsd);
    });
    return reply;
  }

  shrink(holdId: string, amountNanoUsd: number): Promise<void> {
    return this.#queue.enqueue(() => {
      const hold = this.#find(holdId);
      if (hold === null || hold.chargeNanoUsd !== null || amountNanoUsd >= hold.amountNanoUsd) return;
      const by = amountNanoUsd - hold.amountNanoUsd;
      for (const key of hold.budgetKeys) this.#counters.move(key, 0, by);
      this.#rows.setAmount(holdId, amountNanoUsd);
      if (!this.#open.has(holdId)) return;
      this.#open.set(holdId, { ...hold, amountNanoUsd });
      this.#counters.onRollback(() => this.#open.set(holdId, hold));
    });
  }

  async grant(lease: LeaseRequest): Promise<HoldReply> {
    let reply: HoldReply = held;
    await this.#queue.enqueue(() => {
      if (this.#rows.findLease(lease.id) !== null) return;
      const refusal = this.#refusalOf({ account: lease.account, amount: lease.amountNanoUsd }, 0);
      if (refusal !== null) {
        reply = refusal;
        return;
      }
      this.#counters.budget(lease.account);
      this.#counters.move(lease.account.key, 0, 0, lease.amountNanoUsd);
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
        this.#counters.move(lease.key, spent - lease.amountNanoUsd, 0);
        this.#rows.updateLease({ ...lease, state: "closed", amountNanoUsd: spent, spentNanoUsd: spent });
        return;
      }
      const kept = Math.max(spent, Math.min(lease.amountNanoUsd, keptNanoUsd));
      const before = lease.amountNanoUsd - lease.spentNanoUsd;
      this.#counters.move(lease.key, spent - lease.spentNanoUsd, 0, kept - spent - before);
      const state = keptNanoUsd === 0 ? "closed" : "open";
      this.#rows.updateLease({ ...lease, state, amountNanoUsd: kept, spentNanoUsd: spent });
    });
  }

  /** A transaction in which a budget's terms can be set beside what else is written. */
  inTransaction<T>(work: (setTerms: (limitId: string, terms: BudgetTerms) => void) => T): T {
    return this.#queue.runNow(() =>
      work((limitId, terms) => this.#counters.setTerms(limitId, terms, this.#clock.now())),
    );
  }

  peekBudgets(keys: readonly string[]): readonly (BudgetState | null)[] {
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

  /**
   * Part of the transaction that writes an exchange's result, which writes the charge that it gives back, too; null:
   * nothing was held. Idempotent, and a correction moves the difference. `estimateNanoUsd`: what the result says that it
   * cost, known or not.
   */
  settle(holdId: string, settlement: Settlement, estimateNanoUsd: number | null = null): number | null {
    const hold = this.#find(holdId);
    if (hold === null) return null;
    const { amountNanoUsd, chargeNanoUsd } = hold;
    const estimate = amountNanoUsd === 0 ? estimateNanoUsd : null;
    const charge = settlement.chargeNanoUsd ?? estimate ?? chargeNanoUsd ?? amountNanoUsd;
    if (chargeNanoUsd === null) this.#close(hold, charge, settlement.used);
    else for (const key of hold.budgetKeys) this.#counters.move(key, charge - chargeNanoUsd, 0);
    return charge;
  }

  /** For a charge that is corrected where the result stays. In a transaction. */
  keepCharge(holdId: string, chargeNanoUsd: number): void {
    this.#rows.setCharge(holdId, chargeNanoUsd);
  }

  /** Part of the transaction that interrupts exchanges: whatever was held for them may have been sent. */
  forfeitOrphans(isAlive: (bootId: string) => boolean): void {
    for (const hold of this.#rows.openHolds()) {
      if (isAlive(hold.bootId)) continue;
      this.#close(hold, hold.amountNanoUsd, {});
      this.#rows.setCharge(hold.id, hold.amountNanoUsd);
    }
    for (const lease of this.#rows.openLeases()) {
      if (isAlive(lease.bootId)) continue;
      const unspent = lease.amountNanoUsd - lease.spentNanoUsd;
      this.#counters.move(lease.key, unspent, 0, -unspent);
      this.#rows.updateLease({ ...lease, state: "forfeited" });
    }
  }

  #reserve({ shares, nowMs }: HoldRequest, intent: EncodedIntent, amountNanoUsd: number): HoldReply {
    const { id, bootId } = intent;
    let refused: Refusal | null = null;
    for (const share of shares) {
      const refusal = this.#refusalOf(share, nowMs);
      if (refusal !== null && (refused === null || lastsMs(refusal) > lastsMs(refused))) refused = refusal;
    }
    // What is held or was settled stays so, whatever has become of its budgets.
    if (refused !== null) return this.#rows.findHold(id) === null ? refused : held;
    const { text, budgetKeys, concurrencyKeys } = this.#accounts.of(shares);
    // A repeat takes nothing.
    if (!this.#intents.insert(intent, { amountNanoUsd, accounts: text })) return held;
    const hold: KeptHold = {
      id,
      bootId,
      amountNanoUsd,
      chargeNanoUsd: null,
      budgetKeys,
      concurrencyKeys,
      rates: shares.filter(isOfRate),
      takenAtMs: nowMs,
    };
    this.#take(hold, shares);
    return held;
  }

  #take(hold: KeptHold, shares: readonly HoldShare[]): void {
    const { id, amountNanoUsd, rates, takenAtMs } = hold;
    for (const { account } of shares) {
      if (account.kind !== "budget") continue;
      // Only enforced ones were looked at before.
      this.#counters.moveOf(this.#counters.budget(account), 0, amountNanoUsd);
    }
    for (const key of hold.concurrencyKeys) this.#counters.run(key, 1);
    for (const { account, amount } of rates) this.#counters.addToRate(account.key, takenAtMs, amount);
    this.#open.set(id, hold);
    this.#counters.onRollback(() => {
      this.#open.delete(id);
      const at = { addedMs: takenAtMs, nowMs: takenAtMs };
      for (const { account, amount } of rates) this.#counters.correctRate(account.key, at, -amount);
    });
  }

  #refusalOf({ account, amount, beside = 0 }: HoldShare, nowMs: number): Refusal | null {
    if (account.kind === "concurrency") {
      const isFree = this.#counters.running(account.key) + beside < account.max;
      return isFree ? null : refusal(account, { reason: "busy" });
    }
    if (account.kind === "rate") {
      const rate = this.#counters.rate(account.key);
      if (rate.usedAt(nowMs) + amount + beside <= account.perMinute) return null;
      // Others come first: where both do not fit into one minute, it is after them.
      const wanted = beside === 0 ? amount : Math.min(amount + beside, account.perMinute);
      const retryAfterMs = rate.retryAfterMs(nowMs, wanted, account.perMinute);
      return refusal(account, { reason: retryAfterMs === null ? "too_large" : "busy", retryAfterMs });
    }
    if (!account.isEnforced) return null;
    const known = this.#counters.budget(account);
    const counter = account.isBroughtAlong === true ? withAmountOf(account, known) : known;
    const left = counter.amount + counter.tolerance - counter.spent;
    const isSpent = counter.spent >= counter.amount;
    if (!isSpent && amount <= left - counter.held - counter.leased) return null;
    const reason = isSpent ? "spent" : amount > left ? "too_large" : "busy";
    return refusal(account, { reason, budget: stateOf(counter) });
  }

  /** Its charge takes the place of what was held; a request stays one, tokens become what was used. */
  #close(hold: KeptHold, charge: number, used: Settlement["used"]): void {
    for (const key of hold.budgetKeys) this.#counters.move(key, charge, -hold.amountNanoUsd);
    for (const key of hold.concurrencyKeys) this.#counters.run(key, -1);
    const nowMs = this.#clock.now();
    this.#correctRates(hold, used, { nowMs, sign: 1 });
    const isOwn = this.#open.delete(hold.id);
    this.#counters.onRollback(() => {
      if (isOwn) this.#open.set(hold.id, hold);
      this.#correctRates(hold, used, { nowMs, sign: -1 });
    });
  }

  #correctRates(
    { rates, takenAtMs }: KeptHold,
    used: Settlement["used"],
    { nowMs, sign }: { readonly nowMs: number; readonly sign: 1 | -1 },
  ): void {
    const at = { addedMs: takenAtMs, nowMs };
    for (const { account, amount } of rates) {
      if (account.counts !== "tokens") continue;
      const really = used[account.key];
      if (really !== undefined) this.#counters.correctRate(account.key, at, sign * (really - amount));
    }
  }

  #find(id: string): KeptHold | null {
    return this.#open.get(id) ?? this.#rows.findHold(id);
  }
}

const held: HoldReply = { kind: "held" };

function refusal(
  account: LimitAccount,
  why: Pick<Refusal, "reason"> & Partial<Pick<Refusal, "budget" | "retryAfterMs">>,
): Refusal {
  return { kind: "refused", account, budget: null, retryAfterMs: null, ...why };
}

function isOfRate(share: HoldShare): share is RateShare {
  return share.account.kind === "rate";
}

/** For how long it will certainly not fit. */
function lastsMs({ reason, retryAfterMs }: Refusal): number {
  return reason === "busy" ? (retryAfterMs ?? 0) : Number.POSITIVE_INFINITY;
}

/** What every budget of one hold is asked for: a request costs the same in each. */
function budgetAmount(shares: readonly HoldShare[]): number {
  let first: number | null = null;
  for (const { account, amount } of shares) {
    if (account.kind !== "budget") continue;
    first ??= amount;
    if (amount !== first || !Number.isSafeInteger(amount) || amount < 0)
      throw new RangeError("The budget shares of a hold are one and the same whole amount.");
  }
  return first ?? 0;
}

function withAmountOf(account: BudgetAccount, counter: BudgetCounter): BudgetCounter {
  if (counter.amount === account.amountNanoUsd && counter.tolerance === account.toleranceNanoUsd)
    return counter;
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
