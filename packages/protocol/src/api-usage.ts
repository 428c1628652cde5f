/**
 * The usage report: requests, tokens and cost, summed over any set of dimensions. Simulated exchanges have
 * lines of their own and are in no sum with real ones.
 */

import { z } from "zod";
import { budgetSchema } from "./api-budgets.ts";
import type { Budget } from "./api-budgets.ts";
import { pageQueryMembers, pagedMembers } from "./api-pages.ts";
import type { Paged, PageQuery } from "./api-pages.ts";
import { ledgerFilterMembers, timeSchema } from "./api-reports.ts";
import type { LedgerFilter } from "./api-reports.ts";

/** What a report can be split by. */
export const usageDimensions = [
  "model",
  "room",
  "participant",
  "session",
  "agent",
  "api-key",
  "provider",
  "day",
  "hour",
] as const;

export type UsageDimension = (typeof usageDimensions)[number];

/** The member of a row that holds a dimension's value: the name that an exchange and a filter have for it. */
export const usageDimensionMembers = {
  model: "model",
  room: "room",
  participant: "participant",
  session: "session_id",
  agent: "agent_id",
  "api-key": "api_key_id",
  provider: "provider",
  day: "day",
  hour: "hour",
} as const;

export interface UsageQuery extends LedgerFilter, PageQuery {
  /** `["model"]` when absent. On the wire a list with commas. */
  readonly by?: readonly UsageDimension[] | undefined;
  /** The official client's words for `since`, `until` and one more dimension of time. */
  readonly start?: number | undefined;
  readonly end?: number | undefined;
  readonly interval?: "day" | "hour" | undefined;
}

const dimension = z.enum(usageDimensions);

/** On the wire a list with commas. */
export const usageDimensionListSchema: z.ZodType<readonly UsageDimension[]> = z
  .union([z.string().transform((value) => value.split(",").map((part) => part.trim())), z.array(z.string())])
  .pipe(
    z
      .array(dimension)
      .min(1)
      .refine((list) => new Set(list).size === list.length, "names a dimension twice"),
  );

export const usageQuerySchema: z.ZodType<UsageQuery> = z
  .strictObject({
    ...ledgerFilterMembers,
    ...pageQueryMembers,
    by: usageDimensionListSchema.optional().meta({
      description: `What to split by, with commas, of ${usageDimensions.join(", ")}; model when absent.`,
    }),
    start: timeSchema.optional().meta({ description: "The same as `since`." }),
    end: timeSchema.optional().meta({ description: "The same as `until`." }),
    interval: z
      .enum(["day", "hour"])
      .optional()
      .meta({ description: "The same as one more dimension in `by`." }),
  })
  .refine(
    ({ start, since, end, until }) =>
      (start === undefined || since === undefined) && (end === undefined || until === undefined),
    "`start` is `since` and `end` is `until`: give one of each.",
  );

/** Sums. Tokens of billed records; `input_tokens` and `output_tokens` are inclusive, the others part of them. */
export interface UsageTotals {
  readonly requests: number;
  readonly input_tokens: number;
  readonly output_tokens: number;
  readonly cache_read_input_tokens: number;
  readonly cache_write_input_tokens: number;
  readonly reasoning_output_tokens: number;
  /** Sum of all known costs, nine places, always exact. */
  readonly cost_usd: string;
  /** The same; null above 2^53 - 1 (nine million dollars), where a JSON reader would round it. */
  readonly cost_nano_usd: number | null;
  /** Requests whose cost is not known, and which `cost_usd` therefore lacks. */
  readonly unpriced_requests: number;
  /** Requests whose usage is estimated or partial. */
  readonly inexact_requests: number;
}

/** What one agent of a session has of a line. */
export interface AgentUsage extends UsageTotals {
  /** As the client calls it, such as `/root/research` in Codex; null for the main agent of most clients. */
  readonly agent_id: string | null;
}

/** One line of the report. It has the members of the dimensions asked for and no others; null where an exchange has none. */
export interface UsageRow extends UsageTotals {
  readonly model?: string | null;
  readonly room?: string | null;
  readonly participant?: string | null;
  readonly session_id?: string | null;
  readonly agent_id?: string | null;
  readonly api_key_id?: string | null;
  readonly provider?: string | null;
  /** `2026-11-23`, in UTC. */
  readonly day?: string | null;
  /** When the hour begins: `2026-11-23T14:00:00Z`. */
  readonly hour?: string | null;
  readonly simulated: boolean;
  /**
   * Where the report is split by session and not by agent: all agents of the session, its sub-agents among them.
   * They add up to the line. Gateways before 0.2 leave it out.
   */
  readonly agents?: readonly AgentUsage[];
}

const totals = {
  requests: z.int(),
  input_tokens: z.number(),
  output_tokens: z.number(),
  cache_read_input_tokens: z.number(),
  cache_write_input_tokens: z.number(),
  reasoning_output_tokens: z.number(),
  cost_usd: z.string(),
  cost_nano_usd: z.int().nullable(),
  unpriced_requests: z.int(),
  inexact_requests: z.int(),
};

export const usageTotalsSchema: z.ZodType<UsageTotals> = z.object(totals);

const value = z.string().nullable().exactOptional();

export const usageRowSchema: z.ZodType<UsageRow> = z.object({
  model: value,
  room: value,
  participant: value,
  session_id: value,
  agent_id: value,
  api_key_id: value,
  provider: value,
  day: value,
  hour: value,
  simulated: z.boolean(),
  ...totals,
  agents: z.array(z.object({ agent_id: z.string().nullable(), ...totals })).exactOptional(),
});

/** A page of the rows; the totals are those of all. */
export interface UsageReport extends Paged {
  /** The dimensions of the rows, in their order. */
  readonly by: readonly UsageDimension[];
  readonly usage: readonly UsageRow[];
  /** Over all real exchanges of the filter: not the sum of rows, because one request may bill two models. */
  readonly total: UsageTotals;
  /** The same over simulated exchanges; null when there are none. */
  readonly simulated_total: UsageTotals | null;
  /** Those that could have a part in what the filter finds, as they stand now. None for an API key. */
  readonly budgets: readonly Budget[];
}

export const usageReportSchema: z.ZodType<UsageReport> = z.object({
  by: z.array(dimension),
  usage: z.array(usageRowSchema),
  total: usageTotalsSchema,
  simulated_total: usageTotalsSchema.nullable(),
  // Left out by gateways before budgets.
  budgets: z.array(budgetSchema).default([]),
  ...pagedMembers,
});
