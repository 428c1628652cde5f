/** For tests only. */

import type { BudgetDefinition } from "../limit-definition.ts";

/** A hard budget of a dollar a month for the whole project. */
export function sampleBudget(change: Partial<BudgetDefinition> = {}): BudgetDefinition {
  return {
    kind: "budget",
    id: "b1",
    projectId: "p1",
    scope: { room: null, participant: null, apiKeyId: null, sessionId: null, model: null },
    createdAtMs: 1,
    amountNanoUsd: 1_000_000_000,
    toleranceNanoUsd: 0,
    period: "month",
    timeZone: "UTC",
    mode: "hard",
    notifyAtPercent: [],
    ...change,
  };
}
