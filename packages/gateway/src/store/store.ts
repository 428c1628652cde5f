/**
 * What the gateway asks of its store, and what each call promises. An implementation is a folder beside
 * this file; the conformance suite (`conformance.ts`) says the same in tests and runs over every one.
 *
 * Times are milliseconds since the epoch, money is whole nano-dollars. No prompt or reply text gets here.
 */

import type { UsageRecord } from "@meshagent/llm-proxy-protocol/usage";
import type { PassingChoice } from "../passing.ts";
import type { Audit, Author } from "./audit.ts";
import type { DirectoryWrites } from "./directory-writes.ts";
import type { LimitDefinition } from "./limit-definition.ts";
import type { Limits, Settlement } from "./limits.ts";
import type { Notices } from "./notices.ts";
import type { Objects } from "./objects.ts";
import type { RevocableToken, Revocation } from "./revocation.ts";
import type { Secret } from "@meshagent/llm-proxy-protocol/secret";
import type { WrongBounds } from "./wrong-bounds.ts";

// ---------------------------------------------------------------- who

export interface Project {
  readonly id: string;
  readonly name: string;
  readonly settings: Readonly<Record<string, unknown>>;
  readonly createdAtMs: number;
}

export interface ServiceAccount {
  readonly id: string;
  readonly projectId: string;
  readonly name: string;
  readonly createdAtMs: number;
}

/** A part of a list, in the list's own order. */
export interface ListPage {
  /** At most so many. */
  readonly limit: number;
  /** The id of the last one before this page; for rooms its name. `InvalidCursorError` for an id that never was. */
  readonly after?: string;
}

/** An API key without its secret. */
export interface ApiKeyRow {
  readonly id: string;
  readonly projectId: string;
  readonly serviceAccountId: string;
  readonly name: string;
  readonly description: string;
  readonly createdAtMs: number;
  /** Set when deleted. The row stays, so that history keeps its name and its tokens get "revoked". */
  readonly deletedAtMs: number | null;
}

/** What authentication needs, in one read. */
export interface ApiKeyWithSecret extends ApiKeyRow {
  readonly secret: Secret;
}

export interface Room {
  readonly id: string;
  readonly projectId: string;
  readonly name: string;
  readonly createdAtMs: number;
  /** A deleted room is a tombstone: its tokens get 401 until it is created again by name. */
  readonly deletedAtMs: number | null;
  /** Since when it is disabled: its tokens get 401, and it stays listed. */
  readonly disabledAtMs: number | null;
  /** Whatever its users keep there; the gateway gives it no meaning. */
  readonly metadata: Readonly<Record<string, unknown>>;
  readonly annotations: Readonly<Record<string, string>>;
}

/** `offset` leaves out so many more. */
export type RoomPage = ListPage & { readonly offset?: number };

/** What is absent stays as it is. */
export type RoomDetails = Partial<Pick<Room, "metadata" | "annotations">>;
export type RoomChange = RoomDetails & Partial<Pick<Room, "name" | "disabledAtMs">>;

export interface ProviderSettings {
  readonly projectId: string;
  readonly name: string;
  /** null: the default of the environment. */
  readonly apiKey: Secret | null;
  /** null: the default of the environment. */
  readonly baseUrl: string | null;
  readonly passing: PassingChoice;
  readonly updatedAtMs: number;
}

// ---------------------------------------------------------------- the ledger

export type Transport = "http" | "sse" | "websocket";

export type Outcome =
  | "ok"
  | "incomplete"
  | "refused"
  | "cancelled"
  | "failed"
  | "stream_error"
  | "upstream_error"
  | "truncated"
  | "client_closed"
  | "budget_stopped"
  | "gateway_error"
  | "interrupted"
  | "not_metered";

/** How the usage of an exchange is known. */
export type UsageSource = "exact" | "drained" | "partial" | "estimated" | "none";

/** Written, durable, before the first byte goes upstream. */
export interface ExchangeIntent {
  readonly id: string;
  /** The process that runs it. */
  readonly bootId: string;
  readonly projectId: string;
  readonly room: string;
  readonly participant: string;
  readonly role: string;
  readonly apiKeyId: string;
  /** The token's identity: its `jti`, or the hash of its signed part; null for an API key. */
  readonly tokenId: string | null;
  readonly sessionId: string | null;
  readonly agentId: string | null;
  readonly client: string | null;
  readonly dialect: string;
  /** Path below the gateway's mount, such as `/v1/responses`. */
  readonly endpoint: string;
  readonly transport: Transport;
  readonly provider: string;
  /** "" for endpoints without a model. */
  readonly requestedModel: string;
  readonly requestedTier: string | null;
  readonly isSimulated: boolean;
  readonly receivedAtMs: number;
  readonly requestBytes: number;
  /** The WebSocket that it ran in, null outside of one. */
  readonly connectionId: string | null;
  /**
   * What an exchange that never got a result is taken to have used: an estimate, marked as one. Empty for
   * endpoints that bill nothing.
   */
  readonly estimate: readonly UsageRecord[];
}

