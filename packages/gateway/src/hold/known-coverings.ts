/**
 * Which accounts a request counts in, for those who ask again and again: they stay the same until a definition is
 * changed or a period ends. Bounded; what is forgotten is looked for again.
 */

import type { CoveringLimits, Subject } from "./accounts.ts";

interface Known {
  /** null: no limit covers it. */
  readonly covering: CoveringLimits | null;
  readonly changes: number;
  /** When the latest of its periods began, and when the first of them ends. */
  readonly fromMs: number;
  readonly untilMs: number;
}

/** Models and sessions of one principal. */
const maxKnownOfOne = 200;

export class KnownCoverings {
  /** A principal is the same object for as long as its credential is remembered. */
  #known = new WeakMap<Subject["principal"], Map<string, Known>>();

  /** undefined: not known, or not true any more. `changes`: how often the definitions were changed so far. */
  find(
    { principal, sessionId, model }: Subject,
    { nowMs, changes }: { readonly nowMs: number; readonly changes: number },
  ): CoveringLimits | null | undefined {
    const known = this.#known.get(principal)?.get(keyOf(sessionId, model));
    if (known === undefined || known.changes !== changes) return undefined;
    return nowMs >= known.fromMs && nowMs < known.untilMs ? known.covering : undefined;
  }

  /** `changes`: as it was before the definitions were read. */
  remember({ principal, sessionId, model }: Subject, covering: CoveringLimits | null, changes: number): void {
    let fromMs = Number.NEGATIVE_INFINITY;
    let untilMs = Number.POSITIVE_INFINITY;
    for (const { startsAtMs, resetsAtMs } of covering?.budgets ?? []) {
      fromMs = Math.max(fromMs, startsAtMs);
      untilMs = Math.min(untilMs, resetsAtMs ?? untilMs);
    }
    let ofOne = this.#known.get(principal);
    if (ofOne === undefined) this.#known.set(principal, (ofOne = new Map()));
    if (ofOne.size >= maxKnownOfOne) ofOne.clear();
    ofOne.set(keyOf(sessionId, model), { covering, changes, fromMs, untilMs });
  }
}

/** Both come from the caller: whatever they hold, no two pairs have the same key. */
function keyOf(sessionId: string | null, model: string): string {
  return sessionId === null ? `-${model}` : `${sessionId.length}:${sessionId}${model}`;
}
