/**
 * The management API as an OpenAPI 3.1 document, made from the table that is served, the schemas that
 * validate and the decisions on access: nothing is described that is not so. Pure; `GET /openapi.json`
 * answers with it, and the reference is written from it.
 */

import * as api from "@meshagent/llm-proxy-protocol/api";
import type { Route, RouteName } from "@meshagent/llm-proxy-protocol/api";
import { z } from "zod";
import { access } from "./access.ts";
import type { Access } from "./access.ts";

type AnyRoute = Route<string, unknown, unknown, unknown>;
type JsonObject = Readonly<Record<string, unknown>>;

export interface OpenApiDocument {
  readonly openapi: string;
  readonly info: { readonly title: string; readonly version: string; readonly description: string };
  readonly servers: readonly { readonly url: string }[];
  readonly tags: readonly { readonly name: string }[];
  /** By path template, then by method in lower case. */
  readonly paths: Readonly<Record<string, Readonly<Record<string, OpenApiOperation>>>>;
  readonly components: Readonly<Record<string, JsonObject>>;
}

export interface OpenApiOperation {
  /** The name of the route, which is also the method of our client. */
  readonly operationId: RouteName;
  readonly summary: string;
  readonly tags: readonly string[];
  readonly security: readonly JsonObject[];
  readonly parameters?: readonly JsonObject[];
  readonly requestBody?: JsonObject;
  readonly responses: Readonly<Record<string, JsonObject>>;
}

/** The bodies and replies of the routes, and what they are made of, by their names in the document. */
const schemas: Readonly<Record<string, z.ZodType>> = {
  Error: api.apiErrorBodySchema,
  GatewayInfo: api.gatewayInfoSchema,
  Project: api.projectSchema,
  ProjectList: api.projectListSchema,
  ProjectSettings: api.projectSettingsSchema,
  CreateProject: api.createProjectBodySchema,
  ServiceAccount: api.serviceAccountSchema,
  ServiceAccountList: api.serviceAccountListSchema,
  CreateServiceAccount: api.createServiceAccountBodySchema,
  ApiKey: api.apiKeySchema,
  ApiKeyList: api.apiKeyListSchema,
  CreateApiKey: api.createApiKeyBodySchema,
  CreatedApiKey: api.createdApiKeySchema,
  Room: api.roomSchema,
  RoomList: api.roomListSchema,
  CreateRoom: api.createRoomBodySchema,
  UpdateRoom: api.updateRoomBodySchema,
  Revocation: api.revocationSchema,
  RevocationList: api.revocationListSchema,
  CreateRevocation: api.createRevocationBodySchema,
  CreateParticipantToken: api.createParticipantTokenBodySchema,
  CreatedParticipantToken: api.createdParticipantTokenSchema,
  Provider: api.providerSchema,
  ProviderList: api.providerListSchema,
  SetProvider: api.setProviderBodySchema,
  SetProviderReply: api.setProviderReplySchema,
  ProviderTest: api.providerTestSchema,
  LimitScope: api.limitScopeSchema,
  SetBudget: api.setBudgetBodySchema,
  Budget: api.budgetSchema,
  BudgetDetails: api.budgetDetailsSchema,
  WebhookTest: api.webhookTestSchema,
  BudgetList: api.budgetListSchema,
  SetLimit: api.setLimitBodySchema,
  Limit: api.limitSchema,
  LimitList: api.limitListSchema,
  AuditEntry: api.auditEntrySchema,
  AuditList: api.auditListSchema,
  AuditVerdict: api.auditVerdictSchema,
  ProjectUsageRow: api.projectUsageRowSchema,
  ProjectUsage: api.projectUsageSchema,
  UsageRow: api.usageRowSchema,
  UsageTotals: api.usageTotalsSchema,
  UsageReport: api.usageReportSchema,
  UsageRecord: api.usageRecordSchema,
  Exchange: api.exchangeSchema,
  ExchangeList: api.exchangeListSchema,
};

const refusals = {
  400: ["BadRequest", "What was sent is not well-formed; the message says where."],
  401: ["Unauthorized", "No credential, one that nobody knows, or an API key that was deleted."],
  403: ["Forbidden", "The credential may not do this."],
  404: ["NotFound", "Something that the path or the body names is not there."],
  405: ["MethodNotAllowed", "The path does not take this method; `allow` says which it takes."],
  409: ["Conflict", "It would contradict what is there."],
  413: ["RequestTooLarge", "The body is too large."],
  500: ["InternalError", "A fault of the gateway; its log says more."],
} as const;

type Refusal = keyof typeof refusals;

const mayCall: Readonly<Record<Access, string>> = {
  owner: "The owner's token alone.",
  project: "The owner's token, or an API key of the project.",
  any_key: "The owner's token, or any API key.",
};

/** The document. Everything in it is plain JSON. */
export function openApiDocument(gateway: {
  readonly version: string;
  readonly publicUrl: string;
}): OpenApiDocument {
  const names = Object.keys(api.routes) as RouteName[];
  const paths: Record<string, Record<string, OpenApiOperation>> = {};
  for (const name of names) {
    const route = routeOf(name);
    (paths[route.path] ??= {})[route.method.toLowerCase()] = operation(name);
  }
  return {
    openapi: "3.1.1",
    info: {
      title: "MeshAgent LLM Proxy: management API",
      version: gateway.version,
      description:
        "Projects, rooms, service accounts, API keys, participant tokens, providers, budgets, limits, usage and exchanges. Lists " +
        "come in pages: give `next_cursor` back as `cursor`. A list without `limit` is whole, but for exchanges.",
    },
    servers: [{ url: gateway.publicUrl.replace(/\/+$/, "") }],
    tags: [...new Set(names.map((name) => tagOf(routeOf(name).path)))].map((name) => ({ name })),
    paths,
    components: { schemas: schemaComponents(), responses: refusalComponents(), securitySchemes },
  };
}

