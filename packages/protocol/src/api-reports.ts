/**
 * What the management API tells of the ledger: exchanges and the usage report, and the filters of both.
 * Money is a decimal string with nine places, beside the same in whole nano-dollars. Nothing here holds
 * text of a prompt or a reply.
 */

import { z } from "zod";
import { pageQueryMembers, pagedMembers } from "./api-pages.ts";
import type { Paged, PageQuery } from "./api-pages.ts";
import type { UsageCounts, UsageRecord } from "./usage.ts";

// ---------------------------------------------------------------- filters

/** Which exchanges. Absent members do not narrow. */
export interface LedgerFilter {
  /** Received at or after this. Milliseconds since the epoch; on the wire also RFC 3339. */
  readonly since?: number | undefined;
  /** Received before this; as above. */
  readonly until?: number | undefined;
  readonly room?: string | undefined;
  readonly participant?: string | undefined;
  readonly model?: string | undefined;
  readonly provider?: string | undefined;
  readonly session_id?: string | undefined;
  readonly api_key_id?: string | undefined;
}

type FilterMembers = {
  readonly [Name in keyof LedgerFilter]-?: z.ZodOptional<z.ZodType<NonNullable<LedgerFilter[Name]>>>;
};

/** The last instant of the year 9999: later ones have no RFC 3339 form. */
const MAX_TIME_MS = 253_402_300_799_999;

const rfc3339 = z.iso.datetime({ offset: true });

/** RFC 3339 with its zone, or milliseconds since the epoch. A zone is asked for: the server's own means nothing to the caller. */
function parseTime(value: string | number, context: z.core.$RefinementCtx): number {
  const text = String(value);
  const parsed = /^\d{1,15}$/.test(text)
    ? Number(text)
    : rfc3339.safeParse(text).success
      ? Date.parse(text)
      : NaN;
  if (parsed >= 0 && parsed <= MAX_TIME_MS) return parsed;
  context.addIssue({
    code: "custom",
    message: "must be RFC 3339 with a zone, such as 2026-11-23T00:00:00Z, or milliseconds since the epoch",
  });
  return z.NEVER;
}

/** RFC 3339 with its zone, or milliseconds since the epoch; gives the latter. */
export const timeSchema: z.ZodType<number> = z.union([z.string(), z.number()]).transform(parseTime);
// Long enough for any name a row can hold.
const word = z.string().min(1).max(1024);

/** The filter's members, for the query schemas that have them. */
export const ledgerFilterMembers: FilterMembers = {
  since: timeSchema.optional().meta({ description: "Received at or after this time." }),
  until: timeSchema.optional().meta({ description: "Received before this time." }),
  room: word.optional(),
  participant: word.optional(),
  model: word.optional().meta({ description: "Finds the model's dated snapshots, too." }),
  provider: word.optional(),
  session_id: word.optional(),
  api_key_id: word.optional(),
};

// ---------------------------------------------------------------- exchanges

/** Without a `limit` a page has 100. */
export interface ExchangesQuery extends LedgerFilter, PageQuery {}

export const exchangesQuerySchema: z.ZodType<ExchangesQuery> = z.strictObject({
  ...ledgerFilterMembers,
  ...pageQueryMembers,
});

/** Every outcome an exchange can have. */
export const outcomes = [
  "ok",
  "incomplete",
  "refused",
  "cancelled",
  "failed",
  "stream_error",
  "upstream_error",
  "truncated",
  "client_closed",
  "budget_stopped",
  "gateway_error",
  "interrupted",
  "not_metered",
] as const;

export type Outcome = (typeof outcomes)[number];

/** How the usage of an exchange is known. */
export const usageSources = ["exact", "drained", "partial", "estimated", "none"] as const;

export type UsageSource = (typeof usageSources)[number];

/** One request and its reply. Everything below `attempts` that a result brings is null while it runs. */
export interface Exchange {
  readonly id: string;
  readonly project_id: string;
  readonly room: string;
  readonly participant: string;
  readonly role: string;
  readonly api_key_id: string;
  /** The token's `jti`, or the hash of its signed part; null for an API key. */
  readonly token_id: string | null;
  readonly session_id: string | null;
  readonly agent_id: string | null;
  readonly client: string | null;
  readonly dialect: string;
  /** As the caller named it below the dialect's base URL, such as `/v1/responses`. */
  readonly endpoint: string;
  readonly transport: "http" | "sse" | "websocket";
  /** The WebSocket that it ran in (`x-meshagent-connection-id` of the 101), null outside of one. */
  readonly connection_id: string | null;
  readonly provider: string;
  /** "" for endpoints without a model. */
  readonly requested_model: string;
  /** The model that served; null while it runs, "" when nobody said. */
  readonly model: string | null;
  readonly requested_service_tier: string | null;
  readonly service_tier: string | null;
  readonly status: number | null;
  /** null while it runs. */
  readonly outcome: Outcome | null;
  /** null while it runs. */
  readonly usage_source: UsageSource | null;
  readonly received_at: string;
  readonly first_byte_at: string | null;
  /** null while it runs; set in the same write as usage, outcome and cost. */
  readonly completed_at: string | null;
  readonly request_bytes: number;
  readonly response_bytes: number;
  readonly provider_request_id: string | null;
  readonly attempts: number;
  readonly simulated: boolean;
  /** One record per billed model and response; empty while it runs. */
  readonly usage: readonly UsageRecord[];
  /** Decimal, nine places; null while it runs and when anything billed has no usage or no price. */
  readonly cost_usd: string | null;
  readonly cost_nano_usd: number | null;
}

