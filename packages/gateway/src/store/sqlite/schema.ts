/**
 * Brings a database to the newest schema. `PRAGMA user_version` says how many migrations were applied; each is a
 * file in `migrations/` and a row of the list here.
 */

import type { DatabaseSync } from "node:sqlite";
import { StoreUnusableError } from "../errors.ts";
import { integer } from "./columns.ts";
import { firstTables } from "./migrations/001-first-tables.ts";
import { retention } from "./migrations/002-retention.ts";
import { roomDetails } from "./migrations/003-room-details.ts";
import { limits } from "./migrations/004-limits.ts";
import { limitDefinitions } from "./migrations/005-limit-definitions.ts";
import { connections } from "./migrations/006-connections.ts";
import { providerObjects } from "./migrations/007-provider-objects.ts";
import { revocations } from "./migrations/008-revocations.ts";
import { budgetNotices } from "./migrations/009-budget-notices.ts";
import { agents } from "./migrations/010-agents.ts";
import { audit } from "./migrations/011-audit.ts";
import { holdsInExchanges } from "./migrations/012-holds-in-exchanges.ts";
import { passing } from "./migrations/013-passing.ts";
import { wrongBounds } from "./migrations/014-wrong-bounds.ts";
import type { Migration } from "./migrations/migration.ts";
import { whenFree } from "./when-free.ts";

/** Entry `n - 1` leads from schema `n - 1` to `n`. A new one goes to the end; none is ever edited or moved. */
export const migrations: readonly Migration[] = [
  firstTables,
  retention,
  roomDetails,
  limits,
  limitDefinitions,
  connections,
  providerObjects,
  revocations,
  budgetNotices,
  agents,
  audit,
  holdsInExchanges,
  passing,
  wrongBounds,
];

/** Told to the operator while a database that holds data is migrated. */
export type OnMigration = (message: string, fields: Readonly<Record<string, string | number>>) => void;

export interface MigrateOptions {
  /** Default: all there are. */
  readonly steps?: readonly Migration[];
  readonly onMigration?: OnMigration;
  /** Milliseconds of a clock that only goes forward; for tests. */
  readonly elapsedMs?: () => number;
}

/** How long another connection may write, while the event loop stands still. */
export const BUSY_TIMEOUT_MS = 2_000;

/** How often a migration that takes long says how far it is. */
const REPORT_EVERY_MS = 5_000;

/**
 * Applies what is missing, each migration in one transaction: one that fails leaves the database as the one before
 * it left it. Throws `StoreUnusableError` for a database of a newer version or of another program, and leaves it
 * as it was.
 */
export function migrate(database: DatabaseSync, options: MigrateOptions = {}): void {
  const { steps = migrations, onMigration = () => {}, elapsedMs = () => performance.now() } = options;
  const version = readVersion(database);
  if (version > steps.length) {
    throw new StoreUnusableError(
      `The database was written by a newer version of the gateway (schema ${version}; this version knows ` +
        `up to ${steps.length}). Run the newer version, or restore a backup from before the upgrade.`,
    );
  }
  if (version === 0 && database.prepare("SELECT 1 FROM sqlite_schema LIMIT 1").get() !== undefined) {
    throw new StoreUnusableError("The database file belongs to another program. Name another file.");
  }
  // A new database has nothing that could take long, and nothing to fear for.
  const tell: OnMigration = version === 0 ? () => {} : onMigration;
  for (const [index, step] of steps.entries()) {
    if (index >= version) apply(database, { step, schema: index + 1, tell, elapsedMs });
  }
}

interface Application {
  readonly step: Migration;
  readonly schema: number;
  readonly tell: OnMigration;
  readonly elapsedMs: () => number;
}

function apply(database: DatabaseSync, { step, schema, tell, elapsedMs }: Application): void {
  const beganMs = elapsedMs();
  let rows = 0;
  let saidMs = beganMs;
  database.function("migrated_row", () => {
    rows += 1;
    const nowMs = elapsedMs();
    if (nowMs - saidMs >= REPORT_EVERY_MS) {
      saidMs = nowMs;
      tell("the database is being migrated", { schema, rows, after_ms: Math.round(nowMs - beganMs) });
    }
    return 1;
  });
  tell("the database is being migrated", { schema, about: `schema ${schema} ${step.about}` });
  inTransaction(database, () => {
    database.exec(step.statements);
    database.exec(`PRAGMA user_version = ${schema}`);
  });
  tell("the database was migrated", { schema, rows, took_ms: Math.round(elapsedMs() - beganMs) });
}

/** Runs `work` in one write transaction; all of it happens or none. `work` must not await. */
export function inTransaction<T>(database: DatabaseSync, work: () => T): T {
  whenFree(BUSY_TIMEOUT_MS, () => database.exec("BEGIN IMMEDIATE"));
  try {
    const value = work();
    database.exec("COMMIT");
    return value;
  } catch (error) {
    if (database.isTransaction) database.exec("ROLLBACK");
    throw error;
  }
}

function readVersion(database: DatabaseSync): number {
  const row = database.prepare("PRAGMA user_version").get();
  return row === undefined ? 0 : integer(row, "user_version");
}
