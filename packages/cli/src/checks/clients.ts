/** Doctor's look at the coding clients: which are here, and where they would send their requests. */

import { inspectToken } from "@meshagent/llm-proxy-protocol/token-inspect";
import type { CliContext } from "../cli-context.ts";
import { findVariable } from "../cli-context.ts";
import { CLAUDE_TOKEN_VARIABLE, inspectClaude } from "../clients/claude-code.ts";
import { CODEX_TOKEN_VARIABLE, explainLegacyCodex, inspectCodex } from "../clients/codex.ts";
import { askVersion, findProgram } from "../clients/find-program.ts";
import type { GatewayFlags } from "../commands/options.ts";
import { isSameOrigin, resolveApiUrl } from "../connection.ts";
import { ok, warn } from "./check.ts";
import type { Check } from "./check.ts";

/** Codex and Claude Code. A client that is not installed is no fault. */
export async function checkClients(context: CliContext, flags: GatewayFlags): Promise<Check[]> {
  const apiUrl = resolveApiUrl(context, flags.apiUrl);
  return [...(await checkCodex(context, apiUrl)), ...(await checkClaude(context, apiUrl))];
}

async function checkCodex(context: CliContext, apiUrl: string): Promise<Check[]> {
  const program = findProgram("codex", context.env);
  if (program === null) return [ok("codex", "not installed")];
  const title = `${(await askVersion(program, context.env)) ?? "of unknown version"}, ${program}`;
  const state = inspectCodex(context.env);
  if (state.problems.length > 0)
    return state.problems.map((problem) =>
      warn("codex", problem, "Mend it by hand; Codex reads the same file."),
    );
  if (state.baseUrl === null)
    return [
      warn("codex", `${title}: not configured for a gateway`, "Run: meshagent setup --configure-codex"),
    ];
  const checks = [
    ok("codex", title),
    checkBaseUrl("codex", state.baseUrl, { wanted: `${apiUrl}/openai/v1`, apiUrl }),
  ];
  if (!state.hasProfile)
    checks.push(
      warn("codex", "there is no profile for --profile meshagent", "Run: meshagent setup --configure-codex"),
    );
  if (state.legacy.length > 0)
    checks.push(
      warn(
        "codex",
        `the old form ${state.legacy.join(" and ")} is still there`,
        explainLegacyCodex(context.env, state.legacy),
      ),
    );
  const variable = state.envKey ?? CODEX_TOKEN_VARIABLE;
  return [...checks, await checkToken(context, "codex", variable)];
}

async function checkClaude(context: CliContext, apiUrl: string): Promise<Check[]> {
  const program = findProgram("claude", context.env);
  if (program === null) return [ok("claude", "not installed")];
  const title = `${(await askVersion(program, context.env)) ?? "of unknown version"}, ${program}`;
  const state = inspectClaude(context.env);
  if (state.problems.length > 0)
    return state.problems.map((problem) =>
      warn("claude", problem, "Mend it by hand; Claude Code reads the same file."),
    );
  if (state.baseUrl === null)
    return [
      warn("claude", `${title}: not configured for a gateway`, "Run: meshagent setup --configure-claude"),
    ];
  const checks = [
    ok("claude", title),
    checkBaseUrl("claude", state.baseUrl, { wanted: `${apiUrl}/anthropic`, apiUrl }),
  ];
  if (state.hasAuthToken && state.hasApiKey) {
    checks.push(
      warn(
        "claude",
        `${CLAUDE_TOKEN_VARIABLE} and ANTHROPIC_API_KEY are both set, so it sends both to the gateway`,
        'Set ANTHROPIC_API_KEY="" for sessions through the gateway.',
      ),
    );
  }
  return [...checks, await checkToken(context, "claude", CLAUDE_TOKEN_VARIABLE)];
}

interface Addresses {
  readonly wanted: string;
  readonly apiUrl: string;
}

function checkBaseUrl(area: string, baseUrl: string, { wanted, apiUrl }: Addresses): Check {
  if (baseUrl.replace(/\/+$/, "") === wanted) return ok(area, `sends its requests to ${wanted}`);
  if (isSameOrigin(baseUrl, apiUrl))
    return warn(area, `its base URL is ${baseUrl}`, `It should be ${wanted}.`);
  return warn(
    area,
    `sends its requests to ${baseUrl}, not to this gateway`,
    `Run: meshagent setup --configure-${area}`,
  );
}

async function checkToken(context: CliContext, area: string, variable: string): Promise<Check> {
  const token = findVariable(context.env, variable);
  const todo = `Run: export ${variable}="$(meshagent token --input token-spec.yaml)"`;
  if (token === null) return warn(area, `${variable} is not set in this shell`, todo);
  const { problems } = await inspectToken(token, context.nowMs());
  return problems.length === 0
    ? ok(area, `${variable} holds a token`)
    : warn(area, `${variable}: ${problems.join(" ")}`, todo);
}
