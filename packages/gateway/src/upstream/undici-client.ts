/**
 * The upstream client on undici's dispatch: keep-alive pools per origin, TLS, HTTPS_PROXY. It speaks HTTP/1.1,
 * follows no redirect, decodes nothing and repeats nothing by itself.
 */

import type { Readable } from "node:stream";
import { Agent, EnvHttpProxyAgent, type Dispatcher, errors, Pool } from "undici";
import type {
  HeaderLines,
  UpstreamCall,
  UpstreamClient,
  UpstreamFailure,
  UpstreamFailureReason,
  UpstreamObserver,
  UpstreamRequest,
} from "./client.ts";

export interface UndiciClientOptions {
  /** Dial and TLS handshake together. */
  readonly connectTimeoutMs: number;
  /**
   * How long an idle connection is kept. Below the idle limits of the providers' edges (Cloudflare closes
   * after about 400 s, others after 60 s), so that a request seldom meets a connection that was just closed.
   */
  readonly keepAliveTimeoutMs: number;
  /** `HTTPS_PROXY` and `NO_PROXY`, or nulls for a direct way. */
  readonly proxy: { readonly httpsProxy: string | null; readonly noProxy: string | null };
  /** More certificate authorities, PEM, for tests; `NODE_EXTRA_CA_CERTS` works besides. */
  readonly extraCa?: string;
}

/** Reply headers of the providers stay far below; undici's own default of 16 KiB has been met in the field. */
const maxReplyHeaderBytes = 256 * 1024;

export function createUndiciClient(options: UndiciClientOptions): UpstreamClient {
  const dispatcher = createDispatcher(options);
  return {
    send: (request, observer) => new UndiciCall(dispatcher, request, observer),
    close: () => dispatcher.destroy(),
  };
}

function createDispatcher(options: UndiciClientOptions): Dispatcher {
  const connect = {
    timeout: options.connectTimeoutMs,
    keepAlive: true,
    keepAliveInitialDelay: 60_000,
    allowH2: false,
    ...(options.extraCa === undefined ? {} : { ca: options.extraCa }),
  };
  const agentOptions: Agent.Options = {
    // One request at a time per connection, as many connections as there are running exchanges: a slow
    // stream never holds another up.
    pipelining: 1,
    connections: null,
    keepAliveTimeout: options.keepAliveTimeoutMs,
    keepAliveMaxTimeout: options.keepAliveTimeoutMs,
    maxHeaderSize: maxReplyHeaderBytes,
    maxResponseSize: -1,
    allowH2: false,
    connect,
  };
  if (options.proxy.httpsProxy === null) return new Agent(agentOptions);
  return new EnvHttpProxyAgent({
    ...agentOptions,
    // To the proxy, and through it to the provider.
    proxyTls: connect,
    requestTls: connect,
    // A proxy that does not answer a CONNECT is a provider that is not reached.
    clientFactory: (origin, poolOptions) =>
      new Pool(origin, { ...poolOptions, headersTimeout: options.connectTimeoutMs }),
    // Of the environment it would read these itself; a provider in clear text is reached directly.
    httpProxy: "",
    httpsProxy: options.proxy.httpsProxy,
    noProxy: options.proxy.noProxy ?? "",
  });
}

class UndiciCall implements UpstreamCall, Dispatcher.DispatchHandler {
  readonly #observer: UpstreamObserver;
  #controller: Dispatcher.DispatchController | null = null;
  #isAborted = false;

  constructor(dispatcher: Dispatcher, request: UpstreamRequest, observer: UpstreamObserver) {
    this.#observer = observer;
    dispatcher.dispatch(
      {
        origin: request.origin,
        path: request.path,
        method: request.method as Dispatcher.HttpMethod,
        headers: flatHeaders(request),
        body: bodyOf(request),
        headersTimeout: request.timeouts.firstByteTimeoutMs,
        bodyTimeout: request.timeouts.idleTimeoutMs,
      },
      this,
    );
  }

  resume(): void {
    this.#controller?.resume();
  }

  abort(): void {
    if (this.#isAborted) return;
    this.#isAborted = true;
    this.#controller?.abort(new Error("The gateway ended the call."));
  }

  /** undici calls this right before the first byte is written: what fails earlier was not sent. */
  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    if (this.#isAborted) controller.abort(new Error("The gateway ended the call."));
  }

  onResponseStart(
    controller: Dispatcher.DispatchController,
    status: number,
    _headers: unknown,
    statusText?: string,
  ): void {
    // Interim replies end at the gateway: the caller's own `Expect` was answered by it.
    if (status < 200 || this.#isAborted) return;
    this.#observer.onReply({ status, statusText: statusText ?? "", headers: linesOf(controller.rawHeaders) });
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.#isAborted) return;
    if (!this.#observer.onChunk(chunk)) controller.pause();
  }

  onResponseEnd(): void {
    if (!this.#isAborted) this.#observer.onEnd();
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    if (this.#isAborted) return;
    this.#observer.onFailure(failureOf(error, this.#controller === null));
  }
}

function flatHeaders(request: UpstreamRequest): string[] {
  const flat = request.headers.flat();
  if (request.body !== null) flat.push("content-length", String(request.body.byteLength));
  return flat;
}

/**
 * Chunk by chunk as the socket takes them, held once. Never read before there is a connection: a body is given
 * back to memory with its last chunk, and could not be sent again then.
 */
function bodyOf(request: UpstreamRequest): NonNullable<Dispatcher.DispatchOptions["body"]> | null {
  // undici's dispatch takes any iterable of bytes; its types name only some.
  return request.body === null ? null : (request.body.chunks() as unknown as Readable);
}

function linesOf(rawHeaders: unknown): HeaderLines {
  if (!Array.isArray(rawHeaders)) return [];
  const lines: [string, string][] = [];
  for (let index = 0; index + 1 < rawHeaders.length; index += 2) {
    lines.push([latin1(rawHeaders[index]), latin1(rawHeaders[index + 1])]);
  }
  return lines;
}

/** Header bytes are passed on as they came; latin1 is the reading that `node:http` writes back unchanged. */
function latin1(value: unknown): string {
  return Buffer.isBuffer(value) ? value.toString("latin1") : String(value);
}

function failureOf(error: Error, isUnsent: boolean): UpstreamFailure {
  return { reason: reasonOf(error, isUnsent), isUnsent, cause: error };
}

function reasonOf(error: Error, isUnsent: boolean): UpstreamFailureReason {
  if (error instanceof errors.ConnectTimeoutError) return "connect_timeout";
  // Before anything was sent it was a proxy that gave no answer.
  if (error instanceof errors.HeadersTimeoutError) return isUnsent ? "connect_timeout" : "first_byte_timeout";
  if (error instanceof errors.BodyTimeoutError) return "idle_timeout";
  if (isUnsent) return "connect_failed";
  if (error instanceof errors.HTTPParserError || error instanceof errors.HeadersOverflowError) {
    return "invalid_reply";
  }
  return "connection_lost";
}
