/**
 * Listening: sockets, timeouts, the table of mounts, and a shutdown that lets running exchanges finish. It hands
 * each request to whoever owns its path and renders what they refuse. It reads no body.
 */

import {
  createServer as createHttpServer,
  type IncomingMessage,
  type Server,
  type ServerOptions,
  ServerResponse,
} from "node:http";
import { createServer as createHttpsServer, Server as HttpsServer } from "node:https";
import { type BlockList, Server as NetServer, type Socket } from "node:net";
import type { Clock } from "../clock.ts";
import type { Dialect, OwnReply } from "../dialects/dialect.ts";
import { GatewayError } from "../errors.ts";
import type { Call, CallerRequest, CallerResponse, Matched, Upgrade } from "../exchange.ts";
import type { Stoppable } from "../forward/settings.ts";
import type { OpenSocket } from "../forward/socket-settings.ts";
import { newExchangeId } from "../ids.ts";
import type { DialectTable } from "../match/match.ts";
import { errorText, type Log } from "../observe/log.ts";
import type { Metrics } from "../observe/metrics.ts";
import { CallerGone } from "../caller-gone.ts";
import { asksForWebSocket, handshakeProblem } from "../websocket/handshake.ts";
import { type Members, Roster } from "../roster.ts";
import type { Slabs } from "../slabs.ts";
import { answer, retryHeaders } from "./answer.ts";
import { callerAddress } from "./caller-address.ts";
import { corsHeaders, preflightHeaders } from "./cors.ts";
import type { HealthDeps } from "./health.ts";
import { createLane, type Lane } from "./lane/lane.ts";
import { halfOpenMs, refuseNonsense } from "./nonsense.ts";
import { type ConnectionSource, keepAliveInitialDelayMs, listen, listenTo } from "./listening.ts";
import { answerOwnPage, plain } from "./own-pages.ts";

export interface ServerDeps {
  readonly clock: Clock;
  /** Where the bytes of a body wait that nobody reads yet. */
  readonly slabs: Slabs;
  readonly log: Log;
  readonly metrics: Pick<Metrics, "refused">;
  /** What `/metrics` shows. */
  readonly renderMetrics: () => Promise<string>;
  readonly table: DialectTable;
  /** Shapes the answer to a path that no dialect has. */
  readonly defaultDialect: Dialect;
  readonly runExchange: (matched: Matched) => Promise<void>;
  readonly runSocket: (matched: Matched) => Promise<void>;
  /** Everything below `/accounts`, and `/openapi.json`. */
  readonly api: { handle(request: IncomingMessage, response: ServerResponse): void };
  readonly health: Omit<HealthDeps, "isDraining">;
  /** Running relays, which a shutdown stops when its time is over. */
  readonly running: Iterable<Stoppable>;
  /** Open WebSockets, which a shutdown ends as soon as nothing runs in them. */
  readonly sockets: ReadonlySet<OpenSocket>;
  readonly settings: ServerSettings;
}

export interface ServerSettings {
  readonly host: string;
  readonly port: number;
  /** PEM texts; null for clear text. */
  readonly tls: { readonly cert: string; readonly key: string } | null;
  readonly corsOrigins: readonly string[];
  /** Addresses and CIDR ranges of proxies in front, whose `x-forwarded-for` is believed in logs. */
  readonly trustedProxies: BlockList;
  readonly metrics: "loopback" | "on" | "off";
  readonly callerKeepAliveMs: number;
  readonly shutdownTimeoutMs: number;
}

export interface GatewayServer {
  /** Resolves with the port once connections are taken, its own or those of a process beside it. */
  listen(source?: ConnectionSource): Promise<number>;
  /** Shows another certificate from the next connection on; those that are open stay. Nothing, for clear text. */
  renewTls(tls: { readonly cert: string; readonly key: string }): void;
  /** No new exchanges; running ones may finish within the bound, then they are stopped. */
  drain(): Promise<void>;
}

/** Codex sends a metadata header of about 1 KB, tokens may have 16 KB, and proxies add theirs. */
const maxHeaderBytes = 64 * 1024;
const headersTimeoutMs = 60_000;

