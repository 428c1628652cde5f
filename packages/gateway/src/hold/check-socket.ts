/**
 * Whether a WebSocket may be opened under the limits of who asks. What runs in one has no bound before it is sent, so
 * a hard budget refuses it before the upgrade: where the same endpoint speaks plain HTTP, in the way that makes
 * clients fall back to that.
 */

import type { Routed } from "../exchange.ts";
import { subjectValues } from "./accounts.ts";
import type { HoldDeps } from "./hold.ts";
import { noWebSocket, unboundable } from "./refusals.ts";

/** Throws `websocket_not_offered` (426: Codex goes on over HTTP at once, clients.md 3.4) or `budget_unboundable`. */
export async function checkSocket(deps: Pick<HoldDeps, "definitions">, routed: Routed): Promise<void> {
  const { principal, sessionId, endpoint, dialect } = routed;
  for (const limit of await deps.definitions.of(principal)) {
    if (limit.kind !== "budget" || limit.mode === "soft") continue;
    // Which models it will name is not known yet.
    const subject = { principal, sessionId, model: "" };
    if (subjectValues({ ...limit.scope, model: null }, subject) === null) continue;
    const speaksHttp = dialect.endpoints.some(
      (each) => each.offer === "offered" && each.method === "POST" && each.path === endpoint.path,
    );
    if (!speaksHttp) throw unboundable(limit, `a WebSocket to ${endpoint.name}`);
    throw noWebSocket(limit);
  }
}
