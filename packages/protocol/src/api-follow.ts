/**
 * Follows the ledger: yields exchanges as they complete, by asking again and again. Keeps no connection
 * open and no more state than the exchanges of its window.
 */

import type { Exchange, ExchangeList, ExchangesQuery, LedgerFilter } from "./api.ts";

export interface FollowOptions {
  /** Ends the stream, without an error. */
  readonly signal?: AbortSignal | undefined;
  /** How many exchanges that are there already come first. Default 10, at most 1000. */
  readonly recent?: number | undefined;
  /** Between two questions. Default 1 s. */
  readonly intervalMs?: number | undefined;
  /** Waits, and resolves early when the signal aborts. Default: a timer. */
  readonly wait?: ((ms: number, signal: AbortSignal | undefined) => Promise<void>) | undefined;
}

/** Arguments of `followExchanges`: the project and the filters of `listExchanges`. */
export type FollowArguments = { readonly project: string } & Omit<LedgerFilter, "until">;

/** Yields every matching exchange once, when it is complete, oldest first. Throws `ApiError`. */
export type FollowExchanges = (
  args: FollowArguments,
  options?: FollowOptions,
) => AsyncGenerator<Exchange, void, undefined>;

interface ExchangeSource {
  readonly listExchanges: (
    args: { readonly project: string } & ExchangesQuery,
    options: { readonly signal: AbortSignal | undefined },
  ) => Promise<ExchangeList>;
}

const DEFAULT_RECENT = 10;
const DEFAULT_INTERVAL_MS = 1000;
const PAGE_SIZE = 1000;
/**
 * A row appears a while after it was received, because its body comes first; a row received this long
 * before the newest one may still be new.
 */
const OVERLAP_MS = 60_000;

/** See `FollowExchanges`. `source` is the client. */
export async function* followExchanges(
  source: ExchangeSource,
  args: FollowArguments,
  options: FollowOptions = {},
): AsyncGenerator<Exchange, void, undefined> {
  const { signal, recent = DEFAULT_RECENT, intervalMs = DEFAULT_INTERVAL_MS, wait = waitMs } = options;
  const ended = (): boolean => signal?.aborted === true;
  let window: FollowWindow | null = null;
  while (!ended()) {
    let told: Exchange[];
    try {
      window ??= new FollowWindow(
        await source.listExchanges({ ...args, limit: PAGE_SIZE }, { signal }),
        recent,
      );
      told = window.take(
        await listSince(source, { ...args, since: Math.max(window.sinceMs, args.since ?? 0) }, signal),
      );
    } catch (error) {
      if (ended()) return;
      throw error;
    }
    for (const exchange of told) {
      if (ended()) return;
      yield exchange;
    }
    if (!ended()) await wait(intervalMs, signal);
  }
}

async function listSince(
  source: ExchangeSource,
  args: FollowArguments,
  signal: AbortSignal | undefined,
): Promise<Exchange[]> {
  const found: Exchange[] = [];
  let cursor: string | undefined;
  do {
    const page = await source.listExchanges({ ...args, limit: PAGE_SIZE, cursor }, { signal });
    found.push(...page.exchanges);
    cursor = page.next_cursor ?? undefined;
  } while (cursor !== undefined);
  return found;
}

/** What was told, back to where anything untold can still be. */
class FollowWindow {
  sinceMs = 0;
  #told = new Set<string>();

  /** From the newest page: all but its `recent` newest count as told, and what is older does not exist. */
  constructor({ exchanges, next_cursor }: ExchangeList, recent: number) {
    const wanted = exchanges.slice(0, recent);
    for (const { id } of exchanges.slice(recent).filter(isComplete)) this.#told.add(id);
    const oldest = exchanges.at(-1);
    if (oldest !== undefined && next_cursor !== null) this.sinceMs = Date.parse(oldest.received_at);
    this.#move(exchanges, [wanted.at(-1)]);
  }

  /** The complete ones that were not told, oldest first; moves the window. */
  take(newestFirst: readonly Exchange[]): Exchange[] {
    const complete = newestFirst.filter(isComplete);
    const fresh = complete.filter(({ id }) => !this.#told.has(id)).reverse();
    // What the window does not reach any more will not come again, and need not be remembered.
    this.#told = new Set(complete.map(({ id }) => id));
    this.#move(newestFirst, []);
    return fresh;
  }

  /** Forward to the first that is open, may still appear, or is kept. */
  #move(newestFirst: readonly Exchange[], kept: readonly (Exchange | undefined)[]): void {
    const times = [...newestFirst.filter((exchange) => !isComplete(exchange)), ...kept]
      .filter((exchange) => exchange !== undefined)
      .map(({ received_at }) => Date.parse(received_at));
    const newest = newestFirst[0];
    if (newest === undefined) return;
    this.sinceMs = Math.max(this.sinceMs, Math.min(Date.parse(newest.received_at) - OVERLAP_MS, ...times));
  }
}

function isComplete({ completed_at }: Exchange): boolean {
  return completed_at !== null;
}

function waitMs(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal?.addEventListener("abort", done);
    if (signal?.aborted === true) done();
  });
}
