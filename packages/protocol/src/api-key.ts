/**
 * API keys as text: `ma-<key id>-<project id>-<secret>`. The two ids are the 16 bytes of a UUID in base64
 * with `+` as `.` and `/` as `_`, without padding; the secret is the rest and may contain `-`. The form is
 * that of the official `@meshagent/meshagent` package. Knows no store, and no error quotes a key.
 */

import { decodeBase64url, encodeBase64url } from "./base64url.ts";
import { findUuid } from "./name.ts";

/** What an API key's text says. `secret` is in clear: keep it short-lived and out of logs. */
export interface ApiKey {
  /** UUID in lower case. */
  readonly id: string;
  /** UUID in lower case. */
  readonly projectId: string;
  readonly secret: string;
}

/** The text is no API key. The message says what is wrong with it and quotes nothing of it. */
export class ApiKeyError extends Error {
  override readonly name = "ApiKeyError";
}

/** What every API key begins with. */
export const API_KEY_PREFIX = "ma-";

const SHAPE = /^ma-([A-Za-z0-9._]+)-([A-Za-z0-9._]+)-(.+)$/s;
const ID_LENGTH = 22;
// Visible ASCII: what a header can carry unchanged.
const SECRET = /^[\x21-\x7e]{1,256}$/;

/** The text of an API key. Throws `ApiKeyError` when an id is no UUID or the secret cannot be one. */
export function encodeApiKey(key: ApiKey): string {
  if (!SECRET.test(key.secret)) throw new ApiKeyError(BAD_SECRET);
  return `${API_KEY_PREFIX}${encodeId(key.id)}-${encodeId(key.projectId)}-${key.secret}`;
}

/** Reads an API key's text. Throws `ApiKeyError`. */
export function parseApiKey(text: string): ApiKey {
  if (!text.startsWith(API_KEY_PREFIX)) throw new ApiKeyError("An API key begins with `ma-`.");
  const [, id, projectId, secret] = SHAPE.exec(text) ?? [];
  if (id === undefined || projectId === undefined || secret === undefined) {
    throw new ApiKeyError(
      "An API key has the form `ma-<id>-<project>-<secret>`; this one lacks a part. Was it copied whole?",
    );
  }
  if (!SECRET.test(secret)) throw new ApiKeyError(BAD_SECRET);
  return { id: decodeId(id), projectId: decodeId(projectId), secret };
}

/** A new secret: 256 random bits, 43 URL-safe characters. */
export function generateApiKeySecret(): string {
  return encodeBase64url(crypto.getRandomValues(new Uint8Array(32)));
}

const BAD_SECRET =
  "The secret of an API key is 1 to 256 characters of visible ASCII. Was the key copied whole, without spaces?";

function encodeId(id: string): string {
  const uuid = findUuid(id);
  if (uuid === null) throw new ApiKeyError("The ids in an API key are UUIDs.");
  const hex = uuid.replaceAll("-", "");
  const bytes = Uint8Array.from({ length: 16 }, (_, index) =>
    Number.parseInt(hex.slice(index * 2, index * 2 + 2), 16),
  );
  return encodeBase64url(bytes).replaceAll("-", ".");
}

function decodeId(text: string): string {
  const bytes = text.length === ID_LENGTH ? decodeBase64url(text.replaceAll(".", "-")) : null;
  if (bytes === null)
    throw new ApiKeyError("An id in the API key is not the encoding of a UUID. Was it copied whole?");
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
}
