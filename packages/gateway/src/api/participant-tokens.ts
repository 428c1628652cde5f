/**
 * Signs participant tokens for callers that hold a credential and no code that signs. A token can do what its
 * key could give it, and is gone with its key. It is in the reply and nowhere else: neither stored nor logged.
 */

import { randomUUID } from "node:crypto";
import type {
  CreateParticipantTokenBody,
  CreatedParticipantToken,
  TokenGrant,
} from "@meshagent/llm-proxy-protocol/api";
import { parseGrants } from "@meshagent/llm-proxy-protocol/grants";
import { quoted } from "@meshagent/llm-proxy-protocol/name";
import { MAX_TOKEN_LENGTH, signGrants } from "@meshagent/llm-proxy-protocol/token";
import { TokenError } from "@meshagent/llm-proxy-protocol/token-error";
import { REQUIRE_ROOMS_SETTING } from "../authenticate/room-registry.ts";
import { toRfc3339 } from "../clock.ts";
import type { ApiKeyWithSecret, Project } from "../store/store.ts";
import type { ApiCall, ApiDeps, Handlers } from "./call.ts";
import { ApiFault } from "./fault.ts";

export function participantTokenHandlers(deps: ApiDeps): Pick<Handlers, "createParticipantToken"> {
  return { createParticipantToken: (call) => createToken(deps, call) };
}

async function createToken(
  deps: ApiDeps,
  call: ApiCall<"createParticipantToken">,
): Promise<CreatedParticipantToken> {
  const { project, body } = call;
  const grants = grantsOf(body);
  const room = checkGrants(grants);
  await checkRoom(deps, project, room);
  const key = await signingKey(deps, call);
  const iat = Math.floor(deps.clock.now() / 1000);
  const exp = (body.expires_in ?? null) === null ? null : iat + Number(body.expires_in);
  const id = randomUUID();
  const participant = body.name ?? key.name;
  const token = await signGrants(
    { identity: participant, grants },
    {
      apiKey: { id: key.id, projectId: key.projectId, secret: key.secret.reveal() },
      iat,
      jti: id,
      ...(exp === null ? {} : { exp }),
    },
  );
  if (token.length > MAX_TOKEN_LENGTH) {
    throw new ApiFault(
      "invalid_request",
      `grants: the token would be longer than ${MAX_TOKEN_LENGTH} characters.`,
    );
  }
  await deps.audit.record(call.author, {
    action: "token.create",
    projectId: project.id,
    target: { kind: "token", id, name: participant },
    before: null,
    after: { room, api_key_id: key.id, ...(exp === null ? {} : { expires_at: toRfc3339(exp * 1000) }) },
  });
  const expires_at = exp === null ? null : toRfc3339(exp * 1000);
  return { token, id, api_key_id: key.id, room, participant, expires_at };
}

function grantsOf({ grants, room_name }: CreateParticipantTokenBody): readonly TokenGrant[] {
  return (
    grants ?? [
      { name: "room", scope: room_name },
      { name: "role", scope: "agent" },
      { name: "api", scope: { llm: {} } },
    ]
  );
}

/** By the rule with which the token will be read. Gives its room. */
function checkGrants(grants: readonly TokenGrant[]): string {
  try {
    return parseGrants(grants).room;
  } catch (error) {
    if (error instanceof TokenError) throw new ApiFault("invalid_request", `grants: ${error.message}`);
    throw error;
  }
}

/** A token that nothing would accept is not signed. */
async function checkRoom({ directory }: ApiDeps, project: Project, name: string): Promise<void> {
  const room = await directory.findRoom(project.id, name);
  if (room === null && project.settings[REQUIRE_ROOMS_SETTING] === true) {
    throw new ApiFault(
      "not_found",
      `The project has no room ${quoted(name)}, and its rooms must be created before they are used.`,
    );
  }
  if (room !== null && room.deletedAtMs !== null) {
    throw new ApiFault(
      "conflict",
      `The room ${quoted(name)} was deleted. Create it anew before you sign tokens for it.`,
    );
  }
}

/** The caller's own; for the owner the oldest of the project. */
async function signingKey(
  { directory }: ApiDeps,
  { project, caller }: ApiCall<"createParticipantToken">,
): Promise<ApiKeyWithSecret> {
  const id =
    caller.kind === "api_key"
      ? caller.apiKeyId
      : (await directory.listApiKeys(project.id, { limit: 1 })).at(0)?.id;
  const key = id === undefined ? null : await directory.findApiKey(id);
  if (key !== null) return key;
  throw new ApiFault(
    "conflict",
    "The project has no API key to sign with. Create one first: `meshagent api-key create`.",
  );
}
