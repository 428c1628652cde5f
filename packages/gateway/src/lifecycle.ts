/**
 * The life of a request, in order. Nothing happens to a request anywhere else: each line is a step, each step
 * is a folder, and the types let no step be left out or moved.
 */

import { admit, type AdmitDeps, checkModels } from "./admit/admit.ts";
import { authenticate, type AuthenticateDeps } from "./authenticate/authenticate.ts";
import { watchCredential } from "./authenticate/watch-credential.ts";
import type { Call, Held, Matched, Routed } from "./exchange.ts";
import { forward } from "./forward/forward.ts";
import type { Settle } from "./forward/relay.ts";
import type { ForwardDeps } from "./forward/settings.ts";
import { relaySocket } from "./forward/socket-handshake.ts";
import type { BegunExchange, SocketDeps, SocketSteps } from "./forward/socket-settings.ts";
import { newConnectionId, newExchangeId } from "./ids.ts";
import {
  peekMessage,
  receiveMessage,
  receiveUnasked,
  type SocketMessage,
  type UnaskedMessage,
} from "./receive/receive-message.ts";
import { createOwnership } from "./own/claims.ts";
import { checkOwnership, type OwnDeps } from "./own/own.ts";
import type { Ownership } from "./ownership.ts";
import { checkSocket } from "./hold/check-socket.ts";
import { hold, type HoldDeps } from "./hold/hold.ts";
import { receive, type ReceiveDeps } from "./receive/receive.ts";
import { inputRecorder, type RecordDeps, recordIntent, resultRecorder } from "./record/record.ts";
import { route, type RouteDeps } from "./route/route.ts";

export interface LifecycleDeps {
  readonly authenticate: AuthenticateDeps;
  readonly receive: ReceiveDeps;
  readonly admit: AdmitDeps;
  readonly route: RouteDeps;
  readonly own: OwnDeps;
  readonly hold: HoldDeps;
  readonly forward: ForwardDeps;
  readonly socket: SocketDeps;
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
    await checkOwnership(deps.own, routed);
    const held = await hold(deps.hold, routed);
    await recordIntent(deps.record, held);
    const ownership = createOwnership(deps.own, held);
    const settle = settling(deps, held, ownership);
    await forward(deps.forward, held, { ownership, settle, onInput: inputRecorder(deps.record, held) });
  } finally {
    received.body?.release();
  }
}

/**
 * Runs one WebSocket to its end. Who opens it takes the steps of any request, and has no row; each response inside
 * takes them again, and has one. Rejects as `runExchange` does.
 */
export async function runSocket(deps: LifecycleDeps, matched: Matched): Promise<void> {
  const connectionId = newConnectionId(matched.call.receivedAtMs);
  const opening = { ...matched, call: { ...matched.call, connectionId } };
  const authenticated = await authenticate(deps.authenticate, opening);
  const received = await receive(deps.receive, authenticated);
  const admitted = admit(deps.admit, received);
  const routed = await route(deps.route, admitted);
  await checkOwnership(deps.own, routed);
  await checkSocket(deps.hold, routed);
  await relaySocket(deps.socket, routed, socketSteps(deps, routed));
}

/** One response inside a socket: `forward` is what the socket does. */
async function beginInSocket(
  deps: LifecycleDeps,
  opened: Routed,
  message: SocketMessage,
): Promise<BegunExchange> {
  const call = callInside(deps, opened.call);
  const authenticated = await authenticate(deps.authenticate, { ...opened, call });
  const received = receiveMessage(authenticated, message);
  const admitted = admit(deps.admit, received);
  const routed = { ...admitted, upstream: opened.upstream };
  await checkOwnership(deps.own, routed);
  return recordBegun(deps, await hold(deps.hold, routed));
}

/** The provider began it by itself, and bills it whatever became of the credential since: nothing is asked any more. */
function beginUnasked(deps: LifecycleDeps, opened: Routed, unasked: UnaskedMessage): Promise<BegunExchange> {
  const received = receiveUnasked({ ...opened, call: callInside(deps, opened.call) }, unasked);
  return recordBegun(deps, { ...received, hold: null });
}

async function recordBegun(deps: LifecycleDeps, held: Held): Promise<BegunExchange> {
  await recordIntent(deps.record, held);
  return { routed: held, settle: settling(deps, held, createOwnership(deps.own, held)) };
}

/** Its row, and those of what its reply showed. */
function settling(deps: LifecycleDeps, routed: Held, ownership: Ownership): Settle {
  const recordResult = resultRecorder(deps.record, routed);
  return async (observation) => {
    const shown = ownership.recordShown(observation.status, observation.reading);
    await Promise.all([shown, recordResult(observation)]);
  };
}

function callInside(deps: LifecycleDeps, call: Call): Call {
  const receivedAtMs = deps.socket.clock.now();
  return { ...call, receivedAtMs, exchangeId: newExchangeId(receivedAtMs) };
}

/** Throws where the row is none of a socket's, which `match` never lets in. */
function socketSteps(deps: LifecycleDeps, opened: Routed): SocketSteps {
  const protocol = opened.endpoint.socket;
  if (protocol === undefined) throw new Error("The endpoint has no socket.");
  const session = protocol.open(opened.call.query);
  return {
    protocol,
    session,
    peek: (payload, isText) => {
      const peeked = peekMessage({ protocol, session }, payload, isText);
      return {
        asks: peeked.asks,
        begin: (isPreviousOurs) => beginInSocket(deps, opened, { protocol, peeked, isPreviousOurs }),
      };
    },
    beginUnasked: (model) => beginUnasked(deps, opened, { protocol, model }),
    checkModels: (models) => checkModels(opened, models),
    reserve: () => deps.receive.keptBytes.reserveNone(),
    verify: async () => {
      await authenticate(deps.authenticate, opened);
    },
    watch: (onDoubt) => watchCredential(deps.authenticate, opened.principal, onDoubt),
  };
}
