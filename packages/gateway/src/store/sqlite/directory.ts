/**
 * Projects, service accounts, API keys, rooms and providers on SQLite, to be read; `directory-writes.ts` changes them.
 * Secrets are sealed by the vault on their way in and opened on their way out; none is ever in a column in clear.
 */

import type { Secret } from "@meshagent/llm-proxy-protocol/secret";
import type { Author } from "../audit.ts";
import type { DirectoryWrites } from "../directory-writes.ts";
import { InvalidCursorError } from "../errors.ts";
import type { LimitDefinition } from "../limit-definition.ts";
import type { Peers } from "../peers.ts";
import type { RevocableToken, Revocation } from "../revocation.ts";
import type {
  ApiKeyRow,
  ApiKeyWithSecret,
  Directory,
  DirectoryChange,
  ListPage,
  Project,
  ProviderSettings,
  Room,
  RoomPage,
  ServiceAccount,
} from "../store.ts";
import type { Vault } from "../vault.ts";
import { blob, blobOrNull, integer, text, textOrNull } from "./columns.ts";
import type { Row } from "./columns.ts";
import {
  apiKeyPlace,
  providerPlace,
  readApiKey,
  readPassing,
  readProject,
  readRevocation,
  readServiceAccount,
} from "./directory-rows.ts";
import { PROVIDER_WAS_SET, SqliteDirectoryWrites } from "./directory-writes.ts";
import type { DirectoryParts } from "./directory-writes.ts";
import { DefinitionRows } from "./limits/definitions.ts";
import { RevocationRows } from "./revocations.ts";
import { RoomRows } from "./rooms.ts";
import type { Statements } from "./statements.ts";

/** A table that is listed by age, without its deleted rows, and the columns that must have a value. */
interface AgedRows {
  readonly table: "projects" | "service_accounts" | "api_keys" | "revocations";
  readonly where?: Readonly<Record<string, string>>;
}

export interface SqliteDirectoryOptions extends Pick<
  DirectoryParts,
  "database" | "sql" | "vault" | "clock" | "audit" | "limits"
> {
  /** The other processes that write the same file; null where there are none. */
  readonly peers: Peers | null;
  /** A listener threw. */
  readonly onAlarm: (message: string, cause: unknown) => void;
}

/** See `Directory` for what every method promises. */
export class SqliteDirectory implements Directory {
  readonly #vault: Vault;
  readonly #onAlarm: SqliteDirectoryOptions["onAlarm"];
  readonly #sql: Statements;
  readonly #parts: DirectoryParts;
  readonly #peers: Peers | null;
  readonly #listeners = new Set<(change: DirectoryChange) => void>();

