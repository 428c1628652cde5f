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
import { GatewayError } from "../errors.ts";
import type { Held, Hold, Routed } from "../exchange.ts";
import type { Log } from "../observe/log.ts";
import type { Prices } from "../pricing/prices.ts";
import { mostNanoUsd, outputThatFits } from "../pricing/ceiling.ts";
import type { BudgetState, HoldReply, HoldRequest, HoldShare, Limits } from "../store/limits.ts";
import type { ExchangeIntent } from "../store/store.ts";
import { coveringLimits, type CoveringLimits, type Subject } from "./accounts.ts";
import { type Bounded, boundRequest } from "./bound.ts";
import { fairOutput, hasPlenty, type Room } from "./fair-output.ts";
import { KnownCoverings } from "./known-coverings.ts";
import { KnownPrefixes } from "./known-prefixes.ts";
import type { LimitDefinitions } from "./definitions.ts";
import { Calendar } from "./period.ts";
import { Quarantine, type QuarantineOptions } from "./quarantine.ts";
import { budgetHeld, budgetTooSmall, draining, limitReached } from "./refusals.ts";
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
  readonly settings: HoldSettings;
  /** What this process has learnt and who waits in it. */
  readonly prefixes: KnownPrefixes;
  readonly coverings: KnownCoverings;
  readonly quarantine: Quarantine;
  readonly lines: WaitingLines;
  readonly calendar: Calendar;
}

export interface HoldSettings {
  /** How long a request waits for money that running requests hold. */
  readonly holdWaitMs: number;
}

/** From this share of its wait on a request is content with a short answer. */
const contentAfterShareOfWait = 3 / 4;
/** A request with no more input than this, and no thinking, is a chat. */
const chatInputTokens = 16_384;
/** Other processes settle without a word to this one. */
const lookAgainMs = 500;

/** The parts of `HoldDeps` that one process has one of. */
export function createHoldState(
  timers: Timers,
  quarantine: QuarantineOptions,
): Pick<HoldDeps, "timers" | "prefixes" | "coverings" | "quarantine" | "lines" | "calendar"> {
  return {
    timers,
    prefixes: new KnownPrefixes(20_000),
    coverings: new KnownCoverings(),
    quarantine: new Quarantine(quarantine),
    lines: new WaitingLines(timers),
    calendar: new Calendar(),
  };
}

/**
 * Rejects with a `GatewayError`: `budget_exceeded`, `budget_held`, `budget_unboundable`, `rate_limit_exceeded`, or
 * `CallerGone` when it left while it waited. Nothing is held then.
 */
export async function hold(deps: HoldDeps, routed: Routed): Promise<Held> {
  const covering = await findCovering(deps, routed);
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

async function lookForCovering(
  deps: HoldDeps,
  subject: Subject,
  { nowMs, changes }: { readonly nowMs: number; readonly changes: number },
): Promise<CoveringLimits | null> {
  const definitions = await deps.definitions.of(subject.principal);
  const found = coveringLimits(definitions, subject, { nowMs, calendar: deps.calendar });
  const isNone = found.budgets.length + found.rates.length + found.concurrency.length === 0;
  const covering = isNone ? null : await deps.definitions.seeded(subject.principal.projectId, found);
  deps.coverings.remember(subject, covering, changes);
  return covering;
}

interface Asking {
  readonly routed: Routed;
  readonly covering: CoveringLimits;
  readonly bounded: Bounded;
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
        const offer = offerFor(deps, asking, isContent);
        intent ??= deps.intentOf(asking.routed);
        const reply = await reserved(deps, requestOf(deps, asking, { intent, offer }));
        if (reply.kind === "held")
          return takenHold(deps, { ...asking, keys: budgetKeys(asking.covering), offer });
        // No waiting makes room for a good answer any more, and there may be room for a short one.
        if (reply.reason === "too_large" && reply.account.kind === "budget" && !isContent) {
          isContent = true;
          continue;
        }
        const isWorthWaiting = reply.reason === "busy" && reply.account.kind === "budget";
        if (!isWorthWaiting) throw refusalOf(deps, asking, { reply, offer });
        // Somebody else took of what it was to have: there may still be room for less.
        if (offerFor(deps, asking, isContent).nanoUsd < offer.nanoUsd) continue;
        if (waitedMs >= deps.settings.holdWaitMs) throw budgetHeld(asking.covering, reply);
        place ??= deps.lines.join(reply.account.key, waiterOf(asking.routed));
      } else if (waitedMs >= deps.settings.holdWaitMs) {
        throw budgetHeld(asking.covering, null);
      }
      await place.wait(Math.min(lookAgainMs, Math.max(1, deps.settings.holdWaitMs - waitedMs)));
      if (deps.lines.isClosed) throw draining();
      if (asking.routed.call.response.destroyed) throw new CallerGone();
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

function waiterOf({ principal }: Routed): string {
  return `${principal.room}\n${principal.participant}`;
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
    throw new GatewayError(
      "ledger_unavailable",
      "The gateway cannot write its ledger, so it sent nothing to the provider. Try again; its operator finds the reason in its log.",
      { cause, retryAfterS: 5 },
    );
  }
}

