/**
 * The management API: every route, as data. The server serves this table, the client is made from it, and
 * nobody uses a path that is not in it. A new route is a new row here, and does not compile before the
 * server has a handler and says who may call it.
 *
 * This file is also the door to the shapes of the API: import them from here.
 */

import type { z } from "zod";
import { gatewayInfoSchema } from "./api-gateway.ts";
import type { GatewayInfo } from "./api-gateway.ts";
import * as reports from "./api-reports.ts";
import type { Exchange, ExchangeList, ExchangesQuery } from "./api-reports.ts";
import * as resources from "./api-resources.ts";
import type {
  ApiKeyList,
  CreateApiKeyBody,
  CreatedApiKey,
  CreateProjectBody,
  CreateRoomBody,
  Project,
  ProjectList,
  ProviderList,
  ProviderTest,
  Room,
  RoomList,
  RoomListQuery,
  ServiceAccountList,
  SetProviderBody,
  SetProviderReply,
} from "./api-resources.ts";
import { usageQuerySchema, usageReportSchema } from "./api-usage.ts";
import type { UsageQuery, UsageReport } from "./api-usage.ts";

export * from "./api-gateway.ts";
export * from "./api-reports.ts";
export * from "./api-resources.ts";
export * from "./api-usage.ts";

/** A route without a query, a body or a reply has null in that place; its type is then `null`, too. */
export interface Route<Params extends string, Query, Body, Reply> {
  readonly method: "GET" | "POST" | "PUT" | "DELETE";
  /** `{name}` stands for one percent-encoded segment. */
  readonly path: string;
  /** What it does, for the reference. */
  readonly about: string;
  readonly params: readonly Params[];
  /** A route has a query or a body, never both, and no member of either is called like a path parameter. */
  readonly query: Schema<Query>;
  readonly body: Schema<Body>;
  readonly reply: Schema<Reply>;
  /** Of the reply when all went well. */
  readonly status: 200 | 201 | 204;
}

type Schema<T> = [T] extends [null] ? null : z.ZodType<T>;

type None = null;

/** Path parameters, query, body and reply of every route. */
export interface Routes {
  readonly getGatewayInfo: Route<never, None, None, GatewayInfo>;

  readonly listProjects: Route<never, None, None, ProjectList>;
  readonly createProject: Route<never, None, CreateProjectBody, Project>;
  readonly getProject: Route<"project", None, None, Project>;

  readonly listServiceAccounts: Route<"project", None, None, ServiceAccountList>;

  readonly listApiKeys: Route<"project", None, None, ApiKeyList>;
  readonly createApiKey: Route<"project", None, CreateApiKeyBody, CreatedApiKey>;
  readonly deleteApiKey: Route<"project" | "api_key", None, None, None>;
  readonly listServiceAccountApiKeys: Route<"project" | "service_account", None, None, ApiKeyList>;
  readonly createServiceAccountApiKey: Route<
    "project" | "service_account",
    None,
    CreateApiKeyBody,
    CreatedApiKey
  >;
  readonly deleteServiceAccountApiKey: Route<"project" | "service_account" | "api_key", None, None, None>;

  readonly listRooms: Route<"project", RoomListQuery, None, RoomList>;
  readonly createRoom: Route<"project", None, CreateRoomBody, Room>;
  readonly getRoom: Route<"project" | "room", None, None, Room>;
  readonly deleteRoom: Route<"project" | "room", None, None, None>;

  readonly listProviders: Route<"project", None, None, ProviderList>;
  readonly setProvider: Route<"project" | "provider", None, SetProviderBody, SetProviderReply>;
  readonly testProvider: Route<"project" | "provider", None, None, ProviderTest>;
  readonly removeProvider: Route<"project" | "provider", None, None, None>;

  readonly getUsage: Route<"project", UsageQuery, None, UsageReport>;
  readonly listExchanges: Route<"project", ExchangesQuery, None, ExchangeList>;
  readonly getExchange: Route<"project" | "exchange", None, None, Exchange>;
}

export type RouteName = keyof Routes;

/** The path parameters, query or body of a route as one flat object. */
export type RouteArguments<Name extends RouteName> =
  Routes[Name] extends Route<infer Params, infer Query, infer Body, infer _Reply>
    ? Readonly<Record<Params, string>> &
        ([Query] extends [null] ? unknown : Query) &
        ([Body] extends [null] ? unknown : Body)
    : never;

/** What a route answers with; null for a reply without a body. */
export type RouteReply<Name extends RouteName> =
  Routes[Name] extends Route<infer _Params, infer _Query, infer _Body, infer Reply> ? Reply : never;

const PROJECTS = "/accounts/projects";
const PROJECT = `${PROJECTS}/{project}`;
const API_KEYS = `${PROJECT}/api-keys`;
const SERVICE_ACCOUNT_KEYS = `${PROJECT}/service-accounts/{service_account}/api-keys`;
const PROVIDER = `${PROJECT}/llm-proxy/providers/{provider}`;
const EXCHANGES = `${PROJECT}/llm-proxy/exchanges`;

const get = { method: "GET", query: null, body: null, status: 200 } as const;
const post = { method: "POST", query: null, status: 201 } as const;
const remove = { method: "DELETE", query: null, body: null, reply: null, status: 204 } as const;

