/**
 * Bounds that were wrong once are not believed again: a model of which a provider counted more than its bytes, its
 * known beginning or its output limit allowed is held by its window, or by all that it can write, from then on. The
 * store keeps them for the other processes and for the next start; after a while a bound has another chance.
 *
 * It bounds nothing itself and books nothing: the charge that showed it is booked as it was.
 */

import type { Clock } from "../clock.ts";
import { errorText, type Log } from "../observe/log.ts";
import type { WrongBounds } from "../store/wrong-bounds.ts";

/**
 * `prefix`: the provider's own count of the same beginning. `bytes`: the rule of a tokenizer, and what a picture takes.
 * `window`: what the model's window takes. `output`: the request's output limit.
 */
export type BoundKind = "prefix" | "bytes" | "window" | "output";

export interface QuarantineOptions {
  readonly notes: WrongBounds;
  readonly clock: Clock;
  readonly log: Pick<Log, "error">;
}

/** For so long a bound that was wrong is not believed. */
export const quarantineMs: number = 30 * 24 * 3_600_000;
/** Other processes find wrong bounds, too. */
const lookAgainMs = 60_000;

export class Quarantine {
  readonly #options: QuarantineOptions;
  readonly #known = new Map<string, Map<BoundKind, number>>();
  #readAtMs = Number.NEGATIVE_INFINITY;
  #reading: Promise<void> | null = null;

  constructor(options: QuarantineOptions) {
    this.#options = options;
  }

  /** The bounds that are not to be believed for this subject, a model at an address. At once, nearly always. */
  of(subject: string): ReadonlySet<BoundKind> | Promise<ReadonlySet<BoundKind>> {
    const nowMs = this.#options.clock.now();
    const isFresh = nowMs - this.#readAtMs < lookAgainMs && nowMs >= this.#readAtMs;
    if (isFresh) return this.#wrongAt(subject, nowMs);
    return (this.#reading ??= this.#read(nowMs)).then(() => this.#wrongAt(subject, nowMs));
  }

  #wrongAt(subject: string, nowMs: number): ReadonlySet<BoundKind> {
    const kinds = this.#known.get(subject);
    if (kinds === undefined) return none;
    return new Set(
      [...kinds].filter(([, seenAtMs]) => seenAtMs >= nowMs - quarantineMs).map(([kind]) => kind),
    );
  }

  /** Counts at once in this process. What cannot be written down is told in the log, and holds until the next start. */
  add(subject: string, kind: BoundKind, exchangeId: string): void {
    const seenAtMs = this.#options.clock.now();
    this.#keep(subject, kind, seenAtMs);
    this.#options.notes.note({ subject, kind, seenAtMs, exchangeId }).catch((error: unknown) => {
      this.#options.log.error("a bound that was wrong could not be written down", {
        exchange_id: exchangeId,
        bound: kind,
        error: errorText(error),
      });
    });
  }

  async #read(nowMs: number): Promise<void> {
    try {
      for (const { subject, kind, seenAtMs } of await this.#options.notes.since(nowMs - quarantineMs))
        if (isBoundKind(kind)) this.#keep(subject, kind, seenAtMs);
    } catch (error) {
      // What is known goes on to count; the next request asks again in a minute.
      this.#options.log.error("bounds that were wrong could not be read", {
        error: errorText(error),
      });
    } finally {
      this.#readAtMs = nowMs;
      this.#reading = null;
    }
  }

  #keep(subject: string, kind: BoundKind, seenAtMs: number): void {
    const kinds = this.#known.get(subject) ?? new Map<BoundKind, number>();
    this.#known.set(subject, kinds);
    kinds.set(kind, Math.max(seenAtMs, kinds.get(kind) ?? 0));
  }
}

const none: ReadonlySet<BoundKind> = new Set();

function isBoundKind(kind: string): kind is BoundKind {
  return kind === "prefix" || kind === "bytes" || kind === "window" || kind === "output";
}
