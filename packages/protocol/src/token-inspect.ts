/**
 * Explains a participant token to a person, without a key and without a network. It verifies nothing: a
 * token without a problem here can still be refused for its signature, its key or its room.
 */

import { API_KEY_PREFIX } from "./api-key.ts";
import { decodeBase64url } from "./base64url.ts";
import { isJsonObject } from "./grants.ts";
import { checkTokenTimes, parseToken } from "./token.ts";
import type { TokenClaims } from "./token-claims.ts";
import { TokenError } from "./token-error.ts";

/** What can be said of a token without a key. Holds neither its text nor its signature. */
export interface TokenInspection {
  /** null when the text is no participant token. */
  readonly claims: TokenClaims | null;
  /** The payload as it stands, with claims that have no meaning here; null when it cannot be decoded. */
  readonly payload: Readonly<Record<string, unknown>> | null;
  /** The token's identity: its `jti`, or the hash of its signed part. */
  readonly tokenId: string | null;
  /** RFC 3339, or null when it does not expire by itself. */
  readonly expiresAt: string | null;
  /** Why a gateway would refuse it. */
  readonly problems: readonly string[];
  /** What is worth knowing all the same. */
  readonly remarks: readonly string[];
}

/** Explains a token. Never throws for a bad one: what is wrong is in `problems`. */
export async function inspectToken(text: string, nowMs: number): Promise<TokenInspection> {
  const payload = decodePayload(text);
  try {
    const token = parseToken(text);
    const { claims } = token;
    return {
      claims,
      payload,
      tokenId: await token.identity(),
      expiresAt: claims.exp === null ? null : new Date(claims.exp * 1000).toISOString(),
      problems: findTimeProblems(claims, nowMs),
      remarks: findRemarks(claims, nowMs),
    };
  } catch (error) {
    if (!(error instanceof TokenError)) throw error;
    const problems = [error.message];
    if (text.startsWith(API_KEY_PREFIX)) {
      problems[0] =
        "This is an API key, not a participant token. Keep it secret; `meshagent token` signs tokens with it.";
    }
    if (/^bearer\s/i.test(text)) problems.push("`Bearer` belongs to the header, not to the token.");
    return { claims: null, payload, tokenId: null, expiresAt: null, problems, remarks: [] };
  }
}

function findTimeProblems(claims: TokenClaims, nowMs: number): readonly string[] {
  try {
    checkTokenTimes(claims, nowMs);
    return [];
  } catch (error) {
    if (!(error instanceof TokenError)) throw error;
    return [error.message];
  }
}

function findRemarks(claims: TokenClaims, nowMs: number): readonly string[] {
  const remarks: string[] = ["The signature was not checked: that takes the API key's secret."];
  const { llm } = claims.grants;
  if (llm === null)
    remarks.push(
      "It has no `api.llm` grant, so it cannot use the proxy. Write `api: { llm: {} }` in the token spec.",
    );
  if (llm?.models?.length === 0) remarks.push("Its `llm.models` is an empty list, so it may use no model.");
  if (claims.exp === null)
    remarks.push("It does not expire; it is valid until its API key or its room is deleted.");
  // A year 5000 in seconds is a date of our days in milliseconds.
  if (claims.exp !== null && claims.exp > 95_617_584_000)
    remarks.push("Its `exp` looks like milliseconds; it is read as seconds.");
  if (claims.iat !== null && claims.iat * 1000 > nowMs + 60_000) {
    remarks.push(
      "It says that it was made in the future: the clock of the machine that signed it, or of this " +
        "one, is wrong.",
    );
  }
  return remarks;
}

function decodePayload(text: string): Readonly<Record<string, unknown>> | null {
  const bytes = decodeBase64url(text.split(".")[1] ?? "");
  if (bytes === null) return null;
  try {
    const value: unknown = JSON.parse(new TextDecoder().decode(bytes));
    return isJsonObject(value) ? value : null;
  } catch {
    return null;
  }
}
