/** Who called, for logs and for what only this machine may read. A header is believed from a trusted proxy alone. */

import { type BlockList, isIP } from "node:net";
import type { CallerRequest } from "../exchange.ts";

/**
 * The connection's other end; where that is a trusted proxy, the last that `x-forwarded-for` names and that is no
 * trusted proxy itself. What stands before it anybody could have written.
 */
export function callerAddress(request: CallerRequest, trusted: BlockList): string {
  let caller = bare(request.socket.remoteAddress ?? "");
  const hops = [request.headers["x-forwarded-for"] ?? []].flat().join(",").split(",");
  for (const hop of hops.toReversed()) {
    const address = bare(hop.trim());
    if (!isTrusted(trusted, caller) || isIP(address) === 0) break;
    caller = address;
  }
  return caller;
}

/** Whether a proxy that is not trusted says that it speaks for somebody else. */
export function isOnBehalfOfUnknown(request: CallerRequest, trusted: BlockList): boolean {
  const { headers, socket } = request;
  const says = ["forwarded", "x-forwarded-for", "x-real-ip", "via"].some(
    (name) => headers[name] !== undefined,
  );
  return says && !isTrusted(trusted, bare(socket.remoteAddress ?? ""));
}

function isTrusted(trusted: BlockList, address: string): boolean {
  return isIP(address) !== 0 && trusted.check(address, isIP(address) === 6 ? "ipv6" : "ipv4");
}

/** Without the IPv6 clothes of an IPv4 address, and without a port, which some proxies add. */
function bare(text: string): string {
  const [, bracketed] = /^\[([^\]]+)\](?::\d+)?$/.exec(text) ?? [];
  const [, withPort] = /^(\d+\.\d+\.\d+\.\d+):\d+$/.exec(text) ?? [];
  return (bracketed ?? withPort ?? text).replace(/^::ffff:(?=\d+\.)/i, "");
}

/** 127.0.0.0/8 and ::1, also as an IPv4 address in IPv6 clothes. */
export function isLoopback(address: string | undefined): boolean {
  if (address === undefined) return false;
  return address === "::1" || /^(?:::ffff:)?127(?:\.\d{1,3}){3}$/.test(address);
}

/** The host of a URL that leads to who listens on this address, for who is on the same machine. */
export function urlHost(host: string): string {
  if (host === "0.0.0.0" || host === "::") return "127.0.0.1";
  return host.includes(":") ? `[${host}]` : host;
}
