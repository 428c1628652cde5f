/** Which gateway a command talks to and as whom. The only place where the CLI makes an API client. */

import { createClient } from "@meshagent/llm-proxy-protocol/client";
import type { Client } from "@meshagent/llm-proxy-protocol/client";
import { Secret } from "@meshagent/llm-proxy-protocol/secret";
import { findApiKey, findVariable, loadProfile } from "./cli-context.ts";
import type { CliContext } from "./cli-context.ts";
import { CliFailure } from "./failure.ts";
import type { Profile } from "./profile.ts";
import { version } from "./version.ts";

/** Where a gateway listens unless told otherwise. */
export const DEFAULT_API_URL = "http://127.0.0.1:8700";

export interface ConnectionFlags {
  readonly apiUrl?: string;
}

/** The gateway's URL without a slash at its end: the flag, MESHAGENT_API_URL, the profile's, the default. */
export function resolveApiUrl(context: CliContext, flag?: string): string {
  const url =
    flag ?? findVariable(context.env, "MESHAGENT_API_URL") ?? loadProfile(context).apiUrl ?? DEFAULT_API_URL;
  return url.replace(/\/+$/, "");
}

/** Whether two URLs are of one origin, so that a credential for one may go to the other. */
export function isSameOrigin(a: string, b: string): boolean {
  const origin = URL.parse(a)?.origin ?? "null";
  return origin !== "null" && origin === URL.parse(b)?.origin;
}

/** Whether the URL leads to this machine. */
export function isLoopbackUrl(url: string): boolean {
  return /^(localhost|127(\.\d+){3}|\[::1\])$/.test(URL.parse(url)?.hostname ?? "");
}

/** Whether what is sent to this URL could be read on the way. */
export function isClearTextAbroad(url: string): boolean {
  return URL.parse(url)?.protocol === "http:" && !isLoopbackUrl(url);
}

/** The owner's token for this gateway: MESHAGENT_TOKEN, or the profile's when it was given for this origin. */
export function findAdminToken(context: CliContext, apiUrl: string): Secret | null {
  const fromEnvironment = findVariable(context.env, "MESHAGENT_TOKEN");
  if (fromEnvironment !== null) return new Secret(fromEnvironment);
  return storedFor(loadProfile(context), apiUrl)?.adminToken ?? null;
}

function storedFor(profile: Profile, apiUrl: string): Profile | null {
  return profile.apiUrl !== null && isSameOrigin(profile.apiUrl, apiUrl) ? profile : null;
}

/**
 * What a call of this gateway authenticates with: the owner's token, else the active API key; null when there
 * is neither, or only for a gateway at another origin.
 */
export function findCredential(context: CliContext, apiUrl: string): Secret | null {
  return findAdminToken(context, apiUrl) ?? findKeyFor(context, apiUrl);
}

/**
 * A client that may do what the owner may, or, without the owner's token, what the active API key may.
 * Throws a CliFailure when there is neither.
 */
export function connect(context: CliContext, flags: ConnectionFlags = {}): Client {
  const apiUrl = resolveApiUrl(context, flags.apiUrl);
  const token = findCredential(context, apiUrl);
  if (token === null) {
    throw new CliFailure(`You are not signed in to the gateway at ${apiUrl}.`, {
      hint: `Run: meshagent setup --api-url ${apiUrl}, or set MESHAGENT_TOKEN to the owner's token.`,
    });
  }
  return connectAs(context, apiUrl, token);
}

/** A client with this credential. Warns when the credential would travel in clear text. */
export function connectAs(context: CliContext, apiUrl: string, token: Secret): Client {
  if (isClearTextAbroad(apiUrl)) {
    context.terminal.warn(`${apiUrl} is not encrypted: everyone on the way can read your token. Use https.`);
  }
  return createClient({ baseUrl: apiUrl, token: token.reveal(), userAgent: `meshagent/${version()}` });
}

function findKeyFor(context: CliContext, apiUrl: string): Secret | null {
  if (findVariable(context.env, "MESHAGENT_API_KEY") !== null) return findApiKey(context);
  return storedFor(loadProfile(context), apiUrl) === null ? null : findApiKey(context);
}
