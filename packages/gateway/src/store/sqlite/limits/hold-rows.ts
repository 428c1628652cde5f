/** Holds and leases as rows: what a row holds, how it is written and read. Decides nothing. */

import type { DatabaseSync } from "node:sqlite";
import type { HoldRow, LeaseRow, RateAccount } from "../../limits.ts";
import { integer, integerOrNull, text } from "../columns.ts";
import type { Row } from "../columns.ts";
import { cachedStatements } from "../statements.ts";
import type { Statements } from "../statements.ts";

/** Account key, what it counts, when it was taken, how much of it. */
export type RatePart = readonly [key: string, counts: RateAccount["counts"], addedMs: number, amount: number];

/** What a hold took of each kind of account. */
export interface HoldParts {
  readonly budgetKeys: readonly string[];
  readonly rates: readonly RatePart[];
  readonly concurrencyKeys: readonly string[];
}

export interface KeptHold extends HoldRow, HoldParts {}

const holdStates = ["open", "settled", "forfeited", "released"] as const;
const leaseStates = ["open", "closed", "forfeited"] as const;

export class HoldRows {
  readonly #sql: Statements;

  constructor(database: DatabaseSync) {
    this.#sql = cachedStatements(database);
  }

  insertHold(hold: KeptHold, nowMs: number): void {
    const { budgetKeys, rates, concurrencyKeys } = hold;
    this.#sql(
      "INSERT INTO holds (id, boot_id, state, amount, charge, parts, created_at) VALUES (?, ?, 0, ?, NULL, ?, ?)",
    ).run(
      hold.id,
      hold.bootId,
      hold.amountNanoUsd,
      JSON.stringify([budgetKeys, rates, concurrencyKeys]),
      nowMs,
    );
  }

  updateHold(hold: HoldRow): void {
    this.#sql("UPDATE holds SET state = ?, amount = ?, charge = ? WHERE id = ?").run(
      holdStates.indexOf(hold.state),
      hold.amountNanoUsd,
      hold.chargeNanoUsd,
      hold.id,
    );
  }

  findHold(id: string): KeptHold | null {
    const row = this.#sql("SELECT * FROM holds WHERE id = ?").get(id);
    return row === undefined ? null : readHold(row);
  }

  openHolds(): readonly KeptHold[] {
    return this.#sql("SELECT * FROM holds WHERE state = 0 ORDER BY id").all().map(readHold);
  }

  /** A late result finds its hold for this long; a later one would be charged to nothing. */
  forgetClosedHolds(beforeMs: number): void {
    this.#sql("DELETE FROM holds WHERE state <> 0 AND created_at < ?").run(beforeMs);
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

/** The row alone, without what only this store knows of a hold. */
export function holdRow({ id, bootId, state, amountNanoUsd, chargeNanoUsd, budgetKeys }: KeptHold): HoldRow {
  return { id, bootId, state, amountNanoUsd, chargeNanoUsd, budgetKeys };
}

function readHold(row: Row): KeptHold {
  const parts = JSON.parse(text(row, "parts")) as [
    HoldParts["budgetKeys"],
    HoldParts["rates"],
    HoldParts["concurrencyKeys"],
  ];
  return {
    id: text(row, "id"),
    bootId: text(row, "boot_id"),
    state: holdStates[integer(row, "state")] ?? "open",
    amountNanoUsd: integer(row, "amount"),
    chargeNanoUsd: integerOrNull(row, "charge"),
    budgetKeys: parts[0],
    rates: parts[1],
    concurrencyKeys: parts[2],
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