export function createServer(deps: ServerDeps): GatewayServer {
  const state: ServerState = {
    deps,
    isDraining: false,
    open: new Roster(),
    sockets: new Set(),
    replies: new WeakMap(),
  };
  const options: ServerOptions = {
    maxHeaderSize: maxHeaderBytes,
    // No clock on a whole request: a body may take long, and `receive` limits its pauses.
    requestTimeout: 0,
    headersTimeout: headersTimeoutMs,
    keepAliveTimeout: deps.settings.callerKeepAliveMs,
    keepAlive: true,
    keepAliveInitialDelay: keepAliveInitialDelayMs,
    noDelay: true,
    insecureHTTPParser: false,
    // Any other upgrade that is offered (`h2c`) is declined by not being taken (RFC 9110 section 7.8).
    shouldUpgradeCallback: (request: IncomingMessage) => isSocketRequest(deps.table, request),
  };
  const { tls } = deps.settings;
  const server: Server = tls === null ? createHttpServer(options) : createHttpsServer({ ...options, ...tls });
  // Silence inside a reply is limited upstream, never by the caller's socket.
  server.timeout = 0;
  server.on("request", (request, response) =>
    serve(state, { request, response, expectsContinue: false, upgrade: null }),
  );
  server.on("checkContinue", (request, response) =>
    serve(state, { request, response, expectsContinue: true, upgrade: null }),
  );
  server.on("checkExpectation", (request: IncomingMessage, response: ServerResponse) =>
    answer({
      request,
      response,
      reply: plain(417, "Only `Expect: 100-continue` is understood.\n"),
      extraHeaders: [],
    }),
  );
  server.on("upgrade", (request: IncomingMessage, socket: Socket, head: Buffer) =>
    serveUpgrade(state, request, { socket, head }),
  );
  server.on("clientError", (error: NodeJS.ErrnoException, socket) =>
    refuseNonsense(error, socket, state.replies.get(socket as Socket)),
  );
  const lane = openLane(state, server);
  if (tls !== null) server.on("connection", (socket: Socket) => track(state, socket));
  return {
    listen: async (source) =>
      source === undefined ? listen(server, deps.settings) : listenTo(server, source),
    renewTls: (renewed) => {
      if (server instanceof HttpsServer) server.setSecureContext(renewed);
    },
    drain: () => drain(state, server).finally(() => lane.close()),
  };
}

/** Connections begin on the lane; those that leave it get the listener of `node:http` that they would have had. */
function openLane(state: ServerState, server: Server): Lane {
  const { clock, settings, slabs, table } = state.deps;
  const event = settings.tls === null ? "connection" : "secureConnection";
  const listeners = server.listeners(event);
  server.removeAllListeners(event);
  const lane = createLane({
    clock,
    slabs,
    keepAliveMs: settings.callerKeepAliveMs,
    headersTimeoutMs,
    takes: (target) => table.dialectOf(splitTarget(target).path) !== null,
    onRequest: (request, response) => {
      const target = splitTarget(request.url);
      const dialect = table.dialectOf(target.path);
      if (dialect !== null)
        serveExchange(
          state,
          { request, response, expectsContinue: false, upgrade: null },
          { target, dialect },
        );
    },
    leave: (socket) => {
      for (const listener of listeners) listener.call(server, socket);
    },
  });
  server.on(event, (socket: Socket) => track(state, lane.accept(socket)));
  return lane;
}

function track(state: ServerState, socket: Socket): void {
  state.sockets.add(socket);
  socket.once("close", () => state.sockets.delete(socket));
}

interface ServerState {
  readonly deps: ServerDeps;
  isDraining: boolean;
  /** Exchanges that have not ended, from before their authentication to their row and their caller's last byte. */
  readonly open: Members<Promise<void>>;
  /** Every connection, also one that has not ended its TLS handshake, which `node:http` does not know. */
  readonly sockets: Set<Socket>;
  /** The latest reply on a connection. */
  readonly replies: WeakMap<Socket, ServerResponse>;
}

interface Incoming {
  readonly request: CallerRequest;
  readonly response: CallerResponse;
  readonly expectsContinue: boolean;
  readonly upgrade: Upgrade | null;
}

/** What came by `node:http`. */
interface NodeIncoming extends Incoming {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
}

/** The table of mounts. */
function serve(state: ServerState, incoming: NodeIncoming): void {
  const { deps } = state;
  const { request, response } = incoming;
  state.replies.set(request.socket, response);
  const target = splitTarget(request.url ?? "/");
  const { path } = target;
  const dialect = deps.table.dialectOf(path);
  if (dialect !== null) {
    serveExchange(state, incoming, { target, dialect });
    return;
  }
  if (path === "/accounts" || path.startsWith("/accounts/") || path === "/openapi.json") {
    deps.api.handle(request, response);
    return;
  }
  const health = { ...deps.health, isDraining: () => state.isDraining };
  void answerOwnPage({ ...deps, health }, { request, response, path });
}

function serveExchange(
  state: ServerState,
  incoming: Incoming,
  { target, dialect }: { readonly target: Pick<Call, "path" | "query">; readonly dialect: Dialect },
): void {
  const { response } = incoming;
  const call = newCall(state, incoming, target);
  const exchange = serveDialect(state, call, dialect)
    .then(() => (incoming.upgrade === null || response.headersSent ? delivered(response) : undefined))
    .finally(() => state.open.delete(exchange));
  state.open.add(exchange);
}

function splitTarget(target: string): Pick<Call, "path" | "query"> {
  const queryAt = target.indexOf("?");
  if (queryAt === -1) return { path: target, query: "" };
  return { path: target.slice(0, queryAt), query: target.slice(queryAt) };
}

/** Asked before anything of the request is answered: true when `serveUpgrade` is to have it. */
function isSocketRequest(table: DialectTable, request: IncomingMessage): boolean {
  return asksForWebSocket(request.headers) && table.dialectOf(splitTarget(request.url ?? "/").path) !== null;
}

