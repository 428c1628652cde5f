/**
 * What the gateway asks of its store to hold a limit: budgets, rates and caps on what runs at once. It says what is
 * atomic and which sums hold after every call. It knows no price and no request: amounts come from `hold/`.
 *
 * An account is the counter of one limit, in one period, for one subject (facts/budget.md 5: the window is part of
 * every key). A hold takes its share of several accounts at once, all or nothing, before anything goes upstream,
 * and is settled with the result of its exchange: both are parts of the exchange's row. Money is whole nano-dollars.
 *
 * The sum that holds after every call, for every budget account, in integers:
 *
 *     spent + held + leased + free = amount + tolerance
 *
 * Holds and leases of a process that is gone are dealt with by `Ledger.interruptOrphans`.
 *
 * In the sum, `held` is the sum of its open holds and `leased` what its open leases have not spent. `free` may fall below
 * 0 only where an amount was lowered under what is spent already, or a charge was larger than its hold.
 */

import type { ExchangeIntent } from "./store.ts";

/** The counter of one budget. Money. */
export interface BudgetAccount {
  readonly kind: "budget";
  /** Limit id, period and subject: two requests that share a counter give the same key. */
  readonly key: string;
  readonly limitId: string;
  /**
   * For a new account of a budget that the directory does not define: the amount, in nano-dollars. One that it defines
   * goes by the definition, and a known account keeps what `DirectoryWrites.setLimit` made of it.
   */
  readonly amountNanoUsd: number;
  readonly toleranceNanoUsd: number;
  /** For a new account: what was spent in its period before it was first seen. */
  readonly spentBeforeNanoUsd: number;
  /** false: counts, and refuses nothing (a soft budget). */
  readonly isEnforced: boolean;
  /** For a new account: a notice is made when so many percent of the amount are spent (`notices.ts`). Absent: none. */
  readonly notifyAtPercent?: readonly number[];
  /** When the account's period ends; absent or null for never. */
  readonly resetsAtMs?: number | null;
  /** The request brings its amount along (a cap in its token): that decides, whatever others had of the same key. */
  readonly isBroughtAlong?: true;
}

/** Sliding window of one minute: never more than `perMinute` in any 60 seconds. */
export interface RateAccount {
  readonly kind: "rate";
  readonly key: string;
  readonly limitId: string;
  /** What it counts: tokens are corrected by what was really used, a request stays one. */
  readonly counts: "requests" | "tokens";
  readonly perMinute: number;
}

/** What runs at once. */
export interface ConcurrencyAccount {
  readonly kind: "concurrency";
  readonly key: string;
  readonly limitId: string;
  readonly max: number;
}

export type LimitAccount = BudgetAccount | RateAccount | ConcurrencyAccount;

/** One account's share of a hold: nano-dollars, requests, tokens or exchanges, as the account counts. */
export interface HoldShare {
  readonly account: LimitAccount;
  readonly amount: number;
  /** Of a rate or of what runs: what has to be free besides, for others who come first. It is not taken. */
  readonly beside?: number;
}

export interface HoldRequest {
  /** Of the exchange that it is for. The hold goes by its id, and belongs to its process. */
  readonly intent: ExchangeIntent;
  readonly nowMs: number;
  readonly shares: readonly HoldShare[];
}

export interface BudgetState {
  readonly amountNanoUsd: number;
  readonly toleranceNanoUsd: number;
  readonly spentNanoUsd: number;
  readonly heldNanoUsd: number;
  readonly leasedNanoUsd: number;
  /** `amount + tolerance - spent - held - leased`. */
  readonly freeNanoUsd: number;
}

export type HoldReply =
  | { readonly kind: "held" }
  /** A share that did not fit, of several the one that will not for the longest; nothing is held. */
  | {
      readonly kind: "refused";
      readonly account: LimitAccount;
      /** `spent`: no more is let in. `too_large`: it could not fit if all that runs ended for nothing. `busy`: running requests hold it. */
      readonly reason: "spent" | "too_large" | "busy";
      /** Of the budget; null for other accounts. */
      readonly budget: BudgetState | null;
      /** For a rate: after so long this request fits, if nobody else asks. */
      readonly retryAfterMs: number | null;
    };

