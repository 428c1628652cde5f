/**
 * The counters of all limits, in memory as this process last knew them, and on disk as of the last commit. A
 * transaction changes them in memory and they are written once, before it commits; should it not commit, every change
 * is undone. Where other processes write the same file, what is known is forgotten as soon as one of them has written.
 *
 * Decides nothing: who may take what is in `sqlite-limits.ts`.
 */

import type { DatabaseSync } from "node:sqlite";
import type { BudgetAccount, BudgetTerms } from "../../limits.ts";
import { integer, integerOrNull, text, textOrNull } from "../columns.ts";
import type { Row } from "../columns.ts";
import { cachedStatements } from "../statements.ts";
import type { Statements } from "../statements.ts";
import type { TransactionPart } from "../write-queue.ts";
import { DefinitionRows } from "./definitions.ts";
import { RateWindow } from "./rate-window.ts";

/** What changes of a counter. Nano-dollars. */
interface BudgetCounts {
  amount: number;
  tolerance: number;
  spent: number;
  held: number;
  leased: number;
  /** null: an account of an older version, which the next request tells. */
  notifyAtPercent: readonly number[] | null;
  endsAtMs: number | null;
  /** Spending from here on makes a notice; Infinity where no percentage is left. Not kept: it follows from the rest. */
  noticeFrom: number;
}

/** A budget's counter. */
export interface BudgetCounter extends BudgetCounts {
  readonly key: string;
  readonly limitId: string;
}

/** More than any gateway has limits at work; what is over it is read again when it is needed. */
const MAX_KNOWN = 50_000;

export interface CountersOptions {
  readonly database: DatabaseSync;
  /** Other processes write the same file: rates and what runs are kept there, too, and nothing known is believed for long. */
  readonly isShared: boolean;
  /** Percentages of the budget are spent: told inside the transaction that spent them, perhaps more than once. */
  readonly onCrossed?: (counter: BudgetCounter, percents: readonly number[]) => void;
}

export class Counters implements TransactionPart {
  readonly #sql: Statements;
  readonly #definitions: DefinitionRows;
  readonly #isShared: boolean;
  readonly #onCrossed: NonNullable<CountersOptions["onCrossed"]>;
  readonly #budgets = new Map<string, BudgetCounter>();
  readonly #rates = new Map<string, RateWindow>();
  readonly #running = new Map<string, number>();
  /** What this transaction changes, as it was before; null: it was not there. */
  readonly #budgetsBefore = new Map<BudgetCounter, BudgetCounts | null>();
  readonly #runningBefore = new Map<string, number>();
  /** Those whose percentages were changed. */
  readonly #dirtyTerms = new Set<BudgetCounter>();
  readonly #dirtyShared = new Set<string>();
  #undo: (() => void)[] = [];
  #dataVersion = -1;

  constructor({ database, isShared, onCrossed = () => {} }: CountersOptions) {
    this.#sql = cachedStatements(database);
    this.#definitions = new DefinitionRows(this.#sql);
    this.#isShared = isShared;
    this.#onCrossed = onCrossed;
  }

