/**
 * The step that reserves the money and the room of a request before anything of it is sent. What it can cost at most
 * is held in every budget that covers it, all or nothing; where that does not fit, its output limit is lowered to
 * what fits, it waits a bounded time behind those who came before it, or it is refused with the budget's name. The
 * intent of the exchange is written with its hold.
 *
 * It sends nothing and reads no reply. Requests that no limit covers, and endpoints that bill nothing, pass at once.
 */

import { isDeepStrictEqual } from "node:util";
import { CallerGone } from "../caller-gone.ts";
import type { Clock } from "../clock.ts";
import type { Held, Hold, Routed } from "../exchange.ts";
import type { Log } from "../observe/log.ts";
import type { Prices } from "../pricing/prices.ts";
import type { HoldReply, HoldRequest, Limits } from "../store/limits.ts";
import type { ExchangeIntent } from "../store/store.ts";
import { coveringLimits, type CoveringLimits, type Subject } from "./accounts.ts";
import { boundRequest } from "./bound.ts";
import { KnownCoverings } from "./known-coverings.ts";
import { KnownPrefixes } from "./known-prefixes.ts";
import type { LimitDefinitions } from "./definitions.ts";
import { type Offer, offerFor } from "./offer.ts";
import { Calendar } from "./period.ts";
import { PromisedTurns } from "./promised-turns.ts";
import { Quarantine, type QuarantineOptions } from "./quarantine.ts";
import { budgetHeld, budgetTooSmall, draining, ledgerUnavailable, limitReached } from "./refusals.ts";
import { type Asking, promiseTurn, requestOf, takeTurns, waiterOf } from "./shares.ts";
import { takenHold } from "./taken-hold.ts";
import { type Timers, WaitingLines, type WaitingPlace } from "./waiting-line.ts";

export interface HoldDeps {
  readonly limits: Pick<Limits, "reserve" | "shrink" | "peekBudgets">;
  readonly definitions: LimitDefinitions;
  readonly prices: Prices;
  readonly clock: Clock;
  readonly log: Pick<Log, "error">;
  readonly timers: Timers;
  /** What the ledger is told of it before anything is sent; written with the hold. */
  readonly intentOf: (routed: Routed) => ExchangeIntent;
  /** Rejects when the credential of who asked has ended since: revoked, expired. */
  readonly verify: (routed: Routed) => Promise<unknown>;
  readonly settings: HoldSettings;
  /** What this process has learnt and who waits in it. */
  readonly prefixes: KnownPrefixes;
  readonly coverings: KnownCoverings;
  readonly quarantine: Quarantine;
  readonly lines: WaitingLines;
  readonly turns: PromisedTurns;
  readonly calendar: Calendar;
}

export interface HoldSettings {
  /** How long a request waits for money that running requests hold. */
  readonly holdWaitMs: number;
}

/** From this share of its wait on a request is content with a short answer. */
const contentAfterShareOfWait = 3 / 4;
/** Other processes settle without a word to this one. */
const lookAgainMs = 500;

/** The parts of `HoldDeps` that one process has one of. */
export function createHoldState(
  timers: Timers,
  quarantine: QuarantineOptions,
): Pick<HoldDeps, "timers" | "prefixes" | "coverings" | "quarantine" | "lines" | "turns" | "calendar"> {
  return {
    timers,
    prefixes: new KnownPrefixes(20_000),
    coverings: new KnownCoverings(),
    quarantine: new Quarantine(quarantine),
    lines: new WaitingLines(timers),
    turns: new PromisedTurns(),
    calendar: new Calendar(),
  };
}

/**
 * Rejects with a `GatewayError`: `budget_exceeded`, `budget_held`, `budget_unboundable`, `rate_limit_exceeded`, or
 * `CallerGone` when it left while it waited; what `verify` rejects with. Nothing is
 * held then.
 */
export async function hold(deps: HoldDeps, routed: Routed): Promise<Held> {
  const found = findCovering(deps, routed);
  const covering = found instanceof Promise ? await found : found;
  if (covering === null) return { ...routed, hold: null };
  const bounded = await boundRequest(deps, routed, covering);
  return { ...routed, hold: await takeHold(deps, { routed, covering, bounded }) };
}

/** null: no limit covers it. At once where it is known. */
function findCovering(
  deps: HoldDeps,
  { principal, endpoint, provider, policy, sessionId }: Routed,
): CoveringLimits | null | Promise<CoveringLimits | null> {
  if (endpoint.usageReader === null && endpoint.socket === undefined) return null;
  const subject = { principal, sessionId, model: `${provider.name}/${policy.model}` };
  const at = { nowMs: deps.clock.now(), changes: deps.definitions.changes };
  const known = deps.coverings.find(subject, at);
  return known === undefined ? lookForCovering(deps, subject, at) : known;
}