/** What a hold came to. Given with the result of its exchange (`Ledger.recordResult`), and durable with it or not at all. */
export interface Settlement {
  /** The exact charge; null: not known, and the whole hold is charged, or, where nothing was held, what the row says. */
  readonly chargeNanoUsd: number | null;
  /** By account key: what a rate really used, where it is known. */
  readonly used: Readonly<Record<string, number>>;
}

/** What an operator can change of a budget's accounts. */
export interface BudgetTerms {
  readonly amountNanoUsd: number;
  readonly toleranceNanoUsd: number;
  /** Absent: they stay. */
  readonly notifyAtPercent?: readonly number[];
}

export interface LeaseRequest {
  readonly id: string;
  readonly bootId: string;
  readonly account: BudgetAccount;
  readonly amountNanoUsd: number;
}

/** A budget account as reports show it. */
export interface BudgetAccountRow extends BudgetState {
  readonly key: string;
  readonly limitId: string;
}

/** A hold as it is kept. */
export interface HoldRow {
  /** Of its exchange. */
  readonly id: string;
  readonly bootId: string;
  readonly amountNanoUsd: number;
  /** null while it is open. */
  readonly chargeNanoUsd: number | null;
  readonly budgetKeys: readonly string[];
}

export interface LeaseRow {
  readonly id: string;
  readonly bootId: string;
  readonly key: string;
  readonly state: "open" | "closed" | "forfeited";
  /** Granted and not given back. */
  readonly amountNanoUsd: number;
  readonly spentNanoUsd: number;
}

export interface Limits {
  /**
   * Takes every share and records the exchange's intent, as `Ledger.recordIntent` does, or does neither: one atomic step,
   * durable before it resolves. A repeat of an id that is held or settled changes nothing and answers `held`. Budgets
   * admit while `spent < amount` and the share fits into `free`; rates while the last 60 seconds have room;
   * concurrency while fewer than `max` run.
   */
  reserve(request: HoldRequest): Promise<HoldReply>;
  /**
   * Lowers an open hold in every budget account to this much, because part of the truth is known. A larger amount, a
   * settled or an unknown hold changes nothing.
   */
  shrink(holdId: string, amountNanoUsd: number): Promise<void>;
  /**
   * Reserves money for a process to hand out by itself. Like a hold: it fits or is refused; a repeat of an id changes
   * nothing.
   */
  grant(lease: LeaseRequest): Promise<HoldReply>;
  /**
   * Says what the lease has spent so far, cumulatively (a report that is lost or repeated changes nothing), and what
   * of it is given back for good. `keptNanoUsd` is what stays granted, spent part included; it never rises. 0 closes the lease
   * with what it spent. A lease that was forfeited is refunded by this, once: only its spent part stays charged.
   */
  returnLease(
    leaseId: string,
    report: { readonly spentNanoUsd: number; readonly keptNanoUsd: number },
  ): Promise<void>;

  /**
   * A quick look at each, as of the last write that this process knows of; decides nothing, and waits for nothing. null
   * for an account that it knows of no write to.
   */
  peekBudgets(keys: readonly string[]): readonly (BudgetState | null)[];
  /** null for an account that nobody has asked for yet. */
  budgetAccount(key: string): Promise<BudgetAccountRow | null>;
  /** Every account of a limit, by key. */
  budgetAccounts(limitId: string): Promise<readonly BudgetAccountRow[]>;
  findHold(id: string): Promise<HoldRow | null>;
  findLease(id: string): Promise<LeaseRow | null>;
  /** What is open, for checks of the sum: holds and leases of an account. */
  openOf(key: string): Promise<{ readonly holds: readonly HoldRow[]; readonly leases: readonly LeaseRow[] }>;
}
