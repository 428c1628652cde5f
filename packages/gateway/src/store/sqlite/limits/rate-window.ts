/**
 * The last sixty seconds of one rate, in slots of a second. A slot counts until the whole of it is older than a
 * minute, so that no sixty seconds ever hold more than the limit, wherever one begins to count; the price is that up
 * to a second's worth comes back a second late. Knows no clock: every call is told the time.
 */

const SLOT_MS = 1_000;
/** Sixty whole slots and the one that has begun. */
const WINDOW_SLOTS = 61;

export class RateWindow {
  /** By slot number, oldest first; amounts are not negative. */
  readonly #slots: Map<number, number>;
  #sum = 0;
  /** The slot of the last call: until the next begins nothing has to leave. */
  #now = Number.NEGATIVE_INFINITY;

  constructor(slots: Iterable<readonly [number, number]> = []) {
    this.#slots = new Map(slots);
    for (const amount of this.#slots.values()) this.#sum += amount;
  }

  /** What the last minute holds. */
  usedAt(nowMs: number): number {
    this.#forget(nowMs);
    return this.#sum;
  }

  add(nowMs: number, amount: number): void {
    this.#forget(nowMs);
    this.#put(slotOf(nowMs), amount);
  }

  /** Makes what was added at `addedMs` larger or smaller. What has left the window stays out of it. */
  correct(addedMs: number, nowMs: number, difference: number): void {
    this.#forget(nowMs);
    const slot = slotOf(addedMs);
    const before = this.#slots.get(slot);
    if (before === undefined) {
      if (difference > 0) this.#put(slotOf(nowMs), difference);
      return;
    }
    this.#put(slot, Math.max(difference, -before));
  }

  /** After so long `amount` fits under `limit` if nothing else is added; null when it never does. */
  retryAfterMs(nowMs: number, amount: number, limit: number): number | null {
    if (amount > limit) return null;
    this.#forget(nowMs);
    let excess = this.#sum + amount - limit;
    for (const [slot, held] of this.#slots) {
      if (excess <= 0) break;
      excess -= held;
      if (excess <= 0) return (slot + WINDOW_SLOTS) * SLOT_MS - nowMs;
    }
    return 0;
  }

  /** For keeping: gives back an equal window. */
  slots(): readonly (readonly [number, number])[] {
    return [...this.#slots];
  }

  #put(slot: number, amount: number): void {
    this.#slots.set(slot, (this.#slots.get(slot) ?? 0) + amount);
    this.#sum += amount;
  }

  #forget(nowMs: number): void {
    const now = slotOf(nowMs);
    if (now === this.#now) return;
    this.#now = now;
    const oldest = now - WINDOW_SLOTS + 1;
    for (const [slot, amount] of this.#slots) {
      if (slot >= oldest) return;
      this.#slots.delete(slot);
      this.#sum -= amount;
    }
  }
}

function slotOf(atMs: number): number {
  return Math.floor(atMs / SLOT_MS);
}
