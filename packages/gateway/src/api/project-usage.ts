/** The usage of a project in the official client's form: rows of the usage report, one per type of usage. */

import type {
  ProjectUsage,
  ProjectUsageQuery,
  ProjectUsageRow,
  UsageInterval,
  UsageType,
} from "@meshagent/llm-proxy-protocol/api";
import { usageDimensionMembers, usageTypes } from "@meshagent/llm-proxy-protocol/api";
import { formatNanoUsd } from "../money.ts";
import type { ExchangeFilter, UsageDimension, UsageReportRow } from "../store/store.ts";
import type { ApiCall, ApiDeps, Handlers } from "./call.ts";
import { madePage } from "./pages.ts";

const DEFAULT_DIMENSIONS: readonly UsageDimension[] = ["provider", "model"];
const DAY_MS = 86_400_000;
const DAYS_PER_WEEK = 7;
/** 1970-01-01 was a Thursday: three days after its week began. */
const EPOCH_WEEKDAY = 3;

export function projectUsageHandlers(deps: ApiDeps): Pick<Handlers, "getProjectUsage"> {
  return { getProjectUsage: (call) => projectUsage(deps, call) };
}

async function projectUsage(
  deps: ApiDeps,
  { project, query }: ApiCall<"getProjectUsage">,
): Promise<ProjectUsage> {
  const by = query.report ?? DEFAULT_DIMENSIONS;
  const time: readonly UsageDimension[] =
    query.interval === undefined ? [] : [query.interval === "hour" ? "hour" : "day"];
  const rows = await deps.reports.usage(storeFilter(project.id, query), [...time, ...by]);
  const groups = groupsOf(rows, query.interval ?? null);
  const types = query.usage_type === undefined ? usageTypes : [query.usage_type];
  const { items, next_cursor } = madePage({
    list: "project_usage",
    query,
    rows: groups.flatMap((group) => types.flatMap((type) => typedGroup(group, type))),
    placeOf: ({ group, type }) => [
      group.start ?? "",
      group.isSimulated ? "1" : "0",
      ...group.key.map((value) => value ?? ""),
      String(usageTypes.indexOf(type)),
    ],
  });
  return { usage: items.map((item) => rowShape(item, by)), next_cursor };
}

function storeFilter(projectId: string, query: ProjectUsageQuery): ExchangeFilter {
  return {
    projectId,
    ...(query.start === undefined ? {} : { sinceMs: query.start }),
    ...(query.end === undefined ? {} : { untilMs: query.end }),
    ...(query.users === undefined ? {} : { participants: query.users }),
    ...(query.room === undefined ? {} : { room: query.room }),
    ...(query.provider === undefined ? {} : { provider: query.provider }),
    ...(query.model === undefined ? {} : { model: query.model }),
  };
}

/** What a group has of each type. Cost in nano-dollars. */
type Totals = Readonly<Record<UsageType, bigint>>;

interface Group {
  /** RFC 3339; null without an interval. */
  readonly start: string | null;
  readonly isSimulated: boolean;
  readonly key: readonly (string | null)[];
  readonly totals: Totals;
}

function groupsOf(rows: readonly UsageReportRow[], interval: UsageInterval | null): readonly Group[] {
  const groups = new Map<string, Group>();
  for (const row of rows) {
    const start = interval === null ? null : intervalStart(row.key[0] ?? "", interval);
    const key = interval === null ? row.key : row.key.slice(1);
    const name = JSON.stringify([start, row.isSimulated, key]);
    const known = groups.get(name);
    const totals = known === undefined ? totalsOf(row) : addTotals(known.totals, totalsOf(row));
    groups.set(name, { start, isSimulated: row.isSimulated, key, totals });
  }
  return [...groups.values()];
}

function totalsOf(row: UsageReportRow): Totals {
  return {
    cost: row.costNanoUsd,
    requests: BigInt(row.requests),
    input_tokens: BigInt(row.inputTokens),
    output_tokens: BigInt(row.outputTokens),
    cache_read_input_tokens: BigInt(row.cacheReadInputTokens),
    cache_write_input_tokens: BigInt(row.cacheWriteInputTokens),
    reasoning_output_tokens: BigInt(row.reasoningOutputTokens),
  };
}

function addTotals(a: Totals, b: Totals): Totals {
  const sums = usageTypes.map((type) => [type, a[type] + b[type]] as const);
  return Object.fromEntries(sums) as Totals;
}

/** When the interval begins that holds this hour (`2026-11-23T14:00:00Z`) or day (`2026-11-23`). */
function intervalStart(hourOrDay: string, interval: UsageInterval): string {
  if (interval === "hour") return hourOrDay;
  const midnight = (day: string): string => `${day}T00:00:00Z`;
  if (interval === "day") return midnight(hourOrDay);
  if (interval === "month") return midnight(`${hourOrDay.slice(0, 7)}-01`);
  const day = Math.floor(Date.parse(hourOrDay) / DAY_MS);
  const monday = day - ((day + EPOCH_WEEKDAY) % DAYS_PER_WEEK);
  return midnight(new Date(monday * DAY_MS).toISOString().slice(0, 10));
}

interface TypedGroup {
  readonly group: Group;
  readonly type: UsageType;
}

/** A group has a row for each type that it has something of, and for its cost always. */
function typedGroup(group: Group, type: UsageType): readonly TypedGroup[] {
  return type === "cost" || group.totals[type] > 0n ? [{ group, type }] : [];
}

function rowShape({ group, type }: TypedGroup, by: readonly UsageDimension[]): ProjectUsageRow {
  const total = group.totals[type];
  return {
    ...(group.start === null ? {} : { start: group.start }),
    ...Object.fromEntries(by.map((name, index) => [usageDimensionMembers[name], group.key[index] ?? null])),
    type,
    // The official client reads numbers; whoever adds up money reads `cost_usd`.
    ...(type === "cost"
      ? { total: Number(formatNanoUsd(total)), cost_usd: formatNanoUsd(total) }
      : { total: Number(total) }),
    simulated: group.isSimulated,
  };
}