/** Throws `ledger_unavailable`: what may cover a request is no reason to let it pass where it cannot be read. */
async function lookForCovering(
  deps: HoldDeps,
  subject: Subject,
  { nowMs, changes }: { readonly nowMs: number; readonly changes: number },
): Promise<CoveringLimits | null> {
  try {
    const definitions = await deps.definitions.of(subject.principal);
    const found = coveringLimits(definitions, subject, { nowMs, calendar: deps.calendar });
    const isNone = found.budgets.length + found.rates.length + found.concurrency.length === 0;
    const covering = isNone ? null : await deps.definitions.seeded(subject.principal.projectId, found);
    deps.coverings.remember(subject, covering, changes);
    return covering;
  } catch (cause) {
    throw ledgerUnavailable("read", cause);
  }
}

async function takeHold(deps: HoldDeps, first: Asking): Promise<Hold | null> {
  const beganMs = deps.clock.now();
  let asking = first;
  let place = joinTaken(deps, asking);
  let isContent = false;
  let intent: ExchangeIntent | null = null;
  try {
    for (;;) {
      const waitedMs = deps.clock.now() - beganMs;
      if (place === null || place.isFirst()) {
        isContent ||= waitedMs >= deps.settings.holdWaitMs * contentAfterShareOfWait;
        const offer = offerFor(deps.limits, asking, isContent);
        intent ??= deps.intentOf(asking.routed);
        const request = requestOf(deps, asking, { intent, offer });
        const reply = await reserved(deps, request);
        if (reply.kind === "held") {
          takeTurns(deps, asking);
          return takenHold(deps, { ...asking, keys: budgetKeys(asking.covering), offer });
        }
        // No waiting makes room for a good answer any more, and there may be room for a short one.
        if (reply.reason === "too_large" && reply.account.kind === "budget" && !isContent) {
          isContent = true;
          continue;
        }
        const isWorthWaiting = reply.reason === "busy" && reply.account.kind === "budget";
        if (!isWorthWaiting) {
          promiseTurn(deps, asking, reply, request);
          throw refusalOf(deps, asking, { reply, offer });
        }
        // Somebody else took of what it was to have: there may still be room for less.
        if (offerFor(deps.limits, asking, isContent).nanoUsd < offer.nanoUsd) continue;
        if (waitedMs >= deps.settings.holdWaitMs) throw budgetHeld(asking.covering, reply);
        place ??= deps.lines.join(reply.account.key, waiterOf(asking.routed));
      } else if (waitedMs >= deps.settings.holdWaitMs) {
        throw budgetHeld(asking.covering, null);
      }
      await place.wait(Math.min(lookAgainMs, Math.max(1, deps.settings.holdWaitMs - waitedMs)));
      if (deps.lines.isClosed) throw draining();
      if (asking.routed.call.response.destroyed) throw new CallerGone();
      await deps.verify(asking.routed);
      const now = await askedAnew(deps, asking);
      if (now === null) return null;
      asking = now;
      if (budgetKeys(asking.covering).includes(place.key)) continue;
      place.leave();
      place = joinTaken(deps, asking);
    }
  } finally {
    place?.leave();
  }
}

/** Behind those who wait for one of its budgets already; null where nobody does. */
function joinTaken(deps: HoldDeps, { routed, covering }: Asking): WaitingPlace | null {
  const key = deps.lines.taken(budgetKeys(covering));
  return key === null ? null : deps.lines.join(key, waiterOf(routed));
}

function budgetKeys({ budgets }: CoveringLimits): readonly string[] {
  return budgets.map(({ account }) => account.key);
}

/** While it waited a budget may have begun anew, been changed, made or removed: what counts is what is true now. */
async function askedAnew(deps: HoldDeps, asking: Asking): Promise<Asking | null> {
  const covering = await findCovering(deps, asking.routed);
  if (covering === null) return null;
  if (covering === asking.covering || isSame(covering, asking.covering)) return asking;
  return { ...asking, covering, bounded: await boundRequest(deps, asking.routed, covering) };
}

function isSame(one: CoveringLimits, other: CoveringLimits): boolean {
  return (["budgets", "rates", "concurrency"] as const).every(
    (kind) =>
      one[kind].length === other[kind].length &&
      one[kind].every(({ account, definition }, index) => {
        const before = other[kind][index];
        return before?.account.key === account.key && isDeepStrictEqual(before.definition, definition);
      }),
  );
}

/** Throws `ledger_unavailable`, as the record step does: nothing may be sent on a hold that is not written. */
async function reserved(deps: HoldDeps, request: HoldRequest): Promise<HoldReply> {
  try {
    return await deps.limits.reserve(request);
  } catch (cause) {
    throw ledgerUnavailable("written", cause);
  }
}

/** A budget that is spent, one that could never hold the request, or a rate. */
function refusalOf(
  deps: HoldDeps,
  { covering }: Asking,
  { reply, offer }: { readonly reply: HoldReply & { kind: "refused" }; readonly offer: Offer },
): Error {
  if (reply.account.kind !== "budget") return limitReached(covering, reply);
  return budgetTooSmall(covering, reply, { offer, nowMs: deps.clock.now() });
}
