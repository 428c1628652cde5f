/** Reads of the audit log. Nothing here writes. */

import type {
  AuditVerdict,
  AuditEntry as AuditEntryShape,
  AuditList,
  AuditQuery,
} from "@meshagent/llm-proxy-protocol/api";
import { ANCHOR } from "@meshagent/llm-proxy-protocol/api";
import { toRfc3339 } from "../clock.ts";
import type { AuditAnchor, AuditEntry, AuditFault, AuditFilter } from "../store/audit.ts";
import { InvalidCursorError } from "../store/errors.ts";
import type { ApiDeps, Handlers } from "./call.ts";
import { storedPage } from "./pages.ts";

type AuditHandlers = Pick<Handlers, "listAudit" | "verifyAudit" | "listProjectAudit">;

const DEFAULT_LIMIT = 100;

export function auditHandlers(deps: ApiDeps): AuditHandlers {
  return {
    listAudit: ({ query }) => auditList(deps, query, null),
    verifyAudit: async ({ query }) => verifyAudit(deps, query.anchor),
    listProjectAudit: ({ query, project }) => auditList(deps, query, project.id),
  };
}

async function auditList(
  { audit }: ApiDeps,
  query: AuditQuery,
  projectId: string | null,
): Promise<AuditList> {
  const { limit = DEFAULT_LIMIT, cursor, since, until, action, author } = query;
  const filter: AuditFilter = {
    ...(projectId === null ? {} : { projectId }),
    ...(since === undefined ? {} : { sinceMs: since }),
    ...(until === undefined ? {} : { untilMs: until }),
    ...(action === undefined ? {} : { action }),
    ...(author === undefined ? {} : { author }),
  };
  const { items, next_cursor } = await storedPage({
    list: projectId === null ? "audit" : "project_audit",
    query: { limit, cursor },
    read: (page) =>
      audit.list(filter, {
        limit: page?.limit ?? limit,
        ...(page?.after === undefined ? {} : { beforeSeq: seqOf(page.after) }),
      }),
    keyOf: ({ seq }) => String(seq),
  });
  return { entries: items.map(entryShape), next_cursor };
}

function seqOf(key: string): number {
  if (/^\d{1,15}$/.test(key)) return Number(key);
  throw new InvalidCursorError();
}

async function verifyAudit({ audit }: ApiDeps, anchor: string | undefined): Promise<AuditVerdict> {
  const { entries, head, broken } = await audit.verify(anchorOf(anchor));
  return {
    ok: broken === null,
    entries,
    head: head === null ? null : `${head.seq}:${head.mac}`,
    broken: broken === null ? null : { ...broken, message: messages[broken.reason](broken.seq) },
  };
}

/** The schema has let it through, so it is one. */
function anchorOf(text: string | undefined): AuditAnchor | undefined {
  const [, seq, mac] = ANCHOR.exec(text ?? "") ?? [];
  return seq === undefined || mac === undefined ? undefined : { seq: Number(seq), mac };
}

const messages: Readonly<Record<AuditFault, (seq: number) => string>> = {
  changed: (seq) =>
    `Entry ${seq} is not the one that was written after entry ${seq - 1}: it was changed, or put there later.`,
  missing: (seq) => `Entry ${seq} is missing, and there are later ones.`,
  cut: (seq) => `The log ends before entry ${seq}, and not where its last entry was written.`,
  not_as_noted: (seq) =>
    `Entry ${seq} is not the one that the anchor names: an older or another log was put in the place of this one.`,
};

function entryShape(entry: AuditEntry): AuditEntryShape {
  const { author } = entry;
  return {
    seq: entry.seq,
    at: toRfc3339(entry.atMs),
    project_id: entry.projectId,
    action: entry.action,
    author: {
      kind: author.kind,
      api_key_id: author.apiKeyId,
      address: author.address,
      user_agent: author.userAgent,
      request_id: author.requestId,
    },
    target: entry.target,
    before: entry.before,
    after: entry.after,
    mac: entry.mac,
  };
}
