/** Notices of budgets as rows. A budget that was removed has nothing to tell any more. */

import type { DatabaseSync } from "node:sqlite";
import type { Clock } from "../../../clock.ts";
import { newNoticeId } from "../../../ids.ts";
import type { BudgetDefinition } from "../../limit-definition.ts";
import type { BudgetNotice, NoticeProgress, Notices, NoticeState } from "../../notices.ts";
import { integer, integerOrNull, text } from "../columns.ts";
import type { Row } from "../columns.ts";
import { cachedStatements } from "../statements.ts";
import type { Statements } from "../statements.ts";
import type { WriteQueue } from "../write-queue.ts";
import type { BudgetCounter } from "./counters.ts";
import { DefinitionRows } from "./definitions.ts";

const states: readonly NoticeState[] = ["new", "waiting", "delivered", "given_up", "unsent"];

export class NoticeRows {
  readonly sql: Statements;
  readonly #clock: Clock;
  readonly #definitions: DefinitionRows;

  constructor(database: DatabaseSync, clock: Clock) {
    this.sql = cachedStatements(database);
    this.#clock = clock;
    this.#definitions = new DefinitionRows(this.sql);
  }

  /** In the transaction that moves the counter. Percentages that were told for this amount already change nothing. */
  insert(counter: BudgetCounter, percents: readonly number[]): void {
    const budget = this.#definitions.find(counter.limitId);
    if (budget?.kind !== "budget") return;
    const nowMs = this.#clock.now();
    for (const percent of percents) {
      this.sql(`INSERT INTO budget_notices
          (id, account_key, percent, amount, limit_id, budget, spent, resets_at, made_at, state, attempts, due_at)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 0, 0, ?)
        ON CONFLICT (account_key, percent, amount) DO NOTHING`).run(
        newNoticeId(nowMs),
        counter.key,
        percent,
        counter.amount,
        counter.limitId,
        JSON.stringify(budget),
        counter.spent,
        counter.endsAtMs,
        nowMs,
        nowMs,
      );
    }
  }
}

/** See `Notices` for what every method promises. */
export class SqliteNotices implements Notices {
  readonly #sql: Statements;
  readonly #queue: WriteQueue;

  constructor(rows: NoticeRows, queue: WriteQueue) {
    this.#sql = rows.sql;
    this.#queue = queue;
  }

  async due(state: "new" | "waiting", nowMs: number, limit: number): Promise<readonly BudgetNotice[]> {
    return this.#sql(`SELECT * FROM budget_notices WHERE due_at <= ? AND state = ?
      ORDER BY due_at, made_at, percent, id LIMIT ?`)
      .all(nowMs, states.indexOf(state), limit)
      .map(readNotice);
  }

  record(id: string, { state, attempts, dueAtMs }: NoticeProgress): Promise<void> {
    return this.#queue.enqueue(() => {
      this.#sql("UPDATE budget_notices SET state = ?, attempts = ?, due_at = ? WHERE id = ?").run(
        states.indexOf(state),
        attempts,
        dueAtMs,
        id,
      );
    });
  }

  async countWaiting(): Promise<number> {
    const row = this.#sql(
      "SELECT count(*) AS n FROM budget_notices WHERE due_at IS NOT NULL AND state = 1",
    ).get();
    return row === undefined ? 0 : integer(row, "n");
  }

  async listOf(limitId: string, limit: number): Promise<readonly BudgetNotice[]> {
    return this.#sql(`SELECT * FROM budget_notices WHERE limit_id = ?
      ORDER BY made_at DESC, percent DESC, id DESC LIMIT ?`)
      .all(limitId, limit)
      .map(readNotice);
  }
}

function readNotice(row: Row): BudgetNotice {
  return {
    id: text(row, "id"),
    // Written by this file alone, from the type that it is read as.
    budget: JSON.parse(text(row, "budget")) as BudgetDefinition,
    accountKey: text(row, "account_key"),
    percent: integer(row, "percent"),
    amountNanoUsd: integer(row, "amount"),
    spentNanoUsd: integer(row, "spent"),
    resetsAtMs: integerOrNull(row, "resets_at"),
    madeAtMs: integer(row, "made_at"),
    state: states[integer(row, "state")] ?? "new",
    attempts: integer(row, "attempts"),
  };
}
