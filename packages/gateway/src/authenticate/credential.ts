/**
 * Finds the one credential of a request that is ours, among those that clients send. Only its form is
 * looked at here; nothing is verified, and no message repeats a credential.
 */

import { API_KEY_PREFIX } from "@meshagent/llm-proxy-protocol/api-key";
import { parseToken } from "@meshagent/llm-proxy-protocol/token";
import { TokenError } from "@meshagent/llm-proxy-protocol/token-error";
import { GatewayError } from "../errors.ts";
import { Secret } from "@meshagent/llm-proxy-protocol/secret";
import type { DistinctHeaders } from "./header-text.ts";

/** A credential as it came, not yet verified. */
export interface Credential {
  readonly kind: "participant_token" | "api_key";
  readonly text: Secret;
}

const GET_ONE = "Get one with `meshagent token --input token-spec.yaml`; `meshagent setup` says how.";

/**
 * The credential that counts: of several, the one that is ours. Throws `GatewayError`
 * (`missing_credential`, `invalid_credential`).
 */
export function readCredential(headers: DistinctHeaders): Credential {
  const values = readValues(headers);
  const [only] = values;
  if (only === undefined) throw missing(headers);
  if (values.length === 1) return toCredential(only);
  const ours = values.filter(isOurs);
  if (ours.length > 1) {
    throw new GatewayError(
      "invalid_credential",
      "The request carries two different MeshAgent credentials in `Authorization`, `x-api-key` or a subprotocol. " +
        "Send one of them, or the same one twice.",
    );
  }
  // Where none is ours, the one that comes nearest gets the explanation.
  return toCredential(ours[0] ?? values.find((value) => kindOf(value) !== null) ?? only);
}

/** Browsers cannot set headers on a WebSocket, so a key may come as one of its subprotocols. */
export const keyProtocolPrefix = "openai-insecure-api-key.";

/** Every different value of the places that carry credentials. */
function readValues(headers: DistinctHeaders): readonly string[] {
  const bearers = (headers["authorization"] ?? []).map((line) => /^bearer +(.*)$/i.exec(line)?.[1] ?? "");
  const protocols = (headers["sec-websocket-protocol"] ?? []).flatMap((line) => line.split(","));
  const keys = protocols
    .map((protocol) => protocol.trim())
    .filter((protocol) => protocol.startsWith(keyProtocolPrefix))
    .map((protocol) => protocol.slice(keyProtocolPrefix.length));
  const values = [...bearers, ...(headers["x-api-key"] ?? []), ...keys];
  return [...new Set(values.filter((value) => value !== ""))];
}

function missing(headers: DistinctHeaders): GatewayError {
  if (headers["authorization"]?.some((line) => !/^bearer *$/i.test(line) && line !== "") === true) {
    return new GatewayError(
      "missing_credential",
      "The Authorization header has no `Bearer` in it. Send a participant token as " +
        `\`Authorization: Bearer <token>\`. ${GET_ONE}`,
    );
  }
  return new GatewayError(
    "missing_credential",
    "The request has no credential. Send a participant token as `Authorization: Bearer <token>` " +
      `or \`x-api-key: <token>\`. ${GET_ONE}`,
  );
}

function toCredential(value: string): Credential {
  const kind = kindOf(value);
  if (kind !== null) return { kind, text: new Secret(value) };
  if (isProviderKey(value)) {
    throw new GatewayError(
      "invalid_credential",
      "This is a provider's API key (it begins with `sk-`), and the gateway takes none: it keeps " +
        `the provider keys itself. Send a participant token instead. ${GET_ONE}`,
    );
  }
  throw new GatewayError(
    "invalid_credential",
    "The credential is neither a participant token (three parts with dots between them) nor an API " +
      `key (\`ma-...\`). ${GET_ONE}`,
  );
}

/** What the value is by its look; a token may still turn out to be malformed. */
function kindOf(value: string): Credential["kind"] | null {
  if (value.startsWith(API_KEY_PREFIX)) return "api_key";
  return value.includes(".") && !isProviderKey(value) ? "participant_token" : null;
}

/** Strict where it must choose: a JWT of somebody else (a client's own login) is not ours. */
function isOurs(value: string): boolean {
  if (value.startsWith(API_KEY_PREFIX)) return true;
  try {
    parseToken(value);
    return true;
  } catch (error) {
    if (!(error instanceof TokenError)) throw error;
    return false;
  }
}

function isProviderKey(value: string): boolean {
  return /^sk-/i.test(value);
}
