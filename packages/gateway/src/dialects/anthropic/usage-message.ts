/**
 * What a message's usage object bills, and to which model.
 *
 * Anthropic's `input_tokens` excludes cache reads and writes; ours includes them. Where `iterations` is
 * there, the sum of its entries is billed, each at its own model, because the top level leaves out
 * compactions, advisors and declined hops (docs: compaction, advisor-tool, refusals-and-fallback).
 */

import type { Completeness, MeteredUsage, UsageCounts, UsageKind } from "@meshagent/llm-proxy-protocol/usage";
import { addCount, countOf, isObject, memberOf, putCount, textOf } from "../readings.ts";
import type { MutableCounts } from "../readings.ts";
import type { ReplyContext, ReplyOutcome, ReplyReading } from "../usage-reader.ts";

/** A message as far as it is known. */
export interface MessageFacts {
  readonly context: ReplyContext;
  readonly responseId: string | null;
  /** The model that the message names. */
  readonly model: string | null;
  /** The usage object, of a stream with all that its events have told. */
  readonly usage: Readonly<Record<string, unknown>>;
  readonly raw: unknown;
  readonly source: string;
  readonly stopReason: string | null;
  /** The model that served has begun a content block. */
  readonly hasOutput: boolean;
  /** The numbers are the provider's last. */
  readonly isFinal: boolean;
  /** The outcome, unless the model refused. */
  readonly endsAs: ReplyOutcome;
}

/** The reading of a message that has told some usage. The record of the model that served stands first. */
export function readMessage(facts: MessageFacts): ReplyReading {
  const servedModel = servingModel(facts);
  const portions = portionsOf(facts, servedModel);
  const usage = portions.map((portion, index) => recordOf(facts, portion, index === 0));
  const isRefused = facts.stopReason === "refusal";
  return {
    outcome: isRefused ? "refused" : facts.endsAs,
    usage,
    responseId: facts.responseId,
    servedModel,
    servedTier: textOf(facts.usage["service_tier"]),
  };
}

/** What one record is made of: all iterations of one kind and model, or the top level. */
interface Portion {
  readonly kind: UsageKind;
  readonly model: string;
  readonly isBilled: boolean;
  readonly counts: MutableCounts;
  readonly entries: unknown[];
}

function iterationsOf(facts: MessageFacts): readonly unknown[] {
  const iterations = facts.usage["iterations"];
  return Array.isArray(iterations) ? iterations.filter(isObject) : [];
}

/** `message_start` may name the requested model although a fallback served; the `fallback_message` entry is right. */
function servingModel(facts: MessageFacts): string | null {
  const served = iterationsOf(facts).findLast((entry) => memberOf(entry, "type") === "fallback_message");
  return textOf(memberOf(served, "model")) ?? facts.model;
}

function portionsOf(facts: MessageFacts, servedModel: string | null): Portion[] {
  const model = servedModel ?? facts.context.requestedModel;
  const isBilled = facts.stopReason !== "refusal" || facts.hasOutput;
  const iterations = iterationsOf(facts);
  if (iterations.length === 0) {
    return [{ kind: "primary", model, isBilled, counts: countsOf(facts.usage), entries: [] }];
  }
  const hasFallback = iterations.some((entry) => memberOf(entry, "type") === "fallback_message");
  const portions = new Map<string, Portion>();
  for (const entry of iterations) {
    const portion = portionOf(facts, entry, { model, isBilled, hasFallback });
    const key = `${portion.kind} ${portion.isBilled} ${portion.model}`;
    const known = portions.get(key);
    if (known === undefined) {
      portions.set(key, portion);
      continue;
    }
    for (const [name, count] of Object.entries(portion.counts))
      addCount(known.counts, name as keyof UsageCounts, count);
    known.entries.push(entry);
  }
  const isServing = ({ kind }: Portion): boolean => kind === "primary" || kind === "fallback";
  const all = [...portions.values()];
  return [...all.filter(isServing), ...all.filter((portion) => !isServing(portion))];
}

interface Serving {
  readonly model: string;
  readonly isBilled: boolean;
  readonly hasFallback: boolean;
}

