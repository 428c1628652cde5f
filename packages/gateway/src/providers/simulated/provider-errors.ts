/** Error replies in the providers' own forms (facts: wire.md 5.2 and 5.3). */

import type { DialectName } from "../provider.ts";
import type { EndpointReply } from "./reply.ts";

export interface ProviderError {
  readonly status: number;
  readonly message: string;
  /** OpenAI's `code`; Anthropic has none. */
  readonly code?: string;
  readonly param?: string;
}

const OPENAI_TYPES: Readonly<Record<number, string>> = {
  429: "rate_limit_error",
  500: "server_error",
  502: "server_error",
  503: "service_unavailable_error",
  504: "server_error",
  529: "server_error",
};
const OPENAI_CODES: Readonly<Record<number, string>> = {
  401: "invalid_api_key",
  429: "rate_limit_exceeded",
  503: "server_is_overloaded",
};
const ANTHROPIC_TYPES: Readonly<Record<number, string>> = {
  400: "invalid_request_error",
  401: "authentication_error",
  402: "billing_error",
  403: "permission_error",
  404: "not_found_error",
  409: "conflict_error",
  413: "request_too_large",
  429: "rate_limit_error",
  500: "api_error",
  504: "timeout_error",
  529: "overloaded_error",
};

/** Seconds after which a simulated 429 asks to come back. */
const RETRY_AFTER_S = "1";

/** The reply that says so in the dialect's form. `requestId` is the one in the reply's headers. */
export function errorReply(dialect: DialectName, error: ProviderError, requestId: string): EndpointReply {
  const { status } = error;
  const text =
    dialect === "openai"
      ? JSON.stringify({ error: openaiError(error) }, null, 2)
      : JSON.stringify({ type: "error", error: anthropicError(error), request_id: requestId });
  return {
    status,
    body: { kind: "json", text },
    bill: null,
    headers: status === 429 ? [["retry-after", RETRY_AFTER_S]] : [],
  };
}

/** The `error` member of OpenAI's form. */
export function openaiError(error: ProviderError): object {
  return {
    message: error.message,
    type: OPENAI_TYPES[error.status] ?? "invalid_request_error",
    param: error.param ?? null,
    code: error.code ?? OPENAI_CODES[error.status] ?? null,
  };
}

/** The `error` member of Anthropic's form. */
export function anthropicError(error: ProviderError): object {
  const fallback = error.status >= 500 ? "api_error" : "invalid_request_error";
  return { type: ANTHROPIC_TYPES[error.status] ?? fallback, message: error.message };
}