const securitySchemes: JsonObject = {
  ownerToken: { type: "http", scheme: "bearer", description: "The owner's token: may do everything." },
  apiKey: {
    type: "http",
    scheme: "bearer",
    description:
      "An API key, `ma-...`: may read and use its own project's rooms, participant tokens, usage and exchanges.",
  },
};

function operation(name: RouteName): OpenApiOperation {
  const route = routeOf(name);
  const parameters = [...route.params.map(pathParameter), ...queryParameters(route)];
  return {
    operationId: name,
    summary: route.about,
    tags: [tagOf(route.path)],
    security: access[name] === "owner" ? [{ ownerToken: [] }] : [{ ownerToken: [] }, { apiKey: [] }],
    ...(parameters.length === 0 ? {} : { parameters }),
    ...(route.body === null
      ? {}
      : { requestBody: { required: true, content: jsonContent(reference(route.body)) } }),
    responses: {
      [route.status]:
        route.reply === null
          ? { description: "Done." }
          : { description: "Done.", content: jsonContent(reference(route.reply)) },
      ...Object.fromEntries(refusalsOf(route).map((status) => [status, refusalReference(status, name)])),
    },
  };
}

function refusalReference(status: Refusal, name: RouteName): JsonObject {
  const [component, description] = refusals[status];
  if (status === 403) {
    return {
      description: `${description} ${mayCall[access[name]]}`,
      content: jsonContent(reference(api.apiErrorBodySchema)),
    };
  }
  return { $ref: `#/components/responses/${component}` };
}

function refusalsOf(route: AnyRoute): readonly Refusal[] {
  const isPossible: Readonly<Record<Refusal, boolean>> = {
    400: route.query !== null || route.body !== null,
    401: true,
    403: true,
    404: route.params.length > 0,
    405: true,
    409: route.conflicts === true,
    413: route.body !== null,
    500: true,
  };
  return (Object.keys(isPossible).map(Number) as Refusal[]).filter((status) => isPossible[status]);
}

function pathParameter(name: string): JsonObject {
  const description = parameterDescriptions[name];
  return {
    name,
    in: "path",
    required: true,
    ...(description === undefined ? {} : { description }),
    schema: { type: "string" },
  };
}

const parameterDescriptions: Readonly<Record<string, string>> = {
  project: "The project's id.",
  service_account: "The service account's id or name.",
  api_key: "The API key's id.",
  room: "The room's name or id.",
  provider: "The provider's name.",
  exchange: "The exchange's id.",
  budget: "The budget's id.",
  limit: "The limit's id.",
};

function queryParameters(route: AnyRoute): readonly JsonObject[] {
  if (route.query === null) return [];
  const { properties = {} } = z.toJSONSchema(route.query, { io: "input" });
  return Object.entries(properties).map(([name, property]) => {
    const { description, ...schema } = property as { readonly description?: string };
    // What comes in a query is text; a list of it has commas.
    return {
      name,
      in: "query",
      required: false,
      ...(description === undefined ? {} : { description }),
      schema: withoutLists(schema),
    };
  });
}

/** Of text or a list the text alone: only that can stand in a query. */
function withoutLists(schema: { readonly anyOf?: readonly { readonly type?: unknown }[] }): JsonObject {
  const { anyOf, ...rest } = schema;
  if (anyOf === undefined) return rest;
  const [only, ...more] = anyOf.filter(({ type }) => type !== "array");
  return more.length === 0 && only !== undefined ? { ...rest, ...only } : { ...rest, anyOf };
}

function jsonContent(schema: JsonObject): JsonObject {
  return { "application/json": { schema } };
}

function reference(schema: z.ZodType): JsonObject {
  const name = Object.entries(schemas).find(([, known]) => known === schema)?.[0];
  if (name === undefined) throw new Error("A route has a schema that has no name in the document.");
  return { $ref: `#/components/schemas/${name}` };
}

function schemaComponents(): JsonObject {
  const registry = z.registry<{ id: string }>();
  for (const [id, schema] of Object.entries(schemas)) registry.add(schema, { id });
  const made = z.toJSONSchema(registry, { io: "input", uri: (id) => `#/components/schemas/${id}` });
  const isOwnMember = ([member]: [string, unknown]): boolean => member !== "$schema" && member !== "$id";
  return Object.fromEntries(
    Object.entries(made.schemas).map(([id, schema]) => [
      id,
      Object.fromEntries(Object.entries(schema).filter(isOwnMember)),
    ]),
  );
}

function refusalComponents(): JsonObject {
  return Object.fromEntries(
    Object.values(refusals).map(([component, description]) => [
      component,
      { description, content: jsonContent(reference(api.apiErrorBodySchema)) },
    ]),
  );
}

/** The first part of the path that names a kind of thing. */
function tagOf(path: string): string {
  const parts = path.replace("/accounts/projects/{project}/", "").replace("/accounts/", "").split("/");
  if (parts.includes("api-keys")) return "api-keys";
  return (parts[0] === "llm-proxy" || parts[0] === "accounts" ? parts[1] : parts[0]) ?? path;
}

function routeOf(name: RouteName): AnyRoute {
  return api.routes[name] as AnyRoute;
}
