/**
 * The management API: every route, as data. The server serves this table, the client is made from it, and
 * nobody uses a path that is not in it. A new route is a new row here, and does not compile before the
 * server has a handler and says who may call it.
 *
 * This file is also the door to the shapes of the API: import them from here.
 */

import { auditRoutes } from "./api-audit.ts";
import type { AuditRoutes } from "./api-audit.ts";
import { budgetRoutes } from "./api-budget-routes.ts";
import type { BudgetRoutes } from "./api-budget-routes.ts";
import { gatewayInfoSchema } from "./api-gateway.ts";
import type { GatewayInfo } from "./api-gateway.ts";
import { pageQuerySchema } from "./api-pages.ts";
import type { PageQuery } from "./api-pages.ts";
import { projectUsageQuerySchema, projectUsageSchema } from "./api-project-usage.ts";
import type { ProjectUsage, ProjectUsageQuery } from "./api-project-usage.ts";
import * as reports from "./api-reports.ts";
import type { Exchange, ExchangeList, ExchangesQuery } from "./api-reports.ts";
import * as resources from "./api-resources.ts";
import type {
  ApiKeyList,
  CreateApiKeyBody,
  CreatedApiKey,
  CreateProjectBody,
  CreateServiceAccountBody,
  Project,
  ProjectList,
  ProjectSettings,
  ProviderList,
  ProviderTest,
  ServiceAccount,
  ServiceAccountList,
  SetProviderBody,
  SetProviderReply,
} from "./api-resources.ts";
import * as revocations from "./api-revocations.ts";
import type { CreateRevocationBody, Revocation, RevocationList } from "./api-revocations.ts";
import * as rooms from "./api-rooms.ts";
import type { CreateRoomBody, Room, RoomList, RoomListQuery, UpdateRoomBody } from "./api-rooms.ts";
import { get, post, PROJECT, PROJECTS, put, remove } from "./api-route.ts";
import type { Route } from "./api-route.ts";
import { createParticipantTokenBodySchema, createdParticipantTokenSchema } from "./api-tokens.ts";
import type { CreateParticipantTokenBody, CreatedParticipantToken } from "./api-tokens.ts";
import { usageQuerySchema, usageReportSchema } from "./api-usage.ts";
import type { UsageQuery, UsageReport } from "./api-usage.ts";

export * from "./api-audit.ts";
export * from "./api-budgets.ts";
export * from "./api-gateway.ts";
export * from "./api-pages.ts";
export * from "./api-project-usage.ts";
export * from "./api-reports.ts";
export * from "./api-resources.ts";
export * from "./api-revocations.ts";
export * from "./api-rooms.ts";
export { pathParameters } from "./api-route.ts";
export type { Route } from "./api-route.ts";
export * from "./api-tokens.ts";
export * from "./api-usage.ts";

type None = null;

/** Path parameters, query, body and reply of every route. */
export interface Routes extends BudgetRoutes, AuditRoutes {
  readonly getGatewayInfo: Route<never, None, None, GatewayInfo>;

  readonly listProjects: Route<never, PageQuery, None, ProjectList>;
  readonly createProject: Route<never, None, CreateProjectBody, Project>;
  readonly getProject: Route<"project", None, None, Project>;
  readonly updateProjectSettings: Route<"project", None, ProjectSettings, Project>;

  readonly listServiceAccounts: Route<"project", PageQuery, None, ServiceAccountList>;
  readonly createServiceAccount: Route<"project", None, CreateServiceAccountBody, ServiceAccount>;
  readonly getServiceAccount: Route<"project" | "service_account", None, None, ServiceAccount>;
  readonly deleteServiceAccount: Route<"project" | "service_account", None, None, None>;

  readonly listApiKeys: Route<"project", PageQuery, None, ApiKeyList>;
  readonly createApiKey: Route<"project", None, CreateApiKeyBody, CreatedApiKey>;
  readonly deleteApiKey: Route<"project" | "api_key", None, None, None>;
  readonly listServiceAccountApiKeys: Route<"project" | "service_account", PageQuery, None, ApiKeyList>;
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
  readonly updateRoom: Route<"project" | "room", None, UpdateRoomBody, Room>;
  readonly deleteRoom: Route<"project" | "room", None, None, None>;

  readonly createParticipantToken: Route<
    "project",
    None,
    CreateParticipantTokenBody,
    CreatedParticipantToken
  >;

  readonly listRevocations: Route<"project", PageQuery, None, RevocationList>;
  readonly createRevocation: Route<"project", None, CreateRevocationBody, Revocation>;

  readonly listProviders: Route<"project", PageQuery, None, ProviderList>;
  readonly setProvider: Route<"project" | "provider", None, SetProviderBody, SetProviderReply>;
  readonly testProvider: Route<"project" | "provider", None, None, ProviderTest>;
  readonly removeProvider: Route<"project" | "provider", None, None, None>;

