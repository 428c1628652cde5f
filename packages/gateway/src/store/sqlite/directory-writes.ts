/**
 * One author's changes of the directory on SQLite. Each is a transaction that holds the change and its entry in the
 * audit log; it is announced after it is committed, and before the call that made it resolves.
 */

import type { DatabaseSync } from "node:sqlite";
import type { Clock } from "../../clock.ts";
import { newUuid } from "../../ids.ts";
import { encodingsText } from "../../passing.ts";
import type { AuditEvent, Author } from "../audit.ts";
import * as events from "../audit-events.ts";
import type { DirectoryWrites } from "../directory-writes.ts";
import type { LimitDefinition } from "../limit-definition.ts";
import type { SqliteLimits } from "./limits/sqlite-limits.ts";
import type { Revocation, RevocationTarget } from "../revocation.ts";
import type {
  ApiKeyWithSecret,
  DirectoryChange,
  Project,
  ProviderSettings,
  Room,
  RoomChange,
  RoomDetails,
  ServiceAccount,
} from "../store.ts";
import type { Vault } from "../vault.ts";
import type { SqliteAudit } from "./audit.ts";
import { apiKeyPlace, providerPlace, readApiKey, readProject, readServiceAccount } from "./directory-rows.ts";
import type { DefinitionRows } from "./limits/definitions.ts";
import type { RevocationRows } from "./revocations.ts";
import type { RoomRows } from "./rooms.ts";
import { inTransaction } from "./schema.ts";
import type { Statements } from "./statements.ts";

/** In `meta` once any provider was given a key or a base URL. */
export const PROVIDER_WAS_SET = "provider_was_set";
const DEFAULT_SERVICE_ACCOUNT = "default";

export interface DirectoryParts {
  readonly database: DatabaseSync;
  readonly sql: Statements;
  readonly vault: Vault;
  readonly clock: Clock;
  readonly audit: Pick<SqliteAudit, "append">;
  readonly rooms: RoomRows;
  readonly definitions: DefinitionRows;
  readonly revocations: RevocationRows;
  /** Counts what the definitions of limits allow. */
  readonly limits: Pick<SqliteLimits, "inTransaction">;
  /** Resolves when nobody, here or in another process, goes by what was before the change. */
  readonly announce: (change: DirectoryChange) => Promise<void>;
  readonly findProvider: (projectId: string, name: string) => ProviderSettings | null;
}

type SetTerms = Parameters<Parameters<SqliteLimits["inTransaction"]>[0]>[0];

const noTerms: SetTerms = () => {
  throw new Error("A budget's terms are set in a transaction of the limits alone.");
};

/** What a change came to. */
interface Change<T> {
  readonly value: T;
  /** null: nothing was changed. */
  readonly entry: AuditEvent | null;
  readonly told?: readonly DirectoryChange[];
}

/** See `DirectoryWrites` for what every method promises. */
export class SqliteDirectoryWrites implements DirectoryWrites {
  readonly #parts: DirectoryParts;
  readonly #author: Author;

  constructor(parts: DirectoryParts, author: Author) {
    this.#parts = parts;
    this.#author = author;
  }

