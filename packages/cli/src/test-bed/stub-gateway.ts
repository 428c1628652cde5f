/**
 * For tests only: a gateway that serves the management API's own route table from memory. It checks what it
 * gets and what it answers against the table's schemas, so a test cannot pass on shapes that do not exist.
 */

import { createServer } from "node:http";
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { randomUUID } from "node:crypto";
import { encodeApiKey, generateApiKeySecret } from "@meshagent/llm-proxy-protocol/api-key";
import { routes } from "@meshagent/llm-proxy-protocol/api";
import type {
  ApiKey,
  AuditEntry,
  AuditVerdict,
  Budget,
  BudgetAccount,
  BudgetNotice,
  Exchange,
  Limit,
  Project,
  Provider,
  Room,
  RouteName,
  UsageReport,
} from "@meshagent/llm-proxy-protocol/api";

export const OWNER_TOKEN = "owner-token-of-the-stub";
const CREATED_AT = "2026-11-20T08:00:00.000Z";

/** What one call brought: path parameters, query and body in one. */
export type Call = { readonly route: RouteName } & Readonly<Record<string, unknown>>;

type Handler = (args: Readonly<Record<string, string>>, body: Readonly<Record<string, unknown>>) => unknown;

class Refusal extends Error {
  readonly status: number;
  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

export class StubGateway {
  readonly calls: Call[] = [];
  /** `user-agent` of the latest call. */
  program = "";
  readonly projects: Project[] = [];
  readonly keys: ApiKey[] = [];
  readonly rooms: Room[] = [];
  readonly budgets: Budget[] = [];
  /** Of every budget. */
  accounts: BudgetAccount[] = [];
  notices: BudgetNotice[] = [];
  readonly limits: Limit[] = [];
  /** Newest first. */
  entries: AuditEntry[] = [];
  verdict: AuditVerdict = { ok: true, entries: 0, head: null, broken: null };
  providers: Provider[] = [provider("openai", "OPENAI_API_KEY"), provider("anthropic", "ANTHROPIC_API_KEY")];
  /** Providers whose test fails. */
  readonly refusing: Set<string> = new Set();
  exchanges: Exchange[] = [];
  report: UsageReport | null = null;
  readiness: { readonly status: number; readonly body: string } = { status: 200, body: '{"status":"ready"}' };
  /** The day of its prices; today's unless a test says otherwise. */
  pricesAsOf: string = new Date().toISOString().slice(0, 10);
  /** How far its clock is ahead. */
  aheadMs = 0;
  readonly #server: Server = createServer((request, response) => void this.#serve(request, response));

  /** Listens on a port of its own; returns the base URL. */
  async start(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, "127.0.0.1", resolve));
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  stop(): void {
    this.#server.closeAllConnections();
    this.#server.close();
  }

  /** The calls of one route. */
  callsOf(route: RouteName): readonly Call[] {
    return this.calls.filter((call) => call.route === route);
  }

  addProject(name: string): Project {
    const project = { id: randomUUID(), name, settings: {}, created_at: CREATED_AT };
    this.projects.push(project);
    return project;
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    response.setHeader("date", new Date(Date.now() + this.aheadMs).toUTCString());
    const url = new URL(request.url ?? "/", "http://stub");
    if (url.pathname === "/healthz") return void response.end('{"status":"ok"}');
    // As the gateway does with a token that is good and a body that is not.
    if (url.pathname === "/openai/v1/responses") return void response.writeHead(400).end("{}");
    if (url.pathname === "/openai/v1") return void response.end("MeshAgent stub");
    if (url.pathname === "/readyz")
      return void response.writeHead(this.readiness.status).end(this.readiness.body);
    try {
      const { status, body } = await this.#answer(request, url);
      response
        .writeHead(status, { "content-type": "application/json" })
        .end(body === null ? "" : JSON.stringify(body));
    } catch (error) {
      const status = error instanceof Refusal ? error.status : 500;
      const message = error instanceof Error ? error.message : String(error);
      response.writeHead(status).end(JSON.stringify({ error: { code: `stub_${status}`, message } }));
    }
  }

