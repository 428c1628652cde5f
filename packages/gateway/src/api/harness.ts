/**
 * For tests only: the management API on a real server and a free port, over a store in memory that keeps
 * no more of the store's promises than the API relies on.
 */

import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { encodeApiKey } from "@meshagent/llm-proxy-protocol/api-key";
import { newUuid } from "../ids.ts";
import type { LogFields } from "../observe/log.ts";
import { choosePassing } from "../passing.ts";
import { Secret } from "@meshagent/llm-proxy-protocol/secret";
import type { Audit, AuditAnchor, AuditEntry, AuditVerdict, Author } from "../store/audit.ts";
import type { DirectoryWrites } from "../store/directory-writes.ts";
import { InvalidCursorError } from "../store/errors.ts";
import type { LimitDefinition } from "../store/limit-definition.ts";
import type { BudgetAccountRow } from "../store/limits.ts";
import type { BudgetNotice } from "../store/notices.ts";
import type { Revocation } from "../store/revocation.ts";
import type {
  ApiKeyWithSecret,
  Directory,
  Exchange,
  ExchangeFilter,
  ListPage,
  Project,
  ProviderSettings,
  Reports,
  Room,
  ServiceAccount,
  UsageDimension,
  UsageReportRow,
} from "../store/store.ts";
import { makeProvider } from "./sample-provider.ts";
import { createApi } from "./api.ts";
import type { ProviderStatus } from "./call.ts";

/** 2026-11-24T00:00:00.000Z, and it stays that. */
export const NOW_MS: number = Date.UTC(2026, 10, 24);

export const OWNER_TOKEN = "owner-token-of-the-harness";
export const PUBLIC_URL = "http://gateway.test:8700";

/** The rows of a store in memory. Tests put in and look at what they like. */
export class MemoryStore {
  readonly projects: Project[] = [];
  readonly serviceAccounts: ServiceAccount[] = [];
  readonly apiKeys: Map<string, ApiKeyWithSecret> = new Map();
  readonly rooms: Room[] = [];
  readonly revocations: Revocation[] = [];
  readonly providers: ProviderSettings[] = [];
  readonly limits: LimitDefinition[] = [];
  readonly budgetAccounts: BudgetAccountRow[] = [];
  readonly notices: BudgetNotice[] = [];
  /** Newest first. */
  readonly exchanges: Exchange[] = [];
  /** What `usage` answers with; the filter and dimensions it was asked for are in `usageCalls`. */
  usageRows: (by: readonly UsageDimension[]) => readonly UsageReportRow[] = () => [];
  readonly usageCalls: { filter: ExchangeFilter; by: readonly UsageDimension[] }[] = [];
  /** Whoever was given the writes, once a call. */
  readonly authors: Author[] = [];
  /** Thrown by the next look-up of a project. */
  failure: Error | null = null;

  /** An API key of the project, as text and row. */
  async addApiKey(projectId: string, name = "key"): Promise<{ id: string; text: string }> {
    const id = newUuid();
    const secret = `secret-${name}`;
    await this.write.createApiKey({
      id,
      projectId,
      serviceAccountId: this.serviceAccounts.find((each) => each.projectId === projectId)?.id ?? "",
      name,
      description: "",
      createdAtMs: NOW_MS,
      deletedAtMs: null,
      secret: new Secret(secret),
    });
    return { id, text: encodeApiKey({ id, projectId, secret }) };
  }

