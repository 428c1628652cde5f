/**
 * Participant tokens: signing one, and checking one in three separate parts that need different things:
 * its form (nothing), its signature (the secret) and its times (a clock). Whoever accepts a token does all
 * three. Looks nothing up; no error and no printed object holds a token or a secret.
 */

import { compactVerify, errors, SignJWT } from "jose";
import type { ApiKey } from "./api-key.ts";
import { decodeBase64url } from "./base64url.ts";
import type { LlmGrant } from "./grants.ts";
import { toCapScope } from "./llm-caps.ts";
import { parseStrictJson, StrictJsonError } from "./strict-json.ts";
import { parseTokenHeader, parseTokenPayload, type TokenClaims } from "./token-claims.ts";
import { TokenError } from "./token-error.ts";
import type { TokenSpec } from "./token-spec.ts";

/** Longest token, in characters. A longer one would not fit in the headers of most servers. */
export const MAX_TOKEN_LENGTH = 16_384;

/** How far `nbf` may lie ahead, for clocks that differ. `exp` gets no leeway. */
export const NOT_BEFORE_LEEWAY_S = 30;

/** The `version` claim of our tokens: the version of the official package whose shape they have. */
export const TOKEN_VERSION = "0.36.3";

const HS256_SIGNATURE_BYTES = 32;

/** What `signParticipantToken` puts in beside the spec. Times are whole seconds since the epoch. */
export interface SignOptions {
  /** The key that signs; its ids become `kid` and `sub`. */
  readonly apiKey: ApiKey;
  readonly iat: number;
  /** The token's own id, random: by it a single token can be named. */
  readonly jti: string;
  /** When it stops being valid. Left out, it lives as long as its key. */
  readonly exp?: number;
}

/**
 * Signs a participant token with HS256 under the UTF-8 bytes of the key's secret. Throws `TokenError` when
 * `exp` is not after `iat`.
 */
export async function signParticipantToken(spec: TokenSpec, options: SignOptions): Promise<string> {
  const grants = [
    { name: "room", scope: spec.room },
    { name: "role", scope: spec.role },
    { name: "api", scope: spec.llm === null ? {} : { llm: toLlmScope(spec.llm) } },
  ];
  return signGrants({ identity: spec.identity, grants }, options);
}

/** A participant with its grants as they shall stand in the token. */
export interface GrantSpec {
  /** The participant; becomes the token's `name`. */
  readonly identity: string;
  readonly grants: readonly { readonly name: string; readonly scope?: unknown }[];
}

/** The same for grants that were checked already (`parseGrants`); those of other parts of MeshAgent may be among them. */
export async function signGrants(spec: GrantSpec, options: SignOptions): Promise<string> {
  const { apiKey, iat, jti, exp } = options;
  if (exp !== undefined && exp <= iat) {
    throw new TokenError(
      "expired",
      "The token would be expired from the start: its end lies before its beginning.",
    );
  }
  const payload = {
    name: spec.identity,
    grants: spec.grants,
    version: TOKEN_VERSION,
    kid: apiKey.id,
    sub: apiKey.projectId,
    ...(exp === undefined ? {} : { exp }),
    iat,
    jti,
  };
  return new SignJWT(payload)
    .setProtectedHeader({ alg: "HS256", typ: "JWT" })
    .sign(new TextEncoder().encode(apiKey.secret));
}

/**
 * A token of good form, not yet trusted: `claims` are what it says, true only once the signature is
 * verified.
 */
export class ParsedToken {
  readonly claims: TokenClaims;
  // Private, so that an object that is logged or inspected does not show the token.
  readonly #text: string;

  constructor(text: string, claims: TokenClaims) {
    this.#text = text;
    this.claims = claims;
  }