/** The connection is naked from here on; should it stay HTTP, a reply of its own says so, and it ends. */
function serveUpgrade(state: ServerState, request: IncomingMessage, upgrade: Upgrade): void {
  const { socket } = upgrade;
  socket.on("error", () => {});
  const response = new ServerResponse(request);
  response.shouldKeepAlive = false;
  response.assignSocket(socket as Socket);
  response.once("finish", () => {
    socket.end();
    setTimeout(() => socket.destroy(), halfOpenMs).unref();
  });
  serve(state, { request, response, expectsContinue: false, upgrade });
}

/** Resolves when the last byte of the answer is with the kernel, or there is nobody to take it. */
function delivered(response: CallerResponse): Promise<void> {
  if (response.writableFinished || response.closed || response.destroyed) return Promise.resolve();
  return new Promise((resolve) => {
    response.once("finish", resolve);
    response.once("close", resolve);
  });
}

function newCall(state: ServerState, incoming: Incoming, target: Pick<Call, "path" | "query">): Call {
  const { deps } = state;
  const receivedAtMs = deps.clock.now();
  const exchangeId = newExchangeId(receivedAtMs);
  return {
    ...incoming,
    ...target,
    exchangeId,
    receivedAtMs,
    connectionId: null,
    answerHeaders: [
      ["x-meshagent-exchange-id", exchangeId],
      ...corsHeaders(deps.settings.corsOrigins, incoming.request.headers.origin),
    ],
  };
}

async function serveDialect(state: ServerState, call: Call, dialect: Dialect): Promise<void> {
  const { deps } = state;
  try {
    const result = deps.table.match(call, dialect);
    if (result.kind === "answered") return answerCall(state, call, result.reply);
    if (result.kind === "refused") throw result.error;
    if (state.isDraining) {
      throw new GatewayError("draining", "The gateway is restarting. Send the request again.", {
        retryAfterS: 2,
      });
    }
    if (call.upgrade === null) await deps.runExchange(result.matched);
    else await deps.runSocket(checkedHandshake(result.matched));
  } catch (error) {
    refuse(state, { call, dialect, error });
  }
}

function refuse(state: ServerState, refusal: { call: Call; dialect: Dialect; error: unknown }): void {
  const { deps } = state;
  const { call, dialect, error } = refusal;
  if (error instanceof CallerGone) return;
  const gatewayError =
    error instanceof GatewayError
      ? error
      : new GatewayError(
          "internal_error",
          `The gateway failed. Try again; its operator finds the reason in its log under ${call.exchangeId}.`,
          { cause: error },
        );
  deps.metrics.refused(gatewayError.code, dialect.name);
  const fields = {
    exchange_id: call.exchangeId,
    code: gatewayError.code,
    method: call.request.method,
    path: call.path,
    caller: callerAddress(call.request, deps.settings.trustedProxies),
    reason: gatewayError.message,
    cause: gatewayError.cause === undefined ? undefined : errorText(gatewayError.cause),
  };
  if (gatewayError.code === "internal_error") deps.log.error("an exchange failed", fields);
  else deps.log.info("a request was refused", fields);
  const reply = dialect.renderError(gatewayError, call.exchangeId);
  answerCall(state, call, { ...reply, headers: [...reply.headers, ...retryHeaders(gatewayError)] });
}

function answerCall(state: ServerState, call: Call, reply: OwnReply): void {
  const { request, response } = call;
  const preflight =
    request.method === "OPTIONS"
      ? preflightHeaders(state.deps.settings.corsOrigins, {
          origin: request.headers.origin,
          requestedHeaders: request.headers["access-control-request-headers"],
        })
      : [];
  answer({ request, response, reply, extraHeaders: [...call.answerHeaders, ...preflight] });
}

function checkedHandshake(matched: Matched): Matched {
  const problem = handshakeProblem(matched.call.request.headers);
  if (problem === null) return matched;
  throw new GatewayError("invalid_body", `This is no request for a WebSocket (RFC 6455): ${problem}.`);
}

async function drain(state: ServerState, server: Server): Promise<void> {
  state.isDraining = true;
  for (const socket of state.deps.sockets) socket.endSoon();
  // Not `server.close()`: Node takes a connection for idle as soon as its reply is ended, and destroys it with what
  // a slow caller has not taken of that reply. So connections stay, and a new request on one is refused in words.
  const closed = new Promise<void>((resolve) => NetServer.prototype.close.call(server, () => resolve()));
  const bound = new Promise<void>((resolve) => {
    setTimeout(resolve, state.deps.settings.shutdownTimeoutMs).unref();
  });
  await Promise.race([settled(state), bound]);
  await stopRunning(state);
  for (const socket of state.sockets) socket.destroy();
  // What was still on its way to a relay at the bound, such as a body, may have become one.
  await stopRunning(state);
  await closed;
}

async function stopRunning(state: ServerState): Promise<void> {
  for (const relay of [...state.deps.running, ...state.deps.sockets]) relay.stop();
  await Promise.race([settled(state), new Promise((resolve) => setTimeout(resolve, 2_000).unref())]);
}

async function settled(state: ServerState): Promise<void> {
  while (state.open.size > 0) await Promise.allSettled(state.open);
}
