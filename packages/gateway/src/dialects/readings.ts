/**
 * What usage readers of every dialect share: the readings of replies that tell nothing, safe access to
 * parsed JSON, and the reading of a plain JSON body. It knows no provider's field names.
 */

import type { MeteredUsage, UsageCounts } from "@meshagent/llm-proxy-protocol/usage";
import { createJsonPicker } from "../json-pick.ts";
import type { JsonPicker, PickPath, PickResult } from "../json-pick.ts";
import type { ReplyContext, ReplyEnd, ReplyOutcome, ReplyReading, UsageReader } from "./usage-reader.ts";

/** Counts while they are being put together. */
export type MutableCounts = { -readonly [Name in keyof UsageCounts]: UsageCounts[Name] };

/** The member of a JSON object; undefined for anything else. */
export function memberOf(value: unknown, name: string): unknown {
  if (typeof value !== "object" || value === null || !Object.hasOwn(value, name)) return undefined;
  return (value as Record<string, unknown>)[name];
}

/** True for a JSON object. */
export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** A text that is not empty, else null. */
export function textOf(value: unknown): string | null {
  return typeof value === "string" && value !== "" ? value : null;
}

/** A token or call count: a whole number from 0 on. Anything else counts as not given. */
export function countOf(value: unknown): number | null {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0 ? value : null;
}

/** Sets a count that was given. */
export function putCount(counts: MutableCounts, name: keyof UsageCounts, value: unknown): void {
  const count = countOf(value);
  if (count !== null) counts[name] = count;
}

/** Adds to a count, where something was given. */
export function addCount(counts: MutableCounts, name: keyof UsageCounts, value: unknown): void {
  const count = countOf(value);
  if (count !== null) counts[name] = (counts[name] ?? 0) + count;
}

/** Who a record is about; what the reply did not say is null. */
export interface ReplyNames {
  readonly responseId: string | null;
  readonly servedModel: string | null;
  readonly servedTier: string | null;
}

export const noNames: ReplyNames = { responseId: null, servedModel: null, servedTier: null };

/** The reading of a reply that is billed and did not say how much. */
export function missingReading(
  context: ReplyContext,
  outcome: ReplyOutcome,
  names: ReplyNames = noNames,
): ReplyReading {
  return { outcome, usage: [missingUsage(context, names)], ...names };
}

/** The record of a billed response without numbers. */
export function missingUsage(context: ReplyContext, names: ReplyNames): MeteredUsage {
  return {
    kind: "primary",
    model: names.servedModel ?? context.requestedModel,
    response_id: names.responseId,
    service_tier: names.servedTier,
    source: "none",
    completeness: "missing",
    billed: true,
    raw: null,
  };
}

/** The reading of a reply that bills nothing. */
export function unbilledReading(outcome: ReplyOutcome, names: ReplyNames = noNames): ReplyReading {
  return { outcome, usage: [], ...names };
}

/** True for the statuses with which a provider bills. */
export function isSuccess(context: ReplyContext): boolean {
  return context.status >= 200 && context.status < 300;
}

/** The reader of a reply that is an error or a redirect: no provider bills one. */
export const upstreamErrorReader: UsageReader = {
  push: () => undefined,
  isTerminal: false,
  read: () => unbilledReading("upstream_error"),
};

/** True when the reply is to be read as server-sent events: by its media type, else by what was asked for. */
export function isEventStream(context: ReplyContext): boolean {
  if (context.mediaType === "text/event-stream") return true;
  if (context.mediaType === "application/json" || context.mediaType.endsWith("+json")) return false;
  return context.isStreamRequested;
}

/** What was found in a JSON text, asked by path. A path is the same array that was given to the picker. */
export class Picks {
  readonly malformed: string | null;
  readonly #result: PickResult;

  constructor(result: PickResult) {
    this.#result = result;
    this.malformed = result.malformed;
  }

  /** The value at a path; of a key given twice the last, as JSON parsers take it. undefined: not there. */
  get(path: PickPath): unknown {
    return this.#result.found.findLast((picked) => picked.path === path)?.value;
  }

  /** Every value at a path with the indexes of the arrays that lead to it. */
  all(path: PickPath): { readonly indexes: readonly number[]; readonly value: unknown }[] {
    return this.#result.found.filter((picked) => picked.path === path);
  }
}

/** What is found in nothing. */
export const noPicks: Picks = new Picks({ found: [], malformed: null });

/** A reply may have many thousand output items, each of which is looked at. */
const PICKER_LIMITS = { maxFound: 1_000_000 };

/** Picks from one whole JSON text. */
export function pickFrom(text: Uint8Array, paths: readonly PickPath[]): Picks {
  const picker = createJsonPicker(paths, PICKER_LIMITS);
  picker.push(text);
  return new Picks(picker.end());
}

/**
 * The reader of a plain JSON reply of any size: it holds what it picks and nothing else. Such a reply has no
 * terminal event, so `isTerminal` stays false and its end is the end of its bytes. Once it was read with bytes
 * in it, it takes no more.
 */
export class JsonBodyReader implements UsageReader {
  readonly isTerminal: boolean = false;
  readonly #picker: JsonPicker;
  readonly #readPicks: (picks: Picks, end: ReplyEnd) => ReplyReading;
  #picks: Picks | null = null;
  #isEmpty = true;
  /** What was read last, and for which end: the forwarder asks twice. */
  #reading: ReplyReading | null = null;
  #readEnd: ReplyEnd = "cut";

  constructor(paths: readonly PickPath[], readPicks: (picks: Picks, end: ReplyEnd) => ReplyReading) {
    this.#picker = createJsonPicker(paths, PICKER_LIMITS);
    this.#readPicks = readPicks;
  }

  push(chunk: Uint8Array): void {
    this.#isEmpty = false;
    if (this.#picks === null) this.#picker.push(chunk);
  }

  read(end: ReplyEnd): ReplyReading {
    if (this.#isEmpty) return this.#readPicks(noPicks, "cut");
    this.#picks ??= new Picks(this.#picker.end());
    const known = this.#picks.malformed === null ? end : "cut";
    if (this.#reading !== null && this.#readEnd === known) return this.#reading;
    this.#readEnd = known;
    this.#reading = this.#readPicks(this.#picks, known);
    return this.#reading;
  }
}