/** One iteration. A hop that declined is a `message` entry of another model than the one that served. */
function portionOf(facts: MessageFacts, entry: unknown, serving: Serving): Portion {
  const counts = countsOf(entry);
  const entries = [entry];
  const type = memberOf(entry, "type");
  const ownModel = textOf(memberOf(entry, "model"));
  if (type === "compaction") {
    const model = serving.hasFallback ? facts.context.requestedModel : serving.model;
    return { kind: "compaction", model: ownModel ?? model, isBilled: true, counts, entries };
  }
  if (type === "advisor_message") {
    return { kind: "advisor", model: ownModel ?? "unknown", isBilled: true, counts, entries };
  }
  const isOther = ownModel !== null && ownModel !== serving.model;
  const hasNoOutput = (counts.output_tokens ?? 0) === 0;
  if (type === "message" && isOther && (serving.hasFallback || hasNoOutput)) {
    return { kind: "fallback_declined", model: ownModel, isBilled: !hasNoOutput, counts, entries };
  }
  const kind = serving.hasFallback ? "fallback" : "primary";
  return { kind, model: ownModel ?? serving.model, isBilled: serving.isBilled, counts, entries };
}

function recordOf(facts: MessageFacts, portion: Portion, isFirst: boolean): MeteredUsage {
  const { counts, kind } = portion;
  if (isFirst) putMessageCounts(counts, facts.usage);
  const speed = textOf(facts.usage["speed"]);
  const geo = textOf(facts.usage["inference_geo"]);
  const isServing = kind === "primary" || kind === "fallback";
  const isCreditRedeemed = isServing && portion.isBilled && hasRedeemedCredit(facts.usage);
  return {
    kind,
    model: portion.model,
    response_id: facts.responseId,
    service_tier: textOf(facts.usage["service_tier"]),
    // An advisor runs at a speed of its own, which is not told.
    ...(speed === null || kind === "advisor" ? {} : { speed }),
    ...(geo === null ? {} : { inference_geo: geo }),
    ...counts,
    source: facts.source,
    completeness: completenessOf(counts, facts.isFinal),
    billed: portion.isBilled,
    ...(isCreditRedeemed ? { cost_is_upper_bound: true } : {}),
    raw: isFirst ? facts.raw : portion.entries.length === 1 ? portion.entries[0] : portion.entries,
  };
}

function completenessOf(counts: UsageCounts, isFinal: boolean): Completeness {
  const known = [counts.input_tokens, counts.output_tokens].filter((count) => count !== undefined).length;
  if (known === 0) return "missing";
  return known === 2 && isFinal ? "complete" : "partial";
}

/** With a redeemed credit the retry is re-priced in the caller's favour: the list price is the most it can be. */
function hasRedeemedCredit(usage: unknown): boolean {
  return memberOf(memberOf(memberOf(usage, "fallback_credit"), "status"), "type") === "redeemed";
}

/** The token counts of a usage object or of an iteration. */
function countsOf(usage: unknown): MutableCounts {
  const counts: MutableCounts = {};
  const split = memberOf(usage, "cache_creation");
  const written5m = countOf(memberOf(split, "ephemeral_5m_input_tokens"));
  const written1h = countOf(memberOf(split, "ephemeral_1h_input_tokens"));
  const splitSum = written5m === null && written1h === null ? null : (written5m ?? 0) + (written1h ?? 0);
  const written = countOf(memberOf(usage, "cache_creation_input_tokens")) ?? splitSum;
  const read = countOf(memberOf(usage, "cache_read_input_tokens"));
  const input = countOf(memberOf(usage, "input_tokens"));
  if (input !== null) counts.input_tokens = input + (written ?? 0) + (read ?? 0);
  putCount(counts, "output_tokens", memberOf(usage, "output_tokens"));
  putCount(counts, "cache_read_input_tokens", read);
  putCount(counts, "cache_write_input_tokens", written);
  // The split comes with message_start only; the total may grow after it, but a part is never more than it.
  if (splitSum !== null && splitSum <= (written ?? 0)) {
    putCount(counts, "cache_write_5m_input_tokens", written5m);
    putCount(counts, "cache_write_1h_input_tokens", written1h);
  }
  return counts;
}

/** What is told once for the whole message. */
function putMessageCounts(counts: MutableCounts, usage: unknown): void {
  const thinking = countOf(memberOf(memberOf(usage, "output_tokens_details"), "thinking_tokens"));
  if (thinking !== null && thinking <= (counts.output_tokens ?? 0)) counts.reasoning_output_tokens = thinking;
  const tools = memberOf(usage, "server_tool_use");
  putCount(counts, "web_search_requests", memberOf(tools, "web_search_requests"));
  putCount(counts, "web_fetch_requests", memberOf(tools, "web_fetch_requests"));
  putCount(counts, "code_execution_requests", memberOf(tools, "code_execution_requests"));
}
