/**
 * The management API as an HTTP handler: it serves the routes that protocol declares, and no other. For each
 * call, in this order: who calls, may they, does the project exist, is what they sent well-formed; then the
 * route's handler. Not on the way of proxied requests, and never forwards anything.
 */

import type { IncomingMessage, ServerResponse } from "node:http";
import { getRequestListener } from "@hono/node-server";
import { Hono } from "hono";
import type { Route, RouteName } from "@meshagent/llm-proxy-protocol/api";
import { routes } from "@meshagent/llm-proxy-protocol/api";
import { quoted } from "@meshagent/llm-proxy-protocol/name";
import { errorText } from "../observe/log.ts";
import { InvalidCursorError } from "../store/errors.ts";
import { checkAccess } from "./access.ts";
import { apiKeyHandlers } from "./api-keys.ts";
import { budgetHandlers } from "./budgets.ts";
import type { ApiDeps, Caller, Handlers } from "./call.ts";
import { ApiFault, faultReply, replyHeaders } from "./fault.ts";
import { identify } from "./identify.ts";
import { ledgerHandlers } from "./ledger.ts";
import { limitHandlers } from "./limits.ts";
import { openApiDocument } from "./openapi.ts";
import { parseBody, parseQuery } from "./parse.ts";
import { participantTokenHandlers } from "./participant-tokens.ts";
import { projectUsageHandlers } from "./project-usage.ts";
import { projectHandlers } from "./projects.ts";
import { providerHandlers } from "./providers.ts";
import { revocationHandlers } from "./revocations.ts";
import { roomHandlers } from "./rooms.ts";
import { serviceAccountHandlers } from "./service-accounts.ts";

const OPENAPI_PATH = "/openapi.json";

export interface Api {
  /** Takes a request below `/accounts`, or for `/openapi.json`, and answers it, whatever happens. */
  handle(request: IncomingMessage, response: ServerResponse): void;
}

type AnyRoute = Route<string, unknown, unknown, unknown>;
type AnyHandler = (call: AnyCall) => Promise<unknown>;

interface AnyCall {
  readonly params: Readonly<Record<string, string>>;
  readonly query: unknown;
  readonly body: unknown;
  readonly project: unknown;
  readonly caller: Caller;
}

export function createApi(deps: ApiDeps): Api {
  const handlers: Handlers = {
    ...projectHandlers(deps),
    ...serviceAccountHandlers(deps),
    ...apiKeyHandlers(deps),
    ...roomHandlers(deps),
    ...revocationHandlers(deps),
    ...providerHandlers(deps),
    ...participantTokenHandlers(deps),
    ...ledgerHandlers(deps),
    ...projectUsageHandlers(deps),
    ...budgetHandlers(deps),
    ...limitHandlers(deps),
  };
  const app = new Hono();
  for (const name of Object.keys(routes) as RouteName[]) {
    const route = routes[name] as AnyRoute;
    // A call has what its route declares: `answer` parses it with the route's own schemas.
    const handler = handlers[name] as unknown as AnyHandler;
    app.on(route.method, honoPath(route.path), (context) =>
      answer(deps, { name, route, handler, request: context.req.raw, params: context.req.param() }),
    );
  }
  // Open to everybody: it says what any copy of this version would say.
  app.get(OPENAPI_PATH, () => Response.json(openApiDocument(deps.info()), { headers: replyHeaders }));
  for (const [path, methods] of methodsByPath()) {
    app.all(honoPath(path), () =>
      faultReply(new ApiFault("method_not_allowed", `This path takes ${methods.join(", ")}.`), {
        allow: methods.join(", "),
      }),
    );
  }
  app.notFound((context) =>
    faultReply(
      new ApiFault("not_found", `There is nothing at ${quoted(new URL(context.req.url).pathname)}.`),
    ),
  );
  app.onError((error, context) => failure(deps, error, context.req.method));
  const listener = getRequestListener(app.fetch, { overrideGlobalObjects: false });
  return {
    handle: (request, response) => {
      listener(request, response).catch((error: unknown) => {
        deps.log.error("the management API could not answer", { error: errorText(error) });
        response.destroy();
      });
    },
  };
}

interface Asked {
  readonly name: RouteName;
  readonly route: AnyRoute;
  readonly handler: AnyHandler;
  readonly request: Request;
  readonly params: Readonly<Record<string, string>>;
}

async function answer(deps: ApiDeps, { name, route, handler, request, params }: Asked): Promise<Response> {
  const caller = await identify(deps, request.headers.get("authorization"));
  const projectId = params["project"] ?? null;
  checkAccess(caller, name, projectId);
  const project = projectId === null ? null : await deps.directory.findProject(projectId);
  if (projectId !== null && project === null) {
    throw new ApiFault(
      "not_found",
      `There is no project ${quoted(projectId)}. \`meshagent project list\` shows the ids.`,
    );
  }
  const query = route.query === null ? null : parseQuery(route.query, new URL(request.url).searchParams);
  const body = route.body === null ? null : await parseBody(route.body, request);
  const reply = await handler({ params, query, body, project, caller });
  if (route.reply === null) return new Response(null, { status: route.status, headers: replyHeaders });
  return Response.json(reply, { status: route.status, headers: replyHeaders });
}

function failure(deps: ApiDeps, error: Error, method: string): Response {
  if (error instanceof ApiFault) return faultReply(error);
  if (error instanceof InvalidCursorError) {
    return faultReply(new ApiFault("invalid_request", `cursor: ${error.message}`));
  }
  deps.log.error("a call of the management API failed", { method, error: errorText(error) });
  return faultReply(new ApiFault("internal_error", "A fault of the gateway. Its log says more."));
}

/** `{name}` is `:name` in Hono's words. */
function honoPath(template: string): string {
  return template.replaceAll(/\{(\w+)\}/g, ":$1");
}

function methodsByPath(): ReadonlyMap<string, readonly string[]> {
  const methods = new Map<string, string[]>([[OPENAPI_PATH, ["GET", "HEAD"]]]);
  for (const { path, method } of Object.values(routes) as AnyRoute[]) {
    const served = method === "GET" ? ["GET", "HEAD"] : [method];
    methods.set(path, [...(methods.get(path) ?? []), ...served]);
  }
  return methods;
}
