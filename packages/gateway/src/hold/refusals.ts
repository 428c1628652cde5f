/** How the hold step refuses: each message names the limit, what it allows, and what to do. */

import { GatewayError } from "../errors.ts";
import { formatNanoUsd } from "../money.ts";
import type { BudgetDefinition } from "../store/limit-definition.ts";
import type { HoldReply, LimitAccount } from "../store/limits.ts";
import type { CoveringBudget, CoveringLimits } from "./accounts.ts";
import type { Bounded } from "./bound.ts";
import type { Offer } from "./hold.ts";

type Refused = HoldReply & { readonly kind: "refused" };

/** A repeat is worth it when a running request may have ended. */
const heldRetryAfterS = 2;

/** 402: spent, or the request could not fit if nothing else ran. */
export function budgetTooSmall(
  covering: CoveringLimits,
  reply: Refused,
  { offer, nowMs }: { readonly offer: Offer; readonly bounded: Bounded; readonly nowMs: number },
): GatewayError {
  const budget = budgetOf(covering, reply.account);
  const spent = usd(reply.budget?.spentNanoUsd ?? 0);
  const name = budget === undefined ? "The budget" : `The budget ${describe(budget.definition)}`;
  if (reply.reason === "spent") {
    return new GatewayError("budget_exceeded", `${name} is spent (${spent}). ${whenAgain(budget, nowMs)}`);
  }
  return new GatewayError(
    "budget_exceeded",
    `${name} has ${usd(leftOf(reply))} left, and this request could cost up to ${usd(offer.nanoUsd)}. ` +
      `Send less, or set a lower output limit. ${whenAgain(budget, nowMs)}`,
  );
}

/** 429: the money is there, and running requests hold it. */
export function budgetHeld(covering: CoveringLimits, reply: Refused | null): GatewayError {
  const budget = reply === null ? covering.budgets[0] : budgetOf(covering, reply.account);
  const name = budget === undefined ? "A budget" : `The budget ${describe(budget.definition)}`;
  const held = reply?.budget == null ? "" : ` (${usd(reply.budget.heldNanoUsd)})`;
  return new GatewayError(
    "budget_held",
    `${name} is not spent, but running requests hold what is left of it${held}. Try again shortly.`,
    { retryAfterS: heldRetryAfterS },
  );
}

/** 402: a cost that nothing bounds has no place under a hard budget. */
export function unboundable(
  budget: BudgetDefinition | undefined,
  what: string,
  remedy?: string,
): GatewayError {
  const name = budget === undefined ? "A hard budget" : `The hard budget ${describe(budget)}`;
  return new GatewayError(
    "budget_unboundable",
    `${name} takes only requests whose cost has a bound, which ${what} has not. ${remedy === undefined ? "" : `${remedy} `}Leave that out, bound it, or ask the budget's owner for a soft one.`,
  );
}

/** 429: a rate, or too many at once. */
export function limitReached(reply: Refused): GatewayError {
  if (reply.account.kind === "concurrency") {
    return new GatewayError(
      "rate_limit_exceeded",
      `Only ${reply.account.max} of your requests may run at once. Try again when one has ended.`,
      { retryAfterS: 1 },
    );
  }
  const seconds = Math.max(1, Math.ceil((reply.retryAfterMs ?? 60_000) / 1000));
  const what =
    reply.account.kind === "rate" ? `${reply.account.perMinute} ${reply.account.counts}` : "the limit";
  return new GatewayError(
    "rate_limit_exceeded",
    `The limit of ${what} a minute is reached. Try again in ${seconds} s.`,
    { retryAfterS: seconds },
  );
}

/** `$10 a month for room "my-room"`. */
export function describe(budget: BudgetDefinition): string {
  const amount = usd(budget.amountNanoUsd);
  const period = budget.period === "total" ? "in all" : `a ${budget.period}`;
  const { room, participant, apiKeyId, sessionId, model } = budget.scope;
  const parts = [
    part("room", room),
    part("participant", participant),
    part("API key", apiKeyId),
    part("session", sessionId),
    part("model", model),
  ].filter((text) => text !== "");
  const scope = parts.length === 0 ? "of the project" : `for ${parts.join(", ")}`;
  return `of ${amount} ${period} ${scope}`;
}

function part(name: string, value: string | null): string {
  if (value === null) return "";
  return value === "*" ? `each ${name}` : `${name} "${value}"`;
}

function leftOf(reply: Refused): number {
  const { budget } = reply;
  return budget === null ? 0 : budget.amountNanoUsd + budget.toleranceNanoUsd - budget.spentNanoUsd;
}

function budgetOf({ budgets }: CoveringLimits, account: LimitAccount): CoveringBudget | undefined {
  return budgets.find((each) => each.account.key === account.key);
}

function whenAgain(budget: CoveringBudget | undefined, nowMs: number): string {
  if (budget?.resetsAtMs == null) return "Ask its owner to raise it.";
  const days = (budget.resetsAtMs - nowMs) / 86_400_000;
  const at = new Date(budget.resetsAtMs).toISOString().replace(":00.000Z", "Z");
  return `It begins anew at ${at}${days > 1 ? ` (in ${Math.ceil(days)} days)` : ""}; until then ask its owner to raise it.`;
}

/** Dollars with at least two places: `$10`, `$0.25`, `$0.001234567`. */
function usd(nanoUsd: number): string {
  const text = formatNanoUsd(Math.round(nanoUsd)).replace(/0+$/, "").replace(/\.$/, "");
  return `$${text.replace(/\.(\d)$/, ".$10")}`;
}
