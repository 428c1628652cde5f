/**
 * What an exchange adds to the usage reports, split by the models it billed. The ledger moves the rollup by
 * it and reports add up the edges of their range with it, so both count alike. Pure; knows no database.
 *
 * Tokens and cost count for the model of their own record. What is counted per exchange counts once:
 * - a request on its primary record's model (without one: its first billed record, its first record, the
 *   model that served, the model asked for);
 * - an unpriced request on the first billed record without a cost, so that the report names the model that
 *   lacks a price (else where the request counts);
 * - an inexact request (usage estimated or partial) where the request counts.
 * An exchange that is `not_metered` is no billed use and counts nowhere. Tokens of a record that is not
 * billed count nowhere. An interrupted exchange counts with its estimate.
 */

import type { UsageRecord } from "@meshagent/llm-proxy-protocol/usage";
import type { Exchange, ExchangeResult } from "../store.ts";

/** What a report sums. All whole numbers. */
export interface Measures {
  requests: number;
  inputTokens: number;
  outputTokens: number;
  cacheReadInputTokens: number;
  cacheWriteInputTokens: number;
  reasoningOutputTokens: number;
  costNanoUsd: number;
  unpricedRequests: number;
  inexactRequests: number;
}

/** Fresh zeros. */
export function noMeasures(): Measures {
  return {
    requests: 0,
    inputTokens: 0,
    outputTokens: 0,
    cacheReadInputTokens: 0,
    cacheWriteInputTokens: 0,
    reasoningOutputTokens: 0,
    costNanoUsd: 0,
    unpricedRequests: 0,
    inexactRequests: 0,
  };
}

/** Adds `other`, `times` times, in place. */
export function addMeasures(sum: Measures, other: Readonly<Measures>, times: 1 | -1 = 1): void {
  sum.requests += times * other.requests;
  sum.inputTokens += times * other.inputTokens;
  sum.outputTokens += times * other.outputTokens;
  sum.cacheReadInputTokens += times * other.cacheReadInputTokens;
  sum.cacheWriteInputTokens += times * other.cacheWriteInputTokens;
  sum.reasoningOutputTokens += times * other.reasoningOutputTokens;
  sum.costNanoUsd += times * other.costNanoUsd;
  sum.unpricedRequests += times * other.unpricedRequests;
  sum.inexactRequests += times * other.inexactRequests;
}

/** Whether every measure is zero: such a line is in no report. */
export function isNothing(measures: Readonly<Record<keyof Measures, number | bigint>>): boolean {
  return (
    Number(measures.requests) === 0 &&
    Number(measures.inputTokens) === 0 &&
    Number(measures.outputTokens) === 0 &&
    Number(measures.cacheReadInputTokens) === 0 &&
    Number(measures.cacheWriteInputTokens) === 0 &&
    Number(measures.reasoningOutputTokens) === 0 &&
    Number(measures.costNanoUsd) === 0 &&
    Number(measures.unpricedRequests) === 0 &&
    Number(measures.inexactRequests) === 0
  );
}

/** What `sharesByModel` reads of a result. */
export type CountedResult = Pick<
  ExchangeResult,
  "outcome" | "usageSource" | "model" | "usage" | "costNanoUsd"
>;

/** The exchange's measures by model; "" where no model is known. */
export function sharesByModel(
  intent: Pick<Exchange["intent"], "requestedModel">,
  result: CountedResult,
): ReadonlyMap<string, Measures> {
  const shares = new Map<string, Measures>();
  if (result.outcome === "not_metered") return shares;
  const { usage } = result;
  const named = result.model === "" ? intent.requestedModel : result.model;
  const modelOf = (record: UsageRecord | undefined): string => record?.model || named;
  const shareOf = (model: string): Measures => {
    const share = shares.get(model) ?? noMeasures();
    shares.set(model, share);
    return share;
  };

  const counted =
    usage.find((record) => record.kind === "primary") ?? usage.find((record) => record.billed) ?? usage[0];
  const request = shareOf(modelOf(counted));
  request.requests += 1;
  if (result.usageSource === "estimated" || result.usageSource === "partial") request.inexactRequests += 1;
  if (result.costNanoUsd === null) {
    const unpriced = usage.find((record) => record.billed && record.cost_nano_usd === null) ?? counted;
    shareOf(modelOf(unpriced)).unpricedRequests += 1;
  }
  for (const record of usage) if (record.billed) addRecord(shareOf(modelOf(record)), record);
  return shares;
}

function addRecord(share: Measures, record: UsageRecord): void {
  share.inputTokens += record.input_tokens ?? 0;
  share.outputTokens += record.output_tokens ?? 0;
  share.cacheReadInputTokens += record.cache_read_input_tokens ?? 0;
  share.cacheWriteInputTokens += record.cache_write_input_tokens ?? 0;
  share.reasoningOutputTokens += record.reasoning_output_tokens ?? 0;
  share.costNanoUsd += record.cost_nano_usd ?? 0;
}
