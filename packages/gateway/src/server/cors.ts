/** Cross-origin access, off unless the operator names origins. Answers for the gateway alone: a provider's own lines never come down. */

import type { HeaderLines } from "../upstream/client.ts";

/** Lines for any answer to a request from this origin; none when it is not allowed. */
export function corsHeaders(allowedOrigins: readonly string[], origin: string | undefined): HeaderLines {
  if (origin === undefined) return [];
  if (!allowedOrigins.includes(origin) && !allowedOrigins.includes("*")) return [];
  return [
    ["access-control-allow-origin", origin],
    ["access-control-expose-headers", "*"],
    ["vary", "origin"],
  ];
}

/** More lines for the answer to a preflight, when the origin is allowed. */
export function preflightHeaders(allowedOrigins: readonly string[], request: PreflightRequest): HeaderLines {
  if (corsHeaders(allowedOrigins, request.origin).length === 0) return [];
  return [
    ["access-control-allow-methods", "GET, POST, PUT, DELETE"],
    ["access-control-allow-headers", request.requestedHeaders ?? "authorization, content-type"],
    ["access-control-max-age", "600"],
  ];
}

export interface PreflightRequest {
  readonly origin: string | undefined;
  readonly requestedHeaders: string | undefined;
}
