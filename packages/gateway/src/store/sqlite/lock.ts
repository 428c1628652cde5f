/**
 * Keeps a second process off a data directory. The lock is an exclusive transaction on an empty SQLite file,
 * so the kernel releases it however its process ends and no stale lock can be left behind. The note beside
 * it is there for the message only and decides nothing.
 *
 * The lock file is never opened through `node:fs`: closing a descriptor of it would drop the lock (POSIX
 * record locks belong to the process and the file).
 */

import { chmodSync, readFileSync, realpathSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { StoreLockedError } from "../errors.ts";

const LOCK_FILE = "lock.db";
const NOTE_FILE = "lock.json";
// Two starts at once would refuse each other with no wait: each holds a shared lock for a moment.
const WAIT_MS = 500;
const SQLITE_BUSY = 5;

export interface DirectoryLock {
  release(): void;
}

/** Takes the directory for this process. Throws `StoreLockedError` when a live process has it. */
export function lockDirectory(directory: string, note: { bootId: string; nowMs: number }): DirectoryLock {
  const realDirectory = realpathSync(directory);
  const database = new DatabaseSync(join(realDirectory, LOCK_FILE), { timeout: WAIT_MS });
  try {
    chmodSync(join(realDirectory, LOCK_FILE), 0o600);
    database.exec("BEGIN EXCLUSIVE");
  } catch (cause) {
    database.close();
    if (!isBusy(cause)) throw cause;
    throw new StoreLockedError(
      `The data directory ${realDirectory} is in use by another gateway${describeHolder(realDirectory)}. ` +
        "Stop that one first, or start this one with another --data-dir.",
      { cause },
    );
  }
  const text = { pid: process.pid, bootId: note.bootId, startedAt: new Date(note.nowMs).toISOString() };
  writeFileSync(join(realDirectory, NOTE_FILE), `${JSON.stringify(text)}\n`, { mode: 0o600 });
  return { release: () => database.close() };
}

function isBusy(error: unknown): boolean {
  return error instanceof Error && "errcode" in error && Number(error.errcode) % 256 === SQLITE_BUSY;
}

function describeHolder(directory: string): string {
  try {
    const note: unknown = JSON.parse(readFileSync(join(directory, NOTE_FILE), "utf8"));
    if (typeof note !== "object" || note === null || !("pid" in note) || !("startedAt" in note)) return "";
    return ` (process ${note.pid}, started ${note.startedAt})`;
  } catch {
    return "";
  }
}