/** What is asked of the budgets at one try. */
export interface Offer {
  readonly outputTokens: number;
  readonly nanoUsd: number;
}

/** The whole output where that is fair, else as much as is. */
function offerFor(deps: HoldDeps, { covering, bounded }: Asking, isContent: boolean): Offer {
  const { ceiling, inputTokens, maxOutputTokens, isEditable, outputs, feesNanoUsd } = bounded;
  if (ceiling === null) return { outputTokens: maxOutputTokens, nanoUsd: 0 };
  const cost = (outputTokens: number): Offer => ({
    outputTokens,
    // A limit of a billion billion tokens is as unaffordable as one of a million.
    nanoUsd: Math.min(
      Number.MAX_SAFE_INTEGER,
      mostNanoUsd(ceiling, { input: inputTokens, output: outputTokens * outputs }) + feesNanoUsd,
    ),
  });
  const whole = cost(maxOutputTokens);
  if (!isEditable || outputs === 0) return whole;
  const left = budgetRoom(deps, covering);
  if (hasPlenty(left.freeNanoUsd, whole.nanoUsd)) return whole;
  const room: Room = {
    ...left,
    inputNanoUsd: cost(0).nanoUsd,
    tokensIn: (nanoUsd) =>
      Math.floor(outputThatFits(ceiling, inputTokens, Math.max(0, nanoUsd - feesNanoUsd)) / outputs),
  };
  return cost(Math.min(maxOutputTokens, fairOutput(room, { isChat: isChat(bounded), isContent })));
}

/** Thinking has a least size of its own, and stays below the limit. */
function isChat({ inputTokens, thinkingTokens }: Bounded): boolean {
  return inputTokens <= chatInputTokens && thinkingTokens === null;
}

function budgetRoom(
  deps: HoldDeps,
  { budgets }: CoveringLimits,
): Pick<Room, "freeNanoUsd" | "unspentNanoUsd"> {
  const states = deps.limits.peekBudgets(budgets.map(({ account }) => account.key));
  const least = { freeNanoUsd: Number.MAX_SAFE_INTEGER, unspentNanoUsd: Number.MAX_SAFE_INTEGER };
  for (let index = 0; index < budgets.length; index++) {
    const account = budgets[index]?.account;
    if (account === undefined || !account.isEnforced) continue;
    const state = states[index];
    const allowed = account.amountNanoUsd + account.toleranceNanoUsd;
    // What others with the same key bring along is theirs.
    const own = state != null && account.isBroughtAlong === true ? allowed - allowedBy(state) : 0;
    const free = state == null ? allowed - account.spentBeforeNanoUsd : state.freeNanoUsd + own;
    const inUse = state == null ? 0 : state.heldNanoUsd + state.leasedNanoUsd;
    least.freeNanoUsd = Math.min(least.freeNanoUsd, free);
    least.unspentNanoUsd = Math.min(least.unspentNanoUsd, free + inUse);
  }
  return least;
}

function allowedBy({ amountNanoUsd, toleranceNanoUsd }: BudgetState): number {
  return amountNanoUsd + toleranceNanoUsd;
}

function requestOf(
  deps: HoldDeps,
  { covering, bounded }: Asking,
  { intent, offer }: { readonly intent: ExchangeIntent; readonly offer: Offer },
): HoldRequest {
  const output = offer.outputTokens * Math.max(1, bounded.outputs);
  const tokens = { requests: 1, input: bounded.inputTokens, output, tokens: bounded.inputTokens + output };
  const shares: HoldShare[] = [];
  for (const { account } of covering.concurrency) shares.push({ account, amount: 1 });
  for (const { account, measure } of covering.rates) {
    // A request that is larger than a minute's worth takes all of it: it could never be let in otherwise.
    shares.push({ account, amount: Math.min(tokens[measure], account.perMinute) });
  }
  for (const { account } of covering.budgets) shares.push({ account, amount: offer.nanoUsd });
  return { intent, nowMs: deps.clock.now(), shares };
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
