/** How the hold step refuses: each message names the limit, what it allows, and what to do. */

import { GatewayError } from "../errors.ts";
import { formatNanoUsd } from "../money.ts";
import type {
  BudgetDefinition,
  LimitDefinition,
  LimitScope,
  RateDefinition,
} from "../store/limit-definition.ts";
import type { HoldReply, LimitAccount } from "../store/limits.ts";
import type { CoveringBudget, CoveringLimits, RateMeasure } from "./accounts.ts";
import type { Offer } from "./offer.ts";
import { isTokenCap } from "./token-caps.ts";

type Refused = HoldReply & { readonly kind: "refused" };

/** A repeat is worth it when a running request may have ended. */
const heldRetryAfterS = 2;

/** 402: spent, or the request could not fit if nothing else ran. */
export function budgetTooSmall(
  covering: CoveringLimits,
  reply: Refused,
  { offer, nowMs }: { readonly offer: Offer; readonly nowMs: number },
): GatewayError {
  const budget = budgetOf(covering, reply.account);
  const name = budget === undefined ? "The budget" : nameOf(budget.definition);
  if (reply.reason === "spent") {
    const spent = usd(reply.budget?.spentNanoUsd ?? 0);
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
  const name = budget === undefined ? "A budget" : nameOf(budget.definition);
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
  const name = budget === undefined ? "A hard budget" : nameOf(budget, "hard budget");
  const another =
    budget !== undefined && isTokenCap(budget)
      ? "use a token without a cap of money"
      : "ask the budget's owner for a soft one";
  return new GatewayError(
    "budget_unboundable",
    `${name} takes only requests whose cost has a bound, which ${what} has not. ${remedy === undefined ? "" : `${remedy} `}Leave that out, bound it, or ${another}.`,
  );
}

/** 426: what runs in a WebSocket has no bound before it is sent. */
export function noWebSocket(budget: BudgetDefinition): GatewayError {
  return new GatewayError(
    "websocket_not_offered",
    `${nameOf(budget, "hard budget")} takes no WebSockets. Use plain HTTP.`,
  );
}

/** 429: a rate, or too many at once. */
export function limitReached({ rates, concurrency }: CoveringLimits, reply: Refused): GatewayError {
  const { account, retryAfterMs } = reply;
  if (account.kind === "concurrency") {
    const limit = concurrency.find((each) => each.account.key === account.key);
    return new GatewayError(
      "rate_limit_exceeded",
      `${limitName(limit?.definition, `${account.max} requests at once`)} is reached. Try again when one has ended.`,
      { retryAfterS: 1 },
    );
  }
  const seconds = Math.max(1, Math.ceil((retryAfterMs ?? 60_000) / 1000));
  const rate = rates.find((each) => each.account.key === account.key);
  const allowed = `${account.kind === "rate" ? account.perMinute : ""} ${counted[rate?.measure ?? "tokens"]} a minute`;
  return new GatewayError(
    "rate_limit_exceeded",
    `${limitName(rate?.definition, allowed)} is reached. Try again in ${seconds} s.`,
    { retryAfterS: seconds },
  );
}

/** 503: what is held cannot be kept, or what covers the request cannot be known. */
export function ledgerUnavailable(what: "read" | "written", cause: unknown): GatewayError {
  const problem = what === "read" ? "cannot read its ledger" : "cannot write its ledger";
  return new GatewayError(
    "ledger_unavailable",
    `The gateway ${problem}, so it sent nothing to the provider. Try again; its operator finds the reason in its log.`,
    { cause, retryAfterS: 5 },
  );
}

/** 503: the gateway stops, and nobody is to wait in it. */
export function draining(): GatewayError {
  return new GatewayError("draining", "The gateway is restarting. Send the request again.", {
    retryAfterS: heldRetryAfterS,
  });
}

const counted: Readonly<Record<RateMeasure, string>> = {
  requests: "requests",
  input: "input tokens",
  output: "output tokens",
  tokens: "tokens",
};

/**
 * `The budget "Team Lab" of $10 a month for room "my-room"`, `This token's budget of $2 a day (UTC)`: what a person
 * asks for to have it changed. `word` is what it is called where it is none of a token's.
 */
function nameOf(budget: BudgetDefinition, word = "budget"): string {
  const amount = usd(budget.amountNanoUsd);
  if (isTokenCap(budget)) {
    return `This token's budget of ${amount} ${budget.period === "total" ? "over its whole life" : "a day (UTC)"}`;
  }
  const period = budget.period === "total" ? "in all" : `a ${budget.period}`;
  return `The ${word}${title(budget)} of ${amount} ${period} ${scopeText(budget.scope)}`;
}

/** `The limit "Agents" of 60 requests a minute for each participant`. */
function limitName(limit: RateDefinition | undefined, allowed: string): string {
  if (limit === undefined) return `The limit of ${allowed}`;
  if (isTokenCap(limit)) return `This token's limit of ${allowed}`;
  return `The limit${title(limit)} of ${allowed} ${scopeText(limit.scope)}`;
}

function title({ name }: LimitDefinition): string {
  return name === undefined ? "" : ` "${name}"`;
}

function scopeText({ room, participant, apiKeyId, sessionId, model }: LimitScope): string {
  const parts = [
    part("room", room),
    part("participant", participant),
    part("API key", apiKeyId),
    part("session", sessionId),
    part("model", model),
  ].filter((text) => text !== "");
  return parts.length === 0 ? "of the project" : `for ${parts.join(", ")}`;
}

function part(name: string, value: string | null): string {
  if (value === null) return "";
  return value === "*" ? `each ${name}` : `${name} "${value}"`;
}

function leftOf({ budget }: Refused): number {
  return budget === null ? 0 : budget.amountNanoUsd + budget.toleranceNanoUsd - budget.spentNanoUsd;
}

function budgetOf({ budgets }: CoveringLimits, account: LimitAccount): CoveringBudget | undefined {
  return budgets.find((each) => each.account.key === account.key);
}

function whenAgain(budget: CoveringBudget | undefined, nowMs: number): string {
  const isToken = budget !== undefined && isTokenCap(budget.definition);
  const who = isToken ? "ask who signed the token for one with more" : "ask its owner to raise it";
  if (budget?.resetsAtMs == null) return `${who[0]?.toUpperCase()}${who.slice(1)}.`;
  const days = (budget.resetsAtMs - nowMs) / 86_400_000;
  const at = new Date(budget.resetsAtMs).toISOString().replace(":00.000Z", "Z");
  return `It begins anew at ${at}${days > 1 ? ` (in ${Math.ceil(days)} days)` : ""}; until then ${who}.`;
}

/** Dollars with at least two places: `$10`, `$0.25`, `$0.001234567`. */
function usd(nanoUsd: number): string {
  const text = formatNanoUsd(Math.round(nanoUsd)).replace(/0+$/, "").replace(/\.$/, "");
  return `$${text.replace(/\.(\d)$/, ".$10")}`;
}
