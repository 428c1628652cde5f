/**
 * What a budget has to tell: the spending of an account has reached a percentage of its amount. It is an outbox. A notice
 * is made in the transaction that moves the account, exactly once for each account (and so for each period), percentage
 * and amount, over restarts, kills and all processes on one store; telling it comes later and may be repeated.
 *
 * An account owes a notice as soon as `spent` is at least so many percent of its amount, however that came about: a
 * settlement, a forfeited hold, a lease, a correction, an amount that was lowered, a percentage that was added. Another
 * amount is another thing to tell: 80 % of $20 is news to whoever raised $10 after 80 % of it. Spending that
 * falls again takes nothing back, and reaching the same percentage again tells nothing again. What an operator changes
 * makes no notice of a period that has ended; a late charge does.
 */

import type { BudgetDefinition } from "./limit-definition.ts";

/**
 * `new`: nobody has taken it up. `waiting`: to be delivered, perhaps after failed attempts. `delivered`, `given_up`:
 * that is over. `unsent`: there was nowhere to deliver it to.
 */
export type NoticeState = "new" | "waiting" | "delivered" | "given_up" | "unsent";

export interface BudgetNotice {
  /** The same in every attempt. Sorts by `madeAtMs`. */
  readonly id: string;
  /** As it was defined then. */
  readonly budget: BudgetDefinition;
  readonly accountKey: string;
  readonly percent: number;
  /** Of the account, at that moment. */
  readonly amountNanoUsd: number;
  readonly spentNanoUsd: number;
  /** When the account's period ends; null for never. */
  readonly resetsAtMs: number | null;
  readonly madeAtMs: number;
  readonly state: NoticeState;
  /** Deliveries that were tried. */
  readonly attempts: number;
}

/** How telling it went. */
export interface NoticeProgress {
  readonly state: NoticeState;
  readonly attempts: number;
  /** When it is due again; null once nothing is left to do. */
  readonly dueAtMs: number | null;
}

export interface Notices {
  /** Those of a state that are due, first due first; of one moment, oldest and lowest percentage first. */
  due(state: "new" | "waiting", nowMs: number, limit: number): Promise<readonly BudgetNotice[]>;
  /** Durable before it resolves. An unknown id changes nothing. */
  record(id: string, progress: NoticeProgress): Promise<void>;
  /** How many are `waiting`. */
  countWaiting(): Promise<number>;
  /** Of a budget, newest first. */
  listOf(limitId: string, limit: number): Promise<readonly BudgetNotice[]>;
}
