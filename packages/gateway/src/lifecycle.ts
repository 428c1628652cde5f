/**
 * The life of a request, in order. Nothing happens to a request anywhere else: each line is a step, each step
 * is a folder, and the types let no step be left out or moved.
 */

import { admit, type AdmitDeps } from "./admit/admit.ts";
import { authenticate, type AuthenticateDeps } from "./authenticate/authenticate.ts";
import type { Matched } from "./exchange.ts";
import { forward } from "./forward/forward.ts";
import type { ForwardDeps } from "./forward/settings.ts";
import { receive, type ReceiveDeps } from "./receive/receive.ts";
import { type RecordDeps, recordIntent, resultRecorder } from "./record/record.ts";
import { route, type RouteDeps } from "./route/route.ts";

export interface LifecycleDeps {
  readonly authenticate: AuthenticateDeps;
  readonly receive: ReceiveDeps;
  readonly admit: AdmitDeps;
  readonly route: RouteDeps;
  readonly forward: ForwardDeps;
  readonly record: RecordDeps;
}

/**
 * Runs one exchange to its row. Rejects with a `GatewayError` while nothing has been answered yet, which the
 * server renders in the caller's dialect, or with `CallerGone` when there is nobody to answer.
 */
export async function runExchange(deps: LifecycleDeps, matched: Matched): Promise<void> {
  const authenticated = await authenticate(deps.authenticate, matched);
  const received = await receive(deps.receive, authenticated);
  try {
    const admitted = admit(deps.admit, received);
    const routed = await route(deps.route, admitted);
    await recordIntent(deps.record, routed);
    await forward(deps.forward, routed, resultRecorder(deps.record, routed));
  } finally {
    received.body?.release();
  }
}