  readonly write: DirectoryWrites = {
    setLimit: async (limit) => {
      const index = this.limits.findIndex(({ id }) => id === limit.id);
      this.limits.splice(index < 0 ? this.limits.length : index, index < 0 ? 0 : 1, limit);
    },
    removeLimit: async (projectId, id) => {
      const index = this.limits.findIndex((each) => each.projectId === projectId && each.id === id);
      if (index >= 0) this.limits.splice(index, 1);
      return index >= 0;
    },
    createProject: async (name, settings = {}) => {
      const project: Project = { id: newUuid(), name, settings, createdAtMs: NOW_MS };
      this.projects.push(project);
      this.serviceAccounts.push({
        id: newUuid(),
        projectId: project.id,
        name: "default",
        createdAtMs: NOW_MS,
      });
      return project;
    },
    changeProjectSettings: async (id, change) => {
      const index = this.projects.findIndex((project) => project.id === id);
      const project = this.projects[index];
      if (project === undefined) return null;
      const settings = Object.entries({ ...project.settings, ...change }).filter(
        ([, value]) => value !== null,
      );
      const changed = { ...project, settings: Object.fromEntries(settings) };
      this.projects[index] = changed;
      return changed;
    },
    createServiceAccount: async (projectId, name) => {
      if ((await this.directory.findServiceAccount(projectId, name)) !== null) return null;
      const account = { id: newUuid(), projectId, name, createdAtMs: NOW_MS };
      this.serviceAccounts.push(account);
      return account;
    },
    deleteServiceAccount: async (projectId, id) => {
      if ((await this.directory.listApiKeys(projectId, undefined, id)).length > 0) return false;
      const index = this.serviceAccounts.findIndex((each) => each.id === id);
      if (index >= 0) this.serviceAccounts.splice(index, 1);
      return index >= 0;
    },
    createApiKey: async (key) => {
      this.apiKeys.set(key.id, key);
    },
    deleteApiKey: async (projectId, id) => {
      const key = this.apiKeys.get(id);
      if (key === undefined || key.projectId !== projectId || key.deletedAtMs !== null) return false;
      this.apiKeys.set(id, { ...key, deletedAtMs: NOW_MS });
      return true;
    },
    createRoom: async (projectId, name, { metadata = {}, annotations = {} } = {}) => {
      const index = this.rooms.findIndex((room) => room.projectId === projectId && room.name === name);
      const room = {
        id: this.rooms[index]?.id ?? newUuid(),
        projectId,
        name,
        createdAtMs: NOW_MS,
        deletedAtMs: null,
        disabledAtMs: null,
        metadata,
        annotations,
      };
      this.rooms.splice(index < 0 ? this.rooms.length : index, index < 0 ? 0 : 1, room);
      return room;
    },
    updateRoom: async (projectId, name, change) => {
      const index = this.rooms.findIndex((room) => room.projectId === projectId && room.name === name);
      const room = this.rooms[index];
      const isTaken = this.#liveRooms(projectId).some(
        (other) => other !== room && other.name === change.name,
      );
      if (room === undefined || isTaken) return null;
      const updated = { ...room, ...change };
      this.rooms[index] = updated;
      return updated;
    },
    deleteRoom: async (projectId, name) => {
      const index = this.rooms.findIndex((room) => room.projectId === projectId && room.name === name);
      const room = this.rooms[index];
      if (room === undefined || room.deletedAtMs !== null) return false;
      this.rooms[index] = { ...room, deletedAtMs: NOW_MS };
      return true;
    },
    createRevocation: async (projectId, target) => {
      const revocation = { ...target, id: newUuid(), projectId, createdAtMs: NOW_MS };
      this.revocations.push(revocation);
      return revocation;
    },
    setProvider: async (settings) => {
      await this.write.removeProvider(settings.projectId, settings.name);
      this.providers.push(settings);
    },
    removeProvider: async (projectId, name) => {
      const index = this.providers.findIndex((each) => each.projectId === projectId && each.name === name);
      if (index >= 0) this.providers.splice(index, 1);
      return index >= 0;
    },
  };

  readonly directory: Directory = {
    as: (author) => {
      this.authors.push(author);
      return this.write;
    },
    registerRoom: (projectId, name) => this.write.createRoom(projectId, name),
    listLimits: async (projectId) => this.limits.filter((each) => each.projectId === projectId),
    listProjects: async (page) => pageOf(this.projects, page, ({ id }) => id),
    findProject: async (id) => {
      if (this.failure !== null) throw this.failure;
      return this.projects.find((project) => project.id === id) ?? null;
    },
    listServiceAccounts: async (projectId, page) =>
      pageOf(
        this.serviceAccounts.filter((each) => each.projectId === projectId),
        page,
        ({ id }) => id,
      ),
    findServiceAccount: async (projectId, idOrName) =>
      this.serviceAccounts.find(
        (each) => each.projectId === projectId && [each.id, each.name].includes(idOrName),
      ) ?? null,
    listApiKeys: async (projectId, page, serviceAccountId) =>
      pageOf(
        [...this.apiKeys.values()].filter(
          (key) =>
            key.projectId === projectId &&
            key.deletedAtMs === null &&
            (serviceAccountId === undefined || key.serviceAccountId === serviceAccountId),
        ),
        page,
        ({ id }) => id,
      ),
    findApiKey: async (id) => this.apiKeys.get(id) ?? null,
    listRooms: async (projectId, page) =>
      pageOf(this.#liveRooms(projectId), page, ({ name }) => name).slice(page?.offset ?? 0),
    countRooms: async (projectId) => this.#liveRooms(projectId).length,
    findRoomById: async (projectId, id) =>
      this.rooms.find((room) => room.projectId === projectId && room.id === id) ?? null,
    findRoom: async (projectId, name) =>
      this.rooms.find((room) => room.projectId === projectId && room.name === name) ?? null,
    listRevocations: async (projectId, page) =>
      pageOf(
        this.revocations.filter((each) => each.projectId === projectId),
        page,
        ({ id }) => id,
      ),
    findRevocation: async () => null,
    listProviders: async (projectId) => this.providers.filter((each) => each.projectId === projectId),
    findProvider: async (projectId, name) =>
      this.providers.find((each) => each.projectId === projectId && each.name === name) ?? null,
    wasProviderEverConfigured: async () => this.providers.length > 0,
    onChange: () => () => undefined,
  };

  /** Oldest first; what refused calls and signed tokens left. */
  readonly entries: AuditEntry[] = [];
  verdict: AuditVerdict = { entries: 0, head: null, broken: null };
  /** What the log was checked against. */
  readonly anchors: (AuditAnchor | undefined)[] = [];

  readonly audit: Audit = {
    record: async (author, event) => {
      const seq = this.entries.length + 1;
      this.entries.push({ ...event, author, seq, atMs: NOW_MS, mac: String(seq).padStart(64, "0") });
    },
    list: async (filter, page) =>
      this.entries
        .filter(({ seq, projectId, action }) => {
          const isWanted = filter.projectId === undefined || filter.projectId === projectId;
          return seq < (page.beforeSeq ?? Infinity) && isWanted && action === (filter.action ?? action);
        })
        .toReversed()
        .slice(0, page.limit),
    verify: async (anchor) => {
      this.anchors.push(anchor);
      return this.verdict;
    },
  };

  #liveRooms(projectId: string): readonly Room[] {
    return this.rooms.filter((room) => room.projectId === projectId && room.deletedAtMs === null);
  }

  readonly reports: Reports = {
    usage: async (filter, by) => {
      this.usageCalls.push({ filter, by });
      return this.usageRows(by);
    },
    exchanges: async (filter, { limit, cursor }) => {
      const start = cursor === undefined ? 0 : Number(/^after (\d+)$/.exec(cursor)?.[1] ?? NaN);
      if (Number.isNaN(start)) throw new InvalidCursorError();
      const matching = this.exchanges.filter((exchange) => matches(exchange, filter));
      const end = start + limit;
      return {
        exchanges: matching.slice(start, end),
        nextCursor: end < matching.length ? `after ${end}` : null,
      };
    },
    exchange: async (projectId, id) =>
      this.exchanges.find(({ intent }) => intent.projectId === projectId && intent.id === id) ?? null,
  };
}

