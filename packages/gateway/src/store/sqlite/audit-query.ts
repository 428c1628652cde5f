/** Reads and checks the audit log, in the reports' thread. Writes nothing. */

import type { KeyObject } from "node:crypto";
import type { DatabaseSync } from "node:sqlite";
import { entryMac, FIRST_LINK, headMac, isSameMac } from "../audit-chain.ts";
import type { AuditColumn } from "../audit-chain.ts";
import type {
  AuditAnchor,
  AuditEntry,
  AuditFields,
  AuditFilter,
  AuditPage,
  AuditTargetKind,
  AuditVerdict,
  AuthorKind,
} from "../audit.ts";
import { blob, integer, text, textOrNull } from "./columns.ts";
import type { Row } from "./columns.ts";

/** What is signed of a row, in this order. Never changed: what is written is signed so. */
export const AUDIT_COLUMNS = [
  "seq",
  "at",
  "project_id",
  "action",
  "author_kind",
  "author_id",
  "address",
  "user_agent",
  "request_id",
  "target_kind",
  "target_id",
  "target_name",
  "before",
  "after",
] as const;

/** See `Audit.list`. */
export function queryAudit(database: DatabaseSync, filter: AuditFilter, page: AuditPage): AuditEntry[] {
  const conditions: string[] = ["TRUE"];
  const values: (string | number)[] = [];
  const where = (condition: string, ...bound: (string | number)[]): void => {
    conditions.push(condition);
    values.push(...bound);
  };
  const { projectId, sinceMs, untilMs, action, author } = filter;
  if (page.beforeSeq !== undefined) where("seq < ?", page.beforeSeq);
  if (projectId !== undefined) where("project_id = ?", projectId);
  if (sinceMs !== undefined) where("at >= ?", sinceMs);
  if (untilMs !== undefined) where("at < ?", untilMs);
  if (author !== undefined) where("(author_kind = ? OR author_id = ?)", author, author);
  if (action !== undefined && !action.endsWith("*")) where("action = ?", action);
  // SQLite counts code points.
  const beginning = action?.endsWith("*") === true ? action.slice(0, -1) : "";
  if (beginning !== "") where("substr(action, 1, ?) = ?", Array.from(beginning).length, beginning);
  return database
    .prepare(`SELECT * FROM audit WHERE ${conditions.join(" AND ")} ORDER BY seq DESC LIMIT ?`)
    .all(...values, page.limit)
    .map(readEntry);
}

function readEntry(row: Row): AuditEntry {
  return {
    seq: integer(row, "seq"),
    atMs: integer(row, "at"),
    projectId: textOrNull(row, "project_id"),
    action: text(row, "action"),
    // Written from these types alone; whoever writes the file by other means is found by `verifyAudit`.
    author: {
      kind: text(row, "author_kind") as AuthorKind,
      apiKeyId: textOrNull(row, "author_id"),
      address: textOrNull(row, "address"),
      userAgent: textOrNull(row, "user_agent"),
      requestId: textOrNull(row, "request_id"),
    },
    target: {
      kind: text(row, "target_kind") as AuditTargetKind,
      id: textOrNull(row, "target_id"),
      name: textOrNull(row, "target_name"),
    },
    before: readFields(textOrNull(row, "before")),
    after: readFields(textOrNull(row, "after")),
    mac: Buffer.from(blob(row, "mac")).toString("hex"),
  };
}

/** A log that was tampered with is shown all the same. */
function readFields(json: string | null): AuditFields | null {
  if (json === null) return null;
  try {
    return JSON.parse(json) as AuditFields;
  } catch {
    return { unreadable: true };
  }
}

export interface AuditVerification {
  readonly key: KeyObject;
  readonly anchor: AuditAnchor | null;
}

/** See `Audit.verify`. */
export function verifyAudit(database: DatabaseSync, check: AuditVerification): AuditVerdict {
  // One state of the log, while others go on writing.
  database.exec("BEGIN");
  try {
    return checkRows(database, check);
  } finally {
    database.exec("ROLLBACK");
  }
}

function checkRows(database: DatabaseSync, { key, anchor }: AuditVerification): AuditVerdict {
  const statement = database.prepare(`SELECT ${AUDIT_COLUMNS.join(", ")}, mac FROM audit ORDER BY seq`);
  // A number that is none of ours may be too large for a number of JavaScript.
  statement.setReadBigInts(true);
  let entries = 0;
  let mac = FIRST_LINK;
  let isAnchorFound = anchor === null;
  const verdict = (broken: AuditVerdict["broken"]): AuditVerdict => ({
    entries,
    head: entries === 0 ? null : { seq: entries, mac: hex(mac) },
    broken,
  });
  for (const row of statement.iterate()) {
    const seq = entries + 1;
    if (integer(row, "seq") !== seq) return verdict({ seq, reason: "missing" });
    const stored = blob(row, "mac");
    if (!isSameMac(stored, entryMac(key, mac, signedColumns(row))))
      return verdict({ seq, reason: "changed" });
    if (anchor?.seq === seq) {
      if (anchor.mac !== hex(stored)) return verdict({ seq, reason: "not_as_noted" });
      isAnchorFound = true;
    }
    mac = stored;
    entries = seq;
  }
  const head = database.prepare("SELECT seq, seal FROM audit_head").get();
  const isWhole =
    head !== undefined && entries > 0 && isSameMac(blob(head, "seal"), headMac(key, entries, mac));
  if (!isWhole) return verdict({ seq: entries + 1, reason: "cut" });
  if (!isAnchorFound && anchor !== null) return verdict({ seq: anchor.seq, reason: "not_as_noted" });
  return verdict(null);
}

function signedColumns(row: Row): readonly AuditColumn[] {
  return AUDIT_COLUMNS.map((name) => {
    const value = row[name] ?? null;
    return typeof value === "string" || value === null ? value : Number(value);
  });
}

function hex(mac: Uint8Array): string {
  return Buffer.from(mac).toString("hex");
}