const count = z.number().exactOptional();

// `satisfies` keeps this list and `UsageCounts` in step, member for member.
const counts = {
  input_tokens: count,
  output_tokens: count,
  cache_read_input_tokens: count,
  cache_write_input_tokens: count,
  cache_write_5m_input_tokens: count,
  cache_write_1h_input_tokens: count,
  cache_write_30m_input_tokens: count,
  cache_write_12h_input_tokens: count,
  reasoning_output_tokens: count,
  input_text_tokens: count,
  input_audio_tokens: count,
  input_image_tokens: count,
  cache_read_text_tokens: count,
  cache_read_audio_tokens: count,
  cache_read_image_tokens: count,
  output_text_tokens: count,
  output_audio_tokens: count,
  output_image_tokens: count,
  accepted_prediction_tokens: count,
  rejected_prediction_tokens: count,
  input_audio_seconds: count,
  output_audio_seconds: count,
  session_audio_seconds: count,
  output_video_seconds: count,
  input_characters: count,
  web_search_requests: count,
  web_search_preview_requests: count,
  web_fetch_requests: count,
  code_execution_requests: count,
  file_search_calls: count,
} satisfies Record<keyof UsageCounts, typeof count>;

export const usageRecordSchema: z.ZodType<UsageRecord> = z.object({
  kind: z.enum([
    "primary",
    "image_gen",
    "svg",
    "input_transcription",
    "compaction",
    "advisor",
    "fallback",
    "fallback_declined",
  ]),
  model: z.string(),
  response_id: z.string().nullable(),
  ...counts,
  service_tier: z.string().nullable(),
  speed: z.string().exactOptional(),
  inference_geo: z.string().exactOptional(),
  source: z.string(),
  completeness: z.enum(["complete", "derived", "partial", "estimated", "missing", "none"]),
  billed: z.boolean(),
  cost_is_upper_bound: z.boolean().exactOptional(),
  raw: z.unknown(),
  cost_nano_usd: z.int().nullable(),
  cost_usd: z.string().nullable(),
  cost_status: z.enum(["priced", "unpriced", "lower_bound", "assumed"]),
  lines: z.array(
    z.object({
      component: z.string(),
      quantity: z.number(),
      unit_price: z.string(),
      per: z.number(),
      amount: z.string(),
    }),
  ),
  price_version: z.string(),
});

export const exchangeSchema: z.ZodType<Exchange> = z.object({
  id: z.string(),
  project_id: z.string(),
  room: z.string(),
  participant: z.string(),
  role: z.string(),
  api_key_id: z.string(),
  token_id: z.string().nullable(),
  session_id: z.string().nullable(),
  agent_id: z.string().nullable(),
  client: z.string().nullable(),
  dialect: z.string(),
  endpoint: z.string(),
  transport: z.enum(["http", "sse", "websocket"]),
  // Left out by gateways before 0.2.
  connection_id: z.string().nullable().default(null),
  provider: z.string(),
  requested_model: z.string(),
  model: z.string().nullable(),
  requested_service_tier: z.string().nullable(),
  service_tier: z.string().nullable(),
  status: z.int().nullable(),
  outcome: z.enum(outcomes).nullable(),
  usage_source: z.enum(usageSources).nullable(),
  received_at: z.string(),
  first_byte_at: z.string().nullable(),
  completed_at: z.string().nullable(),
  request_bytes: z.int(),
  response_bytes: z.int(),
  provider_request_id: z.string().nullable(),
  attempts: z.int(),
  simulated: z.boolean(),
  usage: z.array(usageRecordSchema),
  cost_usd: z.string().nullable(),
  cost_nano_usd: z.int().nullable(),
});

/** Newest first; the next page is older. */
export interface ExchangeList extends Paged {
  readonly exchanges: readonly Exchange[];
}

export const exchangeListSchema: z.ZodType<ExchangeList> = z.object({
  exchanges: z.array(exchangeSchema),
  ...pagedMembers,
});
