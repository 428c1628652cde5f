/** For tests only: a relay between a caller on a real connection and a provider that a script plays. */

import assert from "node:assert/strict";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { type AddressInfo, connect, type Socket } from "node:net";
import type { Routed } from "../exchange.ts";
import { createMeter } from "../meter/meter.ts";
import type { Observation } from "../observation.ts";
import type { Ownership } from "../ownership.ts";
import { type SampleOptions, sampleNowMs, sampleRouted } from "../sample-routed.ts";
import type {
  HeaderLines,
  UpstreamCall,
  UpstreamClient,
  UpstreamFailureReason,
  UpstreamObserver,
  UpstreamRequest,
} from "../upstream/client.ts";
import { createDrainSlots } from "./drain-slots.ts";
import { createKeptLists } from "./kept-lists.ts";
import { createSharedFlights } from "./shared-flights.ts";
import { forward } from "./forward.ts";
import type { Settle } from "./relay.ts";
import type { ForwardDeps, ForwardSettings, Stoppable } from "./settings.ts";

/** Resolves after what the event loop has ready now, some turns deep. Bytes on loopback need a few. */
export async function turns(): Promise<void> {
  for (let turn = 0; turn < 25; turn++) await new Promise(setImmediate);
}

/** The caller's end of a connection, as raw bytes. */
export class RawCaller {
  readonly socket: Socket;
  /** Resolves when nothing more comes: `end` for an orderly end, else the error's code. */
  readonly closed: Promise<string>;
  #chunks: Buffer[] = [];
  #onBytes: () => void = () => {};

