/**
 * The usage report. Whole hours come from the rollup; the parts of an hour at the two edges are added up
 * from their exchanges. So a report is exact to the millisecond, and its work grows with the hours asked
 * for and the exchanges of at most two of them. Where exchanges were deleted, an edge is a whole hour.
 */

import type { DatabaseSync } from "node:sqlite";
import type { ExchangeFilter, UsageDimension, UsageReportRow } from "../store.ts";
import { bigint, integer, text, textOrNull } from "./columns.ts";
import type { Row } from "./columns.ts";
import { readResult } from "./exchange-rows.ts";
import { isModelOrSnapshot } from "../model-filter.ts";
import { modelNameValues, numberOfName, numbersOfModel } from "./names.ts";
import { filterConditions, where } from "./report-filter.ts";
import type { Conditions } from "./report-filter.ts";
import { exchangesBeginMs } from "./retention.ts";
import { HOUR_MS } from "./rollup-writer.ts";
import { isNothing, sharesByModel } from "./rollup.ts";
import type { Measures } from "./rollup.ts";

const HOURS_PER_DAY = 24;
const DAY_MS = HOUR_MS * HOURS_PER_DAY;

/** What the rollup calls each dimension. A day is the UTC date of `received_at`. */
const dimensionSql: Readonly<Record<UsageDimension, string>> = {
  model: "model_n",
  room: "room_n",
  participant: "participant_n",
  session: "session_n",
  agent: "agent_n",
  "api-key": "api_key_n",
  provider: "provider_n",
  day: `hour / ${HOURS_PER_DAY}`,
  hour: "hour",
};

/** From `fromMs` on, up to but not at `toMs`. */
interface Span {
  readonly fromMs: number;
  readonly toMs: number;
}

/** A range of time as whole hours and what is left at its edges. */
export interface SplitRange {
  /** Hours since the epoch, from `first` on, up to but not at `end`. null: no whole hour. */
  readonly hours: { readonly first: number; readonly end: number } | null;
  readonly edges: readonly Span[];
}

/** Splits `[sinceMs, untilMs)`; both may be infinite. */
export function splitRange(sinceMs: number, untilMs: number): SplitRange {
  if (sinceMs >= untilMs) return { hours: null, edges: [] };
  const first = Math.ceil(sinceMs / HOUR_MS);
  const end = Math.floor(untilMs / HOUR_MS);
  if (first > end) return { hours: null, edges: [{ fromMs: sinceMs, toMs: untilMs }] };
  const edges = [
    { fromMs: sinceMs, toMs: first * HOUR_MS },
    { fromMs: end * HOUR_MS, toMs: untilMs },
  ].filter((edge) => edge.fromMs < edge.toMs);
  return { hours: first < end ? { first, end } : null, edges };
}

interface Line {
  readonly key: readonly (string | null)[];
  readonly isSimulated: boolean;
  readonly sums: Record<keyof Measures, bigint>;
}

type Lines = Map<string, Line>;

/** See `Reports.usage`. Reads all of it from one state of the database. */
export function queryUsage(
  database: DatabaseSync,
  filter: ExchangeFilter,
  by: readonly UsageDimension[],
): readonly UsageReportRow[] {
  const lines: Lines = new Map();
  database.exec("BEGIN");
  try {
    const beginMs = exchangesBeginMs(database);
    const { hours, edges } = splitRange(
      wholeHourBefore(beginMs, filter.sinceMs ?? -Infinity),
      wholeHourBefore(beginMs, upperEnd(database, filter, beginMs)),
    );
    if (hours !== null) addHours(database, { filter, by, hours, lines });
    for (const span of edges) addEdge(database, { filter, by, span, lines });
  } finally {
    database.exec("COMMIT");
  }
  return [...lines.values()]
    .filter((line) => !isNothing(line.sums))
    .map(toReportRow)
    .toSorted(compareRows);
}

// The parts of an hour that lost its exchanges cannot be told apart, so the hour counts where its first moment does.
// Two ranges that meet inside it then share nothing and lose nothing.
function wholeHourBefore(beginMs: number, edgeMs: number): number {
  return edgeMs < beginMs ? Math.ceil(edgeMs / HOUR_MS) * HOUR_MS : edgeMs;
}

// A range that ends after the newest exchange, of those that were deleted as well, has no edge there. This is every
// report up to now, whose last hour is the busiest to scan.
function upperEnd(database: DatabaseSync, { projectId, untilMs }: ExchangeFilter, beginMs: number): number {
  if (untilMs === undefined) return Infinity;
  if (untilMs < beginMs) return untilMs;
  const newest = database
    .prepare(
      `SELECT received_at FROM exchanges WHERE project_n = ${numberOfName} ORDER BY received_at DESC LIMIT 1`,
    )
    .get(projectId);
  return newest === undefined || integer(newest, "received_at") < untilMs ? Infinity : untilMs;
}

interface HoursQuery {
  readonly filter: ExchangeFilter;
  readonly by: readonly UsageDimension[];
  readonly hours: { readonly first: number; readonly end: number };
}

function addHours(database: DatabaseSync, query: HoursQuery & { readonly lines: Lines }): void {
  const { sql, values } = hoursSql(query);
  const statement = database.prepare(sql);
  statement.setReadBigInts(true);
  for (const row of statement.iterate(...values)) {
    const key = query.by.map((dimension, index) => hoursKey(row, dimension, `k${index}`));
    const line = findLine(query.lines, key, integer(row, "is_simulated") === 1);
    for (const name of measureNames) line.sums[name] += bigint(row, name);
  }
}

