/**
 * A provider on a real socket: the simulated provider behind node:http on the loopback, for tests of the
 * gateway's whole path. It records every request, answers exact bytes where a test scripts them, and keeps
 * its own books of what it billed, to be compared with the gateway's ledger.
 */

import {
  createServer as createHttpServer,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo, Socket } from "node:net";
import { systemClock, type Clock } from "@meshagent/llm-proxy-gateway/clock";
import { createSimulation } from "@meshagent/llm-proxy-gateway/providers/simulated/simulation";
import { simulatedSocket } from "@meshagent/llm-proxy-gateway/providers/simulated/sockets";
import type { HeaderLines } from "@meshagent/llm-proxy-gateway/upstream/client";
import { grantingLines } from "@meshagent/llm-proxy-gateway/websocket/handshake";
import { ProviderBooks, type BookEntry } from "./provider-books.ts";
import {
  carriesKey,
  readBody,
  recordRequest,
  targetOf,
  unauthorized,
  type RecordedRequest,
} from "./recorded-request.ts";
import { writeRawReply, rawHead, type RawReply } from "./raw-reply.ts";
import { writeSimulatedReply } from "./simulated-reply.ts";

export type { RecordedRequest } from "./recorded-request.ts";

export interface FakeProviderOptions {
  /** PEM key and certificate: serves TLS. */
  readonly tls?: { readonly key: string; readonly cert: string };
  /** Answers 401 to every request that does not carry this key, as a bearer or in `x-api-key`. */
  readonly apiKey?: string;
  readonly clock?: Clock;
  readonly idSeed?: string;
  /** Writes simulated replies in pieces of so many bytes, to split events and characters anywhere. */
  readonly pieceBytes?: number;
}

/** Answers a request with exact bytes; null leaves it to the simulated provider. */
export type RawScript = (request: RecordedRequest) => RawReply | null;

/** Serves a connection that asks for a WebSocket, its handshake included; false leaves it to the simulated provider. */
export type SocketScript = (request: RecordedRequest, socket: Socket, head: Buffer) => boolean;

/** The 101 that grants what the request asks for. */
export function grantOf(request: Pick<IncomingMessage, "headers">, more: HeaderLines = []): string {
  const key = request.headers["sec-websocket-key"] ?? "";
  const lines = [...grantingLines(key, null), ...more];
  return `HTTP/1.1 101 Switching Protocols\r\n${lines.map(([name, value]) => `${name}: ${value}\r\n`).join("")}\r\n`;
}

function splitTarget(target: string): { readonly path: string; readonly query: string } {
  const at = target.indexOf("?");
  return at === -1 ? { path: target, query: "" } : { path: target.slice(0, at), query: target.slice(at) };
}

export interface FakeProvider {
  /** `http://127.0.0.1:port`. */
  readonly origin: string;
  /** For `MESHAGENT_OPENAI_BASE_URL`. */
  readonly openaiBaseUrl: string;
  /** For `MESHAGENT_ANTHROPIC_BASE_URL`. */
  readonly anthropicBaseUrl: string;
  readonly requests: readonly RecordedRequest[];
  /** How many connections were ever accepted. */
  readonly connections: number;
  readonly openConnections: number;
  /** What was billed, in the order of the requests. */
  readonly books: readonly BookEntry[];
  /** Scripts the replies from now on; null goes back to simulated ones. */
  script(script: RawScript | null): void;
  /** Takes connections that ask for a WebSocket from now on; null goes back to simulated ones. */
  scriptSocket(script: SocketScript | null): void;
  /** Scripts replies that are given as soon as the header is read, the body still coming (and then unread). */
  scriptAtHead(script: RawScript | null): void;
  /** Resolves when so many requests have been recorded in all. */
  untilRequests(count: number): Promise<void>;
  /** Resolves when no reply is being written. */
  untilIdle(): Promise<void>;
  /** Resets every open connection. */
  resetConnections(): void;
  close(): Promise<void>;
}

/** Starts a fake provider on a free port of 127.0.0.1. */
export async function startFakeProvider(options: FakeProviderOptions = {}): Promise<FakeProvider> {
  const fake = new FakeProviderServer(options);
  await fake.listen();
  return fake;
}

class FakeProviderServer implements FakeProvider {
  readonly requests: RecordedRequest[] = [];
  readonly #books = new ProviderBooks();
  readonly #options: FakeProviderOptions;
  readonly #simulation: ReturnType<typeof createSimulation>;
  readonly #server: Server;
  readonly #connectionOf = new WeakMap<Socket, number>();
  readonly #sockets = new Set<Socket>();
  readonly #watchers = new Set<() => void>();
  #script: RawScript | null = null;
  #socketScript: SocketScript | null = null;
  #scriptAtHead: RawScript | null = null;
  #connections = 0;
  #writing = 0;

