/**
 * The agents of each session in a usage report. A line is added up from those of its agents, so that both come
 * from one read of the store and agree to the nano-dollar.
 */

import type { UsageReportRow } from "../store/store.ts";

/** A line of the report, and what each agent of its session has of it, in the order of their names. */
export interface SessionRow extends UsageReportRow {
  readonly agents: readonly UsageReportRow[];
}

/** Joins rows whose last dimension is the agent to rows without it. */
export function joinAgents(rows: readonly UsageReportRow[]): readonly SessionRow[] {
  const groups = new Map<string, UsageReportRow[]>();
  for (const row of rows) {
    const name = JSON.stringify([row.isSimulated, row.key.slice(0, -1)]);
    const group = groups.get(name);
    if (group === undefined) groups.set(name, [row]);
    else group.push(row);
  }
  return [...groups.values()].map((agents) => {
    const sum = agents.reduce(addRows);
    return { ...sum, key: sum.key.slice(0, -1), agents };
  });
}

/** An exchange has one agent, so that nothing is counted in two of them. */
function addRows(a: UsageReportRow, b: UsageReportRow): UsageReportRow {
  return {
    key: a.key,
    isSimulated: a.isSimulated,
    requests: a.requests + b.requests,
    inputTokens: a.inputTokens + b.inputTokens,
    outputTokens: a.outputTokens + b.outputTokens,
    cacheReadInputTokens: a.cacheReadInputTokens + b.cacheReadInputTokens,
    cacheWriteInputTokens: a.cacheWriteInputTokens + b.cacheWriteInputTokens,
    reasoningOutputTokens: a.reasoningOutputTokens + b.reasoningOutputTokens,
    costNanoUsd: a.costNanoUsd + b.costNanoUsd,
    unpricedRequests: a.unpricedRequests + b.unpricedRequests,
    inexactRequests: a.inexactRequests + b.inexactRequests,
  };
}
