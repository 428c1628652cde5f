/**
 * From an `authorization` header to the caller. Compares secrets in constant time, keeps nothing, and says
 * nothing of a credential in any message.
 */

import { createHash, timingSafeEqual } from "node:crypto";
import { API_KEY_PREFIX, ApiKeyError, parseApiKey } from "@meshagent/llm-proxy-protocol/api-key";
import type { Secret } from "@meshagent/llm-proxy-protocol/secret";
import type { Directory } from "../store/store.ts";
import type { Caller } from "./call.ts";
import { ApiFault } from "./fault.ts";

/** What callers are looked up in. */
export interface IdentifyDeps {
  readonly directory: Pick<Directory, "findApiKey">;
  readonly ownerToken: Secret;
}

const JWT = /^[\w-]+\.[\w-]+\.[\w-]*$/;

/**
 * Who calls. Throws `missing_credential`, `invalid_credential`, `revoked_credential`, and `forbidden` for a
 * participant token, whose signature is not looked at because no answer depends on it.
 */
export async function identify(deps: IdentifyDeps, authorization: string | null): Promise<Caller> {
  const credential = /^Bearer +(\S+)$/i.exec(authorization ?? "")?.[1];
  if (credential === undefined) {
    throw new ApiFault(
      "missing_credential",
      "Send `Authorization: Bearer` with the owner's token or an API key.",
    );
  }
  if (isSame(credential, deps.ownerToken.reveal())) return { kind: "owner" };
  if (credential.startsWith(API_KEY_PREFIX)) return identifyApiKey(deps.directory, credential);
  if (JWT.test(credential)) {
    throw new ApiFault(
      "forbidden",
      "A participant token may do nothing in the management API. Use the owner's token or an API key.",
    );
  }
  throw new ApiFault(
    "invalid_credential",
    "This is neither the owner's token nor an API key of this gateway.",
  );
}

async function identifyApiKey(directory: Pick<Directory, "findApiKey">, credential: string): Promise<Caller> {
  const { id, projectId, secret } = parseKey(credential);
  const key = await directory.findApiKey(id);
  if (key === null || key.projectId !== projectId || !isSame(secret, key.secret.reveal())) {
    throw new ApiFault("invalid_credential", "This gateway does not know this API key. Was it copied whole?");
  }
  if (key.deletedAtMs !== null) {
    throw new ApiFault("revoked_credential", "This API key was deleted. Use another one.");
  }
  return { kind: "api_key", projectId, apiKeyId: id };
}

function parseKey(credential: string): { id: string; projectId: string; secret: string } {
  try {
    return parseApiKey(credential);
  } catch (error) {
    // Its messages quote nothing of the key.
    if (error instanceof ApiKeyError) throw new ApiFault("invalid_credential", error.message);
    throw error;
  }
}

/** Digests of one length, so that neither the length nor the place of a difference shows in the time. */
function isSame(given: string, expected: string): boolean {
  const digest = (text: string): Buffer => createHash("sha256").update(text).digest();
  return timingSafeEqual(digest(given), digest(expected));
}
