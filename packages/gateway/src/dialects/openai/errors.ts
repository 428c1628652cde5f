/**
 * The gateway's errors in OpenAI's shape: `{"error":{message,type,param,code}}`. Statuses are chosen by what
 * today's clients show their user and how often they repeat (measured with Codex 0.169.0 and openai 7.57.0).
 */

import type { ErrorCode, GatewayError } from "../../errors.ts";
import type { OwnReply } from "../dialect.ts";

interface Face {
  readonly status: number;
  readonly type: string;
  /** What OpenAI's clients know it as, where that is not the catalogue's own code. */
  readonly code?: string;
}

const faces: Readonly<Record<ErrorCode, Face>> = {
  missing_credential: { status: 401, type: "authentication_error", code: "invalid_api_key" },
  invalid_credential: { status: 401, type: "authentication_error", code: "invalid_api_key" },
  token_expired: { status: 401, type: "authentication_error" },
  token_revoked: { status: 401, type: "authentication_error" },
  missing_grant: { status: 403, type: "permission_error" },
  // Codex prints the message of a 404 `model_not_found` as it is and asks once.
  model_not_granted: { status: 404, type: "invalid_request_error", code: "model_not_found" },
  object_not_found: { status: 404, type: "invalid_request_error" },
  unknown_endpoint: { status: 404, type: "invalid_request_error" },
  not_supported: { status: 501, type: "invalid_request_error" },
  // Codex falls back to HTTP at once and silently on 426 alone.
  websocket_not_offered: { status: 426, type: "invalid_request_error", code: "not_supported" },
  // On this code Codex opens another connection without a word, and sends its whole input again.
  socket_ending: {
    status: 400,
    type: "invalid_request_error",
    code: "websocket_connection_limit_reached",
  },
  request_too_large: { status: 413, type: "invalid_request_error" },
  unsupported_encoding: { status: 415, type: "invalid_request_error" },
  invalid_body: { status: 400, type: "invalid_request_error" },
  request_timeout: { status: 408, type: "invalid_request_error" },
  rate_limit_exceeded: { status: 429, type: "rate_limit_error" },
  budget_exceeded: { status: 402, type: "billing_error" },
  budget_unboundable: { status: 402, type: "billing_error" },
  budget_held: { status: 429, type: "rate_limit_error" },
  provider_not_configured: { status: 400, type: "invalid_request_error" },
  upstream_unreachable: { status: 502, type: "server_error" },
  upstream_timeout: { status: 504, type: "server_error" },
  ledger_unavailable: { status: 503, type: "server_error" },
  overloaded: { status: 503, type: "server_error" },
  draining: { status: 503, type: "server_error" },
  internal_error: { status: 502, type: "server_error" },
};

export function renderOpenAiError(error: GatewayError, requestId: string): OwnReply {
  const body = { error: openAiErrorBody(error) };
  return {
    status: faces[error.code].status,
    headers: [
      ["content-type", "application/json"],
      ["x-request-id", requestId],
    ],
    body: JSON.stringify(body),
  };
}

/** The `error` member of every form that an error takes. */
export function openAiErrorBody(error: GatewayError): object {
  const { type } = faces[error.code];
  return { message: error.message, type, param: error.param, code: codeOf(error) };
}

/** SDKs and agents know the code for a chain that is broken, and begin a new one. */
function codeOf(error: GatewayError): string {
  if (error.code === "object_not_found" && error.param === "previous_response_id")
    return "previous_response_not_found";
  return faces[error.code].code ?? error.code;
}

/**
 * What a stream says before it is cut short. Responses streams end in `response.failed`, because Codex drops
 * the text of an `error` event; chat and completions streams in an `error` object.
 */
export function renderOpenAiStreamError(error: GatewayError, endpointName: string): string | null {
  const face = faces[error.code];
  const code = face.code ?? error.code;
  if (endpointName === "responses") {
    const event = {
      type: "response.failed",
      response: { object: "response", status: "failed", error: { code, message: error.message } },
    };
    return `event: response.failed\ndata: ${JSON.stringify(event)}\n\n`;
  }
  const body = { error: openAiErrorBody(error) };
  return `data: ${JSON.stringify(body)}\n\n`;
}