  /**
   * Throws `TokenError` (`bad_signature`) unless the token was signed with this secret. Compares in
   * constant time.
   */
  async verifySignature(secret: string): Promise<void> {
    try {
      await compactVerify(this.#text, new TextEncoder().encode(secret), { algorithms: ["HS256"] });
    } catch (error) {
      if (!(error instanceof errors.JOSEError)) throw error;
      throw new TokenError(
        "bad_signature",
        `The token's signature does not match the API key ${this.claims.apiKeyId} that it names: it was signed ` +
          "with another secret, or changed afterwards. Mint a new one with `meshagent token`.",
      );
    }
  }

  /**
   * The token's identity: its `jti`, else SHA-256 of `header.payload` in hex. Never of the whole text, so
   * that a second spelling of a signature would not make a second token.
   */
  async identity(): Promise<string> {
    if (this.claims.jti !== null) return this.claims.jti;
    const signedPart = this.#text.slice(0, this.#text.lastIndexOf("."));
    const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(signedPart));
    return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, "0")).join("");
  }
}

/**
 * Checks the form of a token without a key: its size, three parts in canonical base64url, a header and
 * claims as `token-claims.ts` has them, JSON without a member given twice. Throws `TokenError`.
 */
export function parseToken(text: string): ParsedToken {
  if (text.length > MAX_TOKEN_LENGTH)
    throw malformed(`The token is longer than ${MAX_TOKEN_LENGTH} characters.`);
  const parts = text.split(".");
  if (parts.length === 5) {
    throw new TokenError(
      "unsupported",
      "This is an encrypted token (JWE); a participant token is signed, not encrypted.",
    );
  }
  const [header, payload, signature] = parts;
  if (header === undefined || payload === undefined || signature === undefined || parts.length !== 3) {
    throw malformed(
      `A participant token has three parts with dots between them; this text has ${parts.length}. ${COPY}`,
    );
  }
  const { kid } = parseTokenHeader(decodeJsonPart(header, "header"));
  const claims = parseTokenPayload(decodeJsonPart(payload, "payload"), kid);
  const length = decodePart(signature, "signature").length;
  if (length !== HS256_SIGNATURE_BYTES) {
    throw malformed(
      `The token's signature has ${length} bytes where HS256 has ${HS256_SIGNATURE_BYTES}. ${COPY}`,
    );
  }
  return new ParsedToken(text, claims);
}

/**
 * Checks `exp` and `nbf` against the time. `iat` only informs (RFC 7519 section 4.1.6). Throws
 * `TokenError`.
 */
export function checkTokenTimes(claims: Pick<TokenClaims, "exp" | "nbf">, nowMs: number): void {
  if (claims.exp !== null && nowMs >= claims.exp * 1000) {
    throw new TokenError(
      "expired",
      `The token expired at ${toTime(claims.exp)}; mint a new one with \`meshagent token\`.`,
    );
  }
  if (claims.nbf !== null && nowMs < (claims.nbf - NOT_BEFORE_LEEWAY_S) * 1000) {
    throw new TokenError(
      "not_yet_valid",
      `The token is not valid before ${toTime(claims.nbf)}. If that has passed, the gateway's ` +
        "clock is behind.",
    );
  }
}

const COPY = "Was it copied whole, without spaces or line ends?";

function decodeJsonPart(text: string, part: "header" | "payload"): unknown {
  try {
    return parseStrictJson(decodePart(text, part));
  } catch (error) {
    if (!(error instanceof StrictJsonError)) throw error;
    throw malformed(`The token's ${part} ${error.message}.`);
  }
}

function decodePart(text: string, part: "header" | "payload" | "signature"): Uint8Array {
  const bytes = decodeBase64url(text);
  if (bytes === null) throw malformed(`The token's ${part} is not canonical base64url. ${COPY}`);
  return bytes;
}

function toLlmScope({ models, caps }: LlmGrant): Readonly<Record<string, unknown>> {
  return { ...(models === null ? {} : { models }), ...toCapScope(caps) };
}

function toTime(seconds: number): string {
  return new Date(seconds * 1000).toISOString();
}

function malformed(message: string): TokenError {
  return new TokenError("malformed", message);
}
