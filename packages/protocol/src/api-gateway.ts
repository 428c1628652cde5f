/**
 * What the management API says about the gateway itself, and how it says no.
 */

import { z } from "zod";

// ---------------------------------------------------------------- errors

/** Every `code` that an error of the API can have, with its status. */
export const apiErrorStatus = {
  invalid_request: 400,
  missing_credential: 401,
  invalid_credential: 401,
  revoked_credential: 401,
  forbidden: 403,
  not_found: 404,
  method_not_allowed: 405,
  conflict: 409,
  request_too_large: 413,
  internal_error: 500,
} as const;

export type ApiErrorCode = keyof typeof apiErrorStatus;

/** The body of every reply that is not 2xx. */
export interface ApiErrorBody {
  readonly error: { readonly code: string; readonly message: string };
}

export const apiErrorBodySchema: z.ZodType<ApiErrorBody> = z.object({
  error: z.object({ code: z.string(), message: z.string() }),
});

// ---------------------------------------------------------------- the gateway itself

export interface GatewayInfo {
  readonly version: string;
  /** What callers reach the gateway at, without a trailing slash. */
  readonly public_url: string;
  /** For `base_url` of OpenAI clients, such as `http://127.0.0.1:8700/openai/v1`. */
  readonly openai_base_url: string;
  /** For `ANTHROPIC_BASE_URL`. */
  readonly anthropic_base_url: string;
  /** Some provider is stood in for by the simulated one. */
  readonly simulated: boolean;
  /** Names of the providers that the gateway knows, configured or not. */
  readonly providers: readonly string[];
  /** The days, `YYYY-MM-DD`, on which the prices in use were last read from the providers' lists. */
  readonly prices: {
    readonly shipped_as_of: string;
    /** Of the operator's own card, whose entries win; null without one. */
    readonly card_as_of: string | null;
  };
  /** Whose credential asked. */
  readonly caller: {
    readonly kind: "owner" | "api_key";
    /** The API key's project and id; null for the owner. */
    readonly project_id: string | null;
    readonly api_key_id: string | null;
  };
}

export const gatewayInfoSchema: z.ZodType<GatewayInfo> = z.object({
  version: z.string(),
  public_url: z.string(),
  openai_base_url: z.string(),
  anthropic_base_url: z.string(),
  simulated: z.boolean(),
  providers: z.array(z.string()),
  prices: z.object({ shipped_as_of: z.string(), card_as_of: z.string().nullable() }),
  caller: z.object({
    kind: z.enum(["owner", "api_key"]),
    project_id: z.string().nullable(),
    api_key_id: z.string().nullable(),
  }),
});