/** Like a store: a key that never was is refused. Rows are in their order already. */
function pageOf<Row>(
  rows: readonly Row[],
  page: (ListPage & { readonly offset?: number }) | undefined,
  keyOf: (row: Row) => string,
): readonly Row[] {
  if (page === undefined) return rows;
  const after = page.after === undefined ? -1 : rows.findIndex((row) => keyOf(row) === page.after);
  if (page.after !== undefined && after < 0) throw new InvalidCursorError();
  return rows.slice(after + 1).slice(0, page.limit + (page.offset ?? 0));
}

function matches({ intent, result }: Exchange, filter: ExchangeFilter): boolean {
  const isWanted = <T>(wanted: T | undefined, value: T | undefined | null): boolean =>
    wanted === undefined || wanted === value;
  return (
    intent.projectId === filter.projectId &&
    intent.receivedAtMs >= (filter.sinceMs ?? 0) &&
    intent.receivedAtMs < (filter.untilMs ?? Infinity) &&
    isWanted(filter.room, intent.room) &&
    isWanted(filter.participant, intent.participant) &&
    isWanted(filter.model, result?.model) &&
    isWanted(filter.provider, intent.provider) &&
    isWanted(filter.sessionId, intent.sessionId) &&
    isWanted(filter.apiKeyId, intent.apiKeyId)
  );
}