/** Written once the reply has said what it bills, before the caller gets the end. */
export interface ExchangeResult {
  readonly id: string;
  readonly outcome: Outcome;
  readonly usageSource: UsageSource;
  /** The status that the caller got; null when it got none. */
  readonly status: number | null;
  /** The model that served, "" when nobody said. */
  readonly model: string;
  readonly servedTier: string | null;
  readonly firstByteAtMs: number | null;
  readonly completedAtMs: number;
  readonly responseBytes: number;
  readonly providerRequestId: string | null;
  readonly attempts: number;
  readonly usage: readonly UsageRecord[];
  /** Sum of the records; null when anything billed has no usage or no price. */
  readonly costNanoUsd: number | null;
}

/** A row of the ledger. `result` is null while the exchange runs. */
export interface Exchange {
  readonly intent: Omit<ExchangeIntent, "estimate">;
  readonly result: ExchangeResult | null;
}

export interface Ledger {
  /**
   * Makes the intent durable against `kill -9` (in the kernel). Resolves then; rejects when it cannot be
   * written, and then nothing may be sent. Intents and results of one turn of the event loop share a
   * transaction, and one that cannot be written fails alone. A repeat of the same intent changes nothing;
   * another exchange's intent under its id rejects with `ExchangeIdTakenError`.
   */
  recordIntent(intent: ExchangeIntent): Promise<void>;
  /**
   * Makes the result durable and moves the rollup in the same transaction. Idempotent per exchange: a
   * repeat of the same result changes nothing; a different one (a late result after `interrupted`, more
   * usage after the terminal event) replaces it, and the rollup moves by the difference. Rejects with
   * `UnknownExchangeError` when the exchange has no intent. The exchange's hold is settled in the same transaction: charged
   * what the `settlement` says, or by the difference where it was charged before; in full where there is none.
   */
  recordResult(result: ExchangeResult, settlement?: Settlement): Promise<void>;
  /**
   * Marks every open intent whose process is provably gone as `interrupted`, unless `Objects.awaitUsage` keeps it
   * open, with its estimate
   * (`usage_source: estimated`, `completed_at` now) and the sum of the estimate as cost; an empty estimate
   * gives `none` and 0. In the same transaction the holds and leases of such processes are charged in full, because
   * what they were for was perhaps sent; a late result or return corrects each, once. `isAlive` tells which processes are there; without
   * it this one alone is. Returns how many exchanges.
   */
  interruptOrphans(nowMs: number, isAlive?: (bootId: string) => boolean): Promise<number>;
}

// ---------------------------------------------------------------- reports (off the serving event loop)

export interface ExchangeFilter {
  readonly projectId: string;
  /** `received_at` at or after it. */
  readonly sinceMs?: number;
  /** `received_at` before it. */
  readonly untilMs?: number;
  readonly room?: string;
  readonly participant?: string;
  /** Any of these. */
  readonly participants?: readonly string[];
  /**
   * In `usage` the model of a line; in `exchanges` the model that served or the one asked for. Finds dated
   * snapshots of the model, too (`model-filter.ts`).
   */
  readonly model?: string;
  readonly provider?: string;
  readonly sessionId?: string;
  readonly apiKeyId?: string;
}

export interface ExchangePage {
  readonly exchanges: readonly Exchange[];
  /** Give it back to get the next (older) page; null at the end. */
  readonly nextCursor: string | null;
}

export type UsageDimension =
  | "model"
  | "room"
  | "participant"
  | "session"
  | "agent"
  | "api-key"
  | "provider"
  | "day"
  | "hour";

/**
 * One line of a usage report. Counts are sums over billed records of real (not simulated) exchanges, unless
 * `isSimulated`. Tokens and cost count for the model of their own record (without a name: the model that
 * served, or was asked for). What is counted per exchange counts once, on its primary record's model.
 * Exchanges that are running or `not_metered` count nowhere.
 */
export interface UsageReportRow {
  /** The values of the dimensions asked for, in their order; null where an exchange has none. */
  readonly key: readonly (string | null)[];
  readonly isSimulated: boolean;
  readonly requests: number;
  readonly inputTokens: number;
  readonly outputTokens: number;
  readonly cacheReadInputTokens: number;
  readonly cacheWriteInputTokens: number;
  readonly reasoningOutputTokens: number;
  /** Sum of all known costs. */
  readonly costNanoUsd: bigint;
  /**
   * Exchanges whose cost is not known, so that `costNanoUsd` lacks some or all of it. Counted on the model
   * of the first billed record without a cost, which is the model that needs a price.
   */
  readonly unpricedRequests: number;
  /** Exchanges whose usage is estimated or partial. */
  readonly inexactRequests: number;
}

