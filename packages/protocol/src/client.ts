/**
 * The typed client of the management API: one method per route, made from the table in `api.ts`, so that
 * it cannot name a path that the server does not declare. Uses `fetch` and nothing else, keeps no state,
 * and puts the token nowhere but in the `authorization` header.
 */

import { apiErrorBodySchema, pathParameters, routes } from "./api.ts";
import type { Route, RouteArguments, RouteName, RouteReply } from "./api.ts";
import { followExchanges } from "./api-follow.ts";
import type { FollowExchanges } from "./api-follow.ts";
import { printable, quoted } from "./name.ts";

/**
 * A call that did not work. `status` is that of the reply, and null when there was none; `code` is the
 * server's (`ApiErrorCode`) or one of `ClientErrorCode`. The message is for a person and holds no secret.
 */
export class ApiError extends Error {
  override readonly name = "ApiError";
  readonly status: number | null;
  readonly code: string;

  constructor(error: { status: number | null; code: string; message: string; cause?: unknown }) {
    super(error.message, { cause: error.cause });
    this.status = error.status;
    this.code = error.code;
  }
}

/**
 * The codes that the client itself gives: nothing answers, nothing answers in time, the caller stopped it,
 * what answers is no gateway (or one of another version), the token or URL cannot be sent.
 */
export type ClientErrorCode = "unreachable" | "timeout" | "aborted" | "not_a_gateway" | "invalid_client";

export interface ClientOptions {
  /** Where the gateway is, such as `http://127.0.0.1:8700`. A path prefix is kept. */
  readonly baseUrl: string;
  /** The owner's token or an API key. */
  readonly token: string;
  /** Names the program in the gateway's audit log. Default: what the runtime says. */
  readonly userAgent?: string | undefined;
  /** Default: the global one. */
  readonly fetch?: typeof fetch | undefined;
  /** For one call, from its start to the end of its reply. Default 30 s. */
  readonly timeoutMs?: number | undefined;
}

export interface CallOptions {
  /** Stops the call, which then throws `ApiError` (`aborted`). */
  readonly signal?: AbortSignal | undefined;
}

type ArgumentList<Arguments> = object extends Arguments
  ? [args?: Arguments, options?: CallOptions]
  : [args: Arguments, options?: CallOptions];

/** One method per route, and `followExchanges`. Each throws `ApiError` and nothing else. */
export type Client = {
  readonly [Name in RouteName]: (...args: ArgumentList<RouteArguments<Name>>) => Promise<RouteReply<Name>>;
} & { readonly followExchanges: FollowExchanges };

const DEFAULT_TIMEOUT_MS = 30_000;

/** Makes a client. Opens nothing. Throws `ApiError` (`invalid_client`) for a URL or token that cannot be used. */
export function createClient(options: ClientOptions): Client {
  const connection = checkConnection(options);
  const methods = Object.fromEntries(
    Object.entries(routes).map(([name, route]) => [
      name,
      (args: Arguments = {}, { signal }: CallOptions = {}) =>
        call({ ...connection, signal: signal ?? null }, route as AnyRoute, args),
    ]),
  ) as unknown as Omit<Client, "followExchanges">;
  return {
    ...methods,
    followExchanges: (args, followOptions) => followExchanges(methods, args, followOptions),
  };
}

type Arguments = Readonly<Record<string, unknown>>;
type AnyRoute = Route<string, unknown, unknown, unknown>;

interface Connection {
  readonly baseUrl: string;
  readonly token: string;
  readonly userAgent: string | null;
  readonly fetch: typeof fetch;
  readonly timeoutMs: number;
  readonly signal: AbortSignal | null;
}

