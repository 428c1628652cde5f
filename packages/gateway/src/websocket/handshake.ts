/**
 * The opening handshake of a WebSocket (RFC 6455 section 4), both sides of it, as header lines. It opens nothing.
 */

import { createHash, randomBytes } from "node:crypto";
import type { IncomingHttpHeaders } from "node:http";
import type { HeaderLines } from "../upstream/client.ts";

const acceptGuid = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/** A fresh `sec-websocket-key`. */
export function newKey(): string {
  return randomBytes(16).toString("base64");
}

/** The `sec-websocket-accept` that answers a key. */
export function acceptOf(key: string): string {
  return createHash("sha1")
    .update(key + acceptGuid)
    .digest("base64");
}

/** True for a request that asks for a WebSocket, be it well or badly. */
export function asksForWebSocket(headers: IncomingHttpHeaders): boolean {
  return listOf(headers.upgrade).some((name) => name.toLowerCase() === "websocket");
}

/** What is wrong with a request that asks for a WebSocket, in words for a person; null when nothing is. */
export function handshakeProblem(headers: IncomingHttpHeaders): string | null {
  const key = headers["sec-websocket-key"] ?? "";
  if (!/^[A-Za-z0-9+/]{22}==$/.test(key)) return "`sec-websocket-key` is not 16 bytes in base64";
  if (headers["transfer-encoding"] !== undefined || Number(headers["content-length"] ?? 0) > 0)
    return "it has a body";
  if (headers["sec-websocket-version"] !== "13") return "`sec-websocket-version` is not 13";
  return null;
}

/** The values of a header that is a list, such as `sec-websocket-protocol`. */
export function listOf(value: string | undefined): readonly string[] {
  return (value ?? "")
    .split(",")
    .map((item) => item.trim())
    .filter((item) => item !== "");
}

/** True for the header lines that belong to a handshake and end with its hop. */
export function isHandshakeLine(name: string): boolean {
  return name.toLowerCase().startsWith("sec-websocket-");
}

/** The lines that ask for a WebSocket; no extension is asked for. */
export function askingLines(key: string, protocols: readonly string[]): HeaderLines {
  return [
    ["connection", "Upgrade"],
    ["upgrade", "websocket"],
    ["sec-websocket-version", "13"],
    ["sec-websocket-key", key],
    ...(protocols.length === 0 ? [] : [["sec-websocket-protocol", protocols.join(", ")] as const]),
  ];
}

/** The lines of a 101 that grants a WebSocket. */
export function grantingLines(key: string, protocol: string | null): HeaderLines {
  return [
    ["connection", "Upgrade"],
    ["upgrade", "websocket"],
    ["sec-websocket-accept", acceptOf(key)],
    ...(protocol === null ? [] : [["sec-websocket-protocol", protocol] as const]),
  ];
}
