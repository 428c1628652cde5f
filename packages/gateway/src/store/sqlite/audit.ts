/**
 * The audit log on SQLite. What an entry is chained to is read in the transaction that writes it and kept nowhere else,
 * so that processes which share the file make one chain.
 *
 * The head, and not the last row, says where the next entry goes: if rows were cut off the end, the gap stays for ever.
 */

import type { KeyObject } from "node:crypto";
import type { DatabaseSync } from "node:sqlite";
import type { Clock } from "../../clock.ts";
import { auditBegan } from "../audit-events.ts";
import { entryMac, FIRST_LINK, headMac, isSameMac } from "../audit-chain.ts";
import type { AuditColumn } from "../audit-chain.ts";
import type {
  Audit,
  AuditAnchor,
  AuditEntry,
  AuditEvent,
  AuditFields,
  AuditFilter,
  AuditPage,
  AuditVerdict,
  Author,
} from "../audit.ts";
import { systemAuthor } from "../audit.ts";
import { printable } from "@meshagent/llm-proxy-protocol/name";
import { AUDIT_COLUMNS } from "./audit-query.ts";
import { blob, integer } from "./columns.ts";
import type { SqliteReports } from "./reports.ts";
import { inTransaction } from "./schema.ts";
import type { Statements } from "./statements.ts";

const TAMPERED = "The audit log was tampered with: its end is not where it should be.";

/** Of any text of an entry, in UTF-16 units. A whole entry has a few hundred bytes, whoever writes it. */
const MAX_TEXT = 256;
/** Of all of `before` or `after`. */
const MAX_FIELDS = 8_192;

export interface SqliteAuditOptions {
  readonly database: DatabaseSync;
  readonly sql: Statements;
  readonly clock: Clock;
  /** Derived for `AUDIT_KEY_PURPOSE`. */
  readonly key: KeyObject;
  readonly reports: Pick<SqliteReports, "auditEntries" | "verifyAudit">;
  /** The log was tampered with. */
  readonly onAlarm: (message: string, cause: unknown) => void;
}

/** See `Audit` for what every method promises. */
export class SqliteAudit implements Audit {
  readonly #options: SqliteAuditOptions;

  constructor(options: SqliteAuditOptions) {
    this.#options = options;
  }

  /** Makes the first entry, if there is none and never was. */
  begin(): void {
    const { database, sql } = this.#options;
    const isBegun = (): boolean =>
      sql("SELECT 1 FROM audit_head UNION ALL SELECT 1 FROM audit").get() !== undefined;
    if (isBegun()) return;
    inTransaction(database, () => {
      if (!isBegun()) this.append(systemAuthor, auditBegan);
    });
  }

  /** Writes an entry, in the transaction that is running. */
  append(author: Author, event: AuditEvent): void {
    const { sql, clock, key } = this.#options;
    if (!this.#options.database.isTransaction) throw new Error("An entry goes with what it tells of.");
    const end = this.#end();
    const seq = end.seq + 1;
    const columns = columnsOf({ seq, atMs: clock.now(), author, event });
    const mac = entryMac(key, end.mac, columns);
    sql(INSERT).run(...columns, mac);
    const seal = headMac(key, seq, mac);
    const { changes } = sql("UPDATE audit_head SET seq = ?, mac = ?, seal = ?").run(seq, mac, seal);
    if (changes === 0) sql("INSERT INTO audit_head VALUES (1, ?, ?, ?)").run(seq, mac, seal);
  }

  async record(author: Author, event: AuditEvent): Promise<void> {
    inTransaction(this.#options.database, () => this.append(author, event));
  }

  list(filter: AuditFilter, page: AuditPage): Promise<readonly AuditEntry[]> {
    return this.#options.reports.auditEntries(filter, page);
  }

  verify(anchor?: AuditAnchor): Promise<AuditVerdict> {
    return this.#options.reports.verifyAudit({ key: this.#options.key, anchor: anchor ?? null });
  }

  /** What the next entry comes after. */
  #end(): { readonly seq: number; readonly mac: Uint8Array } {
    const { sql, key, onAlarm } = this.#options;
    const head = sql("SELECT * FROM audit_head").get();
    const last = integer(sql("SELECT coalesce(max(seq), 0) AS seq FROM audit").get() ?? {}, "seq");
    if (head === undefined && last === 0) return { seq: 0, mac: FIRST_LINK };
    const seq = head === undefined ? 0 : integer(head, "seq");
    const mac = head === undefined ? FIRST_LINK : blob(head, "mac");
    const isSealed = head !== undefined && isSameMac(blob(head, "seal"), headMac(key, seq, mac));
    if (!isSealed || seq !== last) onAlarm(TAMPERED, null);
    if (isSealed && seq >= last) return { seq, mac };
    // The log goes on, so that nobody is locked out, and this entry can never be made to fit.
    return { seq: Math.max(seq, last), mac: FIRST_LINK };
  }
}

const INSERT = `INSERT INTO audit (${AUDIT_COLUMNS.join(", ")}, mac) VALUES (${"?, ".repeat(AUDIT_COLUMNS.length)}?)`;

interface NewEntry {
  readonly seq: number;
  readonly atMs: number;
  readonly author: Author;
  readonly event: AuditEvent;
}

/** As they are stored, and as they are signed. */
function columnsOf({ seq, atMs, author, event }: NewEntry): readonly AuditColumn[] {
  return [
    seq,
    atMs,
    event.projectId,
    event.action,
    author.kind,
    author.apiKeyId,
    short(author.address),
    short(author.userAgent),
    author.requestId,
    event.target.kind,
    short(event.target.id),
    short(event.target.name),
    fieldsText(event.before),
    fieldsText(event.after),
  ];
}

function short(text: string | null): string | null {
  if (text === null) return null;
  return text.length > MAX_TEXT ? `${printable(text, MAX_TEXT)}...` : printable(text, MAX_TEXT);
}

function fieldsText(fields: AuditFields | null): string | null {
  if (fields === null) return null;
  const text = JSON.stringify(fields, (_, value: unknown) =>
    typeof value === "string" ? short(value) : value,
  );
  return text.length > MAX_FIELDS ? JSON.stringify({ too_long: text.length }) : text;
}
