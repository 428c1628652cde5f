/**
 * The ledger on SQLite. Every write goes through one queue, so that the writes of a turn of the event loop
 * share a transaction and the rollup moves in the same one. Keeps no text of a prompt or a reply.
 */

import type { UsageRecord } from "@meshagent/llm-proxy-protocol/usage";
import type { DatabaseSync, SQLInputValue, StatementSync } from "node:sqlite";
import { UnknownExchangeError } from "../errors.ts";
import type { Settlement } from "../limits.ts";
import type { ExchangeIntent, ExchangeResult, Ledger } from "../store.ts";
import { text } from "./columns.ts";
import {
  holdsValues,
  numberedColumns,
  readResult,
  readUsage,
  resultColumns,
  resultValues,
} from "./exchange-rows.ts";
import { encodeIntent, type IntentRows } from "./intent-rows.ts";
import type { SqliteLimits } from "./limits/sqlite-limits.ts";
import type { Names } from "./names.ts";
import { rollupPlaceColumns, type RollupWriter } from "./rollup-writer.ts";
import type { WriteQueue } from "./write-queue.ts";

export interface SqliteLedgerOptions {
  readonly database: DatabaseSync;
  /** Of this process. */
  readonly bootId: string;
  readonly names: Names;
  readonly intents: IntentRows;
  readonly rollup: RollupWriter;
  readonly queue: WriteQueue;
  readonly limits: SqliteLimits;
}

/** What other tables of the store need, to write in the ledger's own transactions. */
export interface LedgerWriter {
  enqueue(run: () => void): Promise<void>;
  /** Both only inside of what was queued. */
  numberOf(name: string): number;
  writeResult(result: ExchangeResult, settlement?: Settlement): void;
}

/** See `Ledger` for what every method promises. */
export class SqliteLedger implements Ledger {
  readonly #bootId: string;
  readonly #names: Names;
  readonly #intents: IntentRows;
  readonly #rollup: RollupWriter;
  readonly #queue: WriteQueue;
  readonly #limits: SqliteLimits;
  readonly #updateResult: StatementSync;
  readonly #find: StatementSync;
  readonly #findPlace: StatementSync;
  readonly #findRunning: StatementSync;
  readonly #writeProbe: StatementSync;

