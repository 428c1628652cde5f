/**
 * From a credential to who it stands for: its API key is looked up, its signature or secret checked, its
 * times and its room. Every refusal has its own message. Keeps nothing and caches nothing.
 */

import { createHash, timingSafeEqual } from "node:crypto";
import { ApiKeyError, parseApiKey } from "@meshagent/llm-proxy-protocol/api-key";
import { findNameProblem, quoted } from "@meshagent/llm-proxy-protocol/name";
import { checkTokenTimes, parseToken } from "@meshagent/llm-proxy-protocol/token";
import { TokenError } from "@meshagent/llm-proxy-protocol/token-error";
import { type Clock, toRfc3339 } from "../clock.ts";
import type { DisconnectPolicy } from "../config/settings.ts";
import { GatewayError } from "../errors.ts";
import type { RevocableToken } from "../store/revocation.ts";
import type { ApiKeyWithSecret, Directory } from "../store/store.ts";
import type { VerifiedCredential } from "./credential-cache.ts";
import type { RoomRegistry } from "./room-registry.ts";

/** The project setting that says what becomes of a reply whose caller has left: `drain` or `cancel`. */
export const ON_DISCONNECT_SETTING = "on_disconnect";

/** What verification looks things up in. */
export interface VerifyDeps {
  readonly directory: Pick<Directory, "findApiKey" | "findProject" | "findRevocation">;
  readonly rooms: RoomRegistry;
  readonly clock: Clock;
}

/** Whom an API key says it acts as; null: as itself. */
export interface ActingAs {
  readonly room: string | null;
  readonly participant: string | null;
}

/**
 * Verifies a participant token. Throws `GatewayError` (`invalid_credential`, `token_expired`,
 * `token_revoked`).
 */
export async function verifyToken(deps: VerifyDeps, text: string): Promise<VerifiedCredential> {
  try {
    const token = parseToken(text);
    const { claims } = token;
    const key = await findLiveKey(deps.directory, claims.apiKeyId);
    if (key.projectId !== claims.projectId)
      throw invalid("The token names another project than the one its API key belongs to.");
    await token.verifySignature(key.secret.reveal());
    checkTokenTimes(claims, deps.clock.now());
    const tokenId = await token.identity();
    await refuseRevoked(deps.directory, {
      projectId: claims.projectId,
      tokenId,
      room: claims.grants.room,
      participant: claims.participant,
      issuedAtMs: claims.iat === null ? null : claims.iat * 1000,
    });
    await deps.rooms.resolve(claims.projectId, claims.grants.room);
    return {
      principal: {
        projectId: claims.projectId,
        apiKeyId: claims.apiKeyId,
        room: claims.grants.room,
        participant: claims.participant,
        role: claims.grants.role,
        grants: claims.grants,
        tokenId,
        expiresAtMs: claims.exp === null ? null : claims.exp * 1000,
        onDisconnect: await findDisconnectPolicy(deps.directory, claims.projectId),
      },
      times: { exp: claims.exp, nbf: claims.nbf },
    };
  } catch (error) {
    throw toGatewayError(error);
  }
}

/**
 * Verifies an API key that is used as a credential itself. It may use every model. Its room and its
 * participant are those of `actingAs`, else both have the key's own name: so each key stands apart in
 * reports, and a rotated key of the same name takes over where the old one left off.
 */
export async function verifyApiKey(
  deps: VerifyDeps,
  text: string,
  actingAs: ActingAs,
): Promise<VerifiedCredential> {
  try {
    const { id, projectId, secret } = parseApiKey(text);
    const key = await findLiveKey(deps.directory, id);
    if (!isSameSecret(secret, key.secret.reveal()) || key.projectId !== projectId) {
      throw invalid(
        `The API key ${id} is known, and the rest of this text is not its own. Was it copied whole?`,
      );
    }
    const ownName = findNameProblem(key.name) === null ? key.name : key.id;
    const room = await deps.rooms.resolve(projectId, actingAs.room ?? ownName);
    return {
      principal: {
        projectId,
        apiKeyId: id,
        room: room.name,
        participant: actingAs.participant ?? ownName,
        role: "",
        grants: { room: room.name, role: "", llm: { models: null } },
        tokenId: null,
        expiresAtMs: null,
        onDisconnect: await findDisconnectPolicy(deps.directory, projectId),
      },
      times: { exp: null, nbf: null },
    };
  } catch (error) {
    throw toGatewayError(error);
  }
}

/** Turns a refusal of `protocol` into the gateway's own, message and all; other errors stay what they are. */
export function toGatewayError(error: unknown): unknown {
  if (error instanceof ApiKeyError)
    return new GatewayError("invalid_credential", error.message, { cause: error });
  if (!(error instanceof TokenError)) return error;
  return new GatewayError(error.code === "expired" ? "token_expired" : "invalid_credential", error.message, {
    cause: error,
  });
}

/** The project's own choice (contract 4, `on_disconnect`), or null. */
async function findDisconnectPolicy(
  directory: VerifyDeps["directory"],
  projectId: string,
): Promise<DisconnectPolicy | null> {
  const chosen = (await directory.findProject(projectId))?.settings[ON_DISCONNECT_SETTING];
  return chosen === "drain" || chosen === "cancel" ? chosen : null;
}

async function findLiveKey(directory: VerifyDeps["directory"], id: string): Promise<ApiKeyWithSecret> {
  const key = await directory.findApiKey(id);
  if (key === null) {
    throw invalid(
      `This gateway does not know the API key ${id}. Was it made for another gateway? Mint a token ` +
        "with a key of this one: `meshagent api-key create`, `meshagent token`.",
    );
  }
  if (key.deletedAtMs === null) return key;
  throw new GatewayError(
    "token_revoked",
    `The API key ${id} was deleted at ${toRfc3339(key.deletedAtMs)}, and every token signed with ` +
      "it ended then. Mint a new one with another key: `meshagent token`.",
  );
}

async function refuseRevoked(directory: VerifyDeps["directory"], token: RevocableToken): Promise<void> {
  const revocation = await directory.findRevocation(token);
  if (revocation === null) return;
  throw new GatewayError(
    "token_revoked",
    revocation.kind === "token"
      ? `This token was revoked at ${toRfc3339(revocation.createdAtMs)}. Mint a new one: \`meshagent token\`.`
      : `The tokens of ${quoted(revocation.participant)} in the room ${quoted(revocation.room)} that were issued ` +
          `before ${toRfc3339(revocation.issuedBeforeMs)} were revoked. Mint a new one: \`meshagent token\`.`,
  );
}

/** In constant time, also for texts of different lengths: the hashes are compared. */
function isSameSecret(given: string, known: string): boolean {
  return timingSafeEqual(
    createHash("sha256").update(given).digest(),
    createHash("sha256").update(known).digest(),
  );
}

function invalid(message: string): GatewayError {
  return new GatewayError("invalid_credential", message);
}