  constructor(options: FakeProviderOptions) {
    this.#options = options;
    this.#simulation = createSimulation({
      clock: options.clock ?? systemClock,
      idSeed: options.idSeed ?? "",
    });
    const listener = (request: IncomingMessage, response: ServerResponse): void => {
      void this.#serve(request, response);
    };
    this.#server =
      options.tls === undefined ? createHttpServer(listener) : createTlsServer(options.tls, listener);
    // No limit of the server's own may end what a test holds open.
    Object.assign(this.#server, {
      requestTimeout: 0,
      headersTimeout: 0,
      timeout: 0,
      keepAliveTimeout: 120_000,
    });
    this.#server.on(options.tls === undefined ? "connection" : "secureConnection", (socket: Socket) => {
      this.#accept(socket);
    });
    this.#server.on("checkContinue", listener);
    this.#server.on(
      "upgrade",
      (request: IncomingMessage, socket: Socket, head: Buffer) => void this.#upgrade(request, socket, head),
    );
  }

  async listen(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#server.listen(0, "127.0.0.1", resolve);
    });
  }

  get origin(): string {
    const { port } = this.#server.address() as AddressInfo;
    return `${this.#options.tls === undefined ? "http" : "https"}://127.0.0.1:${port}`;
  }

  get openaiBaseUrl(): string {
    return `${this.origin}/openai/v1`;
  }

  get anthropicBaseUrl(): string {
    return `${this.origin}/anthropic`;
  }

  get connections(): number {
    return this.#connections;
  }

  get openConnections(): number {
    return this.#sockets.size;
  }

  get books(): readonly BookEntry[] {
    return this.#books.entries;
  }

  script(script: RawScript | null): void {
    this.#script = script;
  }

  scriptSocket(script: SocketScript | null): void {
    this.#socketScript = script;
  }

  scriptAtHead(script: RawScript | null): void {
    this.#scriptAtHead = script;
  }

  async untilRequests(count: number): Promise<void> {
    await this.#until(() => this.requests.length >= count);
  }

  async untilIdle(): Promise<void> {
    await this.#until(() => this.#writing === 0);
  }

  resetConnections(): void {
    for (const socket of this.#sockets) socket.resetAndDestroy();
  }

  async close(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#server.close(() => resolve());
      for (const socket of this.#sockets) socket.destroy();
    });
  }

  #accept(socket: Socket): void {
    this.#connections += 1;
    this.#connectionOf.set(socket, this.#connections);
    this.#sockets.add(socket);
    socket.on("error", () => {});
    socket.on("close", () => this.#sockets.delete(socket));
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    this.#writing += 1;
    try {
      const head = this.#record(request, Buffer.alloc(0), false);
      const early = this.#scriptAtHead?.(head) ?? null;
      if (early !== null) {
        this.#add(head);
        await this.#writeRaw(response, early);
        return;
      }
      if (request.headers.expect !== undefined) response.writeContinue();
      const { body, isComplete } = await readBody(request);
      const recorded = this.#record(request, body, isComplete);
      this.#add(recorded);
      if (!isComplete) return;
      const scripted = this.#script?.(recorded) ?? null;
      if (scripted !== null) await this.#writeRaw(response, scripted);
      else await this.#writeSimulated(response, recorded);
    } finally {
      this.#writing -= 1;
      this.#changed();
    }
  }

  async #writeRaw(response: ServerResponse, reply: RawReply): Promise<void> {
    const socket = response.socket;
    if (socket === null) return;
    const isWritten = await writeRawReply(socket, reply);
    // node:http did not see these bytes: it is told that this reply is over, and reads the next request.
    if (isWritten && reply.end === "keep") response.emit("finish");
  }

  async #writeSimulated(response: ServerResponse, recorded: RecordedRequest): Promise<void> {
    const { dialect, path } = targetOf(recorded);
    const { apiKey } = this.#options;
    const reply =
      apiKey === undefined || carriesKey(recorded, apiKey)
        ? this.#simulation.answer({ ...recorded, dialect, path })
        : unauthorized(dialect);
    const entry = this.#books.open({ dialect, path: recorded.path, status: reply.status, bill: reply.bill });
    const isWritten = await writeSimulatedReply(response, reply, this.#options.pieceBytes);
    this.#books.settle(entry, isWritten);
  }

  async #upgrade(request: IncomingMessage, socket: Socket, head: Buffer): Promise<void> {
    const recorded = this.#record(request, Buffer.alloc(0), true);
    this.#add(recorded);
    if (this.#socketScript?.(recorded, socket, head) === true) return;
    const scripted = this.#script?.(recorded) ?? null;
    const { path, query } = splitTarget(targetOf(recorded).path);
    const serve = simulatedSocket(path);
    if (scripted === null && serve !== null) {
      socket.write(grantOf(request), "latin1");
      if (head.byteLength > 0) socket.unshift(head);
      serve(socket, {
        simulation: this.#simulation,
        query,
        onBill: (bill, status) => {
          const entry = this.#books.open({ dialect: "openai", path: recorded.path, status, bill });
          this.#writing += 1;
          return (isSent) => {
            this.#books.settle(entry, isSent);
            this.#writing -= 1;
            this.#changed();
          };
        },
      });
      return;
    }
    const refusal = rawHead(
      426,
      [
        ["connection", "close"],
        ["content-length", "0"],
      ],
      "Upgrade Required",
    );
    await writeRawReply(socket, scripted ?? { pieces: [refusal], end: "close" });
  }

  #record(request: IncomingMessage, body: Buffer, isComplete: boolean): RecordedRequest {
    return recordRequest(request, {
      body,
      isComplete,
      connection: this.#connectionOf.get(request.socket) ?? 0,
    });
  }

  #add(recorded: RecordedRequest): void {
    this.requests.push(recorded);
    this.#changed();
  }

  #changed(): void {
    for (const watcher of this.#watchers) watcher();
  }

  async #until(holds: () => boolean): Promise<void> {
    if (holds()) return;
    await new Promise<void>((resolve) => {
      const watcher = (): void => {
        if (!holds()) return;
        this.#watchers.delete(watcher);
        resolve();
      };
      this.#watchers.add(watcher);
    });
  }
}
