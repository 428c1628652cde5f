/**
 * A copy of the database, made while a gateway serves from it: one state of it, packed, checked, in one file. It
 * takes no lock of the data directory, writes nothing to the database and migrates nothing.
 *
 * The writer goes on meanwhile; what it writes stays in the write-ahead log until the copy is done.
 */

import { closeSync, existsSync, fsyncSync, openSync, renameSync, rmSync, statSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { MasterKeyError, StoreUnusableError } from "../errors.ts";
import type { StoreBackup } from "../store.ts";
import { Vault } from "../vault.ts";
import type { Secret } from "@meshagent/llm-proxy-protocol/secret";
import { blob, integer, text } from "./columns.ts";

const BUSY_TIMEOUT_MS = 10_000;

export interface BackupOptions {
  readonly databaseFile: string;
  /** Where the copy goes; nothing may be there. */
  readonly targetFile: string;
  /** Checked against the copy; null when it is not at hand. */
  readonly masterKey: Secret | null;
}

/**
 * Everything that was committed before the call is in the copy, which is there whole or not at all. Throws
 * `StoreUnusableError` when there is nothing to copy, something is in the way, or the copy is not sound, and
 * `MasterKeyError` when the master key does not open it.
 */
export function backUpDatabase({ databaseFile, targetFile, masterKey }: BackupOptions): StoreBackup {
  if (!existsSync(databaseFile)) {
    throw new StoreUnusableError(
      `There is no database ${databaseFile}. Name the data directory with --data-dir.`,
    );
  }
  refuseIfThere(targetFile);
  const draft = `${targetFile}.partial`;
  let source: DatabaseSync | null = null;
  try {
    rmSync(draft, { force: true });
    // SQLite takes an empty file as it is, with its mode.
    closeSync(openSync(draft, "wx", 0o600));
    source = new DatabaseSync(databaseFile, { readOnly: true, timeout: BUSY_TIMEOUT_MS });
    // This state of the database, to be compared with afterwards.
    source.exec("BEGIN");
    const tables = tablesOf(source);
    copy(databaseFile, draft);
    const backup = check({ source, tables, draft, masterKey });
    sync(draft);
    refuseIfThere(targetFile);
    renameSync(draft, targetFile);
    return backup;
  } catch (error) {
    if (error instanceof StoreUnusableError || error instanceof MasterKeyError) throw error;
    const reason = error instanceof Error ? error.message : String(error);
    throw new StoreUnusableError(`${databaseFile} was not copied to ${targetFile}: ${reason}.`, {
      cause: error,
    });
  } finally {
    source?.close();
    rmSync(draft, { force: true });
  }
}

function refuseIfThere(targetFile: string): void {
  if (existsSync(targetFile)) {
    throw new StoreUnusableError(
      `${targetFile} is there already. A backup overwrites nothing: name another file.`,
    );
  }
}

function copy(databaseFile: string, draft: string): void {
  const database = new DatabaseSync(databaseFile, { readOnly: true, timeout: BUSY_TIMEOUT_MS });
  try {
    database.prepare("VACUUM INTO ?").run(draft);
  } finally {
    database.close();
  }
}

interface Copied {
  /** The database as it was before it was copied. */
  readonly source: DatabaseSync;
  readonly tables: readonly string[];
  readonly draft: string;
  readonly masterKey: Secret | null;
}

function check({ source, tables, draft, masterKey }: Copied): StoreBackup {
  const database = new DatabaseSync(draft, { readOnly: true });
  try {
    const [first] = database.prepare("PRAGMA integrity_check(1)").all();
    const verdict = first === undefined ? "no answer" : text(first, "integrity_check");
    if (verdict !== "ok") throw unsound(verdict);
    const schema = pragma(database, "user_version");
    if (schema !== pragma(source, "user_version")) throw unsound("its schema is another one");
    // Retention may delete while we copy; of what it left there is no row less than before.
    const begin = tables.includes("retention")
      ? integer(
          database.prepare("SELECT exchanges_begin_at FROM retention").get() ?? {},
          "exchanges_begin_at",
        )
      : 0;
    for (const table of tables) {
      const condition = table === "exchanges" ? `WHERE received_at >= ${begin}` : "";
      if (count(database, table, condition) < count(source, table, condition)) {
        throw unsound(`rows of ${table} are missing`);
      }
    }
    const sealed = database.prepare("SELECT value FROM meta WHERE name = 'vault_check'").get();
    if (masterKey !== null && sealed !== undefined) new Vault(masterKey).verifyCheck(blob(sealed, "value"));
    return { schema, exchanges: count(database, "exchanges", ""), bytes: statSync(draft).size };
  } finally {
    database.close();
  }
}

function unsound(what: string): StoreUnusableError {
  return new StoreUnusableError(
    `The copy is not sound (${what}) and was removed. Try again; if it happens again, the database is damaged: ` +
      "keep your older backups and check the disk.",
  );
}

function tablesOf(database: DatabaseSync): readonly string[] {
  const rows = database
    .prepare("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")
    .all();
  const tables = rows.map((row) => text(row, "name"));
  if (tables.includes("meta") && tables.includes("exchanges")) return tables;
  throw new StoreUnusableError("The database file belongs to another program. Name another file.");
}

function count(database: DatabaseSync, table: string, condition: string): number {
  return integer(database.prepare(`SELECT count(*) AS n FROM "${table}" ${condition}`).get() ?? {}, "n");
}

function pragma(database: DatabaseSync, name: string): number {
  return integer(database.prepare(`PRAGMA ${name}`).get() ?? {}, name);
}

function sync(file: string): void {
  const descriptor = openSync(file, "r+");
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}
