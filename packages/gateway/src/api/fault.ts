/**
 * The management API's own refusals. A fault has a code from protocol's table, which gives its status, and a
 * message for a person, which holds no secret and says what to do next.
 */

import type { ApiErrorBody, ApiErrorCode } from "@meshagent/llm-proxy-protocol/api";
import { apiErrorStatus } from "@meshagent/llm-proxy-protocol/api";

/** Thrown by anything that answers a call; becomes the reply. */
export class ApiFault extends Error {
  override readonly name = "ApiFault";
  readonly code: ApiErrorCode;

  constructor(code: ApiErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}

/** The reply that a fault becomes. `no-store`, because what is refused now may be allowed later. */
export function faultReply(fault: ApiFault, headers: Readonly<Record<string, string>> = {}): Response {
  const status = apiErrorStatus[fault.code];
  const body: ApiErrorBody = { error: { code: fault.code, message: fault.message } };
  const challenge = status === 401 ? { "www-authenticate": "Bearer" } : {};
  return Response.json(body, { status, headers: { ...replyHeaders, ...challenge, ...headers } });
}

/** On every reply: nothing of it belongs in a cache, and a browser takes it for nothing but JSON. */
export const replyHeaders: Readonly<Record<string, string>> = {
  "cache-control": "no-store",
  "x-content-type-options": "nosniff",
};
