/**
 * What a store keeps of every change that somebody made: who, when, what, from where. An entry is written in the
 * transaction of the change that it tells of, and nothing in the product changes or deletes one. No secret gets here.
 */

/** `unknown`: a call whose credential was refused. `system`: the gateway itself. */
export type AuthorKind = "owner" | "api_key" | "system" | "unknown";

/** Who makes a change, and from where. Every management write has one. */
export interface Author {
  readonly kind: AuthorKind;
  /** Of an `api_key`. */
  readonly apiKeyId: string | null;
  /** As resolved behind trusted proxies; null for the gateway itself. */
  readonly address: string | null;
  readonly userAgent: string | null;
  /** Of the call, also on its reply. */
  readonly requestId: string | null;
}

/** The gateway itself, such as what it makes on its first start. */
export const systemAuthor: Author = {
  kind: "system",
  apiKeyId: null,
  address: null,
  userAgent: null,
  requestId: null,
};

export type AuditTargetKind =
  | "audit"
  | "project"
  | "service_account"
  | "api_key"
  | "room"
  | "token"
  | "participant"
  | "provider"
  | "budget"
  | "limit"
  | "route";

export interface AuditTarget {
  readonly kind: AuditTargetKind;
  /** null for what has only a name. */
  readonly id: string | null;
  /** For people; null for what has none. */
  readonly name: string | null;
}

/** A few fields of a target by the names that the API gives them. Never a secret, or anything made from one. */
export type AuditFields = Readonly<Record<string, unknown>>;

/** What was done. Texts are cut where they are stored. */
export interface AuditEvent {
  /** `target.verb`, such as `api_key.delete`. */
  readonly action: string;
  /** null for what belongs to no project. */
  readonly projectId: string | null;
  readonly target: AuditTarget;
  /** null for what was not there. Of a change only the fields that changed. */
  readonly before: AuditFields | null;
  /** null for what is gone. */
  readonly after: AuditFields | null;
}

/** An event as it stands in the log. */
export interface AuditEntry extends AuditEvent {
  /** 1, 2, 3 ... without a gap, in the order in which the changes were committed. */
  readonly seq: number;
  readonly atMs: number;
  readonly author: Author;
  /** Hex. Over this entry and the one before it, under a key that is not in the store (`audit-chain.ts`). */
  readonly mac: string;
}

export interface AuditFilter {
  readonly projectId?: string;
  readonly sinceMs?: number;
  readonly untilMs?: number;
  /** Exact, or the beginning of one when it ends in `*`. */
  readonly action?: string;
  /** An `AuthorKind`, or the id of an API key. */
  readonly author?: string;
}

export interface AuditPage {
  readonly limit: number;
  /** Only entries older than this one. */
  readonly beforeSeq?: number;
}

/** An entry as somebody noted it down outside of the store. */
export interface AuditAnchor {
  readonly seq: number;
  readonly mac: string;
}

/** What a check of the whole log found. */
export interface AuditVerdict {
  /** How many entries were found in order, from the first one on. */
  readonly entries: number;
  /** The last of those. */
  readonly head: AuditAnchor | null;
  /** The first entry that is not as it was written, or null when all are. */
  readonly broken: { readonly seq: number; readonly reason: AuditFault } | null;
}

/**
 * `changed`: the entry is not the one that was written after its predecessor. `missing`: there is no such entry, and
 * later ones are there. `cut`: the log ends before where it once did, or nothing says where it ended. `not_as_noted`:
 * all hangs together, and is not what the anchor says.
 */
export type AuditFault = "changed" | "missing" | "cut" | "not_as_noted";

export interface Audit {
  /** Newest first. Off the serving event loop. */
  list(filter: AuditFilter, page: AuditPage): Promise<readonly AuditEntry[]>;
  /** Reads the whole log and checks every entry. Off the serving event loop. */
  verify(anchor?: AuditAnchor): Promise<AuditVerdict>;
  /** An entry for what changes nothing in the store, such as a call that was refused. */
  record(author: Author, event: AuditEvent): Promise<void>;
}
