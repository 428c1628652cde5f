/**
 * Usage: what a provider counted, in one shape for every endpoint and dialect.
 *
 * The same record is what a usage reader yields, what the ledger keeps and what the API shows, so its
 * fields carry their public names (snake case). It holds counts and labels, never a prompt or a reply.
 *
 * Rules of the counts: `input_tokens` and `output_tokens` are inclusive; every other token count is a
 * part of one of them. A count that the provider did not give is absent, never 0.
 */

/** Which part of a response a record bills. One response may bill several models. */
export type UsageKind =
  | "primary"
  | "image_gen"
  | "svg"
  | "input_transcription"
  | "compaction"
  | "advisor"
  | "fallback"
  | "fallback_declined";

/**
 * How sure the counts are. `complete`: the provider's own final numbers. `derived`: computed from
 * something exact (characters of the request). `partial`: a lower bound. `estimated`: a guess, marked.
 * `missing`: billed, but no numbers came. `none`: nothing was billed.
 */
export type Completeness = "complete" | "derived" | "partial" | "estimated" | "missing" | "none";

/** Every count a provider may report. Tokens are integers; seconds may have a fraction. */
export interface UsageCounts {
  /** All input, cache reads and writes included. */
  readonly input_tokens?: number;
  /** All output, reasoning included. */
  readonly output_tokens?: number;
  /** Part of input. */
  readonly cache_read_input_tokens?: number;
  /** Part of input; the four below split it by lifetime. */
  readonly cache_write_input_tokens?: number;
  readonly cache_write_5m_input_tokens?: number;
  readonly cache_write_1h_input_tokens?: number;
  readonly cache_write_30m_input_tokens?: number;
  readonly cache_write_12h_input_tokens?: number;
  /** Part of output. */
  readonly reasoning_output_tokens?: number;
  /** Parts of input. */
  readonly input_text_tokens?: number;
  readonly input_audio_tokens?: number;
  readonly input_image_tokens?: number;
  /** Parts of cache_read_input_tokens. */
  readonly cache_read_text_tokens?: number;
  readonly cache_read_audio_tokens?: number;
  readonly cache_read_image_tokens?: number;
  /** Parts of output. */
  readonly output_text_tokens?: number;
  readonly output_audio_tokens?: number;
  readonly output_image_tokens?: number;
  readonly accepted_prediction_tokens?: number;
  readonly rejected_prediction_tokens?: number;
  /** Media that is billed by time or by character. */
  readonly input_audio_seconds?: number;
  readonly output_audio_seconds?: number;
  readonly session_audio_seconds?: number;
  readonly output_video_seconds?: number;
  readonly input_characters?: number;
  /** Billed calls of tools that the provider runs. */
  readonly web_search_requests?: number;
  /** Those of `web_search_requests` that OpenAI's preview tool made: it has a price of its own. */
  readonly web_search_preview_requests?: number;
  readonly web_fetch_requests?: number;
  readonly code_execution_requests?: number;
  readonly file_search_calls?: number;
}

/** The tier that served. The request's wish is kept beside it on the exchange. `default` reads `standard`. */
export type ServiceTier = "standard" | "flex" | "priority" | "ultrafast" | "scale" | "batch";

/** One billed model of one response, before it has a price. */
export interface MeteredUsage extends UsageCounts {
  readonly kind: UsageKind;
  /** The model that served, as the reply names it; the requested model where the reply names none. */
  readonly model: string;
  /** The reply's `id`; null where it has none. */
  readonly response_id: string | null;
  /** null: the reply did not say. A value this type does not list is kept as the provider wrote it. */
  readonly service_tier: ServiceTier | (string & {}) | null;
  /** Anthropic: `standard` or `fast`. */
  readonly speed?: string;
  /** Anthropic: `us`, `global`, ... */
  readonly inference_geo?: string;
  /** Which body or event gave the numbers, such as `response.completed` or `message_delta`. */
  readonly source: string;
  readonly completeness: Completeness;
  /** false: the provider shows the usage but does not bill it (refusal before output, declined hop). */
  readonly billed: boolean;
  /** What the provider's price list calls an upper bound for this record (redeemed fallback credit). */
  readonly cost_is_upper_bound?: boolean;
  /** The provider's own usage object(s), every member, as parsed JSON. */
  readonly raw: unknown;
}

/**
 * `priced`: exact list or own price. `unpriced`: no price known, cost is null. `lower_bound`: the counts
 * are partial. `assumed`: the project's pessimistic price for models without one.
 */
export type CostStatus = "priced" | "unpriced" | "lower_bound" | "assumed";

/** One term of a charge: quantity / per x unit_price = amount, all decimals in USD. */
export interface ChargeLine {
  /** A price card component, such as `input`, `cache_read`, `output`, `openai.web_search`. */
  readonly component: string;
  readonly quantity: number;
  /** Decimal string, USD for `per` units, multipliers applied. */
  readonly unit_price: string;
  readonly per: number;
  /** Decimal string, USD, not rounded. */
  readonly amount: string;
}

/** What a record costs. Rounded once, to whole nano-dollars; `lines` add up to it before rounding. */
export interface Charge {
  /** Whole nano-dollars; null when unpriced or when nothing is known. */
  readonly cost_nano_usd: number | null;
  /** The same as a decimal string with nine places; null alike. */
  readonly cost_usd: string | null;
  readonly cost_status: CostStatus;
  readonly lines: readonly ChargeLine[];
  /** Names the catalogue that made the charge, so that history can be priced again. */
  readonly price_version: string;
}

/** A usage record as the ledger keeps it and the API shows it. */
export interface UsageRecord extends MeteredUsage, Charge {}
