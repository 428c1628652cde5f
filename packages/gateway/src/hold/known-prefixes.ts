/**
 * What the provider itself has counted for the beginning of a conversation. A turn of a coding agent repeats all that
 * went before; for a beginning that is the same to the byte the provider's own last count is a bound, and only what is
 * new has to be bounded by its bytes (facts/budget.md 2: prefix-usage). Counts do not depend on cache hits.
 *
 * Keeps hashes and numbers, no text. Bounded; what is forgotten costs a larger hold.
 */

import { hash } from "node:crypto";

/** What is known of a conversation up to one turn. */
export interface KnownPrefix {
  /** All input that the provider counted. */
  readonly inputTokens: number;
  /** Hashes of the parts of the request besides its turns. */
  readonly parts: ReadonlySet<string>;
}

/** A conversation as hashes. */
export interface Conversation {
  /** Entry `n` stands for the turns up to and with `n`. */
  readonly chain: readonly string[];
  readonly parts: readonly string[];
}

/** `scope` keeps conversations of different models and upstreams apart. */
export function hashConversation(
  scope: string,
  turns: readonly string[],
  parts: readonly string[],
): Conversation {
  const chain: string[] = [];
  let last = hash("sha256", scope, "base64");
  for (const turn of turns) {
    last = hash("sha256", `${last}${turn}`, "base64");
    chain.push(last);
  }
  return { chain, parts: parts.map((part) => hash("sha256", part, "base64")) };
}

export class KnownPrefixes {
  readonly #max: number;
  readonly #known = new Map<string, KnownPrefix>();

  constructor(max: number) {
    this.#max = max;
  }

  /** The longest beginning that is known, and how many turns it has. */
  find({ chain }: Conversation): { readonly known: KnownPrefix; readonly turns: number } | null {
    for (let index = chain.length - 1; index >= 0; index--) {
      const key = chain[index] ?? "";
      const known = this.#known.get(key);
      if (known === undefined) continue;
      this.#known.delete(key);
      this.#known.set(key, known);
      return { known, turns: index + 1 };
    }
    return null;
  }

  remember({ chain, parts }: Conversation, inputTokens: number): void {
    const key = chain.at(-1);
    if (key === undefined) return;
    this.#known.delete(key);
    this.#known.set(key, { inputTokens, parts: new Set(parts) });
    for (const oldest of this.#known.keys()) {
      if (this.#known.size <= this.#max) return;
      this.#known.delete(oldest);
    }
  }
}
