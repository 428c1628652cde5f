/**
 * The audit log, as the management API shows it: who changed what, when and from where. There is no route that writes
 * an entry, and none that changes or deletes one.
 */

import { z } from "zod";
import { pageQueryMembers, pagedMembers } from "./api-pages.ts";
import type { Paged, PageQuery } from "./api-pages.ts";
import { timeSchema } from "./api-reports.ts";
import { get, PROJECT } from "./api-route.ts";
import type { Route } from "./api-route.ts";

/** `unknown`: a call whose credential was refused. `system`: the gateway itself. */
export const authorKinds = ["owner", "api_key", "system", "unknown"] as const;

export interface AuditAuthor {
  readonly kind: (typeof authorKinds)[number];
  /** Of an `api_key`. */
  readonly api_key_id: string | null;
  /** The caller's, as resolved behind trusted proxies; null for the gateway itself. */
  readonly address: string | null;
  readonly user_agent: string | null;
  /** Also in `x-request-id` of the reply. */
  readonly request_id: string | null;
}

export interface AuditTarget {
  readonly kind: string;
  readonly id: string | null;
  readonly name: string | null;
}

export interface AuditEntry {
  /** 1, 2, 3 ... without a gap, for the gateway as a whole. */
  readonly seq: number;
  readonly at: string;
  /** null for what belongs to no project. */
  readonly project_id: string | null;
  /** `target.verb`, such as `api_key.delete`. */
  readonly action: string;
  readonly author: AuditAuthor;
  readonly target: AuditTarget;
  /** Of a change only the fields that changed; null for what was not there. No secret is in it. */
  readonly before: Readonly<Record<string, unknown>> | null;
  /** null for what is gone. */
  readonly after: Readonly<Record<string, unknown>> | null;
  /** Hex. Chains the entry to the one before it. */
  readonly mac: string;
}

const fields = z.record(z.string(), z.unknown()).nullable();

export const auditEntrySchema: z.ZodType<AuditEntry> = z.object({
  seq: z.number(),
  at: z.string(),
  project_id: z.string().nullable(),
  action: z.string(),
  author: z.object({
    kind: z.enum(authorKinds),
    api_key_id: z.string().nullable(),
    address: z.string().nullable(),
    user_agent: z.string().nullable(),
    request_id: z.string().nullable(),
  }),
  target: z.object({ kind: z.string(), id: z.string().nullable(), name: z.string().nullable() }),
  before: fields,
  after: fields,
  mac: z.string(),
});

export interface AuditList extends Paged {
  readonly entries: readonly AuditEntry[];
}

export const auditListSchema: z.ZodType<AuditList> = z.object({
  entries: z.array(auditEntrySchema),
  ...pagedMembers,
});

/** Without a `limit` a page has 100. */
export interface AuditQuery extends PageQuery {
  /** At or after this. Milliseconds since the epoch; on the wire also RFC 3339. */
  readonly since?: number | undefined;
  /** Before this; as above. */
  readonly until?: number | undefined;
  readonly action?: string | undefined;
  readonly author?: string | undefined;
}

const MAX_WORD_LENGTH = 200;

export const auditQuerySchema: z.ZodType<AuditQuery> = z.strictObject({
  since: timeSchema.optional().meta({ description: "At or after this time." }),
  until: timeSchema.optional().meta({ description: "Before this time." }),
  action: z.string().min(1).max(MAX_WORD_LENGTH).optional().meta({
    description: "Such as `api_key.delete`, or the beginning of one with `*`: `room.*`.",
  }),
  author: z.string().min(1).max(MAX_WORD_LENGTH).optional().meta({
    description: "`owner`, `api_key`, `system`, `unknown`, or the id of an API key.",
  }),
  ...pageQueryMembers,
});

/** `SEQ:MAC` of an entry that somebody noted down. */
export const ANCHOR: RegExp = /^(\d{1,15}):([0-9a-f]{64})$/;

export interface AuditVerifyQuery {
  readonly anchor?: string | undefined;
}

export const auditVerifyQuerySchema: z.ZodType<AuditVerifyQuery> = z.strictObject({
  anchor: z
    .string()
    .regex(ANCHOR, "must be SEQ:MAC, as an earlier check told in `head`")
    .optional()
    .meta({ description: "`head` of an earlier check, which the log must still hold." }),
});

export const auditFaults = ["changed", "missing", "cut", "not_as_noted"] as const;

export interface AuditVerdict {
  readonly ok: boolean;
  /** How many were found in order, from the first one on. */
  readonly entries: number;
  /** `SEQ:MAC` of the last of them. Noted down elsewhere, it proves later that nothing up to there was replaced. */
  readonly head: string | null;
  /** The first entry that is not as it was written. */
  readonly broken: {
    readonly seq: number;
    readonly reason: (typeof auditFaults)[number];
    readonly message: string;
  } | null;
}

export const auditVerdictSchema: z.ZodType<AuditVerdict> = z.object({
  ok: z.boolean(),
  entries: z.number(),
  head: z.string().nullable(),
  broken: z
    .object({ seq: z.number(), reason: z.enum(auditFaults), message: z.string() })
    .nullable()
    .meta({ description: "The first entry that is not as it was written." }),
});

export interface AuditRoutes {
  readonly listAudit: Route<never, AuditQuery, null, AuditList>;
  readonly verifyAudit: Route<never, AuditVerifyQuery, null, AuditVerdict>;
  readonly listProjectAudit: Route<"project", AuditQuery, null, AuditList>;
}

const AUDIT = "/accounts/llm-proxy/audit";

export const auditRoutes: AuditRoutes = {
  listAudit: {
    ...get,
    path: AUDIT,
    about: "The audit log of the whole gateway, newest first: who changed what, when and from where.",
    params: [],
    query: auditQuerySchema,
    reply: auditListSchema,
  },
  verifyAudit: {
    ...get,
    path: `${AUDIT}/verify`,
    about: "Reads the whole audit log, and says whether each entry is as it was written.",
    params: [],
    query: auditVerifyQuerySchema,
    reply: auditVerdictSchema,
  },
  listProjectAudit: {
    ...get,
    path: `${PROJECT}/llm-proxy/audit`,
    about: "The audit log of one project, newest first.",
    params: ["project"],
    query: auditQuerySchema,
    reply: auditListSchema,
  },
};
