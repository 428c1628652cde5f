/**
 * The records of a batch: each line is priced by itself, because what a token costs may depend on the size of its
 * request. A small batch keeps one record per line; of a large one the records of a model are added up, since a
 * row of the ledger cannot hold a hundred thousand.
 */

import type { ChargeLine, UsageCounts, UsageRecord } from "@meshagent/llm-proxy-protocol/usage";
import { add, formatDecimal, formatNanoUsd, parseDecimal } from "../money.ts";

/** A batch of no more lines keeps a record for each. */
export const MAX_RECORDS = 200;

export class BatchRecords {
  readonly #responseId: string;
  #single: UsageRecord[] | null = [];
  readonly #merged = new Map<string, UsageRecord>();

  /** `responseId` is the batch's, for records that stand for many lines. */
  constructor(responseId: string) {
    this.#responseId = responseId;
  }

  add(record: UsageRecord): void {
    if (this.#single !== null && this.#single.length < MAX_RECORDS) this.#single.push(record);
    else {
      for (const early of this.#single ?? []) this.#merge(early);
      this.#single = null;
      this.#merge(record);
    }
  }

  records(): readonly UsageRecord[] {
    return this.#single ?? [...this.#merged.values()];
  }

  #merge(record: UsageRecord): void {
    const { kind, model, service_tier, completeness, billed, cost_status, price_version } = record;
    const key = JSON.stringify([kind, model, service_tier, completeness, billed, cost_status, price_version]);
    const before = this.#merged.get(key);
    const alone = { ...record, response_id: this.#responseId, raw: null };
    this.#merged.set(key, before === undefined ? alone : sumOf(before, alone));
  }
}

function sumOf(one: UsageRecord, other: UsageRecord): UsageRecord {
  const known = one.cost_nano_usd !== null && other.cost_nano_usd !== null;
  const cost = known ? (one.cost_nano_usd ?? 0) + (other.cost_nano_usd ?? 0) : null;
  return {
    ...one,
    ...countsOf(one, other),
    cost_nano_usd: cost,
    cost_usd: cost === null ? null : formatNanoUsd(cost),
    lines: linesOf(one.lines, other.lines),
  };
}

const notCounted: ReadonlySet<string> = new Set(["cost_nano_usd"]);

function countsOf(one: UsageRecord, other: UsageRecord): UsageCounts {
  const sums: Record<string, number> = {};
  for (const record of [one, other]) {
    for (const [name, value] of Object.entries(record)) {
      if (typeof value === "number" && !notCounted.has(name)) sums[name] = (sums[name] ?? 0) + value;
    }
  }
  return sums;
}

function linesOf(one: readonly ChargeLine[], other: readonly ChargeLine[]): readonly ChargeLine[] {
  const lines = new Map<string, ChargeLine>();
  for (const line of [...one, ...other]) {
    const key = `${line.component} ${line.unit_price} ${line.per}`;
    const before = lines.get(key);
    const quantity = (before?.quantity ?? 0) + line.quantity;
    const amount = formatDecimal(add(parseDecimal(before?.amount ?? "0"), parseDecimal(line.amount)));
    lines.set(key, { ...line, quantity, amount });
  }
  return [...lines.values()];
}