  begun(): void {
    if (this.#budgets.size > MAX_KNOWN) this.#budgets.clear();
    if (!this.#isShared) return;
    const row = this.#sql("PRAGMA data_version").get();
    const dataVersion = row === undefined ? -1 : integer(row, "data_version");
    if (dataVersion !== this.#dataVersion) this.#forget();
    this.#dataVersion = dataVersion;
  }

  beforeCommit(): void {
    for (const [budget, before] of this.#budgetsBefore) {
      if (budget.spent >= budget.noticeFrom) this.#cross(budget);
      if (before === null) this.#insertBudget(budget);
      else this.#updateBudget(budget);
    }
    for (const budget of this.#dirtyTerms) this.#writeTerms(budget);
    for (const key of this.#dirtyShared) this.#writeShared(key);
  }

  committed(): void {
    this.#budgetsBefore.clear();
    this.#runningBefore.clear();
    this.#dirtyTerms.clear();
    this.#dirtyShared.clear();
    this.#undo = [];
  }

  rolledBack(): void {
    for (const [counter, before] of this.#budgetsBefore) {
      if (before === null) this.#budgets.delete(counter.key);
      else Object.assign(counter, before);
    }
    for (const [key, before] of this.#runningBefore) this.#running.set(key, before);
    for (const undo of this.#undo.reverse()) undo();
    this.committed();
  }

  /** Runs when this transaction does not commit. For what is kept beside the counters. */
  onRollback(undo: () => void): void {
    this.#undo.push(undo);
  }

  findBudget(key: string): BudgetCounter | null {
    const known = this.#budgets.get(key);
    if (known !== undefined) return known;
    const row = this.#sql("SELECT * FROM budget_accounts WHERE key = ?").get(key);
    if (row === undefined) return null;
    const read = readBudget(row);
    this.#budgets.set(key, read);
    return read;
  }

  /** As `findBudget`, outside a transaction: where others write, too, it is read again. */
  peek(key: string): BudgetCounter | null {
    if (!this.#isShared) return this.findBudget(key);
    const row = this.#sql("SELECT * FROM budget_accounts WHERE key = ?").get(key);
    return row === undefined ? null : readBudget(row);
  }

  /** The account's counter, made from what the account says if it is new. In a transaction only. */
  budget(account: BudgetAccount): BudgetCounter {
    const known = this.findBudget(account.key);
    if (known !== null) {
      if (known.notifyAtPercent === null) this.#adopt(known, account);
      return known;
    }
    const terms = this.#termsOf(account);
    const made: BudgetCounter = {
      key: account.key,
      limitId: account.limitId,
      amount: terms.amountNanoUsd,
      tolerance: terms.toleranceNanoUsd,
      spent: account.spentBeforeNanoUsd,
      held: 0,
      leased: 0,
      notifyAtPercent: terms.notifyAtPercent ?? [],
      endsAtMs: account.resetsAtMs ?? null,
      noticeFrom: Infinity,
    };
    made.noticeFrom = leastNotice(made);
    this.#budgets.set(made.key, made);
    this.#budgetsBefore.set(made, null);
    return made;
  }

  /** Moves a counter by so much. In a transaction only. */
  move(key: string, spent: number, held: number, leased = 0): void {
    const counter = this.findBudget(key);
    if (counter === null) throw new Error(`There is no budget account ${key}.`);
    this.moveOf(counter, spent, held, leased);
  }

  /** `move` of a counter that `budget` gave in this transaction. */
  moveOf(counter: BudgetCounter, spent: number, held: number, leased = 0): void {
    this.#changes(counter);
    counter.spent += spent;
    counter.held += held;
    counter.leased += leased;
  }

  /** Every counter of the limit gets this amount, and tells these percentages. In a transaction only. */
  setTerms(limitId: string, terms: BudgetTerms, nowMs: number): void {
    for (const key of this.keysOf(limitId)) {
      const counter = this.findBudget(key);
      if (counter === null) continue;
      this.#changes(counter);
      counter.amount = terms.amountNanoUsd;
      counter.tolerance = terms.toleranceNanoUsd;
      if (terms.notifyAtPercent !== undefined && counter.notifyAtPercent !== null) {
        // What an operator changes today is no news of a period that has ended.
        const hasEnded = counter.endsAtMs !== null && counter.endsAtMs <= nowMs;
        counter.notifyAtPercent = hasEnded ? [] : terms.notifyAtPercent;
        this.#dirtyTerms.add(counter);
      }
      counter.noticeFrom = leastNotice(counter);
    }
  }

  keysOf(limitId: string): readonly string[] {
    return this.#sql("SELECT key FROM budget_accounts WHERE limit_id = ? ORDER BY key")
      .all(limitId)
      .map((row) => text(row, "key"));
  }

  rate(key: string): RateWindow {
    const known = this.#rates.get(key);
    if (known !== undefined) return known;
    const kept = this.#readShared(key);
    const window = new RateWindow(kept === null ? [] : (JSON.parse(kept) as [number, number][]));
    this.#rates.set(key, window);
    return window;
  }

  /** In a transaction only, as are the next two. Whoever changes a rate says how that is undone: `onRollback`. */
  addToRate(key: string, nowMs: number, amount: number): void {
    this.rate(key).add(nowMs, amount);
    this.#touch(key);
  }

  correctRate(
    key: string,
    at: { readonly addedMs: number; readonly nowMs: number },
    difference: number,
  ): void {
    this.rate(key).correct(at.addedMs, at.nowMs, difference);
    this.#touch(key);
  }

  run(key: string, by: 1 | -1): void {
    const before = this.running(key);
    if (!this.#runningBefore.has(key)) this.#runningBefore.set(key, before);
    // What ran in a process that is gone was not counted by this one.
    this.#running.set(key, Math.max(0, before + by));
    this.#touch(key);
  }

  running(key: string): number {
    const known = this.#running.get(key);
    if (known !== undefined) return known;
    const kept = Number(this.#readShared(key) ?? 0);
    this.#running.set(key, kept);
    return kept;
  }

  /** An account of an older version learns what it tells. */
  #adopt(counter: BudgetCounter, account: BudgetAccount): void {
    this.#changes(counter);
    counter.notifyAtPercent = this.#termsOf(account).notifyAtPercent ?? [];
    counter.endsAtMs = account.resetsAtMs ?? null;
    counter.noticeFrom = leastNotice(counter);
    this.#dirtyTerms.add(counter);
  }

  /**
   * As the budget is defined now, where it is: a request on its way may know an older definition, and an account that was
   * made by it would keep that for its period.
   */
  #termsOf(account: BudgetAccount): BudgetTerms {
    const defined = this.#definitions.find(account.limitId);
    return defined?.kind === "budget" ? defined : account;
  }

  #cross(counter: BudgetCounter): void {
    counter.noticeFrom = nextNotice(counter);
    const percents = counter.notifyAtPercent ?? [];
    this.#onCrossed(
      counter,
      percents.filter((percent) => noticeAt(counter, percent) <= counter.spent),
    );
  }

  /** Begins anew with the rates and with what runs; for a start, when nothing runs. Not in a transaction. */
  forgetShared(): void {
    this.#sql("DELETE FROM shared_counters").run();
    this.#forget();
  }

  #changes(counter: BudgetCounter): void {
    if (this.#budgetsBefore.has(counter)) return;
    const { amount, tolerance, spent, held, leased, notifyAtPercent, endsAtMs, noticeFrom } = counter;
    const before = { amount, tolerance, spent, held, leased, notifyAtPercent, endsAtMs, noticeFrom };
    this.#budgetsBefore.set(counter, before);
  }

  #touch(key: string): void {
    if (this.#isShared) this.#dirtyShared.add(key);
  }

  #forget(): void {
    this.#budgets.clear();
    this.#rates.clear();
    this.#running.clear();
  }

  #readShared(key: string): string | null {
    if (!this.#isShared) return null;
    const row = this.#sql("SELECT value FROM shared_counters WHERE key = ?").get(key);
    return row === undefined ? null : text(row, "value");
  }

  #writeShared(key: string): void {
    const rate = this.#rates.get(key);
    const value = rate === undefined ? String(this.#running.get(key) ?? 0) : JSON.stringify(rate.slots());
    this.#sql(`INSERT INTO shared_counters (key, value) VALUES (?, ?)
      ON CONFLICT (key) DO UPDATE SET value = excluded.value`).run(key, value);
  }

  #updateBudget(budget: BudgetCounter): void {
    this.#sql(
      "UPDATE budget_accounts SET amount = ?, tolerance = ?, spent = ?, held = ?, leased = ? WHERE key = ?",
    ).run(budget.amount, budget.tolerance, budget.spent, budget.held, budget.leased, budget.key);
  }

  #insertBudget(budget: BudgetCounter): void {
    this.#sql(`INSERT INTO budget_accounts (key, limit_id, amount, tolerance, spent, held, leased, notify_at, ends_at)
      VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`).run(
      budget.key,
      budget.limitId,
      budget.amount,
      budget.tolerance,
      budget.spent,
      budget.held,
      budget.leased,
      notifyText(budget),
      budget.endsAtMs,
    );
  }

  #writeTerms(budget: BudgetCounter): void {
    this.#sql("UPDATE budget_accounts SET notify_at = ?, ends_at = ? WHERE key = ?").run(
      notifyText(budget),
      budget.endsAtMs,
      budget.key,
    );
  }
}

/** The spending at which so many percent are reached: rounded up, so that it is never told too early. */
function noticeAt({ amount }: BudgetCounter, percent: number): number {
  return Number((BigInt(amount) * BigInt(percent) + 99n) / 100n);
}

/** From where on there is something to look for, whatever is spent already. */
function leastNotice(counter: BudgetCounter): number {
  return Math.min(...(counter.notifyAtPercent ?? []).map((percent) => noticeAt(counter, percent)));
}

/** As `leastNotice`, of what is not spent yet: all else was told in the transaction that spent it. */
function nextNotice(counter: BudgetCounter): number {
  const all = (counter.notifyAtPercent ?? []).map((percent) => noticeAt(counter, percent));
  return Math.min(...all.filter((each) => each > counter.spent));
}

function notifyText({ notifyAtPercent }: BudgetCounter): string | null {
  return notifyAtPercent === null ? null : JSON.stringify(notifyAtPercent);
}

function readBudget(row: Row): BudgetCounter {
  const notifyAt = textOrNull(row, "notify_at");
  const read: BudgetCounter = {
    key: text(row, "key"),
    limitId: text(row, "limit_id"),
    amount: integer(row, "amount"),
    tolerance: integer(row, "tolerance"),
    spent: integer(row, "spent"),
    held: integer(row, "held"),
    leased: integer(row, "leased"),
    notifyAtPercent: percentsOf(notifyAt),
    endsAtMs: integerOrNull(row, "ends_at"),
    noticeFrom: Infinity,
  };
  if (notifyAt !== "[]") read.noticeFrom = nextNotice(read);
  return read;
}

/** As `notifyText` wrote it. */
function percentsOf(notifyAt: string | null): readonly number[] | null {
  if (notifyAt === null) return null;
  return notifyAt === "[]" ? [] : (JSON.parse(notifyAt) as number[]);
}
