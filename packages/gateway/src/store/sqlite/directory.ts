/**
 * Projects, service accounts, API keys, rooms and providers on SQLite. Secrets are sealed by the vault on
 * their way in and opened on their way out; none is ever in a column in clear. Changes are announced after
 * they are committed, and before the call that made them resolves.
 */

import type { DatabaseSync } from "node:sqlite";
import type { Clock } from "../../clock.ts";
import { newUuid } from "../../ids.ts";
import type { Secret } from "@meshagent/llm-proxy-protocol/secret";
import type { RevocableToken, Revocation, RevocationTarget } from "../revocation.ts";
import type {
  ApiKeyRow,
  ApiKeyWithSecret,
  Directory,
  DirectoryChange,
  ListPage,
  Project,
  ProviderSettings,
  Room,
  RoomChange,
  RoomDetails,
  RoomPage,
  ServiceAccount,
} from "../store.ts";
import type { LimitDefinition } from "../limit-definition.ts";
import type { Limits } from "../limits.ts";
import type { Peers } from "../peers.ts";
import type { SealedPlace, Vault } from "../vault.ts";
import { blob, blobOrNull, integer, text, textOrNull } from "./columns.ts";
import type { Row } from "./columns.ts";
import { readApiKey, readProject, readRevocation, readServiceAccount } from "./directory-rows.ts";
import { RevocationRows } from "./revocations.ts";
import { SqliteRooms } from "./rooms.ts";
import { InvalidCursorError } from "../errors.ts";
import { DefinitionRows } from "./limits/definitions.ts";
import { inTransaction } from "./schema.ts";
import { cachedStatements } from "./statements.ts";
import type { Statements } from "./statements.ts";

const PROVIDER_WAS_SET = "provider_was_set";
const DEFAULT_SERVICE_ACCOUNT = "default";

/** A table that is listed by age, without its deleted rows, and the columns that must have a value. */
interface AgedRows {
  readonly table: "projects" | "service_accounts" | "api_keys" | "revocations";
  readonly where?: Readonly<Record<string, string>>;
}

export interface SqliteDirectoryOptions {
  readonly database: DatabaseSync;
  readonly vault: Vault;
  readonly clock: Clock;
  /** Counts what the definitions of limits allow. */
  readonly limits: Pick<Limits, "setBudgetAmount">;
  /** The other processes that write the same file; null where there are none. */
  readonly peers: Peers | null;
  /** A listener threw. */
  readonly onAlarm: (message: string, cause: unknown) => void;
}

/** See `Directory` for what every method promises. */
export class SqliteDirectory implements Directory {
  readonly #database: DatabaseSync;
  readonly #vault: Vault;
  readonly #clock: Clock;
  readonly #onAlarm: SqliteDirectoryOptions["onAlarm"];
  readonly #sql: Statements;
  readonly #rooms: SqliteRooms;
  readonly #definitions: DefinitionRows;
  readonly #revocations: RevocationRows;
  readonly #limits: Pick<Limits, "setBudgetAmount">;
  readonly #peers: Peers | null;
  readonly #listeners = new Set<(change: DirectoryChange) => void>();

