/**
 * The management API as an HTTP handler: it serves the routes that protocol declares, and no other. For each
 * call, in this order: who calls, may they, does the project exist, is what they sent well-formed; then the
 * route's handler. Not on the way of proxied requests, and never forwards anything.
 */

import type { IncomingMessage, ServerResponse } from "node:http";
import { getRequestListener } from "@hono/node-server";
import type { HttpBindings } from "@hono/node-server";
import { Hono } from "hono";
import type { Context } from "hono";
import type { Route, RouteName } from "@meshagent/llm-proxy-protocol/api";
import { apiErrorStatus, routes } from "@meshagent/llm-proxy-protocol/api";
import { quoted } from "@meshagent/llm-proxy-protocol/name";
import { errorText } from "../observe/log.ts";
import type { Author } from "../store/audit.ts";
import type { DirectoryWrites } from "../store/directory-writes.ts";
import { InvalidCursorError } from "../store/errors.ts";
import { checkAccess } from "./access.ts";
import { auditHandlers } from "./audit.ts";
import { apiKeyHandlers } from "./api-keys.ts";
import { authorOf, originOf } from "./author.ts";
import type { Origin } from "./author.ts";
import { budgetHandlers } from "./budgets.ts";
import type { ApiDeps, Caller, Handlers } from "./call.ts";
import { ApiFault, faultReply, replyHeaders } from "./fault.ts";
import { identify } from "./identify.ts";
import { ledgerHandlers } from "./ledger.ts";
import { limitHandlers } from "./limits.ts";
import { openApiDocument } from "./openapi.ts";
import { parseBody, parseQuery } from "./parse.ts";
import { participantTokenHandlers } from "./participant-tokens.ts";
import { RefusedCalls } from "./refused-calls.ts";
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
  /** Writes what the audit log does not have yet. Close the store after it. */
  close(): Promise<void>;
}

type AnyRoute = Route<string, unknown, unknown, unknown>;
type AnyHandler = (call: AnyCall) => Promise<unknown>;

interface AnyCall {
  readonly params: Readonly<Record<string, string>>;
  readonly query: unknown;
  readonly body: unknown;
  readonly project: unknown;
  readonly caller: Caller;
  readonly author: Author;
  readonly write: DirectoryWrites;
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
    ...auditHandlers(deps),
    ...budgetHandlers(deps),
    ...limitHandlers(deps),
  };
  const refused = new RefusedCalls(deps.audit, (error) =>
    deps.log.error("a refused call is missing on the audit log", { error: errorText(error) }),
  );
  const app = new Hono<Environment>();
  app.use(async (context, next) => {
    context.set("origin", originOf(deps, context.env.incoming));
    await next();
    context.res.headers.set("x-request-id", context.get("origin").requestId ?? "");
  });
  for (const name of Object.keys(routes) as RouteName[]) {
    const route = routes[name] as AnyRoute;
    // A call has what its route declares: `answer` parses it with the route's own schemas.
    const handler = handlers[name] as unknown as AnyHandler;
    app.on(route.method, honoPath(route.path), (context) =>
      answer(deps, refused, {
        name,
        route,
        handler,
        request: context.req.raw,
        params: context.req.param(),
        origin: context.get("origin"),
      }),
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
  app.onError((error, context) => failure(deps, error, context));
  const listener = getRequestListener(app.fetch, { overrideGlobalObjects: false });
  return {
    handle: (request, response) => {
      listener(request, response).catch((error: unknown) => {
        deps.log.error("the management API could not answer", { error: errorText(error) });
        response.destroy();
      });
    },
    close: () => refused.close(),
  };
}

interface Environment {
  readonly Bindings: HttpBindings;
  readonly Variables: { origin: Origin };
}

interface Asked {
  readonly name: RouteName;
  readonly route: AnyRoute;
  readonly handler: AnyHandler;
  readonly request: Request;
  readonly params: Readonly<Record<string, string>>;
  readonly origin: Origin;
}

async function answer(deps: ApiDeps, refused: RefusedCalls, asked: Asked): Promise<Response> {
  let caller: Caller | null = null;
  try {
    caller = await identify(deps, asked.request.headers.get("authorization"));
    return await answerTo(deps, caller, asked);
  } catch (error) {
    if (error instanceof ApiFault) await tellRefusal(deps, refused, { asked, caller, fault: error });
    throw error;
  }
}

async function answerTo(deps: ApiDeps, caller: Caller, asked: Asked): Promise<Response> {
  const { name, route, handler, request, params } = asked;
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
  const author = authorOf(caller, asked.origin);
  const write = deps.directory.as(author);
  const reply = await handler({ params, query, body, project, caller, author, write });
  if (route.reply === null) return new Response(null, { status: route.status, headers: replyHeaders });
  return Response.json(reply, { status: route.status, headers: replyHeaders });
}

interface Refusal {
  readonly asked: Asked;
  readonly caller: Caller | null;
  readonly fault: ApiFault;
}

async function tellRefusal(
  deps: ApiDeps,
  refused: RefusedCalls,
  { asked, caller, fault }: Refusal,
): Promise<void> {
  const status = apiErrorStatus[fault.code];
  if (status !== 401 && status !== 403) return;
  await refused.tell(authorOf(caller, asked.origin), async () => {
    const named = asked.params["project"];
    const project = named === undefined ? null : await deps.directory.findProject(named);
    return {
      route: { name: asked.name, ...asked.route },
      projectId: project?.id ?? null,
      status,
      code: fault.code,
    };
  });
}

function failure(deps: ApiDeps, error: Error, context: Context<Environment>): Response {
  if (error instanceof ApiFault) return faultReply(error);
  if (error instanceof InvalidCursorError) {
    return faultReply(new ApiFault("invalid_request", `cursor: ${error.message}`));
  }
  deps.log.error("a call of the management API failed", {
    method: context.req.method,
    request_id: context.get("origin").requestId,
    error: errorText(error),
  });
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
