/** Reads of the ledger: the usage report and single exchanges. A project never sees another's rows. */

import type {
  LedgerFilter,
  UsageQuery,
  UsageReport,
  UsageRow,
  UsageTotals,
} from "@meshagent/llm-proxy-protocol/api";
import { usageDimensionMembers } from "@meshagent/llm-proxy-protocol/api";
import { quoted } from "@meshagent/llm-proxy-protocol/name";
import { formatNanoUsd } from "../money.ts";
import type { ExchangeFilter, ExchangePage, UsageDimension, UsageReportRow } from "../store/store.ts";
import type { ApiCall, ApiDeps, Handlers } from "./call.ts";
import { budgetsFor } from "./budgets.ts";
import { exchangeShape } from "./exchange-shape.ts";
import { ApiFault } from "./fault.ts";
import { madePage } from "./pages.ts";
import { joinAgents } from "./session-agents.ts";
import type { SessionRow } from "./session-agents.ts";

type LedgerHandlers = Pick<Handlers, "getUsage" | "listExchanges" | "getExchange">;

const DEFAULT_LIMIT = 100;
const DEFAULT_DIMENSIONS: readonly UsageDimension[] = ["model"];

export function ledgerHandlers(deps: ApiDeps): LedgerHandlers {
  return {
    getUsage: (call) => usageReport(deps, call),
    listExchanges: async ({ project, query }) => {
      const page = await exchangePage(deps, { project, query });
      return { exchanges: page.exchanges.map(exchangeShape), next_cursor: page.nextCursor };
    },
    getExchange: async ({ project, params }) => {
      const exchange = await deps.reports.exchange(project.id, params.exchange);
      if (exchange === null)
        throw new ApiFault("not_found", `The project has no exchange ${quoted(params.exchange)}.`);
      return exchangeShape(exchange);
    },
  };
}

async function exchangePage(
  deps: ApiDeps,
  { project, query }: Pick<ApiCall<"listExchanges">, "project" | "query">,
): Promise<ExchangePage> {
  const limit = query.limit ?? DEFAULT_LIMIT;
  const page = query.cursor === undefined ? { limit } : { limit, cursor: query.cursor };
  return deps.reports.exchanges(storeFilter(project.id, query), page);
}

async function usageReport(
  deps: ApiDeps,
  { project, query, caller }: ApiCall<"getUsage">,
): Promise<UsageReport> {
  const by = dimensionsOf(query);
  const since = query.since ?? query.start;
  const until = query.until ?? query.end;
  const filter = storeFilter(project.id, { ...query, since, until });
  // The totals are asked for by themselves: one request may stand in the rows of two models.
  const [rows, totals] = await Promise.all([reportRows(deps, filter, by), deps.reports.usage(filter, [])]);
  const real = totals.find(({ isSimulated }) => !isSimulated);
  const simulated = totals.find(({ isSimulated }) => isSimulated);
  const { items, next_cursor } = madePage({
    list: "usage",
    query,
    rows,
    // The store's own order.
    placeOf: ({ isSimulated, key }) => [isSimulated ? "1" : "0", ...key.map((value) => value ?? "")],
  });
  return {
    by,
    usage: items.map((row) => usageRow(row, by)),
    total: real === undefined ? nothing : totalsShape(real),
    simulated_total: simulated === undefined ? null : totalsShape(simulated),
    // What an owner allows is no business of a key.
    budgets: caller.kind === "owner" ? await budgetsFor(deps, project.id, query) : [],
    next_cursor,
  };
}

/** A session's rows tell its agents, unless they are rows of their own already. */
async function reportRows(
  deps: ApiDeps,
  filter: ExchangeFilter,
  by: readonly UsageDimension[],
): Promise<readonly (UsageReportRow | SessionRow)[]> {
  if (!by.includes("session") || by.includes("agent")) return deps.reports.usage(filter, by);
  return joinAgents(await deps.reports.usage(filter, [...by, "agent"]));
}

function dimensionsOf({ by = DEFAULT_DIMENSIONS, interval }: UsageQuery): readonly UsageDimension[] {
  return interval === undefined || by.includes(interval) ? by : [...by, interval];
}

function usageRow(row: UsageReportRow | SessionRow, by: readonly UsageDimension[]): UsageRow {
  const key = Object.fromEntries(
    by.map((name, index) => [usageDimensionMembers[name], row.key[index] ?? null]),
  );
  const shape = { ...key, simulated: row.isSimulated, ...totalsShape(row) };
  if (!("agents" in row)) return shape;
  const agents = row.agents.map((agent) => ({ agent_id: agent.key.at(-1) ?? null, ...totalsShape(agent) }));
  return { ...shape, agents };
}

function totalsShape(row: UsageReportRow): UsageTotals {
  const cost = Number(row.costNanoUsd);
  return {
    requests: row.requests,
    input_tokens: row.inputTokens,
    output_tokens: row.outputTokens,
    cache_read_input_tokens: row.cacheReadInputTokens,
    cache_write_input_tokens: row.cacheWriteInputTokens,
    reasoning_output_tokens: row.reasoningOutputTokens,
    cost_usd: formatNanoUsd(row.costNanoUsd),
    cost_nano_usd: Number.isSafeInteger(cost) ? cost : null,
    unpriced_requests: row.unpricedRequests,
    inexact_requests: row.inexactRequests,
  };
}

const nothing: UsageTotals = {
  requests: 0,
  input_tokens: 0,
  output_tokens: 0,
  cache_read_input_tokens: 0,
  cache_write_input_tokens: 0,
  reasoning_output_tokens: 0,
  cost_usd: formatNanoUsd(0),
  cost_nano_usd: 0,
  unpriced_requests: 0,
  inexact_requests: 0,
};

function storeFilter(projectId: string, query: LedgerFilter): ExchangeFilter {
  return {
    projectId,
    ...(query.since === undefined ? {} : { sinceMs: query.since }),
    ...(query.until === undefined ? {} : { untilMs: query.until }),
    ...(query.room === undefined ? {} : { room: query.room }),
    ...(query.participant === undefined ? {} : { participant: query.participant }),
    ...(query.model === undefined ? {} : { model: query.model }),
    ...(query.provider === undefined ? {} : { provider: query.provider }),
    ...(query.session_id === undefined ? {} : { sessionId: query.session_id }),
    ...(query.api_key_id === undefined ? {} : { apiKeyId: query.api_key_id }),
  };
}