function checkConnection(options: ClientOptions): Omit<Connection, "signal"> {
  const url = URL.parse(options.baseUrl);
  if (
    url === null ||
    !/^https?:$/.test(url.protocol) ||
    /[?#]/.test(options.baseUrl) ||
    url.username !== ""
  ) {
    throw new ApiError({
      status: null,
      code: "invalid_client",
      message: `${quoted(options.baseUrl)} is no URL of a gateway. It looks like http://127.0.0.1:8700.`,
    });
  }
  // fetch itself would refuse it with an error that quotes it.
  if (!/^[\x21-\x7e]+$/.test(options.token)) {
    throw new ApiError({
      status: null,
      code: "invalid_client",
      message: "The token is empty or holds a character that no token has, such as a space or a line break.",
    });
  }
  return {
    baseUrl: options.baseUrl.replace(/\/+$/, ""),
    token: options.token,
    userAgent: options.userAgent ?? null,
    // A browser's fetch wants to be called on nothing.
    fetch: options.fetch ?? ((input, init) => fetch(input, init)),
    timeoutMs: options.timeoutMs ?? DEFAULT_TIMEOUT_MS,
  };
}

async function call(connection: Connection, route: AnyRoute, args: Arguments): Promise<unknown> {
  const { url, rest } = expandPath(connection, route, args);
  const headers: Record<string, string> = {
    accept: "application/json",
    authorization: `Bearer ${connection.token}`,
  };
  if (connection.userAgent !== null) headers["user-agent"] = connection.userAgent;
  if (route.body !== null) headers["content-type"] = "application/json";
  const timeout = AbortSignal.timeout(connection.timeoutMs);
  const signal = connection.signal === null ? timeout : AbortSignal.any([timeout, connection.signal]);
  let response: Response;
  let text: string;
  try {
    response = await connection.fetch(route.query === null ? url : url + queryString(rest), {
      method: route.method,
      headers,
      body: route.body === null ? null : JSON.stringify(rest),
      // A redirect would take the token to a place that nobody named.
      redirect: "manual",
      signal,
    });
    text = await response.text();
  } catch (error) {
    throw transportError(connection, error);
  }
  if (!response.ok) throw replyError(connection, response, text);
  return route.reply === null ? null : parseReply(connection, { response, text, route });
}

function expandPath(
  connection: Connection,
  route: AnyRoute,
  args: Arguments,
): { url: string; rest: Arguments } {
  const rest: Record<string, unknown> = { ...args };
  let path = route.path;
  for (const name of pathParameters(route.path)) {
    const value = rest[name];
    // "." and ".." as a segment would be another path after the URL is parsed, also when percent-encoded.
    if (typeof value !== "string" || /^\.{0,2}$/.test(value)) {
      throw new ApiError({
        status: null,
        code: "invalid_client",
        message: `${quoted(String(value))} cannot be a ${name}.`,
      });
    }
    path = path.replace(`{${name}}`, () => encodeURIComponent(value.toWellFormed()));
    delete rest[name];
  }
  return { url: connection.baseUrl + path, rest };
}

function queryString(query: Arguments): string {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value === undefined || value === null) continue;
    search.set(name, Array.isArray(value) ? value.join(",") : `${value as string | number}`);
  }
  const text = search.toString();
  return text === "" ? "" : `?${text}`;
}

function transportError(connection: Connection, cause: unknown): ApiError {
  const kind = cause instanceof Error ? cause.name : "";
  if (connection.signal?.aborted === true) {
    return new ApiError({
      status: null,
      code: "aborted",
      message: "Stopped before the gateway answered.",
      cause,
    });
  }
  if (kind === "TimeoutError") {
    return new ApiError({
      status: null,
      code: "timeout",
      message: `The gateway at ${connection.baseUrl} took a call and did not answer within ${connection.timeoutMs / 1000} s.`,
      cause,
    });
  }
  return new ApiError({
    status: null,
    code: "unreachable",
    message:
      `No gateway answers at ${connection.baseUrl}${reason(cause)}. ` +
      "Start one with `meshagent serve`, or name another with --api-url or MESHAGENT_API_URL.",
    cause,
  });
}

/** The system's word for it, such as ` (ECONNREFUSED)`, where the runtime tells one. */
function reason(error: unknown): string {
  const cause = error instanceof Error ? error.cause : undefined;
  const code = typeof cause === "object" && cause !== null && "code" in cause ? cause.code : undefined;
  return typeof code === "string" ? ` (${printable(code, 60)})` : "";
}

function replyError(connection: Connection, response: Response, text: string): ApiError {
  const { status } = response;
  if (status >= 300 && status < 400) {
    const target = quoted(response.headers.get("location") ?? "");
    return notAGateway(
      status,
      `${connection.baseUrl} redirects to ${target}. Use the final address as the gateway's URL.`,
    );
  }
  const body = apiErrorBodySchema.safeParse(parseJson(text));
  if (!body.success) {
    return notAGateway(
      status,
      `${connection.baseUrl} answered ${status}, and not as a gateway does. Is the URL right?`,
    );
  }
  const { code, message } = body.data.error;
  return new ApiError({ status, code: printable(code, 100), message: printable(message, 2000) });
}

function parseReply(
  connection: Connection,
  { response, text, route }: { response: Response; text: string; route: AnyRoute },
): unknown {
  const reply = route.reply?.safeParse(parseJson(text));
  if (reply?.success === true) return reply.data;
  const place = reply?.error.issues[0]?.path.join(".") ?? "";
  throw notAGateway(
    response.status,
    `${connection.baseUrl} answered ${route.method} ${route.path} with something else than this version expects` +
      `${place === "" ? "" : ` (at ${printable(place)})`}. Is it a gateway, of the same version?`,
  );
}

function notAGateway(status: number, message: string): ApiError {
  return new ApiError({ status, code: "not_a_gateway", message });
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}
