/**
 * The one closed table of header lines: what never goes up to a provider and what never comes down to a
 * caller. All else passes, known or not, in its order and spelling. There is no list of allowed headers.
 */

import type { HeaderLines } from "./upstream/client.ts";

type HeaderLine = HeaderLines[number];

/** RFC 9110 section 7.6.1, and the older names that proxies still meet. */
const hopByHop = [
  "connection",
  "keep-alive",
  "proxy-authenticate",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
  "http2-settings",
] as const;

const neverUp: ReadonlySet<string> = new Set([
  ...hopByHop,
  // Credentials of the caller.
  "authorization",
  "x-api-key",
  "api-key",
  "proxy-authorization",
  "cookie",
  "sec-websocket-protocol",
  // The provider account is the gateway's, so its sub-accounts are not the caller's to choose.
  "openai-organization",
  "openai-project",
  // Where the caller sits is nobody's business upstream.
  "forwarded",
  "x-real-ip",
  "origin",
  "referer",
  // Answered by the gateway, or set by the upstream client for the bytes that really go.
  "expect",
  "host",
  "content-length",
]);

const neverUpPrefixes = ["x-forwarded-", "meshagent-"] as const;

/** Subprotocols of a WebSocket in which a browser puts what others put in the headers above. */
const neverUpProtocols = ["openai-insecure-api-key.", "openai-organization.", "openai-project."] as const;

/** True for a subprotocol that never goes up and is never chosen. */
export function isCallersOwnProtocol(name: string): boolean {
  return neverUpProtocols.some((prefix) => name.startsWith(prefix));
}

const neverDown: ReadonlySet<string> = new Set([...hopByHop, "set-cookie", "alt-svc"]);

const neverDownPrefixes = ["access-control-", "x-meshagent-"] as const;

/** How a request's lines change on their way up. */
export interface RequestHeaderOptions {
  /** The provider's own credential lines. */
  readonly authorization: HeaderLines;
  /** The body goes up decoded, so its `content-encoding` stays here. */
  readonly isBodyDecoded: boolean;
  /** Ask for an unencoded reply, because the gateway edits the stream (contract: `include_usage`). */
  readonly wantsIdentity: boolean;
}

/** The lines that go up, from the alternating name-value array of `node:http`. */
export function requestHeadersUp(rawHeaders: readonly string[], options: RequestHeaderOptions): HeaderLines {
  const named = namedByConnection(rawHeaders);
  const lines: HeaderLine[] = [];
  for (let index = 0; index + 1 < rawHeaders.length; index += 2) {
    const name = rawHeaders[index] ?? "";
    const lower = name.toLowerCase();
    if (neverUp.has(lower) || named.has(lower)) continue;
    if (neverUpPrefixes.some((prefix) => lower.startsWith(prefix))) continue;
    if (options.isBodyDecoded && lower === "content-encoding") continue;
    if (options.wantsIdentity && lower === "accept-encoding") continue;
    lines.push([name, rawHeaders[index + 1] ?? ""]);
  }
  if (options.wantsIdentity) lines.push(["accept-encoding", "identity"]);
  lines.push(...options.authorization);
  return lines;
}

/** How a reply's lines change on their way down. */
export interface ReplyHeaderOptions {
  /** The gateway sends another body than the provider's, so its length and encoding are not the reply's. */
  readonly isBodyEdited: boolean;
  /**
   * The model asked for. `openai-model` passes only when it is the same: Codex shows its user an alarm when
   * they differ, and a dated snapshot name is enough (measured with Codex 0.169.0).
   */
  readonly requestedModel: string;
  /** Lines whose lower-case name begins with one of these stay here: an owner's choice. */
  readonly droppedPrefixes: readonly string[];
}

/** The lines that come down. */
export function replyHeadersDown(lines: HeaderLines, options: ReplyHeaderOptions): HeaderLines {
  const named = namedByConnection(lines.flat());
  return lines.filter(([name, value]) => {
    const lower = name.toLowerCase();
    if (neverDown.has(lower) || named.has(lower)) return false;
    if (neverDownPrefixes.some((prefix) => lower.startsWith(prefix))) return false;
    if (options.droppedPrefixes.some((prefix) => lower.startsWith(prefix))) return false;
    if (lower === "openai-model" && value !== options.requestedModel) return false;
    return !(options.isBodyEdited && (lower === "content-length" || lower === "content-encoding"));
  });
}

/** The value of the first line of this (lower-case) name, or null. */
export function headerValue(lines: HeaderLines, lowerName: string): string | null {
  return lines.find(([name]) => name.toLowerCase() === lowerName)?.[1] ?? null;
}

/** The values of every line of this (lower-case) name, joined as RFC 9110 section 5.3 allows; "" for none. */
export function joinedHeaderValue(lines: HeaderLines, lowerName: string): string {
  return lines
    .filter(([name]) => name.toLowerCase() === lowerName)
    .map(([, value]) => value)
    .join(", ");
}

/** `text/event-stream; charset=utf-8` reads `text/event-stream`; null reads "". */
export function mediaTypeOf(contentType: string | null | undefined): string {
  return (contentType ?? "").split(";", 1)[0]?.trim().toLowerCase() ?? "";
}

/** Header names that `connection` lists belong to this hop only (RFC 9110 section 7.6.1). */
function namedByConnection(rawHeaders: readonly string[]): ReadonlySet<string> {
  const names = new Set<string>();
  for (let index = 0; index + 1 < rawHeaders.length; index += 2) {
    if (rawHeaders[index]?.toLowerCase() !== "connection") continue;
    for (const name of (rawHeaders[index + 1] ?? "").split(",")) names.add(name.trim().toLowerCase());
  }
  // Framing and content type stay whatever a caller writes into `connection`.
  for (const name of ["content-type", "content-encoding"]) names.delete(name);
  return names;
}
