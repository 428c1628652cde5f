/**
 * Waits for the database while another connection writes it. SQLite waits by itself (the connection's timeout), and
 * was seen to give up after 11 ms of 2 s while another connection began the log anew. Nothing must be lost to that, so
 * the wait is kept to here, too. The event loop stands still meanwhile.
 */

/** Nobody wakes it: it is there to be waited on. */
const pause = new Int32Array(new SharedArrayBuffer(4));
const RETRY_EVERY_MS = 1;
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

/** True for what SQLite fails with while another connection has the lock that it needs. */
export function isBusy(error: unknown): boolean {
  return (
    error instanceof Error &&
    "errcode" in error &&
    typeof error.errcode === "number" &&
    (error.errcode & 0xff) === BUSY
  );
}