  async #answer(request: IncomingMessage, url: URL): Promise<{ status: number; body: unknown }> {
    this.program = request.headers["user-agent"] ?? "";
    const isOwner = request.headers.authorization === `Bearer ${OWNER_TOKEN}`;
    if (!isOwner && !(request.headers.authorization ?? "").startsWith("Bearer ma-"))
      throw new Refusal(401, "unknown token");
    for (const [name, route] of Object.entries(routes)) {
      const pattern = new RegExp(`^${route.path.replaceAll(/\{(\w+)\}/g, "(?<$1>[^/]+)")}$`);
      const match = request.method === route.method ? pattern.exec(url.pathname) : null;
      if (match === null) continue;
      const params = Object.fromEntries(
        Object.entries(match.groups ?? {}).map(([key, value]) => [key, decodeURIComponent(value)]),
      );
      const query =
        route.query === null ? {} : (route.query.parse(Object.fromEntries(url.searchParams)) as object);
      const body =
        route.body === null ? {} : (route.body.parse(JSON.parse(await readBody(request))) as object);
      this.calls.push({ route: name as RouteName, ...params, ...query, ...body });
      const reply = this.#handlers(isOwner)[name as RouteName]?.(params, { ...query, ...body });
      return { status: route.status, body: route.reply === null ? null : route.reply.parse(reply) };
    }
    throw new Refusal(404, `no route ${request.method} ${url.pathname}`);
  }

  #handlers(isOwner: boolean): Partial<Record<RouteName, Handler>> {
    return {
      getGatewayInfo: () => ({
        version: "9.9.9",
        public_url: "http://stub",
        openai_base_url: "http://stub/openai/v1",
        anthropic_base_url: "http://stub/anthropic",
        simulated: false,
        providers: ["openai", "anthropic"],
        prices: { shipped_as_of: this.pricesAsOf, card_as_of: null },
        caller: { kind: isOwner ? "owner" : "api_key", project_id: null, api_key_id: null },
      }),
      listProjects: (_, query) => pageOf("projects", this.projects, query),
      createProject: (_, body) => this.addProject(String(body["name"])),
      getProject: ({ project }) =>
        this.projects.find(({ id }) => id === project) ?? refuse(404, "no such project"),
      updateProjectSettings: ({ project: id }, body) => {
        const index = this.projects.findIndex((each) => each.id === id);
        const project = this.projects[index] ?? refuse(404, "no such project");
        const settings = Object.entries({ ...project.settings, ...body }).filter(
          ([, value]) => value !== null,
        );
        return (this.projects[index] = { ...project, settings: Object.fromEntries(settings) });
      },
      listApiKeys: ({ project }, query) =>
        pageOf(
          "keys",
          this.keys.filter((key) => key.project_id === project),
          query,
        ),
      createApiKey: ({ project }, body) => this.#createKey(project ?? "", body),
      deleteApiKey: ({ api_key: id }) => {
        const index = this.keys.findIndex((key) => key.id === id);
        if (index < 0) throw new Refusal(404, "no such key");
        this.keys.splice(index, 1);
      },
      listRooms: (_, query) => ({ ...pageOf("rooms", this.rooms, query), total: this.rooms.length }),
      createRoom: ({ project }, body) => {
        const room = {
          id: randomUUID(),
          project_id: project ?? "",
          name: String(body["name"]),
          metadata: {},
          annotations: {},
          disabled_at: null,
          created_at: CREATED_AT,
        };
        this.rooms.push(room);
        return room;
      },
      getRoom: ({ room }) => this.rooms.find(({ name }) => name === room) ?? refuse(404, "no such room"),
      deleteRoom: ({ room }) =>
        void this.rooms.splice(
          this.rooms.findIndex(({ name }) => name === room),
          1,
        ),
      listProviders: (_, query) => pageOf("providers", this.providers, query),
      setProvider: ({ provider: name }) => ({
        ...(this.providers.find((each) => each.name === name) ?? refuse(404, "no such provider")),
        key_dropped: name === "anthropic",
      }),
      testProvider: ({ provider: name }) => ({
        ok: !this.refusing.has(name ?? ""),
        message: `tried ${name}`,
      }),
      removeProvider: () => null,
      ...this.#budgetHandlers(),
      getUsage: () => this.report,
      listAudit: (_, query) => pageOf("entries", this.entries, query),
      listProjectAudit: ({ project }, query) =>
        pageOf(
          "entries",
          this.entries.filter((entry) => entry.project_id === project),
          query,
        ),
      verifyAudit: () => this.verdict,
      listExchanges: (_, query) => pageOf("exchanges", this.exchanges, query),
    };
  }

  #budgetHandlers(): Partial<Record<RouteName, Handler>> {
    const find = <T extends { id: string }>(list: readonly T[], id: string | undefined): T =>
      list.find((each) => each.id === id) ?? refuse(404, "no such thing");
    const shown = (budget: Budget): Budget => ({ ...budget, fullest: this.accounts[0] ?? budget.fullest });
    const put = <T extends { id: string }>(list: T[], made: T): T => {
      const index = list.findIndex(({ id }) => id === made.id);
      list.splice(index < 0 ? list.length : index, index < 0 ? 0 : 1, made);
      return made;
    };
    const take = (list: { id: string }[], id: string | undefined): null => {
      list.splice(list.indexOf(find(list, id)), 1);
      return null;
    };
    return {
      listBudgets: (_, query) => pageOf("budgets", this.budgets.map(shown), query),
      getBudget: ({ budget }) => ({
        ...shown(find(this.budgets, budget)),
        accounts: this.accounts,
        notices: this.notices,
      }),
      createBudget: (_, body) => put(this.budgets, { ...emptyBudget, ...body, id: randomUUID() }),
      replaceBudget: ({ budget }, body) =>
        put(this.budgets, { ...find(this.budgets, budget), ...body } as Budget),
      deleteBudget: ({ budget }) => take(this.budgets, budget),
      testWebhook: () => ({ ok: !this.refusing.has("webhook"), message: "tried the webhook" }),
      listLimits: (_, query) => pageOf("limits", this.limits, query),
      getLimit: ({ limit }) => find(this.limits, limit),
      createLimit: (_, body) => put(this.limits, { ...emptyLimit, ...body, id: randomUUID() }),
      replaceLimit: ({ limit }, body) => put(this.limits, { ...find(this.limits, limit), ...body } as Limit),
      deleteLimit: ({ limit }) => take(this.limits, limit),
    };
  }

  #createKey(project: string, body: Readonly<Record<string, unknown>>): object {
    const key = {
      id: randomUUID(),
      project_id: project,
      service_account_id: randomUUID(),
      name: String(body["name"]),
      description: typeof body["description"] === "string" ? body["description"] : "",
      created_at: CREATED_AT,
    };
    this.keys.push(key);
    return {
      ...key,
      value: encodeApiKey({ id: key.id, projectId: project, secret: generateApiKeySecret() }),
    };
  }
}

