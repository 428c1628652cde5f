/**
 * Holds and leases as rows: what a row holds, how it is written and read. A hold is a part of its exchange's row, and
 * comes with its intent (`intent-rows.ts`). Decides nothing.
 */

import type { DatabaseSync } from "node:sqlite";
import type { HoldRow, LeaseRow, RateAccount } from "../../limits.ts";
import { integer, integerOrNull, text } from "../columns.ts";
import type { Row } from "../columns.ts";
import { cachedStatements } from "../statements.ts";
import type { Statements } from "../statements.ts";

/** Where a hold stands, besides the rates: what those counted of it dies with the process, as its minute would. */
export interface HoldAccounts {
  readonly budgetKeys: readonly string[];
  readonly concurrencyKeys: readonly string[];
}

export interface KeptHold extends HoldRow, HoldAccounts {
  /** What it took of rates, and when; none of it where another process took it. */
  readonly rates: readonly RateShare[];
  readonly takenAtMs: number;
}

export interface RateShare {
  readonly account: RateAccount;
  readonly amount: number;
}

const selectHold = `SELECT id, boot.name AS boot_id, hold_amount, hold_charge, accounts.name AS accounts`;
const joinNames = `JOIN names AS boot ON boot.n = boot_n JOIN names AS accounts ON accounts.n = hold_accounts_n`;
const leaseStates = ["open", "closed", "forfeited"] as const;

export class HoldRows {
  readonly #sql: Statements;

  constructor(database: DatabaseSync) {
    this.#sql = cachedStatements(database);
  }

  setAmount(id: string, amountNanoUsd: number): void {
    this.#sql("UPDATE exchanges SET hold_amount = ? WHERE id = ?").run(amountNanoUsd, id);
  }

  setCharge(id: string, chargeNanoUsd: number): void {
    this.#sql("UPDATE exchanges SET hold_charge = ? WHERE id = ?").run(chargeNanoUsd, id);
  }

  findHold(id: string): KeptHold | null {
    const row = this.#sql(`${selectHold} FROM exchanges ${joinNames} WHERE id = ?`).get(id);
    return row === undefined ? null : readHold(row);
  }

  /** Among the exchanges that run: a result settles its hold. */
  openHolds(): readonly KeptHold[] {
    // By this index, or the whole ledger would be read in the order of ids.
    const running = "exchanges INDEXED BY exchanges_running";
    return this.#sql(
      `${selectHold} FROM ${running} ${joinNames} WHERE outcome IS NULL AND hold_charge IS NULL ORDER BY id`,
    )
      .all()
      .map(readHold);
  }

  insertLease(lease: LeaseRow): void {
    this.#sql(
      "INSERT INTO leases (id, boot_id, account_key, state, amount, spent) VALUES (?, ?, ?, 0, ?, 0)",
    ).run(lease.id, lease.bootId, lease.key, lease.amountNanoUsd);
  }

  updateLease(lease: LeaseRow): void {
    this.#sql("UPDATE leases SET state = ?, amount = ?, spent = ? WHERE id = ?").run(
      leaseStates.indexOf(lease.state),
      lease.amountNanoUsd,
      lease.spentNanoUsd,
      lease.id,
    );
  }

  findLease(id: string): LeaseRow | null {
    const row = this.#sql("SELECT * FROM leases WHERE id = ?").get(id);
    return row === undefined ? null : readLease(row);
  }

  openLeases(): readonly LeaseRow[] {
    return this.#sql("SELECT * FROM leases WHERE state = 0 ORDER BY id").all().map(readLease);
  }
}

/** As the row keeps them. */
export function accountsText({ budgetKeys, concurrencyKeys }: HoldAccounts): string {
  return JSON.stringify([budgetKeys, concurrencyKeys]);
}

/** The row alone, without what only this store knows of a hold. */
export function holdRow({ id, bootId, amountNanoUsd, chargeNanoUsd, budgetKeys }: KeptHold): HoldRow {
  return { id, bootId, amountNanoUsd, chargeNanoUsd, budgetKeys };
}

function readHold(row: Row): KeptHold {
  // Written by `accountsText`.
  const [budgetKeys, concurrencyKeys] = JSON.parse(text(row, "accounts")) as [string[], string[]];
  return {
    id: text(row, "id"),
    bootId: text(row, "boot_id"),
    amountNanoUsd: integer(row, "hold_amount"),
    chargeNanoUsd: integerOrNull(row, "hold_charge"),
    budgetKeys,
    rates: [],
    takenAtMs: 0,
    concurrencyKeys,
  };
}

function readLease(row: Row): LeaseRow {
  return {
    id: text(row, "id"),
    bootId: text(row, "boot_id"),
    key: text(row, "account_key"),
    state: leaseStates[integer(row, "state")] ?? "open",
    amountNanoUsd: integer(row, "amount"),
    spentNanoUsd: integer(row, "spent"),
  };
}
