/** Is a client's base URL the one it should have? Where it is not, says what is wrong with it and what it should be. */

import { isLoopbackUrl, isSameOrigin } from "../connection.ts";
import { fail, ok, warn } from "./check.ts";
import type { Check } from "./check.ts";

/** The gateway as its callers may name it. */
export interface GatewayAddresses {
  readonly apiUrl: string;
  /** What it says that callers reach it at; null when it was not asked. */
  readonly publicUrl: string | null;
}

/** A client's way to a gateway. */
export interface BaseUrlQuestion {
  /** The client, for people: `codex`. */
  readonly area: string;
  readonly baseUrl: string;
  /** The path that it takes: `/openai/v1`, `/anthropic`, `/anthropic/v1`. */
  readonly path: string;
  /** What it puts behind its base URL, such as `/responses`. */
  readonly asksFor: string;
  /** How to point it at this gateway. */
  readonly todo: string;
}

/** The address of the gateway that the URL is of, as `apiUrl` or `publicUrl` writes it; null for another server. */
export function gatewayOf(url: string, { apiUrl, publicUrl }: GatewayAddresses): string | null {
  const names = publicUrl === null ? [apiUrl] : [apiUrl, publicUrl];
  return names.find((name) => isSameOrigin(url, name) || isSameLoopback(url, name)) ?? null;
}

/** `localhost` and `127.0.0.1`, at one port. */
function isSameLoopback(a: string, b: string): boolean {
  const [left, right] = [URL.parse(a), URL.parse(b)];
  if (left?.protocol !== right?.protocol || left?.port !== right?.port) return false;
  return isLoopbackUrl(a) && isLoopbackUrl(b);
}

export function checkBaseUrl(question: BaseUrlQuestion, addresses: GatewayAddresses): Check {
  const { area, path, asksFor } = question;
  const baseUrl = question.baseUrl.replace(/\/+$/, "");
  const gateway = gatewayOf(baseUrl, addresses);
  if (gateway === null)
    return warn(area, `sends its requests to ${baseUrl}, not to this gateway`, question.todo);
  const wanted = gateway + path;
  const [found, want] = [pathOf(baseUrl), pathOf(wanted)];
  // `/v1` is short for `/openai/v1`.
  if (found === want || want.replace(/\/openai\/v1$/, "/v1") === found)
    return ok(area, `sends its requests to ${baseUrl}`);
  return fail(
    area,
    `its base URL is ${baseUrl}, so it asks for ${found}${asksFor}, which is no path of the gateway: ${explain(found, want)}`,
    `It should be ${wanted}.`,
  );
}

function pathOf(url: string): string {
  return (URL.parse(url)?.pathname ?? "").replace(/\/+$/, "");
}

function explain(found: string, want: string): string {
  if (`${found}/v1` === want) return "`/v1` is missing at its end";
  if (`${want}/v1` === found) return "`/v1` is too much at its end, the client puts it there itself";
  const mount = /\/(?:openai|anthropic)/.exec(want)?.[0] ?? want;
  if (!found.includes(mount)) return `\`${mount}\` is missing`;
  return "its path is another";
}