  async createProject(name: string, settings: Project["settings"] = {}): Promise<Project> {
    const { sql, clock } = this.#parts;
    const project = { id: newUuid(), name, settings, createdAtMs: clock.now() };
    return this.#commit(() => {
      sql("INSERT INTO projects (id, name, settings, created_at) VALUES (?, ?, ?, ?)").run(
        project.id,
        name,
        JSON.stringify(project.settings),
        project.createdAtMs,
      );
      sql("INSERT INTO service_accounts (id, project_id, name, created_at) VALUES (?, ?, ?, ?)").run(
        newUuid(),
        project.id,
        DEFAULT_SERVICE_ACCOUNT,
        project.createdAtMs,
      );
      return {
        value: project,
        entry: events.projectCreated(project),
        told: [{ kind: "project", projectId: project.id, id: project.id }],
      };
    });
  }

  async changeProjectSettings(id: string, change: Project["settings"]): Promise<Project | null> {
    const { sql } = this.#parts;
    const find = (): Project | null => {
      const row = sql("SELECT * FROM projects WHERE id = ?").get(id);
      return row === undefined ? null : readProject(row);
    };
    return this.#commit(() => {
      const before = find();
      // RFC 7396: a member that is null takes the setting away.
      sql("UPDATE projects SET settings = json_patch(settings, ?) WHERE id = ?").run(
        JSON.stringify(change),
        id,
      );
      const after = find();
      if (before === null || after === null) return { value: null, entry: null };
      const entry = events.projectChanged(before, after);
      return { value: after, entry, told: [{ kind: "project", projectId: id, id }] };
    });
  }

  async createServiceAccount(projectId: string, name: string): Promise<ServiceAccount | null> {
    const { sql, clock } = this.#parts;
    return this.#commit(() => {
      const { changes } = sql(`INSERT INTO service_accounts (id, project_id, name, created_at)
        VALUES (?, ?, ?, ?)
        ON CONFLICT (project_id, name) DO UPDATE SET deleted_at = NULL WHERE deleted_at IS NOT NULL`).run(
        newUuid(),
        projectId,
        name,
        clock.now(),
      );
      const row = sql("SELECT * FROM service_accounts WHERE project_id = ? AND name = ?").get(
        projectId,
        name,
      );
      if (changes === 0 || row === undefined) return { value: null, entry: null };
      const account = readServiceAccount(row);
      return { value: account, entry: events.serviceAccountCreated(account) };
    });
  }

  async deleteServiceAccount(projectId: string, id: string): Promise<boolean> {
    const { sql, clock } = this.#parts;
    return this.#commit(() => {
      const row = sql(`UPDATE service_accounts SET deleted_at = ?
        WHERE id = ? AND project_id = ? AND deleted_at IS NULL AND NOT EXISTS
          (SELECT 1 FROM api_keys WHERE service_account_id = service_accounts.id AND deleted_at IS NULL)
        RETURNING *`).get(clock.now(), id, projectId);
      if (row === undefined) return { value: false, entry: null };
      return { value: true, entry: events.serviceAccountDeleted(readServiceAccount(row)) };
    });
  }

  async createApiKey(key: ApiKeyWithSecret): Promise<void> {
    const { sql, vault } = this.#parts;
    const sealed = vault.seal(key.secret, apiKeyPlace(key.id));
    await this.#commit(() => {
      sql(`INSERT INTO api_keys
        (id, project_id, service_account_id, name, description, created_at, deleted_at, secret)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?)`).run(
        key.id,
        key.projectId,
        key.serviceAccountId,
        key.name,
        key.description,
        key.createdAtMs,
        key.deletedAtMs,
        sealed,
      );
      return {
        value: null,
        entry: events.apiKeyCreated(key),
        told: [{ kind: "api_key", projectId: key.projectId, id: key.id }],
      };
    });
  }

  async deleteApiKey(projectId: string, id: string): Promise<boolean> {
    const { sql, clock } = this.#parts;
    return this.#commit(() => {
      const row = sql(`UPDATE api_keys SET deleted_at = ?
        WHERE id = ? AND project_id = ? AND deleted_at IS NULL RETURNING *`).get(clock.now(), id, projectId);
      if (row === undefined) return { value: false, entry: null };
      const entry = events.apiKeyDeleted(readApiKey(row));
      return { value: true, entry, told: [{ kind: "api_key", projectId, id }] };
    });
  }

  async createRoom(projectId: string, name: string, details?: RoomDetails): Promise<Room> {
    const { rooms } = this.#parts;
    return this.#commit(() => {
      const before = rooms.find(projectId, name);
      const isNew = rooms.create(projectId, name, details);
      const room = rooms.find(projectId, name);
      if (room === null) throw new Error(`The room ${name} was not there after it was written.`);
      if (!isNew) return { value: room, entry: null };
      return {
        value: room,
        entry: events.roomCreated(before, room),
        told: [{ kind: "room", projectId, id: name }],
      };
    });
  }

  async updateRoom(projectId: string, name: string, change: RoomChange): Promise<Room | null> {
    const { rooms } = this.#parts;
    return this.#commit(() => {
      const room = rooms.find(projectId, name);
      const after = room === null || room.deletedAtMs !== null ? null : rooms.update(room, change);
      if (room === null || after === null) return { value: null, entry: null };
      const names = [...new Set([name, after.name])];
      return {
        value: after,
        entry: events.roomChanged(room, after),
        told: names.map((id) => ({ kind: "room", projectId, id })),
      };
    });
  }

  async deleteRoom(projectId: string, name: string): Promise<boolean> {
    const { rooms } = this.#parts;
    return this.#commit(() => {
      const room = rooms.find(projectId, name);
      if (room === null || room.deletedAtMs !== null) return { value: false, entry: null };
      rooms.delete(room);
      return {
        value: true,
        entry: events.roomDeleted(room),
        told: [{ kind: "room", projectId, id: name }],
      };
    });
  }

  async createRevocation(projectId: string, target: RevocationTarget): Promise<Revocation> {
    const { revocations, clock } = this.#parts;
    const id = target.kind === "token" ? target.tokenId : target.participant;
    return this.#commit(() => {
      const { revocation, isNew } = revocations.create(projectId, target, clock.now());
      return {
        value: revocation,
        entry: isNew ? events.tokenRevoked(revocation) : null,
        told: [{ kind: target.kind, projectId, id }],
      };
    });
  }

  async setLimit(limit: LimitDefinition): Promise<void> {
    const { definitions, limits } = this.#parts;
    const { kind, projectId, id } = limit;
    // A crash must not leave a definition that says one amount and accounts that let in another.
    await this.#commit(
      (setTerms) => {
        const before = definitions.find(id);
        if (!definitions.set(limit)) return { value: undefined, entry: null };
        if (kind === "budget") setTerms(id, limit);
        const told: readonly DirectoryChange[] = [{ kind: "limit", projectId, id }];
        return { value: undefined, entry: events.limitSet(before, limit), told };
      },
      (work) => limits.inTransaction(work),
    );
  }

  async removeLimit(projectId: string, id: string): Promise<boolean> {
    const { definitions } = this.#parts;
    return this.#commit(() => {
      const limit = definitions.find(id);
      if (limit === null || !definitions.remove(projectId, id)) return { value: false, entry: null };
      return {
        value: true,
        entry: events.limitRemoved(limit),
        told: [{ kind: "limit", projectId, id }],
      };
    });
  }

  async setProvider(settings: ProviderSettings): Promise<void> {
    const { sql, vault, findProvider } = this.#parts;
    const { projectId, name, apiKey, baseUrl, passing, updatedAtMs } = settings;
    const sealed = apiKey === null ? null : vault.seal(apiKey, providerPlace(projectId, name));
    await this.#commit(() => {
      const before = findProvider(projectId, name);
      sql(`INSERT INTO providers
          (project_id, name, api_key, base_url, rate_limit_headers, accepted_encodings, updated_at)
        VALUES (?, ?, ?, ?, ?, ?, ?)
        ON CONFLICT (project_id, name) DO UPDATE SET
          api_key = excluded.api_key, base_url = excluded.base_url,
          rate_limit_headers = excluded.rate_limit_headers, accepted_encodings = excluded.accepted_encodings,
          updated_at = excluded.updated_at`).run(
        projectId,
        name,
        sealed,
        baseUrl,
        passing.rateLimitHeaders ?? null,
        passing.acceptedEncodings === undefined ? null : encodingsText(passing.acceptedEncodings),
        updatedAtMs,
      );
      // A choice alone configures nothing.
      if (apiKey !== null || baseUrl !== null) {
        sql("INSERT INTO meta (name, value) VALUES (?, x'01') ON CONFLICT (name) DO NOTHING").run(
          PROVIDER_WAS_SET,
        );
      }
      return {
        value: null,
        entry: events.providerSet(before, settings),
        told: [{ kind: "provider", projectId, id: name }],
      };
    });
  }

  async removeProvider(projectId: string, name: string): Promise<boolean> {
    const { sql, findProvider } = this.#parts;
    return this.#commit(() => {
      const before = findProvider(projectId, name);
      if (before === null) return { value: false, entry: null };
      sql("DELETE FROM providers WHERE project_id = ? AND name = ?").run(projectId, name);
      return {
        value: true,
        entry: events.providerRemoved(before),
        told: [{ kind: "provider", projectId, id: name }],
      };
    });
  }

  /** The change and its entry, or neither. */
  async #commit<T>(work: () => Change<T>): Promise<T>;
  async #commit<T>(
    work: (setTerms: SetTerms) => Change<T>,
    transaction: (work: (setTerms: SetTerms) => Change<T>) => Change<T>,
  ): Promise<T>;
  async #commit<T>(
    work: (setTerms: SetTerms) => Change<T>,
    transaction = (run: (setTerms: SetTerms) => Change<T>): Change<T> =>
      inTransaction(this.#parts.database, () => run(noTerms)),
  ): Promise<T> {
    const { audit, announce } = this.#parts;
    const { value, told = [] } = transaction((setTerms) => {
      const change = work(setTerms);
      if (change.entry !== null) audit.append(this.#author, change.entry);
      return change;
    });
    await Promise.all(told.map((change) => announce(change)));
    return value;
  }
}