  constructor({ database, bootId, names, intents, rollup, queue, limits }: SqliteLedgerOptions) {
    this.#bootId = bootId;
    this.#names = names;
    this.#intents = intents;
    this.#rollup = rollup;
    this.#queue = queue;
    this.#limits = limits;
    this.#updateResult = database.prepare(
      `UPDATE exchanges SET ${resultColumns.map((column) => `${stored(column)} = ?`).join(", ")},
         hold_charge = coalesce(?, hold_charge) WHERE id = ?`,
    );
    this.#find = database.prepare("SELECT * FROM named_exchanges WHERE id = ?");
    this.#findPlace = database.prepare(
      `SELECT outcome, hold_amount, ${rollupPlaceColumns.join(", ")} FROM exchanges WHERE id = ?`,
    );
    this.#findRunning = database.prepare(
      "SELECT id, boot.name AS boot_id FROM exchanges JOIN names AS boot ON boot.n = boot_n WHERE outcome IS NULL AND id NOT IN (SELECT exchange_id FROM later_usage)",
    );
    this.#writeProbe = database.prepare(
      `INSERT INTO meta (name, value) VALUES ('write_probe', randomblob(8))
       ON CONFLICT (name) DO UPDATE SET value = excluded.value`,
    );
  }

  get writer(): LedgerWriter {
    return {
      enqueue: (run) => this.#queue.enqueue(run),
      numberOf: (name) => this.#names.numberOf(name),
      writeResult: (result, settlement) => this.#writeResult(result, resultValues(result), settlement),
    };
  }

  /** What the last transaction failed with, null after one that was committed. */
  get lastFailure(): unknown {
    return this.#queue.lastFailure;
  }

  // Both are encoded before they are queued: what cannot be encoded then fails its own caller alone.

  async recordIntent(intent: ExchangeIntent): Promise<void> {
    const encoded = encodeIntent(intent);
    await this.#queue.enqueue(() => void this.#intents.insert(encoded, null));
  }

  async recordResult(result: ExchangeResult, settlement?: Settlement): Promise<void> {
    const values = resultValues(result);
    await this.#queue.enqueue(() => this.#writeResult(result, values, settlement));
  }

  async interruptOrphans(
    nowMs: number,
    isAlive: (bootId: string) => boolean = (bootId) => bootId === this.#bootId,
  ): Promise<number> {
    return this.#queue.runNow(() => {
      this.#limits.forfeitOrphans(isAlive);
      const orphans = this.#findRunning.all().filter((row) => !isAlive(text(row, "boot_id")));
      for (const orphan of orphans) {
        const id = text(orphan, "id");
        const row = this.#find.get(id);
        if (row === undefined) throw new UnknownExchangeError(id);
        const result = interruptedResult(id, nowMs, readUsage(row));
        this.#writeResult(result, resultValues(result));
      }
      return orphans.length;
    });
  }

  /** Writes what is queued and takes no more. */
  close(): void {
    this.#queue.close();
  }

  /** Throws unless the database takes a write. Random bytes: SQLite writes no page that stays as it was. */
  probe(): void {
    this.#queue.runNow(() => this.#writeProbe.run());
  }

  /** The values as the table holds them: names by number. */
  #numbered(values: readonly SQLInputValue[]): SQLInputValue[] {
    return values.map((value, index) =>
      isResultNumbered[index] === true && typeof value === "string" ? this.#names.numberOf(value) : value,
    );
  }

  /**
   * Without a settlement nothing is known of what it cost: an open hold is charged in full. Where only soft budgets cover
   * it, nothing is held, and they follow what the row says.
   */
  #writeResult(
    result: ExchangeResult,
    values: readonly SQLInputValue[],
    settlement: Settlement = untold,
  ): void {
    const row = this.#findPlace.get(result.id);
    if (row === undefined) throw new UnknownExchangeError(result.id);
    const charge =
      row["hold_amount"] === null ? null : this.#limits.settle(result.id, settlement, result.costNanoUsd);
    let before: ExchangeResult | null = null;
    if (row["outcome"] !== null) {
      const finished = this.#find.get(result.id);
      if (finished === undefined || holdsValues(finished, resultColumns, values)) {
        if (charge !== null) this.#limits.keepCharge(result.id, charge);
        return;
      }
      before = readResult(finished);
    }
    this.#updateResult.run(...this.#numbered(values), charge, result.id);
    this.#rollup.replace(row, before, result);
  }
}

const untold: Settlement = { chargeNanoUsd: null, used: {} };
const isResultNumbered = resultColumns.map((column) => numberedColumns.has(column));

/** What the table calls a column. */
function stored(column: string): string {
  return numberedColumns.get(column) ?? column;
}

/** What is taken to have happened in an exchange whose process died. */
function interruptedResult(id: string, nowMs: number, estimate: readonly UsageRecord[]): ExchangeResult {
  let costNanoUsd: number | null = 0;
  for (const record of estimate) {
    if (!record.billed || costNanoUsd === null) continue;
    costNanoUsd = record.cost_nano_usd === null ? null : costNanoUsd + record.cost_nano_usd;
  }
  return {
    id,
    outcome: "interrupted",
    usageSource: estimate.length === 0 ? "none" : "estimated",
    status: null,
    model: "",
    servedTier: null,
    firstByteAtMs: null,
    completedAtMs: nowMs,
    responseBytes: 0,
    providerRequestId: null,
    // Nobody knows; the estimate supposes that one was made.
    attempts: 1,
    usage: estimate,
    costNanoUsd,
  };
}
