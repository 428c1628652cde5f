/**
 * WebSocket upgrades over the network: `node:http` makes the handshake, with TLS and `HTTPS_PROXY` where they are
 * asked for, and hands over the naked connection. A connection is made for each, because it is used up.
 */

import {
  Agent as HttpAgent,
  type ClientRequest,
  type IncomingMessage,
  request as httpRequest,
} from "node:http";
import { Agent as HttpsAgent, request as httpsRequest } from "node:https";
import type { Socket } from "node:net";
import { acceptOf, askingLines, newKey } from "../websocket/handshake.ts";
import type { HeaderLines, UpstreamFailureReason, UpstreamReply } from "./client.ts";
import type { SocketClient, SocketRequest, SocketResult } from "./sockets.ts";

export interface NodeSocketClientOptions {
  /** `HTTPS_PROXY` and `NO_PROXY`, or nulls for a direct way. */
  readonly proxy: { readonly httpsProxy: string | null; readonly noProxy: string | null };
  /** More certificate authorities, PEM. */
  readonly extraCa?: string;
}

/** As much of a refusal's body as a caller is told. */
const maxRefusalBytes = 256 * 1024;
const maxReplyHeaderBytes = 256 * 1024;
/** A handshake is no work for the provider: who has not answered by then will not. */
const maxAnswerMs = 60_000;

export function createNodeSocketClient(options: NodeSocketClientOptions): SocketClient {
  const http = new HttpAgent({ keepAlive: false });
  const https = new HttpsAgent({
    keepAlive: false,
    ALPNProtocols: ["http/1.1"],
    ...(options.extraCa === undefined ? {} : { ca: options.extraCa }),
    ...(options.proxy.httpsProxy === null
      ? {}
      : { proxyEnv: { HTTPS_PROXY: options.proxy.httpsProxy, NO_PROXY: options.proxy.noProxy ?? "" } }),
  });
  return {
    open: (request, signal) =>
      open(request, request.origin.startsWith("https:") ? { agent: https } : { agent: http }, signal),
    close: async () => {
      http.destroy();
      https.destroy();
    },
  };
}

interface Way {
  readonly agent: HttpAgent | HttpsAgent;
}

function open(request: SocketRequest, way: Way, signal: AbortSignal): Promise<SocketResult> {
  const key = newKey();
  const host = request.origin.slice(request.origin.indexOf("//") + 2);
  const lines: HeaderLines = [["host", host], ...request.headers, ...askingLines(key, request.protocols)];
  return new Promise((resolve) => {
    let reason: UpstreamFailureReason = "connect_failed";
    const fail = (cause: Error, because: UpstreamFailureReason = reason): void =>
      resolve({
        kind: "failed",
        failure: { reason: because, isUnsent: because.startsWith("connect"), cause },
      });
    let call: ClientRequest;
    try {
      const ask = request.origin.startsWith("https:") ? httpsRequest : httpRequest;
      call = ask(new URL(request.origin), {
        method: "GET",
        path: request.path,
        headers: lines.flat(),
        agent: way.agent,
        maxHeaderSize: maxReplyHeaderBytes,
        signal,
      });
    } catch (cause) {
      fail(cause instanceof Error ? cause : new Error("The request cannot be written."));
      return;
    }
    const late = (because: UpstreamFailureReason): void => {
      fail(new Error("The provider did not answer in time."), because);
      call.destroy();
    };
    let timer = setTimeout(() => late("connect_timeout"), request.timeouts.connectTimeoutMs);
    const onConnected = (): void => {
      clearTimeout(timer);
      reason = "connection_lost";
      const boundMs = Math.min(request.timeouts.firstByteTimeoutMs, maxAnswerMs);
      timer = setTimeout(() => late("first_byte_timeout"), boundMs);
    };
    call.once("socket", (socket) => {
      socket.setNoDelay(true);
      socket.setKeepAlive(true, 60_000);
      if (socket.connecting) socket.once("encrypted" in socket ? "secureConnect" : "connect", onConnected);
      else onConnected();
    });
    call.on("error", (cause: NodeJS.ErrnoException) => {
      clearTimeout(timer);
      fail(cause, cause.code?.startsWith("HPE_") === true ? "invalid_reply" : reason);
    });
    call.once("upgrade", (reply: IncomingMessage, socket: Socket, head: Buffer) => {
      clearTimeout(timer);
      socket.pause();
      if (head.byteLength > 0) socket.unshift(head);
      const problem = grantProblem(reply, key, request.protocols);
      if (problem === null) {
        resolve({
          kind: "opened",
          reply: replyOf(reply),
          protocol: reply.headers["sec-websocket-protocol"] ?? null,
          stream: socket,
        });
        return;
      }
      socket.destroy();
      fail(new Error(`The provider's answer to the upgrade is none: ${problem}.`), "invalid_reply");
    });
    call.once("response", (reply) => {
      void readRefusal(reply).then((body) => {
        clearTimeout(timer);
        call.destroy();
        resolve({ kind: "refused", reply: replyOf(reply), body });
      });
    });
    call.end();
  });
}

function replyOf(reply: IncomingMessage): UpstreamReply {
  const headers: [string, string][] = [];
  for (let index = 0; index + 1 < reply.rawHeaders.length; index += 2) {
    headers.push([reply.rawHeaders[index] ?? "", reply.rawHeaders[index + 1] ?? ""]);
  }
  return { status: reply.statusCode ?? 502, statusText: reply.statusMessage ?? "", headers };
}

/** What is wrong with a 101, or null. */
function grantProblem(reply: IncomingMessage, key: string, protocols: readonly string[]): string | null {
  const { headers } = reply;
  if (reply.statusCode !== 101) return "no 101";
  if (headers.upgrade?.toLowerCase() !== "websocket") return "another upgrade";
  if (headers["sec-websocket-accept"] !== acceptOf(key)) return "a wrong sec-websocket-accept";
  if (headers["sec-websocket-extensions"] !== undefined) return "an extension that nobody asked for";
  const protocol = headers["sec-websocket-protocol"];
  if (protocol !== undefined && !protocols.includes(protocol)) return "a protocol that nobody offered";
  return null;
}

/** The body, as far as it comes and is kept. */
async function readRefusal(reply: IncomingMessage): Promise<Uint8Array> {
  const chunks: Buffer[] = [];
  let byteLength = 0;
  try {
    for await (const chunk of reply as AsyncIterable<Buffer>) {
      byteLength += chunk.byteLength;
      chunks.push(chunk);
      if (byteLength > maxRefusalBytes) break;
    }
  } catch {
    // A refusal that was cut short is one all the same.
  }
  return Buffer.concat(chunks).subarray(0, maxRefusalBytes);
}
