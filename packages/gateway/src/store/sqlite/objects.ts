/** Provider-side objects in SQLite. Writes go through the ledger's queue, so that they share its transactions. */

import type { DatabaseSync, StatementSync } from "node:sqlite";
import type { ObjectKind } from "../../provider-objects.ts";
import type { AwaitedUsage, LaterUsage, ObjectKey, Objects, ProviderObject } from "../objects.ts";
import type { Settlement } from "../limits.ts";
import type { ExchangeResult } from "../store.ts";
import { integer, integerOrNull, text, textOrNull } from "./columns.ts";
import type { Row } from "./columns.ts";
import { readIntent } from "./exchange-rows.ts";
import type { LedgerWriter } from "./ledger.ts";
import { numberOfName } from "./names.ts";

const columns = [
  "project_n",
  "upstream_n",
  "kind",
  "id",
  "room_n",
  "participant_n",
  "exchange_id",
  "parent_id",
  "created_at",
  "expires_at",
  "models",
];

const insertSql = `INSERT INTO provider_objects (${columns.join(", ")}) VALUES (${columns.map(() => "?").join(", ")})
  ON CONFLICT DO`;
const overwriteSql = `UPDATE SET ${columns
  .slice(4)
  .map((column) => `${column} = excluded.${column}`)
  .join(", ")}`;

/** See `Objects` for what every method promises. */
export class SqliteObjects implements Objects {
  readonly #writer: LedgerWriter;
  readonly #insert: StatementSync;
  readonly #overwrite: StatementSync;
  readonly #find: StatementSync;
  readonly #insertLater: StatementSync;
  readonly #deleteLater: StatementSync;
  readonly #listLater: StatementSync;
  readonly #deleteExpired: StatementSync;

  constructor(database: DatabaseSync, writer: LedgerWriter) {
    this.#writer = writer;
    this.#insert = database.prepare(`${insertSql} NOTHING`);
    this.#overwrite = database.prepare(`${insertSql} ${overwriteSql}`);
    this.#find = database.prepare(
      `SELECT provider_objects.*, room.name AS room, participant.name AS participant FROM provider_objects
       JOIN names AS room ON room.n = room_n JOIN names AS participant ON participant.n = participant_n
       WHERE project_n = ${numberOfName} AND upstream_n = ${numberOfName} AND kind = ? AND id = ?`,
    );
    this.#insertLater = database.prepare(
      `INSERT INTO later_usage (exchange_id, project_n, upstream_n, kind, id, so_far) VALUES (?, ?, ?, ?, ?, ?)
       ON CONFLICT DO NOTHING`,
    );
    this.#deleteLater = database.prepare("DELETE FROM later_usage WHERE exchange_id = ?");
    this.#listLater = database.prepare(
      `SELECT named_exchanges.*, later.kind AS later_kind, later.id AS later_id, later.so_far AS later_so_far,
         upstream.name AS later_upstream
       FROM later_usage AS later JOIN named_exchanges ON named_exchanges.id = later.exchange_id
       JOIN names AS upstream ON upstream.n = later.upstream_n
       ORDER BY received_at, named_exchanges.id`,
    );
    this.#deleteExpired = database.prepare(
      `DELETE FROM provider_objects WHERE (project_n, upstream_n, kind, id) IN
         (SELECT project_n, upstream_n, kind, id FROM provider_objects WHERE expires_at <= ? LIMIT ?)`,
    );
  }

  async record(objects: readonly ProviderObject[], { isNew }: { readonly isNew: boolean }): Promise<void> {
    if (objects.length === 0) return;
    const statement = isNew ? this.#overwrite : this.#insert;
    await this.#writer.enqueue(() => {
      for (const object of objects) {
        statement.run(
          this.#writer.numberOf(object.projectId),
          this.#writer.numberOf(object.upstream),
          object.kind,
          object.id,
          this.#writer.numberOf(object.room),
          this.#writer.numberOf(object.participant),
          object.exchangeId,
          object.parentId,
          object.createdAtMs,
          object.expiresAtMs,
          object.models === null ? null : JSON.stringify(object.models),
        );
      }
    });
  }

  async find(of: Omit<ObjectKey, "id">, ids: readonly string[]): Promise<readonly ProviderObject[]> {
    return ids.flatMap((id) => {
      const row = this.#find.get(of.projectId, of.upstream, of.kind, id);
      return row === undefined ? [] : [readObject(row, { ...of, id })];
    });
  }

  async awaitUsage(later: LaterUsage): Promise<void> {
    const soFar = JSON.stringify(later.soFar);
    await this.#writer.enqueue(() => {
      const { projectId, upstream, kind, id } = later;
      const numbers = [this.#writer.numberOf(projectId), this.#writer.numberOf(upstream)] as const;
      this.#insertLater.run(later.soFar.id, ...numbers, kind, id, soFar);
    });
  }

  async awaited(): Promise<readonly AwaitedUsage[]> {
    return this.#listLater.all().map((row) => {
      const intent = readIntent(row);
      return {
        intent,
        projectId: intent.projectId,
        upstream: text(row, "later_upstream"),
        // Written by this file from the same types, so not checked again.
        kind: text(row, "later_kind") as ObjectKind,
        id: text(row, "later_id"),
        soFar: JSON.parse(text(row, "later_so_far")) as ExchangeResult,
      };
    });
  }

  async settleLater(result: ExchangeResult, settlement?: Settlement): Promise<boolean> {
    let isSettled = false;
    await this.#writer.enqueue(() => {
      isSettled = this.#deleteLater.run(result.id).changes > 0;
      if (isSettled) this.#writer.writeResult(result, settlement);
    });
    return isSettled;
  }

  async forgetExpired(nowMs: number, limit: number): Promise<number> {
    let forgotten = 0;
    await this.#writer.enqueue(() => {
      forgotten = Number(this.#deleteExpired.run(nowMs, limit).changes);
    });
    return forgotten;
  }
}

function readObject(row: Row, key: ObjectKey): ProviderObject {
  const models = textOrNull(row, "models");
  return {
    ...key,
    room: text(row, "room"),
    participant: text(row, "participant"),
    exchangeId: text(row, "exchange_id"),
    parentId: textOrNull(row, "parent_id"),
    createdAtMs: integer(row, "created_at"),
    expiresAtMs: integerOrNull(row, "expires_at"),
    models: models === null ? null : (JSON.parse(models) as readonly string[]),
  };
}