const noScope = { room: null, participant: null, api_key_id: null, session_id: null, model: null };

const emptyBudget: Budget = {
  id: "",
  project_id: "",
  name: null,
  amount_usd: "0",
  tolerance_usd: "0",
  period: "month",
  time_zone: "UTC",
  mode: "hard",
  scope: noScope,
  notify_at_percent: [],
  created_at: CREATED_AT,
  resets_at: "2026-12-01T00:00:00.000Z",
  subjects: 0,
  fullest: { subject: {}, spent_usd: "0", held_usd: "0", free_usd: "0", spent_percent: 0 },
};

const emptyLimit: Limit = {
  id: "",
  project_id: "",
  name: null,
  scope: noScope,
  requests_per_minute: null,
  input_tokens_per_minute: null,
  output_tokens_per_minute: null,
  tokens_per_minute: null,
  max_concurrency: null,
  created_at: CREATED_AT,
};

/** Never more than two, however many are asked for. The cursor is the number of items that came before. */
function pageOf(member: string, items: readonly unknown[], query: Readonly<Record<string, unknown>>): object {
  const start = Number(query["cursor"] ?? 0);
  const end = start + Math.min(Number(query["limit"] ?? 100), 2);
  return { [member]: items.slice(start, end), next_cursor: end < items.length ? String(end) : null };
}

function refuse(status: number, message: string): never {
  throw new Refusal(status, message);
}

function provider(name: string, variable: string): Provider {
  return {
    name,
    display_name: name,
    dialect: name,
    source: "environment",
    base_url: `https://${name}.test`,
    api_key_variable: variable,
    rate_limit_headers: "pass",
    accepted_encodings: ["gzip"],
    updated_at: null,
  };
}

async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString("utf8");
}
