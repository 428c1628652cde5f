/**
 * The first step: the path against the endpoint tables. It decides before a credential is looked at and
 * before a byte of the body is read. Paths are never normalised: what a table does not name is not there.
 */

import type { Dialect, Endpoint, OfferedEndpoint, OwnReply } from "../dialects/dialect.ts";
import { GatewayError } from "../errors.ts";
import type { Call, Matched } from "../exchange.ts";

/** A path that belongs to a dialect and has been judged. */
export type MatchResult =
  | { readonly kind: "matched"; readonly matched: Matched }
  /** A probe or a preflight, answered here: nothing is authenticated or forwarded. */
  | { readonly kind: "answered"; readonly reply: OwnReply }
  | { readonly kind: "refused"; readonly dialect: Dialect; readonly error: GatewayError };

/** Which dialect a path belongs to; null when no dialect has it. */
export interface DialectTable {
  dialectOf(path: string): Dialect | null;
  match(call: Call, dialect: Dialect): MatchResult;
}

interface CompiledEndpoint {
  readonly endpoint: Endpoint;
  readonly pattern: RegExp;
  readonly idNames: readonly string[];
}

export function createDialectTable(dialects: readonly Dialect[]): DialectTable {
  const compiled = new Map(dialects.map((dialect) => [dialect, dialect.endpoints.map(compile)]));

  const search: Search = (dialect, method, path, isUpgrade = false) => {
    const mount = dialect.mounts.find((prefix) => path.startsWith(`${prefix}/`));
    if (mount === undefined || !isPlainPath(path)) return null;
    const endpointPath = path.slice(mount.length);
    for (const { endpoint, pattern, idNames } of compiled.get(dialect) ?? []) {
      if (endpoint.method !== "*" && endpoint.method !== method) continue;
      if (endpoint.offer === "offered" && (endpoint.socket !== undefined) !== isUpgrade) continue;
      const groups = pattern.exec(endpointPath);
      if (groups === null) continue;
      const ids = Object.fromEntries(
        idNames.map((name, index) => [name, decodeURIComponent(groups[index + 1] ?? "")]),
      );
      return { endpoint, endpointPath, ids };
    }
    return null;
  };

  return {
    dialectOf: (path) => dialects.find((dialect) => ownsPath(dialect, path)) ?? null,
    match: (call, dialect) => judge(call, dialect, search),
  };
}

interface Found {
  readonly endpoint: Endpoint;
  readonly endpointPath: string;
  readonly ids: Readonly<Record<string, string>>;
}

type Search = (dialect: Dialect, method: string, path: string, isUpgrade?: boolean) => Found | null;

function judge(call: Call, dialect: Dialect, search: Search): MatchResult {
  const method = call.request.method ?? "GET";
  if (call.upgrade !== null) return judgeUpgrade(call, dialect, search);
  if (method === "OPTIONS") return { kind: "answered", reply: { status: 204, headers: [], body: "" } };
  if (method === "HEAD") return { kind: "answered", reply: { status: 200, headers: [], body: "" } };
  if (method === "GET" && dialect.baseUrlPaths.includes(call.path)) {
    return { kind: "answered", reply: aboutReply(dialect, call.path) };
  }
  const found = search(dialect, method, call.path);
  if (found === null) {
    return { kind: "refused", dialect, error: unknownEndpoint(method, call.path, dialect, search) };
  }
  const { endpoint, endpointPath, ids } = found;
  if (endpoint.offer === "offered") {
    return { kind: "matched", matched: { call, dialect, endpoint, endpointPath, ids } };
  }
  return { kind: "refused", dialect, error: notOffered(endpoint.name) };
}

