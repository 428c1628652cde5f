/**
 * The step that opens a caller's WebSocket: the provider's end first, so that a refusal is still a plain reply, then
 * the caller's. No extension is asked for and none granted, whatever the caller offers: frames pass as they came.
 */

import { CallerGone } from "../caller-gone.ts";
import { GatewayError } from "../errors.ts";
import type { Routed, Upgrade } from "../exchange.ts";
import { isCallersOwnProtocol, replyHeadersDown, requestHeadersUp } from "../headers.ts";
import type { HeaderLines } from "../upstream/client.ts";
import type { OpenedSocket, RefusedSocket, SocketResult } from "../upstream/sockets.ts";
import { grantingLines, isHandshakeLine, listOf } from "../websocket/handshake.ts";
import { failureError } from "./failure-error.ts";
import { droppedPrefixes } from "./reply-head.ts";
import { SocketRelay } from "./socket-relay.ts";
import type { SocketDeps, SocketSteps } from "./socket-settings.ts";

/**
 * Resolves when the socket is closed and its rows are written. Rejects with a `GatewayError` while nothing was
 * answered, or with `CallerGone`.
 */
export async function relaySocket(deps: SocketDeps, routed: Routed, steps: SocketSteps): Promise<void> {
  const { upgrade } = routed.call;
  if (upgrade === null) throw new Error("Only an upgrade becomes a WebSocket.");
  if (deps.sockets.size >= deps.settings.maxSockets) {
    throw new GatewayError(
      "overloaded",
      "The gateway has as many WebSockets open as it may. Try again later, or use plain HTTP.",
      { retryAfterS: 5 },
    );
  }
  const result = await openProvider(deps, routed, upgrade);
  if (upgrade.socket.destroyed) {
    if (result.kind === "opened") result.stream.destroy();
    throw new CallerGone();
  }
  if (result.kind === "failed") throw failureError(routed, result.failure);
  if (result.kind === "refused") {
    passRefusal(routed, result);
    return;
  }
  const { socket, head } = upgrade;
  socket.write(grantHead(routed, result), "latin1");
  if (head.byteLength > 0) socket.unshift(head);
  await new SocketRelay({ deps, routed, steps, caller: socket, opened: result }).done;
}

async function openProvider(deps: SocketDeps, routed: Routed, { socket }: Upgrade): Promise<SocketResult> {
  const { call, upstream, endpointPath, provider } = routed;
  const abort = new AbortController();
  const onGone = (): void => abort.abort();
  socket.once("close", onGone);
  try {
    return await deps.socketClientFor(upstream.isSimulated).open(
      {
        origin: upstream.origin,
        path: upstream.basePath + endpointPath + call.query,
        headers: requestHeadersUp(call.request.rawHeaders, {
          authorization: upstream.apiKey === null ? [] : provider.authorization(upstream.apiKey),
          isBodyDecoded: false,
          wantsIdentity: false,
        }).filter(([name]) => !isHandshakeLine(name)),
        protocols: offeredProtocols(routed),
        timeouts: upstream.timeouts,
      },
      abort.signal,
    );
  } finally {
    socket.off("close", onGone);
  }
}

/** Without those in which the caller's credential or the provider's account stands. */
function offeredProtocols({ call }: Routed): readonly string[] {
  return listOf(call.request.headers["sec-websocket-protocol"]).filter((name) => !isCallersOwnProtocol(name));
}

/** Browsers take a 101 without a protocol for a failure when they have offered some. */
function grantedProtocol(routed: Routed, opened: OpenedSocket): string | null {
  return opened.protocol ?? offeredProtocols(routed)[0] ?? null;
}

function grantHead(routed: Routed, opened: OpenedSocket): string {
  const { call, upstream } = routed;
  const lines: HeaderLines = [
    ...grantingLines(call.request.headers["sec-websocket-key"] ?? "", grantedProtocol(routed, opened)),
    ...providerLines(routed, opened),
    ...call.answerHeaders,
    ["x-meshagent-connection-id", call.connectionId ?? ""],
    ...(upstream.isSimulated ? [["x-meshagent-simulated", "true"] as const] : []),
  ];
  return `HTTP/1.1 101 Switching Protocols\r\n${lines.map(([name, value]) => `${name}: ${value}\r\n`).join("")}\r\n`;
}

function providerLines(routed: Routed, { reply }: OpenedSocket | RefusedSocket): HeaderLines {
  const options = {
    isBodyEdited: false,
    requestedModel: routed.policy.model,
    droppedPrefixes: droppedPrefixes(routed.upstream),
  };
  return replyHeadersDown(reply.headers, options).filter(([name]) => !isHandshakeLine(name));
}

/** The provider's own words, as they came. */
function passRefusal(routed: Routed, refused: RefusedSocket): void {
  const { response, answerHeaders } = routed.call;
  const { status, statusText } = refused.reply;
  const lines = providerLines(routed, refused).filter(([name]) => name.toLowerCase() !== "content-length");
  const all = [...lines, ...answerHeaders, ["content-length", String(refused.body.byteLength)]].flat();
  if (statusText === "") response.writeHead(status, all);
  else response.writeHead(status, statusText, all);
  response.end(refused.body);
}
