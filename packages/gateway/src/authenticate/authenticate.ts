/**
 * From a request's headers to who makes it, before any byte of its body is read. Admits nothing: whether
 * the principal may do what it asks is decided later.
 */

import { hash } from "node:crypto";
import { findNameProblem } from "@meshagent/llm-proxy-protocol/name";
import { checkTokenTimes } from "@meshagent/llm-proxy-protocol/token";
import type { Clock } from "../clock.ts";
import { GatewayError } from "../errors.ts";
import type { Authenticated, Matched, Principal } from "../exchange.ts";
import type { Directory } from "../store/store.ts";
import { CredentialCache, type VerifiedCredential } from "./credential-cache.ts";
import { type Credential, readCredential } from "./credential.ts";
import { decodeHeaderText, type DistinctHeaders } from "./header-text.ts";
import { RoomRegistry } from "./room-registry.ts";
import { readSession } from "./session.ts";
import { type ActingAs, toGatewayError, verifyApiKey, verifyToken } from "./verify.ts";

export interface AuthenticateOptions {
  readonly directory: Directory;
  readonly clock: Clock;
  /** How many verified credentials are remembered; one takes about 1 KB. */
  readonly maxCachedCredentials: number;
}

/** What `authenticate` works with. Made once per gateway. */
export interface AuthenticateDeps {
  readonly directory: Directory;
  readonly clock: Clock;
  readonly credentials: CredentialCache;
  readonly rooms: RoomRegistry;
  /** Stops following the directory. */
  readonly close: () => void;
}

/** Makes what `authenticate` works with, following the directory from now on. */
export function createAuthenticateDeps(options: AuthenticateOptions): AuthenticateDeps {
  const { directory, clock } = options;
  const credentials = new CredentialCache(options.maxCachedCredentials);
  return {
    directory,
    clock,
    credentials,
    rooms: new RoomRegistry(directory),
    close: credentials.follow(directory),
  };
}

/**
 * Says who makes the request. Throws `GatewayError` (`missing_credential`, `invalid_credential`,
 * `token_expired`, `token_revoked`).
 */
export async function authenticate(deps: AuthenticateDeps, matched: Matched): Promise<Authenticated> {
  const headers = matched.call.request.headersDistinct;
  const principal = await findPrincipal(deps, headers);
  return { ...matched, principal, ...readSession(headers) };
}

/** Who these request headers stand for. Throws as `authenticate` does. */
export async function findPrincipal(deps: AuthenticateDeps, headers: DistinctHeaders): Promise<Principal> {
  const credential = readCredential(headers);
  const actingAs = credential.kind === "api_key" ? readActingAs(headers) : { room: null, participant: null };
  const hashed = hashCredential(credential, actingAs);
  const known = deps.credentials.find(hashed);
  if (known !== null) {
    checkTimes(deps, hashed, known);
    return known.principal;
  }
  const changesBefore = deps.credentials.changes;
  const verified =
    credential.kind === "api_key"
      ? await verifyApiKey(deps, credential.text.reveal(), actingAs)
      : await verifyToken(deps, credential.text.reveal());
  deps.credentials.put(hashed, verified, changesBefore);
  return verified.principal;
}

/** No name holds a line end, so the parts cannot run into each other. */
function hashCredential(credential: Credential, { room, participant }: ActingAs): string {
  return hash("sha256", `${credential.text.reveal()}\n${room ?? ""}\n${participant ?? ""}`, "base64url");
}

function checkTimes(deps: AuthenticateDeps, hashed: string, known: VerifiedCredential): void {
  try {
    checkTokenTimes(known.times, deps.clock.now());
  } catch (error) {
    deps.credentials.forget(hashed);
    throw toGatewayError(error);
  }
}

/** The headers with which an API key says whom it acts as. With a participant token they mean nothing. */
function readActingAs(headers: DistinctHeaders): ActingAs {
  return {
    room: readName(headers, "Meshagent-Room"),
    participant: readName(headers, "Meshagent-Participant"),
  };
}

function readName(headers: DistinctHeaders, header: string): string | null {
  const [value, second] = headers[header.toLowerCase()] ?? [];
  if (value === undefined || value === "") return null;
  const name = decodeHeaderText(value);
  const problem = second === undefined ? findNameProblem(name) : "is given twice";
  if (problem !== null)
    throw new GatewayError("invalid_credential", `The header ${header} cannot be used: it ${problem}.`);
  return name;
}