export interface Reports {
  /**
   * From the rollup, exact at both edges: work grows with the days asked for, not with the ledger. A `day`
   * is a UTC date, `YYYY-MM-DD`, an `hour` the time at which it begins, `YYYY-MM-DDTHH:00:00Z`. Real lines come before simulated ones, each sorted by key; no line is all
   * zeros.
   */
  usage(filter: ExchangeFilter, by: readonly UsageDimension[]): Promise<readonly UsageReportRow[]>;
  /**
   * Newest first, by `received_at` and id; running ones are included. At most 1000 a page, whatever `limit`
   * says. `cursor` from the page before; rejects with `InvalidCursorError` for a text that is none.
   */
  exchanges(
    filter: ExchangeFilter,
    page: { readonly limit: number; readonly cursor?: string },
  ): Promise<ExchangePage>;
  exchange(projectId: string, id: string): Promise<Exchange | null>;
}

// ---------------------------------------------------------------- the store

/** Who may do what, to be read. To change any of it is to say who does: `as`. */
export interface Directory {
  /**
   * The writes, as somebody's. Each leaves an entry in the audit log, in its own transaction: when one of the two
   * cannot be written, neither is. What changes nothing leaves none. A provider that is set is always a change.
   */
  as(author: Author): DirectoryWrites;

  /** Oldest first; all of them without `page`, like every list here. */
  listProjects(page?: ListPage): Promise<readonly Project[]>;
  findProject(id: string): Promise<Project | null>;

  /** Every project has one named `default`, made with it. Oldest first. */
  listServiceAccounts(projectId: string, page?: ListPage): Promise<readonly ServiceAccount[]>;
  /** By id or by name; an id goes before a name. */
  findServiceAccount(projectId: string, idOrName: string): Promise<ServiceAccount | null>;

  /** Without deleted ones, oldest first; those of one service account, or of all. */
  listApiKeys(projectId: string, page?: ListPage, serviceAccountId?: string): Promise<readonly ApiKeyRow[]>;
  /** Also a deleted one (see `deletedAtMs`): its tokens are told that it was revoked. */
  findApiKey(id: string): Promise<ApiKeyWithSecret | null>;

  /**
   * Makes a room that a token names before anybody else did. No act of management: it has no author, and leaves no
   * entry. A room of this name that is there, also a deleted or disabled one, stays as it is and is the answer.
   */
  registerRoom(projectId: string, name: string): Promise<Room>;
  /** Without deleted ones, by name. */
  listRooms(projectId: string, page?: RoomPage): Promise<readonly Room[]>;
  /** Without deleted ones. */
  countRooms(projectId: string): Promise<number>;
  /** Also a deleted one. */
  findRoom(projectId: string, name: string): Promise<Room | null>;
  /** Also a deleted one. */
  findRoomById(projectId: string, id: string): Promise<Room | null>;

  /** Oldest first. */
  listRevocations(projectId: string, page?: ListPage): Promise<readonly Revocation[]>;
  /** One that holds for the token, or null. */
  findRevocation(token: RevocableToken): Promise<Revocation | null>;

  /** Oldest first. */
  listLimits(projectId: string): Promise<readonly LimitDefinition[]>;

  listProviders(projectId: string): Promise<readonly ProviderSettings[]>;
  findProvider(projectId: string, name: string): Promise<ProviderSettings | null>;
  /** True once any provider was ever given a key or a base URL, also if that was removed since. */
  wasProviderEverConfigured(): Promise<boolean>;

  /**
   * Calls back after every change of an API key, room, revocation or provider, of this process or another, so that
   * caches drop what they hold. Returns the unsubscribe function.
   */
  onChange(listener: (change: DirectoryChange) => void): () => void;
}

export interface DirectoryChange {
  /** `token` and `participant`: revoked. */
  readonly kind: "api_key" | "room" | "provider" | "project" | "limit" | "token" | "participant";
  readonly projectId: string;
  /** The id of an API key, project, limit or token, the name of a room, provider or participant. */
  readonly id: string;
}

/** What a copy of the store holds; it was checked. */
export interface StoreBackup {
  readonly schema: number;
  readonly exchanges: number;
  readonly bytes: number;
}

export interface Store {
  readonly directory: Directory;
  readonly audit: Audit;
  readonly ledger: Ledger;
  readonly limits: Limits;
  readonly notices: Notices;
  readonly wrongBounds: WrongBounds;
  readonly objects: Objects;
  readonly reports: Reports;
  /** Throws when the store cannot be used, with a message that says why. */
  checkUsable(): Promise<void>;
  /**
   * Deletes finished exchanges received before a whole hour, the oldest of each project first, at most `limit` in
   * all; running ones stay. Returns how many. Off the serving event loop; a batch is one transaction, so keep it
   * small. Usage reports keep their sums: hours before `beforeMs` are then known as wholes, and one counts where
   * its first moment is asked for.
   */
  deleteExchangesBefore(beforeMs: number, limit: number): Promise<number>;
  /** Writes what is pending, checkpoints, and lets go of every lock. */
  close(): Promise<void>;
}
