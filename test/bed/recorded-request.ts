/** Requests as a fake provider takes them: recording them, and telling which API and which key they carry. */

import { createHash } from "node:crypto";
import type { IncomingMessage } from "node:http";
import type { HeaderLines } from "@meshagent/llm-proxy-gateway/upstream/client";
import type { DialectName } from "@meshagent/llm-proxy-gateway/providers/provider";
import { errorReply } from "@meshagent/llm-proxy-gateway/providers/simulated/provider-errors";
import type { SimulatedReply } from "@meshagent/llm-proxy-gateway/providers/simulated/reply";

/** A request as it came off the wire. */
export interface RecordedRequest {
  readonly method: string;
  /** Path and query, untouched. */
  readonly path: string;
  readonly headers: HeaderLines;
  readonly body: Buffer;
  /** SHA-256 of the body, hexadecimal. */
  readonly sha256: string;
  /** False when the connection ended before the body did. */
  readonly isComplete: boolean;
  /** Which connection it came on, counted from 1. */
  readonly connection: number;
}

/** The record of a request whose body was read as far as it came. */
export function recordRequest(
  request: IncomingMessage,
  read: Pick<RecordedRequest, "body" | "isComplete" | "connection">,
): RecordedRequest {
  const raw = request.rawHeaders;
  const headers = raw.flatMap((name, at): HeaderLines => (at % 2 === 0 ? [[name, raw[at + 1] ?? ""]] : []));
  const sha256 = createHash("sha256").update(read.body).digest("hex");
  return { method: request.method ?? "", path: request.url ?? "", headers, sha256, ...read };
}

/** True when the request carries the key, as a bearer or in `x-api-key`. */
export function carriesKey(request: RecordedRequest, apiKey: string): boolean {
  return request.headers.some(
    ([name, value]) =>
      (name.toLowerCase() === "authorization" && value === `Bearer ${apiKey}`) ||
      (name.toLowerCase() === "x-api-key" && value === apiKey),
  );
}

/** Which API a path belongs to, and the path as the provider itself would see it. */
export function targetOf(request: RecordedRequest): { readonly dialect: DialectName; readonly path: string } {
  const match = /^\/(openai|anthropic)(\/.*)$/.exec(request.path);
  if (match !== null)
    return { dialect: match[1] === "anthropic" ? "anthropic" : "openai", path: match[2] ?? "" };
  const isAnthropic =
    /^\/v1\/(messages|complete)\b/.test(request.path) ||
    request.headers.some(([name]) => name.toLowerCase() === "anthropic-version");
  return { dialect: isAnthropic ? "anthropic" : "openai", path: request.path };
}

/** What a provider answers to a request without the right key. */
export function unauthorized(dialect: DialectName): SimulatedReply {
  const reply = errorReply(
    dialect,
    { status: 401, message: "Incorrect API key provided." },
    "req_unauthorized",
  );
  const text = reply.body.kind === "json" ? reply.body.text : "";
  const bytes = Buffer.from(text);
  const headers: HeaderLines = [
    ["content-type", "application/json"],
    ["content-length", String(bytes.length)],
    [dialect === "openai" ? "x-request-id" : "request-id", "req_unauthorized"],
  ];
  return { status: 401, headers, headerDelayMs: 0, steps: [{ kind: "bytes", bytes }], bill: null };
}

/** The body, to its end or to the end of its connection. */
export async function readBody(request: IncomingMessage): Promise<{ body: Buffer; isComplete: boolean }> {
  const chunks: Buffer[] = [];
  return await new Promise((resolve) => {
    const finish = (): void => resolve({ body: Buffer.concat(chunks), isComplete: request.complete });
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", finish);
    request.on("error", finish);
    request.on("close", finish);
  });
}
