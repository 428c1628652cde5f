/**
 * What an operator limits: budgets, rates and what runs at once, each for a part of a project. A definition says what
 * is allowed; what is used of it is counted in accounts (`limits.ts`).
 */

/**
 * The part of a project that a limit is for. A member is null for everybody together, `*` for each one separately,
 * or the one it names. `model` is `provider/model`, exact or ending in `*`, or null for every model.
 */
export interface LimitScope {
  readonly room: string | null;
  readonly participant: string | null;
  readonly apiKeyId: string | null;
  readonly sessionId: string | null;
  readonly model: string | null;
}

/** Calendar periods of the budget's time zone; weeks begin on Monday. `total` never begins anew. */
export type BudgetPeriod = "day" | "week" | "month" | "total";

/**
 * `hard`: the provider's bill never exceeds it, and output limits are lowered to fit. `hard-no-edit`: no body is
 * touched. `soft`: counts and notifies, refuses nothing.
 */
export type BudgetMode = "hard" | "hard-no-edit" | "soft";

interface CommonDefinition {
  readonly id: string;
  readonly projectId: string;
  /** For people; absent when it has none. */
  readonly name?: string;
  readonly scope: LimitScope;
  readonly createdAtMs: number;
}

export interface BudgetDefinition extends CommonDefinition {
  readonly kind: "budget";
  readonly amountNanoUsd: number;
  /** Requests that were let in may exceed the amount by this; nothing is let in once the amount is spent. */
  readonly toleranceNanoUsd: number;
  readonly period: BudgetPeriod;
  /** IANA name. */
  readonly timeZone: string;
  readonly mode: BudgetMode;
  /** Told when so many percent are spent, ascending. */
  readonly notifyAtPercent: readonly number[];
}

/** null: not limited. Per minute means in any 60 seconds. */
export interface RateDefinition extends CommonDefinition {
  readonly kind: "rate";
  readonly requestsPerMinute: number | null;
  readonly inputTokensPerMinute: number | null;
  readonly outputTokensPerMinute: number | null;
  readonly tokensPerMinute: number | null;
  readonly maxConcurrency: number | null;
}

export type LimitDefinition = BudgetDefinition | RateDefinition;
