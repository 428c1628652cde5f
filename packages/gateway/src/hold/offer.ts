/**
 * How much output a request is asked to be let in with, and what that can cost at most: the whole of it where that is
 * fair, else as much as is (`fair-output.ts`). Takes nothing.
 */

import { mostNanoUsd, outputThatFits } from "../pricing/ceiling.ts";
import type { BudgetState, Limits } from "../store/limits.ts";
import type { CoveringLimits } from "./accounts.ts";
import type { Bounded } from "./bound.ts";
import { fairOutput, hasPlenty, type Room } from "./fair-output.ts";

/** A request with no more input than this, and no thinking, is a chat. */
const chatInputTokens = 16_384;
/** What is asked of the budgets at one try. */
export interface Offer {
  readonly outputTokens: number;
  readonly nanoUsd: number;
}

/** The whole output where that is fair, else as much as is. */
export function offerFor(
  limits: Pick<Limits, "peekBudgets">,
  { covering, bounded }: { readonly covering: CoveringLimits; readonly bounded: Bounded },
  isContent: boolean,
): Offer {
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
  const left = budgetRoom(limits, covering);
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
  limits: Pick<Limits, "peekBudgets">,
  { budgets }: CoveringLimits,
): Pick<Room, "freeNanoUsd" | "unspentNanoUsd"> {
  const states = limits.peekBudgets(budgets.map(({ account }) => account.key));
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