/** The table. */
export const routes: Routes = {
  getGatewayInfo: {
    ...get,
    path: "/accounts/info",
    about: "What this gateway is, where it is reached, and whose credential asked.",
    params: [],
    reply: gatewayInfoSchema,
  },
  listProjects: {
    ...get,
    path: PROJECTS,
    about: "All projects, oldest first.",
    params: [],
    reply: resources.projectListSchema,
  },
  createProject: {
    ...post,
    path: PROJECTS,
    about: "Creates a project, with its `default` service account.",
    params: [],
    body: resources.createProjectBodySchema,
    reply: resources.projectSchema,
  },
  getProject: {
    ...get,
    path: PROJECT,
    about: "One project.",
    params: ["project"],
    reply: resources.projectSchema,
  },
  listServiceAccounts: {
    ...get,
    path: `${PROJECT}/service-accounts`,
    about: "The service accounts of a project; `default` is always there.",
    params: ["project"],
    reply: resources.serviceAccountListSchema,
  },
  listApiKeys: {
    ...get,
    path: API_KEYS,
    about: "The API keys of a project, without their text.",
    params: ["project"],
    reply: resources.apiKeyListSchema,
  },
  createApiKey: {
    ...post,
    path: API_KEYS,
    about: "Creates an API key of the `default` service account. Its text is in this reply and nowhere else.",
    params: ["project"],
    body: resources.createApiKeyBodySchema,
    reply: resources.createdApiKeySchema,
  },
  deleteApiKey: {
    ...remove,
    path: `${API_KEYS}/{api_key}`,
    about: "Deletes an API key: it and every token that it signed stop working at once.",
    params: ["project", "api_key"],
  },
  listServiceAccountApiKeys: {
    ...get,
    path: SERVICE_ACCOUNT_KEYS,
    about: "The API keys of one service account.",
    params: ["project", "service_account"],
    reply: resources.apiKeyListSchema,
  },
  createServiceAccountApiKey: {
    ...post,
    path: SERVICE_ACCOUNT_KEYS,
    about: "Creates an API key of this service account.",
    params: ["project", "service_account"],
    body: resources.createApiKeyBodySchema,
    reply: resources.createdApiKeySchema,
  },
  deleteServiceAccountApiKey: {
    ...remove,
    path: `${SERVICE_ACCOUNT_KEYS}/{api_key}`,
    about: "Deletes an API key of this service account.",
    params: ["project", "service_account", "api_key"],
  },
  listRooms: {
    ...get,
    path: `${PROJECT}/rooms`,
    about: "The rooms of a project, by name.",
    params: ["project"],
    query: resources.roomListQuerySchema,
    reply: resources.roomListSchema,
  },
  createRoom: {
    ...post,
    path: `${PROJECT}/rooms`,
    about: "Creates a room, or brings a deleted one back; only the owner may do the latter.",
    params: ["project"],
    body: resources.createRoomBodySchema,
    reply: resources.roomSchema,
  },
  getRoom: {
    ...get,
    path: `${PROJECT}/rooms/{room}`,
    about: "One room, by its name or id.",
    params: ["project", "room"],
    reply: resources.roomSchema,
  },
  deleteRoom: {
    ...remove,
    path: `${PROJECT}/rooms/{room}`,
    about: "Deletes a room, by its name or id: its tokens get 401 until it is created again.",
    params: ["project", "room"],
  },
  listProviders: {
    ...get,
    path: `${PROJECT}/llm-proxy/providers`,
    about: "Every provider that the gateway knows, and where the project's key for it comes from.",
    params: ["project"],
    reply: resources.providerListSchema,
  },
  setProvider: {
    method: "PUT",
    query: null,
    status: 200,
    path: PROVIDER,
    about: "Sets the project's own key or base URL of a provider.",
    params: ["project", "provider"],
    body: resources.setProviderBodySchema,
    reply: resources.setProviderReplySchema,
  },
  testProvider: {
    ...post,
    path: `${PROVIDER}/test`,
    about: "Asks the provider the cheapest question that proves the key.",
    params: ["project", "provider"],
    body: null,
    reply: resources.providerTestSchema,
    status: 200,
  },
  removeProvider: {
    ...remove,
    path: PROVIDER,
    about: "Removes the project's own setting of a provider; the server's default holds again.",
    params: ["project", "provider"],
  },
  getUsage: {
    ...get,
    path: `${PROJECT}/llm-proxy/usage`,
    about: "The usage report: requests, tokens by kind and cost.",
    params: ["project"],
    query: usageQuerySchema,
    reply: usageReportSchema,
  },
  listExchanges: {
    ...get,
    path: EXCHANGES,
    about: "Single exchanges, newest first.",
    params: ["project"],
    query: reports.exchangesQuerySchema,
    reply: reports.exchangeListSchema,
  },
  getExchange: {
    ...get,
    path: `${EXCHANGES}/{exchange}`,
    about: "One exchange.",
    params: ["project", "exchange"],
    reply: reports.exchangeSchema,
  },
};

/** The names of the path parameters of a template, in their order. */
export function pathParameters(template: string): string[] {
  return [...template.matchAll(/\{(\w+)\}/g)].map((match) => match[1] ?? "");
}
