/**
 * The gateway's errors in Anthropic's shape: `{"type":"error","error":{type,message},"request_id"}`. Statuses
 * are chosen by what Claude Code shows its user and how often it repeats (measured with 2.1.330).
 */

import type { ErrorCode, GatewayError } from "../../errors.ts";
import type { OwnReply } from "../dialect.ts";

interface Face {
  readonly status: number;
  readonly type: string;
}

const faces: Readonly<Record<ErrorCode, Face>> = {
  missing_credential: { status: 401, type: "authentication_error" },
  invalid_credential: { status: 401, type: "authentication_error" },
  token_expired: { status: 401, type: "authentication_error" },
  token_revoked: { status: 401, type: "authentication_error" },
  missing_grant: { status: 403, type: "permission_error" },
  // Not 404: Claude Code replaces its text with one of its own.
  model_not_granted: { status: 403, type: "permission_error" },
  object_not_found: { status: 404, type: "not_found_error" },
  unknown_endpoint: { status: 404, type: "not_found_error" },
  not_supported: { status: 501, type: "not_supported" },
  websocket_not_offered: { status: 426, type: "not_supported" },
  socket_ending: { status: 503, type: "api_error" },
  request_too_large: { status: 413, type: "request_too_large" },
  unsupported_encoding: { status: 415, type: "invalid_request_error" },
  invalid_body: { status: 400, type: "invalid_request_error" },
  request_timeout: { status: 408, type: "invalid_request_error" },
  rate_limit_exceeded: { status: 429, type: "rate_limit_error" },
  budget_exceeded: { status: 402, type: "billing_error" },
  budget_unboundable: { status: 402, type: "billing_error" },
  budget_held: { status: 429, type: "rate_limit_error" },
  provider_not_configured: { status: 503, type: "api_error" },
  upstream_unreachable: { status: 502, type: "api_error" },
  upstream_timeout: { status: 504, type: "timeout_error" },
  ledger_unavailable: { status: 503, type: "api_error" },
  overloaded: { status: 503, type: "api_error" },
  draining: { status: 503, type: "api_error" },
  internal_error: { status: 500, type: "api_error" },
};

function errorBody(error: GatewayError, requestId: string): string {
  return JSON.stringify({
    type: "error",
    error: { type: faces[error.code].type, message: error.message, details: { error_code: error.code } },
    request_id: requestId,
  });
}

export function renderAnthropicError(error: GatewayError, requestId: string): OwnReply {
  return {
    status: faces[error.code].status,
    headers: [
      ["content-type", "application/json"],
      ["request-id", requestId],
    ],
    body: errorBody(error, requestId),
  };
}

export function renderAnthropicStreamError(error: GatewayError, requestId: string): string {
  return `event: error\ndata: ${errorBody(error, requestId)}\n\n`;
}
