/**
 * The store of one machine: everything in one SQLite file of the data directory, which one process alone
 * may use, or a keeper and the processes that it started. This file opens, checks and closes it; the promises of `store.ts` are kept in the files beside.
 *
 * The directory must be on a local disk: SQLite's log and this store's lock do not work over a network.
 */

import { closeSync, mkdirSync, openSync, realpathSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { DatabaseSync } from "node:sqlite";
import type { Clock } from "../../clock.ts";
import type { Secret } from "@meshagent/llm-proxy-protocol/secret";
import { MasterKeyError, StoreLockedError, StoreUnusableError } from "../errors.ts";
import { AUDIT_KEY_PURPOSE } from "../audit-chain.ts";
import type { Peers } from "../peers.ts";
import type { Store } from "../store.ts";
import { Vault } from "../vault.ts";
import { SqliteAudit } from "./audit.ts";
import { blob } from "./columns.ts";
import { SqliteDirectory } from "./directory.ts";
import { IntentRows } from "./intent-rows.ts";
import { SqliteLedger } from "./ledger.ts";
import { Counters } from "./limits/counters.ts";
import { NoticeRows, SqliteNotices } from "./limits/notices.ts";
import { SqliteLimits } from "./limits/sqlite-limits.ts";
import { joinDirectory, lockDirectory, membersGone } from "./lock.ts";
import type { DirectoryLock, MembersWait } from "./lock.ts";
import { Names } from "./names.ts";
import { SqliteObjects } from "./objects.ts";
import { SqliteReports } from "./reports.ts";
import { RollupWriter } from "./rollup-writer.ts";
import { BUSY_TIMEOUT_MS, migrate } from "./schema.ts";
import type { OnMigration } from "./schema.ts";
import { cachedStatements } from "./statements.ts";
import { WriteQueue } from "./write-queue.ts";
import { SqliteWrongBounds } from "./wrong-bounds.ts";

const DEFAULT_FILE = "meshagent.db";
const CHECKPOINT_EVERY_MS = 5_000;

/**
 * Who else writes the directory. `alone`: nobody, and its lock keeps others off. `keeper`: the processes that this one
 * started, whose `member` stores take no lock; the keeper says which of them are alive.
 */
export type Sharing = "alone" | "keeper" | "member";

export interface SqliteStoreOptions {
  /** The data directory. Made, for its owner alone, when it is not there. */
  readonly directory: string;
  /** The database, relative to the directory. */
  readonly file?: string;
  /** As `parseMasterKey` gives it. */
  readonly masterKey: Secret;
  readonly clock: Clock;
  /** Of this process; the intents that it records carry it. */
  readonly bootId: string;
  /** Default `alone`. */
  readonly sharing?: Sharing;
  /** The others that write the directory, where there are any. */
  readonly peers?: Peers | null;
  /** How long to wait for the members of a keeper that died; not at all unless told. A member waits for nobody. */
  readonly membersWait?: MembersWait;
  /** Something failed that no caller waits for, such as a checkpoint. */
  readonly onAlarm?: (message: string, cause: unknown) => void;
  /** A database of an older version is brought up to date, which may take a while. */
  readonly onMigration?: OnMigration;
}

/**
 * Opens the store and brings its schema up to date. Throws `StoreLockedError` when another process uses
 * it, `MasterKeyError` for a wrong master key, `StoreUnusableError` for a database that cannot be used.
 */
export async function openSqliteStore(options: SqliteStoreOptions): Promise<Store> {
  mkdirSync(options.directory, { recursive: true, mode: 0o700 });
  const databaseFile = databaseFileIn(options.directory, options.file);
  mkdirSync(dirname(databaseFile), { recursive: true, mode: 0o700 });
  const locks: DirectoryLock[] = [];
  let database: DatabaseSync | null = null;
  try {
    // The database may be in another directory than the rest of the data: both are taken.
    const directories = [options.directory, dirname(databaseFile)];
    for (const directory of new Set(directories.map((path) => realpathSync(path)))) {
      await takeDirectory(directory, options, locks);
    }
    database = openDatabase(databaseFile, options.onMigration);
    const vault = openVault(database, options.masterKey);
    return makeStore({ ...options, databaseFile, database, vault, locks });
  } catch (error) {
    database?.close();
    for (const lock of locks) lock.release();
    if (isOwnError(error)) throw error;
    const reason = error instanceof Error ? error.message : String(error);
    throw new StoreUnusableError(`The database ${databaseFile} cannot be used: ${reason}.`, { cause: error });
  }
}

async function takeDirectory(
  directory: string,
  { sharing, bootId, clock, membersWait }: SqliteStoreOptions,
  locks: DirectoryLock[],
): Promise<void> {
  if (sharing === "member") {
    locks.push(joinDirectory(directory));
    return;
  }
  locks.push(lockDirectory(directory, { bootId, nowMs: clock.now() }));
  await membersGone(directory, membersWait ?? { withinMs: 0, onWait: () => {} });
}

/** The database's path; `file` is relative to the data directory. */
export function databaseFileIn(directory: string, file: string = DEFAULT_FILE): string {
  return resolve(directory, file);
}

function isOwnError(error: unknown): boolean {
  return (
    error instanceof StoreLockedError ||
    error instanceof MasterKeyError ||
    error instanceof StoreUnusableError
  );
}

function openDatabase(databaseFile: string, onMigration: OnMigration = () => {}): DatabaseSync {
  // SQLite gives its log and index files the mode of the database, so this one decides for all.
  closeSync(openSync(databaseFile, "a", 0o600));
  const database = new DatabaseSync(databaseFile, { timeout: BUSY_TIMEOUT_MS });
  try {
    migrate(database, { onMigration });
    // Survives the death of the process; a power cut may take the last commits and leaves the rest sound.
    database.exec(`
      PRAGMA journal_mode = WAL;
      PRAGMA synchronous = NORMAL;
      PRAGMA wal_autocheckpoint = 0;
      PRAGMA journal_size_limit = 67108864;
      PRAGMA cache_size = -16384;
      PRAGMA foreign_keys = ON;
    `);
    return database;
  } catch (error) {
    database.close();
    throw error;
  }
}

function openVault(database: DatabaseSync, masterKey: Secret): Vault {
  const vault = new Vault(masterKey);
  const row = database.prepare("SELECT value FROM meta WHERE name = 'vault_check'").get();
  if (row === undefined) {
    database.prepare("INSERT INTO meta (name, value) VALUES ('vault_check', ?)").run(vault.makeCheck());
    return vault;
  }
  vault.verifyCheck(blob(row, "value"));
  return vault;
}

interface OpenParts extends SqliteStoreOptions {
  readonly databaseFile: string;
  readonly database: DatabaseSync;
  readonly vault: Vault;
  readonly locks: readonly DirectoryLock[];
}

function makeStore({
  databaseFile,
  database,
  vault,
  locks,
  clock,
  bootId,
  sharing = "alone",
  peers = null,
  onAlarm = () => {},
}: OpenParts): Store {
  const names = new Names(database);
  const rollup = new RollupWriter(database, names);
  const noticeRows = new NoticeRows(database, clock);
  const isShared = sharing !== "alone";
  const counters = new Counters({
    database,
    isShared,
    onCrossed: (counter, percents) => noticeRows.insert(counter, percents),
  });
  const queue = new WriteQueue(database, {
    parts: [rollup, counters],
    busyTimeoutMs: BUSY_TIMEOUT_MS,
    isContended: isShared,
  });
  const intents = new IntentRows(database, names);
  const limits = new SqliteLimits({ database, queue, counters, intents, clock });
  // One thread is enough to move the log, and several would only stand in each other's way.
  const checkpointEveryMs = sharing === "member" ? null : CHECKPOINT_EVERY_MS;
  const reports = new SqliteReports({ databaseFile, checkpointEveryMs, onAlarm });
  const sql = cachedStatements(database);
  const key = vault.deriveKey(AUDIT_KEY_PURPOSE);
  const audit = new SqliteAudit({ database, sql, clock, key, reports, onAlarm });
  const directory = new SqliteDirectory({ database, sql, vault, clock, audit, limits, peers, onAlarm });
  const ledger = new SqliteLedger({ database, bootId, names, intents, rollup, queue, limits });
  audit.begin();
  // Nothing runs before the members are there, whatever an earlier gateway left in these.
  if (sharing === "keeper") counters.forgetShared();
  let closing: Promise<void> | null = null;

  const close = async (): Promise<void> => {
    ledger.close();
    try {
      await reports.close();
    } finally {
      database.close();
      for (const lock of locks) lock.release();
    }
  };

  return {
    directory,
    audit,
    ledger,
    limits,
    notices: new SqliteNotices(noticeRows, queue),
    wrongBounds: new SqliteWrongBounds(sql, queue),
    objects: new SqliteObjects(database, ledger.writer),
    reports,
    checkUsable: async () => {
      if (closing !== null) throw new StoreUnusableError("The store is closed.");
      try {
        // A full disk still reads well, so after a failed write only a write tells.
        if (ledger.lastFailure === null) database.prepare("SELECT 1 FROM meta").get();
        else ledger.probe();
      } catch (cause) {
        const reason = cause instanceof Error ? cause.message : String(cause);
        throw new StoreUnusableError(`The database ${databaseFile} cannot be written: ${reason}.`, { cause });
      }
    },
    deleteExchangesBefore: (beforeMs, limit) => reports.deleteExchanges({ beforeMs, limit }),
    close: () => (closing ??= close()),
  };
}
