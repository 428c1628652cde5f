/**
 * Keeps a second gateway off a data directory. The lock is an exclusive transaction on an empty SQLite file,
 * so the kernel releases it however its process ends and no stale lock can be left behind. The note beside
 * it is there for the message only and decides nothing.
 *
 * A gateway of several processes has one that takes this lock, its keeper; each of the others shares a second one.
 * Should the keeper die, those that are left keep the next gateway off until the last of them has gone.
 *
 * The lock file is never opened through `node:fs`: closing a descriptor of it would drop the lock (POSIX
 * record locks belong to the process and the file).
 */

import { chmodSync, existsSync, readFileSync, realpathSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { StoreLockedError } from "../errors.ts";
import { isBusy } from "./when-free.ts";

const LOCK_FILE = "lock.db";
const MEMBERS_FILE = "members.db";
const NOTE_FILE = "lock.json";
// Two starts at once would refuse each other with no wait: each holds a shared lock for a moment.
const WAIT_MS = 500;
const MEMBERS_LOOK_EVERY_MS = 100;

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

/** Says, for as long as it is held, that a process writes the directory beside its keeper. Many can. */
export function joinDirectory(directory: string): DirectoryLock {
  const file = join(realpathSync(directory), MEMBERS_FILE);
  const database = new DatabaseSync(file, { timeout: WAIT_MS });
  try {
    chmodSync(file, 0o600);
    // A read that does not end is a lock that others can share and nobody can exclude.
    database.exec("BEGIN");
    database.prepare("SELECT count(*) FROM sqlite_schema").get();
  } catch (cause) {
    database.close();
    throw cause;
  }
  return { release: () => database.close() };
}

export interface MembersWait {
  readonly withinMs: number;
  /** There is somebody to wait for. */
  readonly onWait: () => void;
}

/**
 * Resolves when no process that joined the directory is left. Throws `StoreLockedError` when one is there for longer.
 * Whoever holds the directory's lock meanwhile knows that none will join.
 */
export async function membersGone(directory: string, { withinMs, onWait }: MembersWait): Promise<void> {
  const file = join(realpathSync(directory), MEMBERS_FILE);
  if (!existsSync(file)) return;
  const giveUpAt = performance.now() + withinMs;
  for (let isFirst = true; hasMembers(file); isFirst = false) {
    if (performance.now() >= giveUpAt) {
      throw new StoreLockedError(
        `The data directory ${realpathSync(directory)} is still in use by the processes of a gateway that died. ` +
          "They end when what runs in them has ended. Wait for that, or stop them, and start again.",
      );
    }
    if (isFirst) onWait();
    await new Promise((resolve) => setTimeout(resolve, MEMBERS_LOOK_EVERY_MS));
  }
}

function hasMembers(file: string): boolean {
  const database = new DatabaseSync(file, { timeout: 0 });
  try {
    database.exec("BEGIN EXCLUSIVE");
    return false;
  } catch (error) {
    if (isBusy(error)) return true;
    throw error;
  } finally {
    database.close();
  }
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
