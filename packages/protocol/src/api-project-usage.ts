/**
 * The usage of a project in the form of the official `@meshagent/meshagent` client: one row per group and
 * type of usage, with its total. Counts the same exchanges as the usage report (`api-usage.ts`), which says
 * more in less.
 */

import { z } from "zod";
import { pageQueryMembers, pagedMembers } from "./api-pages.ts";
import type { Paged, PageQuery } from "./api-pages.ts";
import { ledgerFilterMembers, timeSchema } from "./api-reports.ts";
import { usageDimensionListSchema, usageDimensions } from "./api-usage.ts";
import type { UsageDimension } from "./api-usage.ts";

/** What a row's `total` counts: US dollars, requests or tokens. */
export const usageTypes = [
  "cost",
  "requests",
  "input_tokens",
  "output_tokens",
  "cache_read_input_tokens",
  "cache_write_input_tokens",
  "reasoning_output_tokens",
] as const;

export type UsageType = (typeof usageTypes)[number];

/** The lengths of time that a report can be cut into, all in UTC. A week begins on Monday. */
export const usageIntervals = ["hour", "day", "week", "month"] as const;

export type UsageInterval = (typeof usageIntervals)[number];

export interface ProjectUsageQuery extends PageQuery {
  /** Received at or after this. Milliseconds since the epoch; on the wire also RFC 3339. */
  readonly start?: number | undefined;
  /** Received before this; as above. */
  readonly end?: number | undefined;
  readonly interval?: UsageInterval | undefined;
  /** What to split by: `["provider", "model"]` when absent. On the wire a list with commas. */
  readonly report?: readonly UsageDimension[] | undefined;
  /** Participants, any of them. On the wire a list with commas. */
  readonly users?: readonly string[] | undefined;
  readonly room?: string | undefined;
  readonly provider?: string | undefined;
  readonly model?: string | undefined;
  /** Rows of this type alone. */
  readonly usage_type?: UsageType | undefined;
}

const userList = z
  .union([z.string().transform((value) => value.split(",").map((part) => part.trim())), z.array(z.string())])
  .pipe(z.array(z.string().min(1)).min(1).max(100));

export const projectUsageQuerySchema: z.ZodType<ProjectUsageQuery> = z.strictObject({
  ...pageQueryMembers,
  start: timeSchema.optional().meta({ description: "Received at or after this time." }),
  end: timeSchema.optional().meta({ description: "Received before this time." }),
  interval: z.enum(usageIntervals).optional().meta({
    description: "Rows for each hour, day, week or month, in UTC; without it one for the whole time.",
  }),
  report: usageDimensionListSchema.optional().meta({
    description: `What to split by, with commas, of ${usageDimensions.join(", ")}; provider and model when absent.`,
  }),
  users: userList.optional().meta({ description: "Participants, with commas." }),
  room: ledgerFilterMembers.room,
  provider: ledgerFilterMembers.provider,
  model: ledgerFilterMembers.model,
  usage_type: z.enum(usageTypes).optional().meta({ description: "Rows of this type alone." }),
});

/** It has the members of the dimensions asked for and no others; null where an exchange has none. */
export interface ProjectUsageRow {
  /** When the interval of the row begins, RFC 3339; absent without an interval. */
  readonly start?: string;
  readonly provider?: string | null;
  readonly model?: string | null;
  readonly room?: string | null;
  readonly participant?: string | null;
  readonly session_id?: string | null;
  readonly agent_id?: string | null;
  readonly api_key_id?: string | null;
  readonly day?: string | null;
  readonly hour?: string | null;
  readonly type: UsageType;
  /** Of `cost` the nearest number; the exact amount is `cost_usd`. */
  readonly total: number;
  /** Decimal, nine places; in rows of type `cost` alone. */
  readonly cost_usd?: string;
  /** From the simulated provider: nothing that anybody pays for. */
  readonly simulated: boolean;
}

const value = z.string().nullable().exactOptional();

export const projectUsageRowSchema: z.ZodType<ProjectUsageRow> = z.object({
  start: z.string().exactOptional(),
  provider: value,
  model: value,
  room: value,
  participant: value,
  session_id: value,
  agent_id: value,
  api_key_id: value,
  day: value,
  hour: value,
  type: z.enum(usageTypes),
  total: z.number(),
  cost_usd: z.string().exactOptional(),
  simulated: z.boolean(),
});

export interface ProjectUsage extends Paged {
  readonly usage: readonly ProjectUsageRow[];
}

export const projectUsageSchema: z.ZodType<ProjectUsage> = z.object({
  usage: z.array(projectUsageRowSchema),
  ...pagedMembers,
});