  constructor(socket: Socket) {
    this.socket = socket;
    socket.on("data", (bytes) => {
      this.#chunks.push(bytes);
      this.#onBytes();
    });
    this.closed = new Promise((resolve) => {
      socket.on("end", () => resolve("end"));
      socket.on("error", (error: NodeJS.ErrnoException) => resolve(error.code ?? "error"));
      socket.on("close", () => resolve("close"));
    });
    void this.closed.then(() => this.#onBytes());
  }

  /** All bytes so far. */
  get bytes(): Buffer {
    if (this.#chunks.length > 1) this.#chunks = [Buffer.concat(this.#chunks)];
    return this.#chunks[0] ?? Buffer.alloc(0);
  }

  get text(): string {
    return this.bytes.toString("latin1");
  }

  /** The body so far, chunk framing removed; `isWhole` when its last chunk or its length was there. */
  get body(): { readonly bytes: Buffer; readonly isWhole: boolean } {
    const at = this.text.indexOf("\r\n\r\n");
    assert.notEqual(at, -1, "a head came");
    const head = this.text.slice(0, at).toLowerCase();
    const rest = this.bytes.subarray(at + 4);
    if (head.includes("transfer-encoding: chunked")) return dechunk(rest);
    const length = /content-length: (\d+)/.exec(head)?.[1];
    return { bytes: rest, isWhole: length !== undefined && rest.length >= Number(length) };
  }

  /** Resolves when this text has come. Rejects when the connection ends before. */
  async until(text: string): Promise<void> {
    let isClosed = false;
    void this.closed.then(() => (isClosed = true));
    let searchedBytes = 0;
    while (!this.bytes.includes(text, Math.max(0, searchedBytes - text.length), "latin1")) {
      searchedBytes = this.bytes.length;
      assert.ok(
        !isClosed,
        `closed before ${JSON.stringify(text)} came; got ${JSON.stringify(this.text.slice(0, 2000))}`,
      );
      await new Promise<void>((resolve) => {
        this.#onBytes = resolve;
      });
    }
  }
}

function dechunk(bytes: Buffer): { readonly bytes: Buffer; readonly isWhole: boolean } {
  const parts: Buffer[] = [];
  let at = 0;
  for (;;) {
    const lineEnd = bytes.indexOf("\r\n", at);
    if (lineEnd === -1) return { bytes: Buffer.concat(parts), isWhole: false };
    const size = Number.parseInt(bytes.toString("latin1", at, lineEnd), 16);
    if (size === 0) return { bytes: Buffer.concat(parts), isWhole: bytes.length >= lineEnd + 4 };
    parts.push(bytes.subarray(lineEnd + 2, lineEnd + 2 + size));
    at = lineEnd + 2 + size + 2;
  }
}

/** One call of the relay to its provider. */
export class ScriptedCall implements UpstreamCall {
  readonly request: UpstreamRequest;
  readonly observer: UpstreamObserver;
  /** What the last `onChunk` gave: false asks to pause. */
  wantsMore = true;
  resumes = 0;
  isAborted = false;
  #onResume: () => void = () => {};
  #onAbort: () => void = () => {};

  constructor(request: UpstreamRequest, observer: UpstreamObserver) {
    this.request = request;
    this.observer = observer;
  }

  resume(): void {
    this.resumes += 1;
    this.wantsMore = true;
    this.#onResume();
  }

  abort(): void {
    this.isAborted = true;
    this.#onAbort();
  }

  async resumed(): Promise<void> {
    while (!this.wantsMore) await new Promise<void>((resolve) => (this.#onResume = resolve));
  }

  async aborted(): Promise<void> {
    while (!this.isAborted) await new Promise<void>((resolve) => (this.#onAbort = resolve));
  }

  reply(status: number, headers: HeaderLines, statusText = ""): void {
    this.observer.onReply({ status, statusText, headers });
  }

  /** Hands a chunk on as a client does: the interface asks for no pause in here. */
  chunk(bytes: string | Uint8Array): boolean {
    this.wantsMore = this.observer.onChunk(typeof bytes === "string" ? Buffer.from(bytes) : bytes);
    return this.wantsMore;
  }

  end(): void {
    this.observer.onEnd();
  }

  fail(reason: UpstreamFailureReason, isUnsent = false): void {
    this.observer.onFailure({ reason, isUnsent, cause: new Error(reason) });
  }
}

class ScriptedClient implements UpstreamClient {
  readonly calls: ScriptedCall[] = [];
  /** What `send` does besides. */
  onSend: (call: ScriptedCall) => void = () => {};
  #waiting: (() => void) | null = null;

  send(request: UpstreamRequest, observer: UpstreamObserver): UpstreamCall {
    const call = new ScriptedCall(request, observer);
    this.onSend(call);
    this.calls.push(call);
    this.#waiting?.();
    return call;
  }

  async call(index: number): Promise<ScriptedCall> {
    for (;;) {
      const call = this.calls[index];
      if (call !== undefined) return call;
      await new Promise<void>((resolve) => (this.#waiting = resolve));
    }
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}

export interface ExchangeOptions extends SampleOptions {
  readonly settings?: Partial<ForwardSettings>;
  readonly maxDrains?: number;
  /** What the caller writes, whole; a POST of HTTP/1.1 unless told. */
  readonly requestHead?: string;
  /** Takes the place of a row that is written at once. */
  readonly settle?: Settle;
  readonly ownership?: Ownership;
  readonly onSend?: (call: ScriptedCall) => void;
}

export interface RunningExchange {
  readonly caller: RawCaller;
  readonly client: ScriptedClient;
  /** The first call to the provider. */
  readonly up: ScriptedCall;
  readonly deps: ForwardDeps;
  readonly routed: Routed;
  /** The rows in the order in which they were written. */
  readonly rows: readonly Observation[];
  /** What `forward` came to: null, or its error. */
  readonly outcome: Promise<unknown>;
  /** Messages of the log. */
  readonly logged: readonly string[];
  readonly response: ServerResponse;
}

const generous: ForwardSettings = {
  disconnectPolicy: "drain",
  drainMaxMs: 10_000,
  drainMaxBytes: 1_000_000,
  settleTimeoutMs: 10_000,
  callerStallTimeoutMs: 10_000,
  maxAttempts: 2,
  publicUrl: null,
};

export class RelayBed {
  readonly #server: Server = createServer({ keepAliveTimeout: 0 });
  readonly #callers = new Set<Socket>();

  async open(): Promise<void> {
    await new Promise<void>((resolve) => this.#server.listen(0, "127.0.0.1", resolve));
  }

  async close(): Promise<void> {
    for (const socket of this.#callers) socket.destroy();
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  /** A connection, and what the server is asked on it. */
  async connect(
    requestHead?: string,
  ): Promise<{ caller: RawCaller; request: IncomingMessage; response: ServerResponse }> {
    const { port } = this.#server.address() as AddressInfo;
    const socket = connect(port, "127.0.0.1");
    this.#callers.add(socket);
    const asked = this.nextRequest();
    socket.write(
      requestHead ?? "POST /openai/v1/responses HTTP/1.1\r\nhost: gw\r\ncontent-length: 0\r\n\r\n",
    );
    const [request, response] = await asked;
    return { caller: new RawCaller(socket), request, response };
  }

  nextRequest(): Promise<[IncomingMessage, ServerResponse]> {
    return new Promise((resolve) => this.#server.once("request", (...given) => resolve(given)));
  }

  /** Connects a caller and starts to forward its request. */
  async exchange(options: ExchangeOptions = {}): Promise<RunningExchange> {
    const { caller, request, response } = await this.connect(options.requestHead);
    const running = this.forward(response, { ...options, call: { request, response, ...options.call } });
    const up = await running.client.call(0);
    return { ...running, caller, up };
  }

  /** Starts to forward a request that the server was asked. */
  forward(response: ServerResponse, options: ExchangeOptions): Omit<RunningExchange, "caller" | "up"> {
    const rows: Observation[] = [];
    const logged: string[] = [];
    const log = (message: string): void => void logged.push(message);
    const client = new ScriptedClient();
    client.onSend = options.onSend ?? ((): void => {});
    const deps: ForwardDeps = {
      clock: { now: () => sampleNowMs },
      log: { debug: log, info: log, warn: log, error: log },
      settings: { ...generous, ...options.settings },
      drainSlots: createDrainSlots(options.maxDrains ?? 10),
      flights: createSharedFlights(),
      keptLists: createKeptLists({ now: () => sampleNowMs }),
      clientFor: () => client,
      createMeter,
      running: new Set<Stoppable>(),
    };
    const routed = sampleRouted(options);
    const settle: Settle = async (observation) => {
      rows.push(observation);
      await options.settle?.(observation);
    };
    const outcome = forward(deps, routed, {
      settle,
      ownership: options.ownership ?? ownsNothing,
      onInput: null,
    }).then(
      () => null,
      (error: unknown) => error,
    );
    return { client, deps, routed, rows, outcome, logged, response };
  }
}

/** Nothing that is made is recorded, and every listed object is the room's. */
export const ownsNothing: Ownership = {
  claim: () => null,
  recordShown: async () => {},
  recordListed: async () => {},
  visible: async (_kind, ids) => new Set(ids),
};

export const sse: HeaderLines = [["content-type", "text/event-stream"]];

/** Events of a Responses stream; the last one is terminal and bills 10 and 2 tokens. */
export const responsesEvents: Readonly<Record<"created" | "delta" | "completed", string>> = {
  created: event("response.created", { response: { id: "resp_1", model: "gpt-5.5", status: "in_progress" } }),
  delta: event("response.output_text.delta", { delta: "hi" }),
  completed: event("response.completed", {
    response: {
      id: "resp_1",
      model: "gpt-5.5",
      status: "completed",
      usage: { input_tokens: 10, output_tokens: 2, total_tokens: 12 },
    },
  }),
};

function event(type: string, data: Readonly<Record<string, unknown>>): string {
  return `event: ${type}\ndata: ${JSON.stringify({ type, ...data })}\n\n`;
}
