/**
 * The caps that a participant token carries, as limits of its own: counted for its identity in its project, made
 * nowhere on the server. They come beside what the project limits, so they only narrow.
 */

import type { LlmCaps } from "@meshagent/llm-proxy-protocol/llm-caps";
import type { Principal } from "../exchange.ts";
import type {
  BudgetDefinition,
  BudgetPeriod,
  LimitDefinition,
  RateDefinition,
} from "../store/limit-definition.ts";

/** No id that the store gives begins like this. */
const prefix = "token:";

/** None for an API key, and for a token without a cap. */
export function tokenCaps({ grants, tokenId, projectId }: Principal): readonly LimitDefinition[] {
  const caps = grants.llm?.caps;
  if (caps === undefined || tokenId === null) return [];
  // A `jti` is the issuer's own choice: another project's may be the same.
  const id = `${prefix}${projectId}:${tokenId}`;
  const scope = { room: null, participant: null, apiKeyId: null, sessionId: null, model: null };
  const common = { id, projectId, scope, createdAtMs: 0 };
  return [
    ...budgetOf(common, "total", caps.maxBudgetNanoUsd),
    ...budgetOf(common, "day", caps.maxBudgetPerDayNanoUsd),
    ...rateOf(common, caps),
  ];
}

/** Whether a limit is a token's cap, and none that somebody set on the server. */
export function isTokenCap({ id }: Pick<LimitDefinition, "id">): boolean {
  return id.startsWith(prefix);
}

type Common = Pick<LimitDefinition, "id" | "projectId" | "scope" | "createdAtMs">;

function budgetOf(
  common: Common,
  period: BudgetPeriod,
  amountNanoUsd: number | null,
): readonly BudgetDefinition[] {
  if (amountNanoUsd === null) return [];
  const kind = { kind: "budget", mode: "hard", timeZone: "UTC" } as const;
  return [{ ...common, ...kind, amountNanoUsd, toleranceNanoUsd: 0, period, notifyAtPercent: [] }];
}

function rateOf(common: Common, caps: LlmCaps): readonly RateDefinition[] {
  const { requestsPerMinute, tokensPerMinute, maxConcurrency } = caps;
  if (requestsPerMinute === null && tokensPerMinute === null && maxConcurrency === null) return [];
  return [
    {
      ...common,
      kind: "rate",
      requestsPerMinute,
      inputTokensPerMinute: null,
      outputTokensPerMinute: null,
      tokensPerMinute,
      maxConcurrency,
    },
  ];
}