function hoursKey(row: Row, dimension: UsageDimension, column: string): string | null {
  if (dimension === "day") return toDate(integer(row, column) * DAY_MS);
  if (dimension === "hour") return toHour(integer(row, column) * HOUR_MS);
  return text(row, column) || null;
}

/** The statement over the rollup, apart, so that a test can ask how it would run. */
export function hoursSql({ filter, by, hours }: HoursQuery): { sql: string; values: Conditions["values"] } {
  const conditions = filterConditions(filter);
  if (hours.first > -Infinity) where(conditions, "hour >= ?", hours.first);
  if (hours.end < Infinity) where(conditions, "hour < ?", hours.end);
  if (filter.model !== undefined) {
    where(conditions, `model_n IN ${numbersOfModel}`, ...modelNameValues(filter.model));
  }
  const keys = by.map((dimension, index) =>
    dimension === "day" || dimension === "hour"
      ? `${dimensionSql[dimension]} AS k${index}`
      : `(SELECT name FROM names WHERE n = ${dimensionSql[dimension]}) AS k${index}`,
  );
  const sums = measureNames.map((name) => `sum(${measureSql[name]}) AS ${name}`);
  const groups = ["is_simulated", ...by.map((dimension) => dimensionSql[dimension])];
  return {
    sql: `SELECT ${[...keys, "is_simulated", ...sums].join(", ")} FROM usage_hours
      WHERE ${conditions.sql.join(" AND ")} GROUP BY ${groups.join(", ")}`,
    values: conditions.values,
  };
}

const measureSql: Readonly<Record<keyof Measures, string>> = {
  requests: "requests",
  inputTokens: "input_tokens",
  outputTokens: "output_tokens",
  cacheReadInputTokens: "cache_read_input_tokens",
  cacheWriteInputTokens: "cache_write_input_tokens",
  reasoningOutputTokens: "reasoning_output_tokens",
  costNanoUsd: "cost_nano_usd",
  unpricedRequests: "unpriced_requests",
  inexactRequests: "inexact_requests",
};
const measureNames = Object.keys(measureSql) as readonly (keyof Measures)[];

interface EdgeQuery {
  readonly filter: ExchangeFilter;
  readonly by: readonly UsageDimension[];
  readonly span: Span;
  readonly lines: Lines;
}

function addEdge(database: DatabaseSync, { filter, by, span, lines }: EdgeQuery): void {
  const conditions = filterConditions(filter);
  where(conditions, "received_at >= ?", span.fromMs);
  where(conditions, "received_at < ?", span.toMs);
  const statement = database.prepare(
    `SELECT * FROM named_exchanges WHERE ${conditions.sql.join(" AND ")} AND outcome IS NOT NULL`,
  );
  for (const row of statement.iterate(...conditions.values)) {
    const result = readResult(row);
    if (result === null) continue;
    const isSimulated = integer(row, "is_simulated") === 1;
    const intent = { requestedModel: text(row, "requested_model") };
    for (const [model, share] of sharesByModel(intent, result)) {
      if (filter.model !== undefined && !isModelOrSnapshot(filter.model, model)) continue;
      const key = by.map((dimension) => exchangeKey(row, dimension, model));
      const line = findLine(lines, key, isSimulated);
      for (const name of measureNames) line.sums[name] += BigInt(share[name]);
    }
  }
}

const exchangeColumns = {
  room: "room",
  participant: "participant",
  session: "session_id",
  agent: "agent_id",
  "api-key": "api_key_id",
  provider: "provider",
} as const;

function exchangeKey(row: Row, dimension: UsageDimension, model: string): string | null {
  if (dimension === "model") return model || null;
  if (dimension === "day") return toDate(integer(row, "received_at"));
  if (dimension === "hour") return toHour(integer(row, "received_at"));
  return textOrNull(row, exchangeColumns[dimension]) || null;
}

function findLine(lines: Lines, key: Line["key"], isSimulated: boolean): Line {
  const name = JSON.stringify([key, isSimulated]);
  const known = lines.get(name);
  if (known !== undefined) return known;
  const sums = Object.fromEntries(measureNames.map((measure) => [measure, 0n])) as Line["sums"];
  const line = { key, isSimulated, sums };
  lines.set(name, line);
  return line;
}

function toReportRow({ key, isSimulated, sums }: Line): UsageReportRow {
  return {
    key,
    isSimulated,
    requests: Number(sums.requests),
    inputTokens: Number(sums.inputTokens),
    outputTokens: Number(sums.outputTokens),
    cacheReadInputTokens: Number(sums.cacheReadInputTokens),
    cacheWriteInputTokens: Number(sums.cacheWriteInputTokens),
    reasoningOutputTokens: Number(sums.reasoningOutputTokens),
    costNanoUsd: sums.costNanoUsd,
    unpricedRequests: Number(sums.unpricedRequests),
    inexactRequests: Number(sums.inexactRequests),
  };
}

/** Real before simulated, then by key; what has none first. */
function compareRows(a: UsageReportRow, b: UsageReportRow): number {
  if (a.isSimulated !== b.isSimulated) return a.isSimulated ? 1 : -1;
  for (const [index, value] of a.key.entries()) {
    const other = b.key[index] ?? "";
    if ((value ?? "") !== other) return (value ?? "") < other ? -1 : 1;
  }
  return 0;
}

function toDate(epochMs: number): string {
  return new Date(epochMs).toISOString().slice(0, 10);
}

function toHour(epochMs: number): string {
  return `${new Date(epochMs).toISOString().slice(0, 13)}:00:00Z`;
}
