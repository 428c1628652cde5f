/**
 * `docs/reference/errors.md`: every answer that the gateway itself gives instead of a provider's. Each is
 * rendered by each dialect and read back, so the page says what a caller really gets.
 */

import type { Dialect } from "@meshagent/llm-proxy-gateway/dialects/dialect";
import { type ErrorCode, errorKinds, GatewayError } from "@meshagent/llm-proxy-gateway/errors";
import { dialects } from "@meshagent/llm-proxy-gateway/gateway";
import { apiErrorStatus } from "@meshagent/llm-proxy-protocol/api";
import { code, opening, table } from "./markdown.ts";

export function errorsPage(): string {
  const rows = Object.entries(errorKinds).map(([name, kind]) => [
    code(name),
    ...dialects.map((dialect) => faceText(dialect, name as ErrorCode)),
    kind.source,
    kind.isRetryable ? "yes" : "no",
    kind.about,
  ]);
  return [
    opening("Errors", ["packages/gateway/src/errors.ts", "packages/gateway/src/dialects/*/errors.ts"]),
    "What the gateway answers by itself, in the shape of the dialect that was spoken. A provider's own error is none of " +
      "these: it passes as it came. Each has a message that says what to do next, and the id of its exchange in " +
      "`x-meshagent-exchange-id`, under which the gateway's log has the details. Where a repeat does not help, " +
      "`x-should-retry: false` goes with it.\n",
    "Anthropic's shape has no place for a code: it is in `error.details.error_code`.\n",
    table(
      ["code", ...dialects.map(({ name }) => `on the ${name} path`), "at fault", "repeat helps", "when"],
      rows,
    ),
    "## The management API\n",
    'Below `/accounts` an error is `{"error":{"code","message"}}`.\n',
    table(
      ["code", "status"],
      Object.entries(apiErrorStatus).map(([name, status]) => [code(name), String(status)]),
    ),
  ].join("\n");
}

/** `401 authentication_error / invalid_api_key`; the code only where the dialect has its own word for it. */
function faceText(dialect: Dialect, name: ErrorCode): string {
  const reply = dialect.renderError(new GatewayError(name, "?"), "req_1");
  const { error } = JSON.parse(reply.body) as { error: { type: string; code?: string } };
  const own = error.code === undefined || error.code === name ? "" : ` / ${code(error.code)}`;
  return `${reply.status} ${code(error.type)}${own}`;
}
