/** Who makes a call and from where, as the audit log names it. Reads nothing but headers and the connection. */

import type { IncomingMessage } from "node:http";
import { newRequestId } from "../ids.ts";
import type { Author } from "../store/audit.ts";
import type { ApiDeps, Caller } from "./call.ts";

/** Where a call came from, before anybody knows who calls. */
export type Origin = Pick<Author, "address" | "userAgent" | "requestId">;

export function originOf(deps: Pick<ApiDeps, "addressOf" | "clock">, request: IncomingMessage): Origin {
  return {
    address: deps.addressOf(request),
    userAgent: request.headers["user-agent"] ?? null,
    requestId: newRequestId(deps.clock.now()),
  };
}

/** `caller` null: its credential was refused. */
export function authorOf(caller: Caller | null, origin: Origin): Author {
  return {
    kind: caller?.kind ?? "unknown",
    apiKeyId: caller?.kind === "api_key" ? caller.apiKeyId : null,
    ...origin,
  };
}
