/** What a fake provider billed, by its own count, and whether the caller was sent all of it. */

import type { DialectName } from "@meshagent/llm-proxy-gateway/providers/provider";
import type { SimulatedBill } from "@meshagent/llm-proxy-gateway/providers/simulated/reply";

export interface BookEntry {
  readonly dialect: DialectName;
  readonly path: string;
  readonly status: number;
  /** null when the reply bills nothing. */
  readonly bill: SimulatedBill | null;
  /** `complete`: the last byte was handed to the system. `broken`: the connection ended before that. */
  readonly state: "writing" | "complete" | "broken";
}

/** The books of one fake provider, an entry for each simulated reply. */
export class ProviderBooks {
  readonly #entries: BookEntry[] = [];

  get entries(): readonly BookEntry[] {
    return this.#entries;
  }

  /** Enters a reply that begins to be written; returns its number. */
  open(entry: Omit<BookEntry, "state">): number {
    return this.#entries.push({ ...entry, state: "writing" }) - 1;
  }

  settle(index: number, isComplete: boolean): void {
    const entry = this.#entries[index];
    if (entry !== undefined) this.#entries[index] = { ...entry, state: isComplete ? "complete" : "broken" };
  }
}
