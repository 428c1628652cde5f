/**
 * Who was told by a limit that many share to come back has the next turn when it does: what it asked for stays free for
 * it, in the order in which they were told, for as long as they were told and a little more. So whoever asks without a
 * pause takes nothing from those who wait as they were asked to. Of each participant one turn is promised at a time.
 *
 * Knows what this process has told; it counts nothing, and what is not fetched in time is anybody's again.
 */

interface Turn {
  readonly amount: number;
  readonly untilMs: number;
  /** The request that is asking for it right now: of many at once only one has the turn. */
  askedBy: string | null;
}

/** A request, and whose it is. */
export interface Asker {
  readonly who: string;
  readonly requestId: string;
}

/** A client is not back to the millisecond. */
const graceMs = 2_000;
/** More accounts than any gateway has limits that many share. */
const maxAccounts = 10_000;

export class PromisedTurns {
  /** By account and participant, in the order of the promises. No line is empty. */
  readonly #lines = new Map<string, Map<string, Turn>>();

  /** Nothing is promised to anybody, as nearly always. */
  get isEmpty(): boolean {
    return this.#lines.size === 0;
  }

  /** What of the account is promised to others, and comes before this request. It takes its turn if it has one. */
  before(key: string, { who, requestId }: Asker, nowMs: number): number {
    const line = this.#lines.get(key);
    if (line === undefined) return 0;
    let promised = 0;
    for (const [other, turn] of line) {
      if (turn.untilMs <= nowMs) {
        line.delete(other);
        continue;
      }
      if (other !== who) {
        promised += turn.amount;
        continue;
      }
      turn.askedBy ??= requestId;
      if (turn.askedBy === requestId) break;
    }
    if (line.size === 0) this.#lines.delete(key);
    return promised;
  }

  /** Told to come back in so long. Who has a promise keeps its place. */
  promise(
    key: string,
    who: string,
    turn: { readonly amount: number; readonly nowMs: number; readonly inMs: number },
  ): void {
    if (this.#lines.size >= maxAccounts) this.#lines.clear();
    const line = this.#lines.get(key) ?? new Map<string, Turn>();
    this.#lines.set(key, line);
    line.set(who, { amount: turn.amount, untilMs: turn.nowMs + turn.inMs + graceMs, askedBy: null });
  }

  /** It was let in: its turn, if it had one, is over. */
  came(key: string, { who, requestId }: Asker): void {
    const line = this.#lines.get(key);
    if (line?.get(who)?.askedBy !== requestId) return;
    line.delete(who);
    if (line.size === 0) this.#lines.delete(key);
  }

  /** It was refused elsewhere: its turn is there for the next one. */
  left(key: string, { who, requestId }: Asker): void {
    const turn = this.#lines.get(key)?.get(who);
    if (turn?.askedBy === requestId) turn.askedBy = null;
  }
}
