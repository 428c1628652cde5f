/**
 * Deletes old exchanges, a few at a time, over a connection of its own in the reports' thread. A batch holds the
 * write lock for about a millisecond, which is the longest that the ledger can have to wait for it.
 *
 * The rollup stays, and so do the names: a name keeps its number for ever, because the serving thread remembers
 * both, and the sums of a session or a model still need them.
 */

import { DatabaseSync } from "node:sqlite";
import { integer } from "./columns.ts";
import { inTransaction } from "./schema.ts";

const BUSY_TIMEOUT_MS = 2_000;

export interface Deletion {
  /** Milliseconds since the epoch, a whole hour. */
  readonly beforeMs: number;
  readonly limit: number;
}

/** A connection that may delete. It never checkpoints by itself: that would be the serving thread's wait. */
export function openForDeletion(databaseFile: string): DatabaseSync {
  const database = new DatabaseSync(databaseFile, { timeout: BUSY_TIMEOUT_MS });
  database.exec("PRAGMA synchronous = NORMAL; PRAGMA wal_autocheckpoint = 0");
  return database;
}

/** See `Store.deleteExchangesBefore`. */
export function deleteExchanges(database: DatabaseSync, { beforeMs, limit }: Deletion): number {
  // Found before the lock is taken, so that what comes from a slow disk is in memory by then.
  const rowIds = findOld(database, beforeMs, limit);
  if (rowIds.length === 0) return 0;
  const begin = database.prepare("UPDATE retention SET exchanges_begin_at = ? WHERE exchanges_begin_at < ?");
  const remove = database.prepare("DELETE FROM exchanges WHERE rowid = ? AND outcome IS NOT NULL");
  return inTransaction(database, () => {
    begin.run(beforeMs, beforeMs);
    let deleted = 0;
    for (const rowId of rowIds) deleted += Number(remove.run(rowId).changes);
    return deleted;
  });
}

/** From when on every exchange is there: what is older may be gone from the ledger and is in the rollup alone. */
export function exchangesBeginMs(database: DatabaseSync): number {
  const row = database.prepare("SELECT exchanges_begin_at FROM retention").get();
  return row === undefined ? 0 : integer(row, "exchanges_begin_at");
}

function findOld(database: DatabaseSync, beforeMs: number, limit: number): readonly number[] {
  // The index begins with the project: from project to project instead of through all of it.
  const nextProject = database.prepare("SELECT min(project_n) AS n FROM exchanges WHERE project_n > ?");
  const old = database.prepare(oldSql);
  const found: number[] = [];
  for (let project = -1; found.length < limit;) {
    const next = nextProject.get(project)?.["n"] ?? null;
    if (next === null) break;
    project = Number(next);
    for (const row of old.all(project, beforeMs, limit - found.length)) found.push(integer(row, "rowid"));
  }
  return found;
}

/** Apart, so that a test can ask how it would run. */
export const oldSql = `SELECT rowid FROM exchanges
  WHERE project_n = ? AND received_at < ? AND outcome IS NOT NULL ORDER BY received_at, id LIMIT ?`;
