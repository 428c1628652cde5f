/**
 * The catalogue of everything the gateway itself can answer with instead of a provider's reply.
 *
 * An error has a code, whose fault it is, whether a repeat can mend it, and a message that says what to do
 * next. A dialect gives it a status and a shape (`dialects/<name>/errors.ts`). A provider's own error is
 * never turned into one of these: it passes as it came.
 */

export type ErrorSource = "client" | "gateway" | "upstream";

export interface ErrorKind {
  readonly source: ErrorSource;
  /** False: `x-should-retry: false` goes with it, because a repeat cannot mend it. */
  readonly isRetryable: boolean;
  /** For the reference page: when it happens and what to do. */
  readonly about: string;
}

/** Every code; a new one is a name here, an entry below and a face in each dialect. */
export type ErrorCode =
  | "missing_credential"
  | "invalid_credential"
  | "token_expired"
  | "token_revoked"
  | "missing_grant"
  | "model_not_granted"
  | "object_not_found"
  | "unknown_endpoint"
  | "not_supported"
  | "websocket_not_offered"
  | "socket_ending"
  | "request_too_large"
  | "unsupported_encoding"
  | "invalid_body"
  | "request_timeout"
  | "rate_limit_exceeded"
  | "budget_exceeded"
  | "budget_held"
  | "budget_unboundable"
  | "provider_not_configured"
  | "upstream_unreachable"
  | "upstream_timeout"
  | "ledger_unavailable"
  | "overloaded"
  | "draining"
  | "internal_error";

/** The catalogue itself, also for the reference page. */
export const errorKinds: Readonly<Record<ErrorCode, ErrorKind>> = {
  missing_credential: {
    source: "client",
    isRetryable: false,
    about: "The request carries no participant token and no API key.",
  },
  invalid_credential: {
    source: "client",
    isRetryable: false,
    about: "The credential is malformed, badly signed, of an unknown key, or not yet valid.",
  },
  token_expired: {
    source: "client",
    isRetryable: false,
    about: "The participant token's `exp` has passed. Mint a new one.",
  },
  token_revoked: {
    source: "client",
    isRetryable: false,
    about:
      "The token was revoked, the API key that signed it was deleted, or its room was deleted or disabled.",
  },
  missing_grant: { source: "client", isRetryable: false, about: "The token has no `api.llm` grant." },
  model_not_granted: {
    source: "client",
    isRetryable: false,
    about: "The token's `llm.models` does not cover the model.",
  },
  object_not_found: {
    source: "client",
    isRetryable: false,
    about: "A stored object that the request names (response, file, batch) is not there, or not this room's.",
  },
  unknown_endpoint: { source: "client", isRetryable: false, about: "No such path." },
  not_supported: {
    source: "gateway",
    isRetryable: false,
    about: "The endpoint or feature is known and not offered.",
  },
  websocket_not_offered: {
    source: "gateway",
    isRetryable: false,
    about: "A WebSocket upgrade where plain HTTP is spoken.",
  },
  socket_ending: {
    source: "gateway",
    isRetryable: true,
    about: "The WebSocket is about to be closed, so it begins no response any more. Open another one.",
  },
  request_too_large: {
    source: "client",
    isRetryable: false,
    about: "The body is over the limit, as sent or after decompression.",
  },
  unsupported_encoding: {
    source: "client",
    isRetryable: false,
    about: "The body has a content-encoding that the gateway cannot read.",
  },
  invalid_body: {
    source: "client",
    isRetryable: false,
    about: "The body cannot be read, names a policy field twice, or names no model.",
  },
  request_timeout: { source: "client", isRetryable: true, about: "The body stopped arriving." },
  rate_limit_exceeded: {
    source: "client",
    isRetryable: true,
    about: "Too many requests, or too many at once.",
  },
  budget_exceeded: {
    source: "client",
    isRetryable: false,
    about: "The budget is spent, or the request could never fit in it.",
  },
  budget_held: {
    source: "gateway",
    isRetryable: true,
    about: "The budget is free but held by running requests.",
  },
  budget_unboundable: {
    source: "client",
    isRetryable: false,
    about: "The request's cost has no bound, or its model no price, and a hard budget covers it.",
  },
  provider_not_configured: {
    source: "gateway",
    isRetryable: false,
    about: "The gateway has no key for the provider.",
  },
  upstream_unreachable: {
    source: "upstream",
    isRetryable: true,
    about: "The provider could not be reached, or cut the connection before it answered.",
  },
  upstream_timeout: { source: "upstream", isRetryable: true, about: "The provider did not answer in time." },
  ledger_unavailable: {
    source: "gateway",
    isRetryable: true,
    about: "The ledger cannot be written, so nothing was sent to the provider.",
  },
  overloaded: { source: "gateway", isRetryable: true, about: "All the memory for request bodies is in use." },
  draining: {
    source: "gateway",
    isRetryable: true,
    about: "The gateway is shutting down and takes no new requests.",
  },
  internal_error: {
    source: "gateway",
    isRetryable: true,
    about: "A fault of the gateway. Its log has the details under the exchange's id.",
  },
};

export interface GatewayErrorOptions {
  /** What made it, for the log. */
  readonly cause?: unknown;
  /** Seconds after which a repeat is worth it; becomes `retry-after`. Short and true, never hours. */
  readonly retryAfterS?: number;
  /** The request field at fault, such as `model`; OpenAI's `param`. */
  readonly param?: string;
}

/** An answer of the gateway's own. The message is for a person, holds no secret and says what to do next. */
export class GatewayError extends Error {
  override readonly name = "GatewayError";
  readonly code: ErrorCode;
  readonly source: ErrorSource;
  readonly isRetryable: boolean;
  readonly retryAfterS: number | null;
  readonly param: string | null;

  constructor(code: ErrorCode, message: string, options: GatewayErrorOptions = {}) {
    super(message, { cause: options.cause });
    this.code = code;
    this.source = errorKinds[code].source;
    this.isRetryable = errorKinds[code].isRetryable;
    this.retryAfterS = options.retryAfterS ?? null;
    this.param = options.param ?? null;
  }
}
