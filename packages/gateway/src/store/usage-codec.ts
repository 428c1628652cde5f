/**
 * Usage records as the short text that a ledger keeps: members under short names, what is usual left out,
 * charge lines as arrays. Half the size of the records as they are, and nothing lost: a member that this
 * file does not know is kept under its own name. What was written once is read for ever, so entries of the
 * tables here are added, never changed.
 */

import type { ChargeLine, UsageRecord } from "@meshagent/llm-proxy-protocol/usage";

const shortNames: Readonly<Record<string, string>> = {
  kind: "k",
  model: "m",
  response_id: "r",
  service_tier: "t",
  source: "s",
  completeness: "c",
  billed: "b",
  cost_nano_usd: "n",
  cost_usd: "u",
  cost_status: "p",
  lines: "l",
  price_version: "v",
  raw: "w",
  input_tokens: "i",
  output_tokens: "o",
  cache_read_input_tokens: "ir",
  cache_write_input_tokens: "iw",
  reasoning_output_tokens: "or",
};
const longNames = new Map(Object.entries(shortNames).map(([long, short]) => [short, long]));

/** Left out when they have this value. */
const usual: Readonly<Record<string, unknown>> = {
  kind: "primary",
  completeness: "complete",
  billed: true,
  cost_status: "priced",
};

/** Put before an unknown name that a reader would take for a short one. */
const ESCAPE = "=";
const NANO_DIGITS = 9;

/** The text of an exchange's records. The same records always give the same text. */
export function encodeUsage(usage: readonly UsageRecord[]): string {
  return JSON.stringify(usage.map(shorten));
}

/** The records that `encodeUsage` was given. */
export function decodeUsage(text: string): readonly UsageRecord[] {
  const stored = JSON.parse(text) as readonly Record<string, unknown>[];
  return stored.map(lengthen);
}

function shorten(record: UsageRecord): Record<string, unknown> {
  const short: Record<string, unknown> = {};
  for (const name of Object.keys(record)) {
    const value: unknown = record[name as keyof UsageRecord];
    if (name in usual && usual[name] === value) continue;
    if (name === "cost_usd" && value === decimal(record.cost_nano_usd)) continue;
    const key = shortNames[name] ?? (longNames.has(name) || name.startsWith(ESCAPE) ? ESCAPE + name : name);
    short[key] = name === "lines" ? record.lines.map(shortenLine) : value;
  }
  return short;
}

function lengthen(short: Record<string, unknown>): UsageRecord {
  const record: Record<string, unknown> = { ...usual };
  for (const [key, value] of Object.entries(short)) {
    const name = longNames.get(key) ?? (key.startsWith(ESCAPE) ? key.slice(ESCAPE.length) : key);
    record[name] = value;
  }
  record["lines"] = (record["lines"] as readonly StoredLine[]).map(lengthenLine);
  if (!("cost_usd" in record)) record["cost_usd"] = decimal(record["cost_nano_usd"] as number | null);
  return record as unknown as UsageRecord;
}

type LineTuple = readonly [string, number, string, number, string];
type StoredLine = LineTuple | ChargeLine;

function shortenLine(line: ChargeLine): StoredLine {
  const tuple: LineTuple = [line.component, line.quantity, line.unit_price, line.per, line.amount];
  // A line with more to it than this file knows is kept as it is.
  return Object.keys(line).length === tuple.length ? tuple : line;
}

function lengthenLine(line: StoredLine): ChargeLine {
  if (!isTuple(line)) return line;
  const [component, quantity, unit_price, per, amount] = line;
  return { component, quantity, unit_price, per, amount };
}

function isTuple(line: StoredLine): line is LineTuple {
  return Array.isArray(line);
}

/** Nano-dollars as dollars with nine places, the usual `cost_usd`. */
function decimal(nanoUsd: number | null): string | null {
  if (nanoUsd === null || !Number.isSafeInteger(nanoUsd) || nanoUsd < 0) return null;
  const digits = String(nanoUsd).padStart(NANO_DIGITS + 1, "0");
  return `${digits.slice(0, -NANO_DIGITS)}.${digits.slice(-NANO_DIGITS)}`;
}