  constructor(options: SqliteDirectoryOptions) {
    this.#database = options.database;
    this.#vault = options.vault;
    this.#clock = options.clock;
    this.#onAlarm = options.onAlarm;
    this.#sql = cachedStatements(options.database);
    this.#definitions = new DefinitionRows(this.#sql);
    this.#revocations = new RevocationRows(this.#sql);
    this.#limits = options.limits;
    this.#peers = options.peers;
    this.#peers?.onTold((change) => this.#tellListeners(change));
    this.#rooms = new SqliteRooms({
      database: options.database,
      clock: options.clock,
      sql: this.#sql,
      onChange: (projectId, name) => this.#announce({ kind: "room", projectId, id: name }),
    });
  }

  async createProject(name: string, settings: Project["settings"] = {}): Promise<Project> {
    const project = { id: newUuid(), name, settings, createdAtMs: this.#clock.now() };
    inTransaction(this.#database, () => {
      this.#sql("INSERT INTO projects (id, name, settings, created_at) VALUES (?, ?, ?, ?)").run(
        project.id,
        name,
        JSON.stringify(project.settings),
        project.createdAtMs,
      );
      this.#sql("INSERT INTO service_accounts (id, project_id, name, created_at) VALUES (?, ?, ?, ?)").run(
        newUuid(),
        project.id,
        DEFAULT_SERVICE_ACCOUNT,
        project.createdAtMs,
      );
    });
    await this.#announce({ kind: "project", projectId: project.id, id: project.id });
    return project;
  }

  async listProjects(page?: ListPage): Promise<readonly Project[]> {
    return this.#list({ table: "projects" }, page).map(readProject);
  }

  async findProject(id: string): Promise<Project | null> {
    const row = this.#sql("SELECT * FROM projects WHERE id = ?").get(id);
    return row === undefined ? null : readProject(row);
  }

  async changeProjectSettings(id: string, change: Project["settings"]): Promise<Project | null> {
    // RFC 7396: a member that is null takes the setting away.
    const { changes } = this.#sql("UPDATE projects SET settings = json_patch(settings, ?) WHERE id = ?").run(
      JSON.stringify(change),
      id,
    );
    if (changes > 0) await this.#announce({ kind: "project", projectId: id, id });
    return this.findProject(id);
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

  async createServiceAccount(projectId: string, name: string): Promise<ServiceAccount | null> {
    const { changes } = this.#sql(`INSERT INTO service_accounts (id, project_id, name, created_at)
      VALUES (?, ?, ?, ?)
      ON CONFLICT (project_id, name) DO UPDATE SET deleted_at = NULL WHERE deleted_at IS NOT NULL`).run(
      newUuid(),
      projectId,
      name,
      this.#clock.now(),
    );
    const row = this.#sql("SELECT * FROM service_accounts WHERE project_id = ? AND name = ?").get(
      projectId,
      name,
    );
    return changes === 0 || row === undefined ? null : readServiceAccount(row);
  }

  async deleteServiceAccount(projectId: string, id: string): Promise<boolean> {
    const { changes } = this.#sql(`UPDATE service_accounts SET deleted_at = ?
      WHERE id = ? AND project_id = ? AND deleted_at IS NULL AND NOT EXISTS
        (SELECT 1 FROM api_keys WHERE service_account_id = service_accounts.id AND deleted_at IS NULL)`).run(
      this.#clock.now(),
      id,
      projectId,
    );
    return changes > 0;
  }

  async createApiKey(key: ApiKeyWithSecret): Promise<void> {
    this.#sql(`INSERT INTO api_keys
      (id, project_id, service_account_id, name, description, created_at, deleted_at, secret)
      VALUES (?, ?, ?, ?, ?, ?, ?, ?)`).run(
      key.id,
      key.projectId,
      key.serviceAccountId,
      key.name,
      key.description,
      key.createdAtMs,
      key.deletedAtMs,
      this.#vault.seal(key.secret, apiKeyPlace(key.id)),
    );
    await this.#announce({ kind: "api_key", projectId: key.projectId, id: key.id });
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

  async deleteApiKey(projectId: string, id: string): Promise<boolean> {
    const { changes } = this.#sql(`UPDATE api_keys SET deleted_at = ?
      WHERE id = ? AND project_id = ? AND deleted_at IS NULL`).run(this.#clock.now(), id, projectId);
    if (changes === 0) return false;
    await this.#announce({ kind: "api_key", projectId, id });
    return true;
  }

  createRoom(projectId: string, name: string, details?: RoomDetails): Promise<Room> {
    return this.#rooms.createRoom(projectId, name, details);
  }

  listRooms(projectId: string, page?: RoomPage): Promise<readonly Room[]> {
    return this.#rooms.listRooms(projectId, page);
  }

  countRooms(projectId: string): Promise<number> {
    return this.#rooms.countRooms(projectId);
  }

  findRoom(projectId: string, name: string): Promise<Room | null> {
    return this.#rooms.findRoom(projectId, name);
  }

  findRoomById(projectId: string, id: string): Promise<Room | null> {
    return this.#rooms.findRoomById(projectId, id);
  }

  updateRoom(projectId: string, name: string, change: RoomChange): Promise<Room | null> {
    return this.#rooms.updateRoom(projectId, name, change);
  }

  deleteRoom(projectId: string, name: string): Promise<boolean> {
    return this.#rooms.deleteRoom(projectId, name);
  }

  async createRevocation(projectId: string, target: RevocationTarget): Promise<Revocation> {
    const { revocation } = this.#revocations.create(projectId, target, this.#clock.now());
    const id = target.kind === "token" ? target.tokenId : target.participant;
    await this.#announce({ kind: target.kind, projectId, id });
    return revocation;
  }

  async listRevocations(projectId: string, page?: ListPage): Promise<readonly Revocation[]> {
    return this.#list({ table: "revocations", where: { project_id: projectId } }, page).map(readRevocation);
  }

  async findRevocation(token: RevocableToken): Promise<Revocation | null> {
    return this.#revocations.find(token);
  }

  async setLimit(limit: LimitDefinition): Promise<void> {
    if (!this.#definitions.set(limit)) return;
    if (limit.kind === "budget") await this.#limits.setBudgetAmount(limit.id, limit);
    await this.#announce({ kind: "limit", projectId: limit.projectId, id: limit.id });
  }

  async listLimits(projectId: string): Promise<readonly LimitDefinition[]> {
    return this.#definitions.list(projectId);
  }

  async removeLimit(projectId: string, id: string): Promise<boolean> {
    if (!this.#definitions.remove(projectId, id)) return false;
    await this.#announce({ kind: "limit", projectId, id });
    return true;
  }

  async setProvider(settings: ProviderSettings): Promise<void> {
    const { projectId, name, apiKey, baseUrl, updatedAtMs } = settings;
    const sealed = apiKey === null ? null : this.#vault.seal(apiKey, providerPlace(projectId, name));
    inTransaction(this.#database, () => {
      this.#sql(`INSERT INTO providers (project_id, name, api_key, base_url, updated_at) VALUES (?, ?, ?, ?, ?)
        ON CONFLICT (project_id, name) DO UPDATE SET
          api_key = excluded.api_key, base_url = excluded.base_url, updated_at = excluded.updated_at`).run(
        projectId,
        name,
        sealed,
        baseUrl,
        updatedAtMs,
      );
      this.#sql("INSERT INTO meta (name, value) VALUES (?, x'01') ON CONFLICT (name) DO NOTHING").run(
        PROVIDER_WAS_SET,
      );
    });
    await this.#announce({ kind: "provider", projectId, id: name });
  }

  async listProviders(projectId: string): Promise<readonly ProviderSettings[]> {
    return this.#sql("SELECT * FROM providers WHERE project_id = ? ORDER BY name")
      .all(projectId)
      .map((row) => this.#readProvider(row));
  }

  async findProvider(projectId: string, name: string): Promise<ProviderSettings | null> {
    const row = this.#sql("SELECT * FROM providers WHERE project_id = ? AND name = ?").get(projectId, name);
    return row === undefined ? null : this.#readProvider(row);
  }

  async removeProvider(projectId: string, name: string): Promise<boolean> {
    const { changes } = this.#sql("DELETE FROM providers WHERE project_id = ? AND name = ?").run(
      projectId,
      name,
    );
    if (changes === 0) return false;
    await this.#announce({ kind: "provider", projectId, id: name });
    return true;
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
      updatedAtMs: integer(row, "updated_at"),
    };
  }
}

function apiKeyPlace(id: string): SealedPlace {
  return { table: "api_keys", rowId: id, column: "secret" };
}

function providerPlace(projectId: string, name: string): SealedPlace {
  return { table: "providers", rowId: JSON.stringify([projectId, name]), column: "api_key" };
}