  constructor(options: SqliteDirectoryOptions) {
    const { sql, clock, vault, onAlarm } = options;
    this.#vault = vault;
    this.#onAlarm = onAlarm;
    this.#sql = sql;
    this.#peers = options.peers;
    this.#peers?.onTold((change) => this.#tellListeners(change));
    this.#parts = {
      ...options,
      definitions: new DefinitionRows(sql),
      revocations: new RevocationRows(sql),
      rooms: new RoomRows(sql, clock),
      announce: (change) => this.#announce(change),
      findProvider: (projectId, name) => this.#findProvider(projectId, name),
    };
  }

  as(author: Author): DirectoryWrites {
    return new SqliteDirectoryWrites(this.#parts, author);
  }

  async listProjects(page?: ListPage): Promise<readonly Project[]> {
    return this.#list({ table: "projects" }, page).map(readProject);
  }

  async findProject(id: string): Promise<Project | null> {
    const row = this.#sql("SELECT * FROM projects WHERE id = ?").get(id);
    return row === undefined ? null : readProject(row);
  }

  async listServiceAccounts(projectId: string, page?: ListPage): Promise<readonly ServiceAccount[]> {
    const rows = { table: "service_accounts", where: { project_id: projectId } } as const;
    return this.#list(rows, page).map(readServiceAccount);
  }

  async findServiceAccount(projectId: string, idOrName: string): Promise<ServiceAccount | null> {
    const row = this.#sql(`SELECT * FROM service_accounts
      WHERE project_id = ? AND (id = ? OR name = ?) AND deleted_at IS NULL ORDER BY id = ? DESC`).get(
      projectId,
      idOrName,
      idOrName,
      idOrName,
    );
    return row === undefined ? null : readServiceAccount(row);
  }

  async listApiKeys(
    projectId: string,
    page?: ListPage,
    serviceAccountId?: string,
  ): Promise<readonly ApiKeyRow[]> {
    const where = {
      project_id: projectId,
      ...(serviceAccountId === undefined ? {} : { service_account_id: serviceAccountId }),
    };
    return this.#list({ table: "api_keys", where }, page).map(readApiKey);
  }

  async findApiKey(id: string): Promise<ApiKeyWithSecret | null> {
    const row = this.#sql("SELECT * FROM api_keys WHERE id = ?").get(id);
    if (row === undefined) return null;
    return { ...readApiKey(row), secret: this.#vault.open(blob(row, "secret"), apiKeyPlace(id)) };
  }

  async registerRoom(projectId: string, name: string): Promise<Room> {
    const { rooms } = this.#parts;
    if (rooms.register(projectId, name)) await this.#announce({ kind: "room", projectId, id: name });
    const room = rooms.find(projectId, name);
    if (room === null) throw new Error(`The room ${name} was not there after it was written.`);
    return room;
  }

  async listRooms(projectId: string, page?: RoomPage): Promise<readonly Room[]> {
    return this.#parts.rooms.list(projectId, page);
  }

  async countRooms(projectId: string): Promise<number> {
    return this.#parts.rooms.count(projectId);
  }

  async findRoom(projectId: string, name: string): Promise<Room | null> {
    return this.#parts.rooms.find(projectId, name);
  }

  async findRoomById(projectId: string, id: string): Promise<Room | null> {
    return this.#parts.rooms.findById(projectId, id);
  }

  async listRevocations(projectId: string, page?: ListPage): Promise<readonly Revocation[]> {
    return this.#list({ table: "revocations", where: { project_id: projectId } }, page).map(readRevocation);
  }

  async findRevocation(token: RevocableToken): Promise<Revocation | null> {
    return this.#parts.revocations.find(token);
  }

  async listLimits(projectId: string): Promise<readonly LimitDefinition[]> {
    return this.#parts.definitions.list(projectId);
  }

  async listProviders(projectId: string): Promise<readonly ProviderSettings[]> {
    return this.#sql("SELECT * FROM providers WHERE project_id = ? ORDER BY name")
      .all(projectId)
      .map((row) => this.#readProvider(row));
  }

  async findProvider(projectId: string, name: string): Promise<ProviderSettings | null> {
    return this.#findProvider(projectId, name);
  }

  async wasProviderEverConfigured(): Promise<boolean> {
    return this.#sql("SELECT 1 FROM meta WHERE name = ?").get(PROVIDER_WAS_SET) !== undefined;
  }

  onChange(listener: (change: DirectoryChange) => void): () => void {
    // A listener given twice is two subscriptions.
    const subscription = (change: DirectoryChange): void => listener(change);
    this.#listeners.add(subscription);
    return () => void this.#listeners.delete(subscription);
  }

  /** Rows by age. A page begins after the row with this id, whatever became of that row since. */
  #list({ table, where = {} }: AgedRows, page?: ListPage): Row[] {
    const conditions = Object.keys(where).map((name) => `${name} = ?`);
    if (table === "service_accounts" || table === "api_keys") conditions.push("deleted_at IS NULL");
    const values: (string | number)[] = Object.values(where);
    if (page?.after !== undefined) {
      const last = this.#sql(`SELECT created_at, rowid FROM ${table} WHERE id = ?`).get(page.after);
      if (last === undefined) throw new InvalidCursorError();
      conditions.push("(created_at, rowid) > (?, ?)");
      values.push(integer(last, "created_at"), integer(last, "rowid"));
    }
    return this.#sql(
      `SELECT * FROM ${table} WHERE ${["TRUE", ...conditions].join(" AND ")}
        ORDER BY created_at, rowid LIMIT ?`,
    ).all(...values, page?.limit ?? -1);
  }

  /** Resolves when nobody, here or in another process, goes by what was before the change. */
  async #announce(change: DirectoryChange): Promise<void> {
    this.#tellListeners(change);
    await this.#peers?.tell(change);
  }

  #tellListeners(change: DirectoryChange): void {
    for (const listener of this.#listeners) {
      try {
        listener(change);
      } catch (error) {
        this.#onAlarm(`A listener failed on a change of a ${change.kind}; its cache may be stale.`, error);
      }
    }
  }

  #findProvider(projectId: string, name: string): ProviderSettings | null {
    const row = this.#sql("SELECT * FROM providers WHERE project_id = ? AND name = ?").get(projectId, name);
    return row === undefined ? null : this.#readProvider(row);
  }

  #readProvider(row: Row): ProviderSettings {
    const projectId = text(row, "project_id");
    const name = text(row, "name");
    const sealed = blobOrNull(row, "api_key");
    const apiKey: Secret | null =
      sealed === null ? null : this.#vault.open(sealed, providerPlace(projectId, name));
    return {
      projectId,
      name,
      apiKey,
      baseUrl: textOrNull(row, "base_url"),
      passing: readPassing(row),
      updatedAtMs: integer(row, "updated_at"),
    };
  }
}
