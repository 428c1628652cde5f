/**
 * Intents as rows of the ledger, each with the hold that was taken for it. What it is asked to write is written in the
 * transaction that runs; it begins and ends none, and knows no budget.
 */

import type { DatabaseSync, SQLInputValue, StatementSync } from "node:sqlite";
import { ExchangeIdTakenError } from "../errors.ts";
import type { ExchangeIntent } from "../store.ts";
import { encodeUsage } from "../usage-codec.ts";
import { holdsValues, intentColumns, intentValues, numberedColumns } from "./exchange-rows.ts";
import type { Names } from "./names.ts";

/** An intent that can be written: what cannot be encoded has failed its caller by now. */
export interface EncodedIntent {
  readonly id: string;
  readonly bootId: string;
  readonly values: readonly SQLInputValue[];
  readonly estimate: string;
}

/** What the row says of a hold. */
export interface IntentHold {
  readonly amountNanoUsd: number;
  /** The accounts that it stands in, as `hold-rows.ts` writes them. */
  readonly accounts: string;
}

const isNumbered = intentColumns.map((column) => numberedColumns.has(column));

export function encodeIntent(intent: ExchangeIntent): EncodedIntent {
  const { id, bootId, estimate } = intent;
  return { id, bootId, values: intentValues(intent), estimate: encodeUsage(estimate) };
}

export class IntentRows {
  readonly #names: Names;
  readonly #insert: StatementSync;
  readonly #find: StatementSync;

  constructor(database: DatabaseSync, names: Names) {
    this.#names = names;
    const columns = [
      ...intentColumns.map((column) => numberedColumns.get(column) ?? column),
      "usage",
      "hold_amount",
      "hold_accounts_n",
    ];
    this.#insert = database.prepare(
      `INSERT INTO exchanges (${columns.join(", ")}) VALUES (${columns.map(() => "?").join(", ")})
       ON CONFLICT (id) DO NOTHING`,
    );
    this.#find = database.prepare("SELECT * FROM named_exchanges WHERE id = ?");
  }

  /**
   * Writes it. False: it is there already, with a hold if one is given. Throws `ExchangeIdTakenError` when another's
   * intent is.
   */
  insert({ id, values, estimate }: EncodedIntent, hold: IntentHold | null): boolean {
    const row = values.map((value, index) =>
      isNumbered[index] === true && typeof value === "string" ? this.#names.numberOf(value) : value,
    );
    row.push(
      estimate,
      hold?.amountNanoUsd ?? null,
      hold === null ? null : this.#names.numberOf(hold.accounts),
    );
    if (this.#insert.run(...row).changes > 0) return true;
    if (!this.#isThere(id, values, hold !== null)) throw new ExchangeIdTakenError(id);
    return false;
  }

  /** The estimate is not compared: it has given way to the usage once there is a result. */
  #isThere(id: string, values: readonly SQLInputValue[], isHeld: boolean): boolean {
    const row = this.#find.get(id);
    if (row === undefined || (isHeld && row["hold_amount"] === null)) return false;
    return holdsValues(row, intentColumns, values);
  }
}
