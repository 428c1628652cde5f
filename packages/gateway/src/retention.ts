/**
 * Deletes exchanges that are older than the operator wants to keep: hourly, in small batches with pauses between
 * them, so that the ledger never waits long. Knows no database; the sums of what is deleted stay in the reports.
 */

import type { Clock } from "./clock.ts";
import { errorText, type Log } from "./observe/log.ts";
import type { Store } from "./store/store.ts";

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
/** About a millisecond of the database's write lock. */
const BATCH = 100;
const PAUSE_MS = 20;
/** From the start to the first pass. */
export const FIRST_AFTER_MS = 60_000;

export interface RetentionOptions {
  readonly store: Pick<Store, "deleteExchangesBefore">;
  readonly clock: Clock;
  readonly log: Log;
  /** At least one. */
  readonly days: number;
}

export interface Retention {
  /** Deletes all that is too old now, and returns how many. Never rejects: what failed is tried again next time. */
  pass(): Promise<number>;
  /** Resolves when no batch is under way. */
  stop(): Promise<void>;
}

/** Begins a minute later, so that a start is not slowed down. */
export function startRetention(options: RetentionOptions): Retention {
  let isStopped = false;
  let running: Promise<number> | null = null;
  const pass = (): Promise<number> => {
    running ??= deleteOld(options, () => isStopped).finally(() => (running = null));
    return running;
  };
  const first = setTimeout(() => void pass(), FIRST_AFTER_MS).unref();
  const hourly = setInterval(() => void pass(), HOUR_MS).unref();
  return {
    pass,
    stop: async () => {
      isStopped = true;
      clearTimeout(first);
      clearInterval(hourly);
      await running;
    },
  };
}

async function deleteOld(options: RetentionOptions, isStopped: () => boolean): Promise<number> {
  const { store, clock, log, days } = options;
  const beforeMs = Math.floor((clock.now() - days * DAY_MS) / HOUR_MS) * HOUR_MS;
  let deleted = 0;
  try {
    for (let isMore = true; isMore && !isStopped();) {
      const count = await store.deleteExchangesBefore(beforeMs, BATCH);
      deleted += count;
      isMore = count === BATCH;
      if (isMore) await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    }
  } catch (error) {
    log.error("old exchanges could not be deleted", { reason: errorText(error) });
  }
  if (deleted > 0) {
    log.info("old exchanges were deleted", { deleted, received_before: new Date(beforeMs).toISOString() });
  }
  return deleted;
}
