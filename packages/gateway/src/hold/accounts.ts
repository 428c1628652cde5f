/**
 * From what an operator limits to the accounts that one request counts in: which limits cover it, in which period, for
 * which subject. Decides nothing about money.
 */

import { matchesModel } from "@meshagent/llm-proxy-protocol/model-pattern";
import type { Principal } from "../exchange.ts";
import type {
  BudgetDefinition,
  LimitDefinition,
  LimitScope,
  RateDefinition,
} from "../store/limit-definition.ts";
import type { BudgetAccount, ConcurrencyAccount, RateAccount } from "../store/limits.ts";
import type { Calendar } from "./period.ts";
import { isTokenCap } from "./token-caps.ts";

/** What a request is, as far as limits ask. */
export interface Subject {
  readonly principal: Principal;
  readonly sessionId: string | null;
  /** `provider/model`. */
  readonly model: string;
}

/** An account of a budget with what a person is told of it. */
export interface CoveringBudget {
  readonly account: BudgetAccount;
  readonly definition: BudgetDefinition;
  /** When it begins anew; null for never. */
  readonly resetsAtMs: number | null;
  readonly startsAtMs: number;
}

/** What a rate counts of a request. */
export type RateMeasure = "requests" | "input" | "output" | "tokens";

export interface CoveringRate {
  readonly account: RateAccount;
  readonly definition: RateDefinition;
  readonly measure: RateMeasure;
}

export interface CoveringConcurrency {
  readonly account: ConcurrencyAccount;
  readonly definition: RateDefinition;
}

export interface CoveringLimits {
  readonly budgets: readonly CoveringBudget[];
  readonly rates: readonly CoveringRate[];
  readonly concurrency: readonly CoveringConcurrency[];
}

export const noLimits: CoveringLimits = { budgets: [], rates: [], concurrency: [] };

const scopeNames = ["room", "participant", "apiKeyId", "sessionId"] as const;

/** The accounts of a request, in the order of the definitions: the first that refuses is the one that is named. */
export function coveringLimits(
  definitions: readonly LimitDefinition[],
  subject: Subject,
  at: { readonly nowMs: number; readonly calendar: Calendar },
): CoveringLimits {
  const budgets: CoveringBudget[] = [];
  const rates: CoveringRate[] = [];
  const concurrency: CoveringConcurrency[] = [];
  for (const definition of definitions) {
    const values = subjectValues(definition.scope, subject);
    if (values === null) continue;
    if (definition.kind === "budget") budgets.push(budgetOf(definition, values, at));
    else addRates(definition, values, { rates, concurrency });
  }
  return { budgets, rates, concurrency };
}

/** The values of the scope's `*` members in their order; null when the scope does not cover the request. */
export function subjectValues(scope: LimitScope, subject: Subject): string | null {
  if (scope.model !== null && !matchesModel(scope.model, subject.model)) return null;
  const { principal, sessionId } = subject;
  const own = { ...principal, sessionId };
  const values: string[] = [];
  for (const name of scopeNames) {
    const wanted = scope[name];
    if (wanted === null) continue;
    const value = own[name];
    if (value === null) return null;
    if (wanted === "*") values.push(encodeURIComponent(value));
    else if (wanted !== value) return null;
  }
  return values.join("|");
}

function budgetOf(
  definition: BudgetDefinition,
  values: string,
  { nowMs, calendar }: { readonly nowMs: number; readonly calendar: Calendar },
): CoveringBudget {
  const period = calendar.periodAt(definition.period, definition.timeZone, nowMs);
  return {
    definition,
    resetsAtMs: period.endMs,
    startsAtMs: period.startMs,
    account: {
      kind: "budget",
      key: `${definition.id}|${period.key}|${values}`,
      limitId: definition.id,
      amountNanoUsd: definition.amountNanoUsd,
      toleranceNanoUsd: definition.toleranceNanoUsd,
      spentBeforeNanoUsd: 0,
      isEnforced: definition.mode !== "soft",
      notifyAtPercent: definition.notifyAtPercent,
      resetsAtMs: period.endMs,
      ...(isTokenCap(definition) ? { isBroughtAlong: true } : {}),
    },
  };
}

function addRates(
  definition: RateDefinition,
  values: string,
  to: { readonly rates: CoveringRate[]; readonly concurrency: CoveringConcurrency[] },
): void {
  const limitId = definition.id;
  const measures: readonly (readonly [RateMeasure, number | null])[] = [
    ["requests", definition.requestsPerMinute],
    ["input", definition.inputTokensPerMinute],
    ["output", definition.outputTokensPerMinute],
    ["tokens", definition.tokensPerMinute],
  ];
  for (const [measure, perMinute] of measures) {
    if (perMinute === null) continue;
    const counts = measure === "requests" ? "requests" : "tokens";
    const key = `${limitId}|${measure}|${values}`;
    to.rates.push({ measure, definition, account: { kind: "rate", key, limitId, counts, perMinute } });
  }
  if (definition.maxConcurrency === null) return;
  const key = `${limitId}|running|${values}`;
  const account: ConcurrencyAccount = { kind: "concurrency", key, limitId, max: definition.maxConcurrency };
  to.concurrency.push({ definition, account });
}