export interface Harness {
  readonly url: string;
  readonly store: MemoryStore;
  /** Lines of the log, with their fields. */
  readonly logged: { readonly message: string; readonly fields: LogFields }[];
  /** Providers that were tested, as `project/provider`. */
  readonly tested: string[];
  close(): Promise<void>;
}

/** Providers `acme` (its key from the environment) and `zeta` (none). */
export async function startHarness(): Promise<Harness> {
  const store = new MemoryStore();
  const logged: { message: string; fields: LogFields }[] = [];
  const tested: string[] = [];
  const providers = [makeProvider("acme"), makeProvider("zeta")];
  const statusOf = async (projectId: string | null): Promise<readonly ProviderStatus[]> =>
    providers.map((provider): ProviderStatus => {
      const own = store.providers.find((each) => each.projectId === projectId && each.name === provider.name);
      const isOwn = own !== undefined && own.apiKey !== null;
      const source = isOwn ? "project" : provider.name === "acme" ? "environment" : "none";
      const passing = choosePassing([own?.passing ?? {}], {
        rateLimitHeaders: "pass",
        acceptedEncodings: [],
      });
      return { provider, source, baseUrl: own?.baseUrl ?? provider.defaultBaseUrl, passing };
    });
  const api = createApi({
    directory: store.directory,
    audit: store.audit,
    addressOf: (request) => String(request.headers["x-test-address"] ?? "192.0.2.1"),
    reports: store.reports,
    limits: {
      budgetAccounts: async (limitId) => store.budgetAccounts.filter((each) => each.limitId === limitId),
    },
    notices: { listOf: async (limitId) => store.notices.filter(({ budget }) => budget.id === limitId) },
    testWebhook: async () => ({ ok: true, message: "It took it." }),
    clock: { now: () => NOW_MS },
    ownerToken: new Secret(OWNER_TOKEN),
    providers,
    upstreams: { statusOf },
    testProvider: async (projectId, provider) => {
      tested.push(`${projectId}/${provider.name}`);
      return { ok: false, message: "It said no." };
    },
    info: () => ({
      version: "0.0.0-test",
      publicUrl: PUBLIC_URL,
      prices: { shipped_as_of: "2026-11-23", card_as_of: null },
    }),
    log: { error: (message, fields = {}) => void logged.push({ message, fields }) },
  });
  const server = createServer((request, response) => api.handle(request, response));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    store,
    logged,
    tested,
    close: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}