  readonly getProjectUsage: Route<"project", ProjectUsageQuery, None, ProjectUsage>;
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

const API_KEYS = `${PROJECT}/api-keys`;
const SERVICE_ACCOUNTS = `${PROJECT}/service-accounts`;
const SERVICE_ACCOUNT = `${SERVICE_ACCOUNTS}/{service_account}`;
const SERVICE_ACCOUNT_KEYS = `${SERVICE_ACCOUNT}/api-keys`;
const ROOM = `${PROJECT}/rooms/{room}`;
const PROVIDER = `${PROJECT}/llm-proxy/providers/{provider}`;
const REVOCATIONS = `${PROJECT}/llm-proxy/revocations`;
const EXCHANGES = `${PROJECT}/llm-proxy/exchanges`;

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
    query: pageQuerySchema,
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
  updateProjectSettings: {
    ...put,
    path: `${PROJECT}/settings`,
    about:
      "Sets settings of a project. One that is absent stays as it is, null goes back to the server's default.",
    params: ["project"],
    body: resources.projectSettingsSchema,
    reply: resources.projectSchema,
  },
  listServiceAccounts: {
    ...get,
    path: SERVICE_ACCOUNTS,
    about: "The service accounts of a project, oldest first; `default` is always there.",
    params: ["project"],
    query: pageQuerySchema,
    reply: resources.serviceAccountListSchema,
  },
  createServiceAccount: {
    ...post,
    path: SERVICE_ACCOUNTS,
    about: "Creates a service account, which is a name for API keys that belong together.",
    params: ["project"],
    body: resources.createServiceAccountBodySchema,
    reply: resources.serviceAccountSchema,
    conflicts: true,
  },
  getServiceAccount: {
    ...get,
    path: SERVICE_ACCOUNT,
    about: "One service account, by its id or name.",
    params: ["project", "service_account"],
    reply: resources.serviceAccountSchema,
  },
  deleteServiceAccount: {
    ...remove,
    path: SERVICE_ACCOUNT,
    about: "Deletes a service account that has no API keys; `default` stays.",
    params: ["project", "service_account"],
    conflicts: true,
  },
  listApiKeys: {
    ...get,
    path: API_KEYS,
    about: "The API keys of a project, oldest first, without their text.",
    params: ["project"],
    query: pageQuerySchema,
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
    about: "The API keys of one service account, oldest first.",
    params: ["project", "service_account"],
    query: pageQuerySchema,
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
    query: rooms.roomListQuerySchema,
    reply: rooms.roomListSchema,
  },
  createRoom: {
    ...post,
    path: `${PROJECT}/rooms`,
    about: "Creates a room, or brings a deleted one back; only the owner may do the latter.",
    params: ["project"],
    body: rooms.createRoomBodySchema,
    reply: rooms.roomSchema,
    conflicts: true,
  },
  getRoom: {
    ...get,
    path: ROOM,
    about: "One room, by its name or id.",
    params: ["project", "room"],
    reply: rooms.roomSchema,
  },
  updateRoom: {
    ...put,
    path: ROOM,
    about:
      "Changes a room, by its name or id. Tokens of a name that it gives up get 401, as after its deletion.",
    params: ["project", "room"],
    body: rooms.updateRoomBodySchema,
    reply: rooms.roomSchema,
    conflicts: true,
  },
  deleteRoom: {
    ...remove,
    path: ROOM,
    about: "Deletes a room, by its name or id: its tokens get 401 until it is created again.",
    params: ["project", "room"],
  },
  createParticipantToken: {
    ...post,
    path: `${PROJECT}/participant-tokens`,
    about: "Signs a participant token, with the caller's API key or the project's oldest one.",
    params: ["project"],
    body: createParticipantTokenBodySchema,
    reply: createdParticipantTokenSchema,
    conflicts: true,
  },
  listRevocations: {
    ...get,
    path: REVOCATIONS,
    about: "What was revoked, oldest first.",
    params: ["project"],
    query: pageQuerySchema,
    reply: revocations.revocationListSchema,
  },
  createRevocation: {
    ...post,
    path: REVOCATIONS,
    about:
      "Revokes one token, or all of a participant's in a room that were issued so far. They stop working at once, for good.",
    params: ["project"],
    body: revocations.createRevocationBodySchema,
    reply: revocations.revocationSchema,
  },
  listProviders: {
    ...get,
    path: `${PROJECT}/llm-proxy/providers`,
    about: "Every provider that the gateway knows, and where the project's key for it comes from.",
    params: ["project"],
    query: pageQuerySchema,
    reply: resources.providerListSchema,
  },
  setProvider: {
    ...put,
    path: PROVIDER,
    about: "Sets the project's own key, base URL or choices of a provider.",
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
  ...budgetRoutes,
  ...auditRoutes,
  getProjectUsage: {
    ...get,
    path: `${PROJECT}/usage`,
    about: "The usage in the official client's form: one row per group and type of usage, with its total.",
    params: ["project"],
    query: projectUsageQuerySchema,
    reply: projectUsageSchema,
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
