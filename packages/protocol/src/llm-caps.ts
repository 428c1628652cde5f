/**
 * Caps inside a token: what `api.llm` may carry beside `models` to narrow how much the token may spend and ask. They
 * are read and written here; the gateway enforces them, counted for the token's identity.
 */

import { formatUsd, MAX_USD, parseNanoUsd } from "./usd.ts";

/** null where a token has no such cap. */
export interface LlmCaps {
  /** Over the token's whole life, in nano-dollars. */
  readonly maxBudgetNanoUsd: number | null;
  /** In each day of UTC, in nano-dollars. */
  readonly maxBudgetPerDayNanoUsd: number | null;
  /** In any 60 seconds, like the next one. */
  readonly requestsPerMinute: number | null;
  /** Input and output together. */
  readonly tokensPerMinute: number | null;
  /** Exchanges at once. */
  readonly maxConcurrency: number | null;
}

/** The name of a cap in a token and in a token spec. */
export type CapName =
  | "max_budget"
  | "max_budget_per_day"
  | "requests_per_minute"
  | "tokens_per_minute"
  | "max_concurrency";

const capMembers: Readonly<Record<CapName, keyof LlmCaps>> = {
  max_budget: "maxBudgetNanoUsd",
  max_budget_per_day: "maxBudgetPerDayNanoUsd",
  requests_per_minute: "requestsPerMinute",
  tokens_per_minute: "tokensPerMinute",
  max_concurrency: "maxConcurrency",
};

export const capNames: readonly CapName[] = Object.keys(capMembers) as CapName[];

/** The largest count of requests, tokens or exchanges that a limit can have. */
export const MAX_COUNT = 1_000_000_000;

/**
 * Reads the caps of an `llm` scope. undefined when it has none. Each that cannot be read is told to `refuse`, with why
 * in words that follow "it", and never becomes "no cap".
 */
export function parseCaps(
  llm: Readonly<Record<string, unknown>>,
  refuse: (name: CapName, problem: string) => void,
): LlmCaps | undefined {
  const given = capNames.filter((name) => Object.hasOwn(llm, name));
  if (given.length === 0) return undefined;
  const caps: { -readonly [Member in keyof LlmCaps]: LlmCaps[Member] } = { ...noCaps };
  for (const name of given) {
    const value = parseCap(name, llm[name]);
    if (value === null) refuse(name, problemOf(name));
    else caps[capMembers[name]] = value;
  }
  return caps;
}

/** The caps as they stand in a token: amounts as the shortest decimal texts, counts as numbers. */
export function toCapScope(caps: LlmCaps | undefined): Readonly<Partial<Record<CapName, string | number>>> {
  if (caps === undefined) return {};
  return Object.fromEntries(
    capNames.flatMap((name) => {
      const value = caps[capMembers[name]];
      return value === null ? [] : [[name, isAmount(name) ? formatUsd(value) : value]];
    }),
  );
}

/** One sentence part per cap, for people: `at most $10 in all`. */
export function describeCaps(caps: LlmCaps | undefined): readonly string[] {
  if (caps === undefined) return [];
  return capNames.flatMap((name) => {
    const value = caps[capMembers[name]];
    return value === null ? [] : [phrases[name](isAmount(name) ? formatUsd(value) : String(value))];
  });
}

const phrases: Readonly<Record<CapName, (value: string) => string>> = {
  max_budget: (usd) => `at most $${usd} over its whole life`,
  max_budget_per_day: (usd) => `at most $${usd} a day (UTC)`,
  requests_per_minute: (count) => `at most ${count} requests a minute`,
  tokens_per_minute: (count) => `at most ${count} tokens a minute`,
  max_concurrency: (count) => `at most ${count} at once`,
};

const noCaps: LlmCaps = {
  maxBudgetNanoUsd: null,
  maxBudgetPerDayNanoUsd: null,
  requestsPerMinute: null,
  tokensPerMinute: null,
  maxConcurrency: null,
};

function isAmount(name: CapName): boolean {
  return name === "max_budget" || name === "max_budget_per_day";
}

function parseCap(name: CapName, value: unknown): number | null {
  if (isAmount(name)) return parseNanoUsd(value);
  const isCount = typeof value === "number" && Number.isInteger(value) && value >= 1 && value <= MAX_COUNT;
  return isCount ? value : null;
}

function problemOf(name: CapName): string {
  return isAmount(name)
    ? `is no amount in USD, such as "10" or "0.75", of at most nine places and ${MAX_USD}`
    : `is no whole number from 1 to ${MAX_COUNT}`;
}
