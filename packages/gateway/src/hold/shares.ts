/**
 * What a request asks of each account that it counts in, and what it leaves free there for those who come first. Says
 * what is asked for; whether it is given is the store's to decide.
 */

import type { Clock } from "../clock.ts";
import type { Routed } from "../exchange.ts";
import type { RateDefinition } from "../store/limit-definition.ts";
import type { HoldReply, HoldRequest, HoldShare } from "../store/limits.ts";
import type { ExchangeIntent } from "../store/store.ts";
import type { CoveringConcurrency, CoveringLimits, CoveringRate } from "./accounts.ts";
import type { Bounded } from "./bound.ts";
import type { Offer } from "./offer.ts";
import type { Asker, PromisedTurns } from "./promised-turns.ts";
import { isTokenCap } from "./token-caps.ts";

/** A request on its way through the step. */
export interface Asking {
  readonly routed: Routed;
  readonly covering: CoveringLimits;
  readonly bounded: Bounded;
}

interface ShareDeps {
  readonly turns: PromisedTurns;
  readonly clock: Clock;
}

/** Who waits and takes turns. */
export function waiterOf({ principal }: Routed): string {
  return `${principal.room}\n${principal.participant}`;
}

function askerOf(routed: Routed): Asker {
  return { who: waiterOf(routed), requestId: routed.call.exchangeId };
}

export function requestOf(
  { turns, clock }: ShareDeps,
  { routed, covering, bounded }: Asking,
  { intent, offer }: { readonly intent: ExchangeIntent; readonly offer: Offer },
): HoldRequest {
  const output = offer.outputTokens * Math.max(1, bounded.outputs);
  const tokens = { requests: 1, input: bounded.inputTokens, output, tokens: bounded.inputTokens + output };
  const nowMs = clock.now();
  const shares: HoldShare[] = [];
  const asker = turns.isEmpty ? null : askerOf(routed);
  const push = ({ account, definition }: CoveringRate | CoveringConcurrency, amount: number): void => {
    const beside = asker !== null && isForMany(definition) ? turns.before(account.key, asker, nowMs) : 0;
    shares.push(beside === 0 ? { account, amount } : { account, amount, beside });
  };
  for (const each of covering.concurrency) push(each, 1);
  // A request that is larger than a minute's worth takes all of it: it could never be let in otherwise.
  for (const each of covering.rates) push(each, Math.min(tokens[each.measure], each.account.perMinute));
  for (const { account } of covering.budgets) shares.push({ account, amount: offer.nanoUsd });
  return { intent, nowMs, shares };
}

/** Whoever has a limit for itself takes nothing from others. */
function isForMany(limit: RateDefinition): boolean {
  return limit.scope.participant === null && !isTokenCap(limit);
}

/** It was let in. */
export function takeTurns({ turns }: ShareDeps, { routed, covering }: Asking): void {
  if (turns.isEmpty) return;
  const asker = askerOf(routed);
  for (const { account } of [...covering.concurrency, ...covering.rates]) turns.came(account.key, asker);
}

/** It is told to come back: then it shall not find that another one was faster again. */
export function promiseTurn(
  { turns }: ShareDeps,
  { routed, covering }: Asking,
  { account, retryAfterMs }: HoldReply & { readonly kind: "refused" },
  request: HoldRequest,
): void {
  const limits = [...covering.concurrency, ...covering.rates];
  for (const each of limits) turns.left(each.account.key, askerOf(routed));
  const limit = limits.find((each) => each.account.key === account.key);
  const share = request.shares.find((each) => each.account.key === account.key);
  if (limit === undefined || share === undefined || !isForMany(limit.definition)) return;
  const inMs = Math.max(1_000, retryAfterMs ?? 0);
  turns.promise(account.key, waiterOf(routed), { amount: share.amount, nowMs: request.nowMs, inMs });
}
