/**
 * Waits for the database while another connection writes it. SQLite waits by itself (the connection's timeout), and
 * was seen to give up after 11 ms of 2 s while another connection began the log anew. Nothing must be lost to that, so
 * the wait is kept to here, too. The event loop stands still meanwhile.
 */

import type { DatabaseSync } from "node:sqlite";

/** Nobody wakes it: it is there to be waited on. */
const pause = new Int32Array(new SharedArrayBuffer(4));
/** A transaction takes about as long. */
const RETRY_EVERY_MS = 0.25;
/** SQLITE_BUSY, in the low byte of every extended code of it. */
const BUSY = 5;

/** Runs `work`, again and again while the database is busy, for at most this long. Throws what it fails with. */
export function whenFree<T>(timeoutMs: number, work: () => T): T {
  const startedAt = performance.now();
  for (;;) {
    try {
      return work();
    } catch (error) {
      if (!isBusy(error) || performance.now() - startedAt >= timeoutMs) throw error;
      Atomics.wait(pause, 0, 0, RETRY_EVERY_MS);
    }
  }
}

export interface BeginOptions {
  readonly timeoutMs: number;
  /** Other processes write all the time, not once in a while. */
  readonly isContended: boolean;
}

/**
 * Begins write transactions. SQLite's own waits grow to 100 ms each, so that of several busy writers one may stand still
 * for most of a second (measured: three of 800 transactions a second each, p99 of 160 to 600 ms; with short waits 35 to
 * 90). So where there are such, all the waiting is done here.
 */
export function createBegin(database: DatabaseSync, { timeoutMs, isContended }: BeginOptions): () => void {
  const begin = database.prepare("BEGIN IMMEDIATE");
  if (!isContended) return () => whenFree(timeoutMs, () => begin.run());
  return () => {
    database.exec("PRAGMA busy_timeout = 0");
    try {
      whenFree(timeoutMs, () => begin.run());
    } finally {
      // Readers wait for who repairs the log after a death, and have nobody else to do it for them.
      database.exec(`PRAGMA busy_timeout = ${timeoutMs}`);
    }
  };
}

/** True for what SQLite fails with while another connection has the lock that it needs. */
export function isBusy(error: unknown): boolean {
  return (
    error instanceof Error &&
    "errcode" in error &&
    typeof error.errcode === "number" &&
    (error.errcode & 0xff) === BUSY
  );
}