function judgeUpgrade(call: Call, dialect: Dialect, search: Search): MatchResult {
  const found = search(dialect, call.request.method ?? "GET", call.path, true);
  if (found?.endpoint.offer === "offered") {
    const { endpoint, endpointPath, ids } = found;
    return { kind: "matched", matched: { call, dialect, endpoint, endpointPath, ids } };
  }
  // 426 is what makes Codex fall back to HTTP at once and silently (measured with 0.169.0).
  const error =
    found?.endpoint.offer === "websocket"
      ? new GatewayError(
          "websocket_not_offered",
          "This gateway does not relay this WebSocket. Use plain HTTP.",
        )
      : notOffered(found?.endpoint.name ?? "this WebSocket");
  return { kind: "refused", dialect, error };
}

/** What a known and refused endpoint says. */
function notOffered(endpointName: string): GatewayError {
  return new GatewayError(
    "not_supported",
    `This gateway does not offer \`${endpointName}\`. Its reference lists what it relays; ask its operator if you need more.`,
  );
}

function unknownEndpoint(method: string, path: string, dialect: Dialect, search: Search): GatewayError {
  const other = ["GET", "POST", "DELETE"].find(
    (candidate) => candidate !== method && search(dialect, candidate, path)?.endpoint.offer === "offered",
  );
  const hint =
    other === undefined
      ? `Check the base URL: it ends in ${dialect.baseUrlPaths[0]}.`
      : `This path answers ${other}, not ${method}.`;
  return new GatewayError("unknown_endpoint", `There is no ${method} ${printable(path)} here. ${hint}`);
}

function aboutReply(dialect: Dialect, path: string): OwnReply {
  const line = `MeshAgent LLM Proxy: this is the base URL for ${dialect.name}-compatible clients (${path}). Authenticate with a participant token.\n`;
  return { status: 200, headers: [["content-type", "text/plain; charset=utf-8"]], body: line };
}

function ownsPath(dialect: Dialect, path: string): boolean {
  return [...dialect.mounts, ...dialect.baseUrlPaths].some(
    (prefix) => path === prefix || path.startsWith(`${prefix}/`),
  );
}

/** `/models/{model}` to `^/models/([^/]+)$`; a last `{rest*}` takes what is left, also nothing. */
function compile(endpoint: Endpoint): CompiledEndpoint {
  const idNames: string[] = [];
  const source = endpoint.path.replace(/\/\{([^}]+)\}/g, (_whole, name: string) => {
    if (name.endsWith("*")) return "(?:/.*)?";
    idNames.push(name);
    return "/([^/]+)";
  });
  return { endpoint, pattern: new RegExp(`^${source}$`), idNames };
}

/**
 * No dot segment, no empty segment, no backslash, no control or non-ASCII byte, none of `.` `/` `%` `\`
 * encoded, no broken escape: a parser upstream could read such a path in another way than this table does.
 */
function isPlainPath(path: string): boolean {
  if (!/^(?:\/(?:[\x21\x22\x24\x26-\x2e\x30-\x3e\x40-\x5b\x5d-\x7e]|%[0-9a-f]{2})+)+$/i.test(path))
    return false;
  if (/%(?:2e|2f|25|5c|[01][0-9a-f]|7f)/i.test(path)) return false;
  // `..;x` is a dot segment to servers that take what follows a `;` for a parameter.
  return !/\/\.{1,2}(?:[/;]|$)/.test(path) && isUtf8(path);
}

/** Escapes that are no UTF-8, such as an overlong dot (`%c0%ae`), read differently from parser to parser. */
function isUtf8(path: string): boolean {
  try {
    decodeURIComponent(path);
    return true;
  } catch {
    return false;
  }
}

function printable(path: string): string {
  const safe = path.replace(/[^\x21-\x7e]/g, "?");
  return safe.length > 200 ? `${safe.slice(0, 200)}...` : safe;
}

/** Rows that are relayed, for tables in tests and docs. */
export function offeredEndpoints(dialect: Dialect): readonly OfferedEndpoint[] {
  return dialect.endpoints.filter((endpoint) => endpoint.offer === "offered");
}
