/**
 * `docs/reference/api.md`: the proxy's endpoints from the dialects' tables, and the management API from the route
 * table with the very schemas that validate it. A new row of either is on the page by itself.
 */

import { access } from "@meshagent/llm-proxy-gateway/api/access";
import type { Dialect, Endpoint } from "@meshagent/llm-proxy-gateway/dialects/dialect";
import { dialects } from "@meshagent/llm-proxy-gateway/gateway";
import { type Route, routes } from "@meshagent/llm-proxy-protocol/api";
import { code, opening, table } from "./markdown.ts";
import { type Direction, type Member, membersOf, shapeOf } from "./schema-text.ts";

type AnyRoute = Route<string, unknown, unknown, unknown>;

/** Who may call, by the word of `access.ts`; a word that is not here stands for itself. */
const callers: Readonly<Record<string, string>> = {
  owner: "the owner",
  project: "the owner, and API keys of the project",
  any_key: "the owner, and every API key",
};

export function apiPage(): string {
  return [
    opening("API", [
      "packages/gateway/src/dialects/*/endpoints.ts",
      "packages/protocol/src/api.ts",
      "packages/gateway/src/api/access.ts",
    ]),
    "## Proxy endpoints\n",
    "Bodies and replies are the provider's own: see its documentation. The credential is a participant token, or an API " +
      "key, as `Authorization: Bearer ...` or `x-api-key: ...`. Whatever is not listed is 404.\n",
    ...dialects.map(dialectSection),
    "## Management API\n",
    "`Authorization: Bearer` with the owner's token, or with an API key where the line says so; a participant token may " +
      "do nothing here. Times are RFC 3339, money is decimal text. Errors: [errors.md](errors.md). The same as OpenAPI 3.1: " +
      "`GET /openapi.json`, for everybody.\n",
    ...Object.entries(routes).map(([name, route]) => routeSection(name, route as AnyRoute)),
  ].join("\n");
}

function dialectSection(dialect: Dialect): string {
  const offered = dialect.endpoints.filter((endpoint) => endpoint.offer === "offered");
  return [
    `### ${dialect.name}: below ${dialect.mounts.map(code).join(" or ")}\n`,
    table(
      ["method", "path", ""],
      offered.map((endpoint) => [
        code(endpoint.method),
        code(endpoint.path),
        endpoint.usageReader === null ? "bills nothing" : "metered",
      ]),
    ),
    ...refusedLine(dialect.endpoints, "websocket", "WebSockets that are not offered (426)"),
    ...refusedLine(dialect.endpoints, "not_supported", "Known and not offered (501)"),
  ].join("\n");
}

function refusedLine(endpoints: readonly Endpoint[], offer: Endpoint["offer"], title: string): string[] {
  const paths = endpoints
    .filter((endpoint) => endpoint.offer === offer)
    .map(({ method, path }) =>
      code(`${method === "*" ? "" : `${method} `}${path.replace("/{rest*}", "/...")}`),
    );
  return paths.length === 0 ? [] : [`${title}: ${[...new Set(paths)].join(", ")}.\n`];
}

function routeSection(name: string, route: AnyRoute): string {
  const who: string = access[name as keyof typeof access];
  return [
    `### ${route.method} ${route.path}\n`,
    `${route.about} For ${callers[who] ?? who}. Answers ${route.status}${route.reply === null ? ", without a body" : ""}.\n`,
    ...membersTable("query", route.query, "input"),
    ...membersTable("body", route.body, "input"),
    ...(route.reply === null ? [] : [`${fence("ts", shapeOf(route.reply, "output"))}\n`]),
  ].join("\n");
}

function membersTable(place: string, schema: AnyRoute["query"], io: Direction): string[] {
  if (schema === null) return [];
  const rows = membersOf(schema, io).map(({ name, type, isRequired, about }: Member) => [
    code(name),
    code(type.replaceAll(/\s+/g, " ")),
    isRequired ? "yes" : "",
    about,
  ]);
  return rows.length === 0 ? [] : [table([place, "type", "required", "what it is"], rows)];
}

function fence(language: string, text: string): string {
  return `\`\`\`${language}\n${text}\n\`\`\``;
}
