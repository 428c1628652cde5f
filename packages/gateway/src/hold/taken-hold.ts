/**
 * A hold that was taken: what the later steps need of it. The output limit that goes up with the request, the early
 * return of what the input did not take, and what the exchange's result makes of it.
 */

import type { UsageRecord } from "@meshagent/llm-proxy-protocol/usage";
import type { Hold, LoweredOutput, Routed } from "../exchange.ts";
import { mostNanoUsd } from "../pricing/ceiling.ts";
import type { Settlement } from "../store/limits.ts";
import type { ExchangeResult } from "../store/store.ts";
import type { CoveringLimits } from "./accounts.ts";
import type { Bounded } from "./bound.ts";
import type { HoldDeps } from "./hold.ts";
import type { Offer } from "./offer.ts";
import type { BoundKind } from "./quarantine.ts";

/** Anthropic's smallest thinking budget (docs, extended thinking). */
const leastThinkingTokens = 1_024;

interface Taken {
  readonly routed: Routed;
  readonly covering: CoveringLimits;
  readonly bounded: Bounded;
  readonly offer: Offer;
  readonly keys: readonly string[];
}

export function takenHold(deps: HoldDeps, taken: Taken): Hold {
  const { routed, bounded, offer, keys } = taken;
  const id = routed.call.exchangeId;
  let isShrunk = !bounded.settlesInputEarly || bounded.ceiling === null;
  return {
    loweredOutput: loweredOutput(bounded, offer),
    inputTold: (inputNanoUsd) => {
      if (isShrunk || bounded.ceiling === null) return;
      isShrunk = true;
      // By the price beside the input's bound: the output of a long context costs more. Rounded up twice.
      const { ceiling, inputTokens: input } = bounded;
      const output = offer.outputTokens * bounded.outputs;
      const rest = mostNanoUsd(ceiling, { input, output }) - mostNanoUsd(ceiling, { input, output: 0 }) + 1;
      const to = inputNanoUsd + rest + bounded.feesNanoUsd;
      void deps.limits.shrink(id, to).then(
        () => deps.lines.freed(keys),
        // The hold stays larger than it need be, and is settled with the result.
        () => undefined,
      );
    },
    settlement: (result) => {
      const settlement = settlementOf(taken, result);
      if (bounded.ceiling !== null && (settlement.chargeNanoUsd ?? 0) > offer.nanoUsd) {
        deps.log.error("an exchange cost more than its bound", {
          exchange_id: id,
          cost_nano_usd: settlement.chargeNanoUsd ?? 0,
          bound_nano_usd: offer.nanoUsd,
        });
      }
      tellWrongBounds(deps, taken, result);
      return settlement;
    },
    settled: (result) => {
      deps.lines.freed(keys);
      remember(deps, taken, result.usage);
    },
  };
}

/** null: what the request says itself holds. */
function loweredOutput(
  { outputLimit, thinkingTokens, maxOutputTokens, outputs }: Bounded,
  offer: Offer,
): LoweredOutput | null {
  const isLower = outputs > 0 && offer.outputTokens < maxOutputTokens;
  if (!isLower) return null;
  const tokens = offer.outputTokens;
  const names = { name: outputLimit.name, alsoIn: outputLimit.alsoIn ?? [] };
  if (thinkingTokens === null || thinkingTokens < tokens) return { ...names, tokens, thinkingTokens: null };
  // It has to stay below the limit.
  return { ...names, tokens, thinkingTokens: Math.max(leastThinkingTokens, tokens - 1) };
}

/** Nothing known: the whole hold. What nobody billed costs nothing. */
function settlementOf({ covering }: Taken, result: ExchangeResult): Settlement {
  const isKnown = isUsageKnown(result);
  const used: Record<string, number> = {};
  if (isKnown) {
    const input = total(result.usage, "input_tokens");
    const output = total(result.usage, "output_tokens");
    const measured = { requests: 1, input, output, tokens: input + output };
    for (const { account, measure } of covering.rates) used[account.key] = measured[measure];
  }
  return { chargeNanoUsd: isKnown ? result.costNanoUsd : null, used };
}

/** A bound that was wrong may be so again: who holds by it next would hold too little. */
function tellWrongBounds(
  deps: Pick<HoldDeps, "log" | "quarantine">,
  { routed, bounded, offer }: Taken,
  result: ExchangeResult,
): void {
  const { grounds } = bounded;
  if (grounds === null || !isUsageKnown(result)) return;
  const input = total(result.usage, "input_tokens");
  const output = total(result.usage, "output_tokens");
  const tell = (kind: BoundKind, counted: number, allowed: number): void => {
    if (counted <= allowed) return;
    deps.quarantine.add(grounds.subject, kind, routed.call.exchangeId);
    deps.log.error("a provider counted more than a bound allows, which is not believed any more", {
      exchange_id: routed.call.exchangeId,
      model: `${routed.provider.name}/${routed.policy.model}`,
      bound: kind,
      counted_tokens: counted,
      allowed_tokens: allowed,
    });
  };
  tell(grounds.input, input, bounded.inputTokens);
  tell("output", output, offer.outputTokens * bounded.outputs);
}

function isUsageKnown({ usageSource, usage }: ExchangeResult): boolean {
  return usageSource === "exact" || usageSource === "drained" || usage.length === 0;
}

function total(usage: readonly UsageRecord[], name: "input_tokens" | "output_tokens"): number {
  return usage.reduce((sum, record) => sum + (record.billed ? (record[name] ?? 0) : 0), 0);
}

/** What the provider counted for this conversation bounds its next turn. */
function remember(deps: HoldDeps, { bounded }: Taken, usage: readonly UsageRecord[]): void {
  const [record, ...more] = usage;
  if (bounded.conversation === null || record === undefined || more.length > 0) return;
  if (record.completeness !== "complete" || record.input_tokens === undefined) return;
  deps.prefixes.remember(bounded.conversation, record.input_tokens);
}
