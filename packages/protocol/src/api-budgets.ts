/**
 * Budgets and limits, as the management API shows and takes them. Amounts are decimal strings in USD, shown as short as
 * they are exact. What is used of a budget is told for its current period.
 */

import { z } from "zod";
import { pagedMembers } from "./api-pages.ts";
import type { Paged } from "./api-pages.ts";
import { checkedName } from "./api-resources.ts";
import { MAX_COUNT } from "./llm-caps.ts";
import { findUuid } from "./name.ts";
import { MAX_USD, parseNanoUsd } from "./usd.ts";

/**
 * The part of a project that a limit is for. null or absent: everybody together; `*`: each one separately; else the one
 * that is named.
 */
export interface LimitScope {
  readonly room?: string | null | undefined;
  readonly participant?: string | null | undefined;
  readonly api_key_id?: string | null | undefined;
  readonly session_id?: string | null | undefined;
  /** `provider/model`, exact or ending in `*`; null for every model. */
  readonly model?: string | null | undefined;
}

const modelPattern = z
  .string()
  .max(200)
  .regex(/^[^/*]+\/[^*]*\*?$|^\*$/, "must be provider/model, or end in * such as provider/*");

const keyId = z
  .string()
  .refine((value) => value === "*" || findUuid(value) !== null, "must be the id of an API key, or *")
  .transform((value) => value.toLowerCase());

export const limitScopeSchema: z.ZodType<LimitScope> = z.strictObject({
  room: checkedName.nullish().meta({ description: "A room's name; `*` for each room separately." }),
  participant: checkedName.nullish().meta({ description: "A participant; `*` for each one separately." }),
  api_key_id: keyId.nullish().meta({ description: "An API key's id; `*` for each one separately." }),
  session_id: checkedName.nullish().meta({ description: "A session; `*` for each one separately." }),
  model: modelPattern.nullish().meta({ description: "`provider/model`, exact or ending in `*`." }),
});

export const budgetPeriods = ["day", "week", "month", "total"] as const;
export const budgetModes = ["hard", "hard-no-edit", "soft"] as const;
export type BudgetPeriod = (typeof budgetPeriods)[number];
export type BudgetMode = (typeof budgetModes)[number];

export interface SetBudgetBody {
  /** For people: it stands in messages. */
  readonly name?: string | null | undefined;
  readonly amount_usd: string;
  /** Requests that were let in may go over the amount by this. Default 0. */
  readonly tolerance_usd?: string | null | undefined;
  /** Default `month`. */
  readonly period?: BudgetPeriod | null | undefined;
  /** IANA name of the zone whose calendar counts. Default UTC. */
  readonly time_zone?: string | null | undefined;
  /** Default `hard`. */
  readonly mode?: BudgetMode | null | undefined;
  readonly scope?: LimitScope | null | undefined;
  /** Notified when so many percent are spent. Default none. */
  readonly notify_at_percent?: readonly number[] | null | undefined;
}

const MAX_THRESHOLDS = 20;
const MAX_PERCENT = 1000;

const usd = z
  .string()
  .refine(
    (value) => parseNanoUsd(value) !== null,
    `must be an amount in USD such as 10 or 0.75, with at most nine places, not negative, at most ${MAX_USD}`,
  );

const timeZone = z.string().refine(isTimeZone, "must be an IANA time zone, such as Europe/Berlin or UTC");

export const setBudgetBodySchema: z.ZodType<SetBudgetBody> = z.strictObject({
  name: checkedName.nullish().meta({ description: "For people: it stands in messages." }),
  amount_usd: usd.meta({ description: "Decimal, at most nine places." }),
  tolerance_usd: usd.nullish().meta({ description: "Requests that were let in may go over by this." }),
  period: z.enum(budgetPeriods).nullish().meta({ description: "`month` when absent." }),
  time_zone: timeZone.nullish().meta({ description: "Whose calendar counts; UTC when absent." }),
  mode: z
    .enum(budgetModes)
    .nullish()
    .meta({
      description:
        "`hard` (also when absent) is never overspent and may lower a request's output limit to what fits; " +
        "`hard-no-edit` refuses instead; `soft` refuses nothing.",
    }),
  scope: limitScopeSchema.nullish(),
  notify_at_percent: z
    .array(z.int().min(1).max(MAX_PERCENT))
    .max(MAX_THRESHOLDS)
    .nullish()
    .meta({ description: "Notified when so many percent are spent." }),
});

/** What is used of a budget in its current period, by one subject: the values of what its scope has `*` for. */
export interface BudgetAccount {
  readonly subject: LimitScope;
  readonly spent_usd: string;
  /** By requests that run. */
  readonly held_usd: string;
  /** Of the amount and the tolerance. */
  readonly free_usd: string;
  /** Whole percent of the amount, rounded down. */
  readonly spent_percent: number;
}

/** A budget, with all members of its scope. */
export interface Budget {
  readonly id: string;
  readonly project_id: string;
  readonly name: string | null;
  readonly amount_usd: string;
  readonly tolerance_usd: string;
  readonly period: BudgetPeriod;
  readonly time_zone: string;
  readonly mode: BudgetMode;
  readonly scope: LimitScope;
  readonly notify_at_percent: readonly number[];
  readonly created_at: string;
  /** When its next period begins; null for `total`. */
  readonly resets_at: string | null;
  /** How many subjects have used it in this period. */
  readonly subjects: number;
  /** The subject that has spent most; zeros where nobody has spent yet. */
  readonly fullest: BudgetAccount;
}

const subjectSchema: z.ZodType<LimitScope> = z.object({
  room: z.string().exactOptional(),
  participant: z.string().exactOptional(),
  api_key_id: z.string().exactOptional(),
  session_id: z.string().exactOptional(),
});

const accountSchema: z.ZodType<BudgetAccount> = z.object({
  subject: subjectSchema,
  spent_usd: z.string(),
  held_usd: z.string(),
  free_usd: z.string(),
  spent_percent: z.int(),
});

const shownScope = z.object({
  room: z.string().nullable(),
  participant: z.string().nullable(),
  api_key_id: z.string().nullable(),
  session_id: z.string().nullable(),
  model: z.string().nullable(),
});

const budgetMembers = {
  id: z.string(),
  project_id: z.string(),
  name: z.string().nullable(),
  amount_usd: z.string(),
  tolerance_usd: z.string(),
  period: z.enum(budgetPeriods),
  time_zone: z.string(),
  mode: z.enum(budgetModes),
  scope: shownScope,
  notify_at_percent: z.array(z.int()),
  created_at: z.string(),
  resets_at: z.string().nullable(),
  subjects: z.int(),
  fullest: accountSchema,
};

export const budgetSchema: z.ZodType<Budget> = z.object(budgetMembers);

/** How far a notice has come: `unsent` where the gateway has no webhook, and the log alone told it. */
export const noticeDeliveries = ["waiting", "delivered", "given_up", "unsent"] as const;
export type NoticeDelivery = (typeof noticeDeliveries)[number];

/** So many percent of the amount were spent, by one subject in one period. */
export interface BudgetNotice {
  /** Also the `webhook-id`. */
  readonly id: string;
  readonly subject: LimitScope;
  readonly percent: number;
  /** As they were then. */
  readonly amount_usd: string;
  readonly spent_usd: string;
  readonly made_at: string;
  readonly delivery: NoticeDelivery;
  /** Deliveries that were tried. */
  readonly attempts: number;
}

/** One budget with every subject of its current period, the one that has spent most first. */
export interface BudgetDetails extends Budget {
  readonly accounts: readonly BudgetAccount[];
  /** Of all periods, the newest first, the newest hundred. */
  readonly notices: readonly BudgetNotice[];
}

const noticeSchema: z.ZodType<BudgetNotice> = z.object({
  id: z.string(),
  subject: subjectSchema,
  percent: z.int(),
  amount_usd: z.string(),
  spent_usd: z.string(),
  made_at: z.string(),
  delivery: z.enum(noticeDeliveries),
  attempts: z.int(),
});

export const budgetDetailsSchema: z.ZodType<BudgetDetails> = z.object({
  ...budgetMembers,
  accounts: z.array(accountSchema),
  notices: z.array(noticeSchema),
});

export interface BudgetList extends Paged {
  readonly budgets: readonly Budget[];
}

export const budgetListSchema: z.ZodType<BudgetList> = z.object({
  budgets: z.array(budgetSchema),
  ...pagedMembers,
});

export interface WebhookTest {
  readonly ok: boolean;
  /** For a person: what was tried and what came of it. */
  readonly message: string;
}

export const webhookTestSchema: z.ZodType<WebhookTest> = z.object({ ok: z.boolean(), message: z.string() });

// ---------------------------------------------------------------- limits

/** At least one of the five counts. */
export interface SetLimitBody {
  readonly name?: string | null | undefined;
  readonly scope?: LimitScope | null | undefined;
  readonly requests_per_minute?: number | null | undefined;
  readonly input_tokens_per_minute?: number | null | undefined;
  readonly output_tokens_per_minute?: number | null | undefined;
  readonly tokens_per_minute?: number | null | undefined;
  readonly max_concurrency?: number | null | undefined;
}

/** The counts of a limit, by their names. */
export const limitCounts = [
  "requests_per_minute",
  "input_tokens_per_minute",
  "output_tokens_per_minute",
  "tokens_per_minute",
  "max_concurrency",
] as const;

const count = z.int().min(1).max(MAX_COUNT);

export const setLimitBodySchema: z.ZodType<SetLimitBody> = z
  .strictObject({
    name: checkedName.nullish().meta({ description: "For people." }),
    scope: limitScopeSchema.nullish(),
    requests_per_minute: count.nullish().meta({ description: "In any 60 seconds." }),
    input_tokens_per_minute: count.nullish().meta({ description: "In any 60 seconds." }),
    output_tokens_per_minute: count.nullish().meta({ description: "In any 60 seconds." }),
    tokens_per_minute: count.nullish().meta({ description: "Input and output, in any 60 seconds." }),
    max_concurrency: count.nullish().meta({ description: "Exchanges at once." }),
  })
  .refine(
    (body) => limitCounts.some((name) => (body[name] ?? null) !== null),
    `Give at least one of ${limitCounts.join(", ")}.`,
  );

export interface Limit {
  readonly id: string;
  readonly project_id: string;
  readonly name: string | null;
  readonly scope: LimitScope;
  readonly requests_per_minute: number | null;
  readonly input_tokens_per_minute: number | null;
  readonly output_tokens_per_minute: number | null;
  readonly tokens_per_minute: number | null;
  readonly max_concurrency: number | null;
  readonly created_at: string;
}

export const limitSchema: z.ZodType<Limit> = z.object({
  id: z.string(),
  project_id: z.string(),
  name: z.string().nullable(),
  scope: shownScope,
  requests_per_minute: z.int().nullable(),
  input_tokens_per_minute: z.int().nullable(),
  output_tokens_per_minute: z.int().nullable(),
  tokens_per_minute: z.int().nullable(),
  max_concurrency: z.int().nullable(),
  created_at: z.string(),
});

export interface LimitList extends Paged {
  readonly limits: readonly Limit[];
}

export const limitListSchema: z.ZodType<LimitList> = z.object({
  limits: z.array(limitSchema),
  ...pagedMembers,
});

function isTimeZone(name: string): boolean {
  try {
    return new Intl.DateTimeFormat("en-US", { timeZone: name }).resolvedOptions().timeZone !== "";
  } catch {
    return false;
  }
}
