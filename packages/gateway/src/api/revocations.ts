/** Revokes participant tokens. Needs no token's text: an identity or a name is enough. */

import type { CreateRevocationBody, Revocation } from "@meshagent/llm-proxy-protocol/api";
import { toRfc3339 } from "../clock.ts";
import type { Revocation as RevocationRow, RevocationTarget } from "../store/revocation.ts";
import type { ApiDeps, Handlers } from "./call.ts";
import { ApiFault } from "./fault.ts";
import { storedPage } from "./pages.ts";

type RevocationHandlers = Pick<Handlers, "listRevocations" | "createRevocation">;

export function revocationHandlers({ directory, clock }: ApiDeps): RevocationHandlers {
  return {
    listRevocations: async ({ project, query }) => {
      const { items, next_cursor } = await storedPage({
        list: "revocations",
        query,
        read: (page) => directory.listRevocations(project.id, page),
        keyOf: ({ id }) => id,
      });
      return { revocations: items.map(revocationShape), next_cursor };
    },
    createRevocation: async ({ project, body, write }) =>
      revocationShape(await write.createRevocation(project.id, targetOf(body, clock.now()))),
  };
}

/** `iat` is in whole seconds, so the second that runs is revoked whole. */
function targetOf({ token_id, room, participant }: CreateRevocationBody, nowMs: number): RevocationTarget {
  if (typeof token_id === "string") return { kind: "token", tokenId: token_id };
  if (typeof room !== "string" || typeof participant !== "string") {
    throw new ApiFault("invalid_request", "Give either `token_id`, or `participant` and `room`.");
  }
  return {
    kind: "participant",
    room,
    participant,
    issuedBeforeMs: (Math.floor(nowMs / 1000) + 1) * 1000,
  };
}

function revocationShape(row: RevocationRow): Revocation {
  const isToken = row.kind === "token";
  return {
    id: row.id,
    project_id: row.projectId,
    token_id: isToken ? row.tokenId : null,
    room: isToken ? null : row.room,
    participant: isToken ? null : row.participant,
    issued_before: isToken ? null : toRfc3339(row.issuedBeforeMs),
    created_at: toRfc3339(row.createdAtMs),
  };
}
