/**
 * What the header and the payload of a participant token say, checked member by member. Takes parsed JSON,
 * gives typed claims or a `TokenError`. Verifies nothing.
 */

import { type Grants, isJsonObject, parseGrants } from "./grants.ts";
import { findNameProblem, findUuid, quoted } from "./name.ts";
import { TokenError } from "./token-error.ts";

/** The claims of a participant token. Times are seconds since the epoch (RFC 7519 NumericDate). */
export interface TokenClaims {
  /** `name`: who acts. */
  readonly participant: string;
  /** `sub`: UUID in lower case. */
  readonly projectId: string;
  /** `kid`: UUID in lower case. */
  readonly apiKeyId: string;
  readonly grants: Grants;
  /** `version`: that of the token's shape; null when the token has none. */
  readonly version: string | null;
  /** null: it does not expire by itself. */
  readonly exp: number | null;
  readonly nbf: number | null;
  readonly iat: number | null;
  readonly jti: string | null;
}

/** The furthest time a `Date` can hold, in seconds. */
const LAST_TIME_S = 8.64e12;

/**
 * Checks the protected header: `alg` is `HS256` in just these letters, and only `typ` and `kid` may stand
 * beside it. So `crit`, `b64`, `enc`, `zip`, `jwk` and `jku` are all refused by not being known.
 */
export function parseTokenHeader(value: unknown): { readonly kid: string | null } {
  if (!isJsonObject(value)) throw malformed("The token's header is no JSON object.");
  const alg = value["alg"];
  if (alg !== "HS256") {
    const found = typeof alg === "string" ? quoted(alg) : "none";
    throw unsupported(`The token's algorithm is ${found}; a participant token is signed with HS256.`);
  }
  for (const member of Object.keys(value)) {
    if (member === "alg" || member === "typ" || member === "kid") continue;
    throw unsupported(
      `The token's header has a member ${quoted(member)}; only \`alg\`, \`typ\` and \`kid\` are known.`,
    );
  }
  const typ = value["typ"];
  if (typ !== undefined && (typeof typ !== "string" || typ.toUpperCase() !== "JWT")) {
    throw unsupported("The token's `typ` is not `JWT`.");
  }
  if (value["kid"] === undefined) return { kid: null };
  return { kid: parseUuid(value["kid"], "The token's header names an API key (`kid`) that") };
}

/**
 * Checks the payload against `headerKid`, the `kid` of the header or null. Claims of other names are left
 * alone.
 */
export function parseTokenPayload(value: unknown, headerKid: string | null): TokenClaims {
  if (!isJsonObject(value)) throw malformed("The token's payload is no JSON object.");
  if (value["kid"] === undefined)
    throw malformed("The token names no API key (`kid`). Sign it with a whole `ma-...` key.");
  if (value["sub"] === undefined)
    throw malformed("The token names no project (`sub`). Sign it with a whole `ma-...` key.");
  const apiKeyId = parseUuid(value["kid"], "The token's API key (`kid`)");
  if (headerKid !== null && headerKid !== apiKeyId) {
    throw malformed("The token's header and payload name different API keys (`kid`).");
  }
  const participant = value["name"];
  const problem = participant === undefined ? "is missing" : findNameProblem(participant);
  if (problem !== null || typeof participant !== "string")
    throw malformed(`The token's \`name\` ${problem}.`);
  if (value["aud"] !== undefined) {
    // RFC 7519 section 4.1.3: who is not named in `aud` must reject the token, and the gateway has no name.
    throw unsupported("The token is meant for another audience (`aud`).");
  }
  return {
    participant,
    projectId: parseUuid(value["sub"], "The token's project (`sub`)"),
    apiKeyId,
    grants: parseGrants(value["grants"]),
    version: parseOptionalText(value, "version"),
    exp: parseTime(value, "exp"),
    nbf: parseTime(value, "nbf"),
    iat: parseTime(value, "iat"),
    jti: parseOptionalText(value, "jti"),
  };
}

function parseUuid(value: unknown, subject: string): string {
  const uuid = findUuid(value);
  if (uuid === null) throw malformed(`${subject} is no UUID.`);
  return uuid;
}

function parseTime(payload: Readonly<Record<string, unknown>>, claim: "exp" | "nbf" | "iat"): number | null {
  const value = payload[claim];
  if (value === undefined) return null;
  if (typeof value !== "number" || !(Math.abs(value) <= LAST_TIME_S)) {
    throw malformed(`The token's \`${claim}\` is no time in seconds since 1970.`);
  }
  return value;
}

function parseOptionalText(
  payload: Readonly<Record<string, unknown>>,
  claim: "jti" | "version",
): string | null {
  const value = payload[claim];
  if (value === undefined) return null;
  const problem = findNameProblem(value);
  if (problem !== null || typeof value !== "string") throw malformed(`The token's \`${claim}\` ${problem}.`);
  return value;
}

function malformed(message: string): TokenError {
  return new TokenError("malformed", message);
}

function unsupported(message: string): TokenError {
  return new TokenError("unsupported", message);
}
