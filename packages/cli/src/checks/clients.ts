/** Doctor's look at the coding clients: which are here, and where they would send their requests. */

import { Secret } from "@meshagent/llm-proxy-protocol/secret";
import type { CliContext, Environment } from "../cli-context.ts";
import { findVariable } from "../cli-context.ts";
import { CLAUDE_TOKEN_VARIABLE, inspectClaude } from "../clients/claude-code.ts";
import { CODEX_TOKEN_VARIABLE, explainLegacyCodex, inspectCodex } from "../clients/codex.ts";
import { askVersion, findProgram } from "../clients/find-program.ts";
import { inspectOpencode } from "../clients/opencode.ts";
import { checkBaseUrl, gatewayOf } from "./base-url.ts";
import type { GatewayAddresses } from "./base-url.ts";
import { fail, ok, warn } from "./check.ts";
import type { Check } from "./check.ts";
import type { HeldToken } from "./tokens.ts";

export interface ClientFindings {
  readonly checks: readonly Check[];
  /** The tokens that the clients would send. */
  readonly tokens: readonly HeldToken[];
}

/** A client that is neither installed nor configured is no fault. */
export async function checkClients(
  context: CliContext,
  addresses: GatewayAddresses,
): Promise<ClientFindings> {
  const found = [
    await checkCodex(context, addresses),
    await checkClaude(context, addresses),
    { checks: checkOpencode(context.env, addresses), tokens: [] },
    checkSdk(context.env, addresses),
  ];
  const tokens = found.flatMap((each) => each.tokens);
  return {
    checks: found.flatMap((each) => each.checks),
    tokens: [...tokens, ...looseToken(context.env, tokens)],
  };
}

/** The guide's variable, which any client may be given, where no client above uses it. */
function looseToken(env: Environment, tokens: readonly HeldToken[]): HeldToken[] {
  const token = findVariable(env, CODEX_TOKEN_VARIABLE);
  if (token === null || tokens.some(({ variable }) => variable === CODEX_TOKEN_VARIABLE)) return [];
  return [{ variable: CODEX_TOKEN_VARIABLE, token: new Secret(token), isForThisGateway: true }];
}

async function checkCodex(context: CliContext, addresses: GatewayAddresses): Promise<ClientFindings> {
  const { env } = context;
  const state = inspectCodex(env);
  const { title, isInstalled } = await look(env, "codex");
  if (state.problems.length > 0)
    return withoutToken(
      state.problems.map((problem) => warn("codex", problem, "Mend it by hand; Codex reads the same file.")),
    );
  const legacy =
    state.legacy.length === 0
      ? []
      : [
          fail(
            "codex",
            `the old profile form ${state.legacy.join(" and ")} is in its config.toml`,
            explainLegacyCodex(env, state.legacy),
          ),
        ];
  const setUp = "Run: meshagent setup --configure-codex";
  if (state.baseUrl === null)
    return withoutToken([...notConfigured("codex", title, { isInstalled, setUp }), ...legacy]);
  const variable = state.tokenVariable;
  const token = variable === null ? null : findVariable(env, variable);
  const checks = [
    ok("codex", title),
    checkBaseUrl(
      { area: "codex", baseUrl: state.baseUrl, path: "/openai/v1", asksFor: "/responses", todo: setUp },
      addresses,
    ),
    ...(state.hasProfile ? [] : [warn("codex", "there is no profile for --profile meshagent", setUp)]),
    ...legacy,
    ...(state.hasTwoTokens
      ? [
          fail(
            "codex",
            "its provider block has both env_key and auth, with which Codex does not start",
            setUp,
          ),
        ]
      : []),
    ...(variable !== null && token === null ? [tokenMissing("codex", variable)] : []),
  ];
  if (variable === null || token === null) return withoutToken(checks);
  const isForThisGateway = gatewayOf(state.baseUrl, addresses) !== null;
  return { checks, tokens: [{ variable, token: new Secret(token), isForThisGateway }] };
}

async function checkClaude(context: CliContext, addresses: GatewayAddresses): Promise<ClientFindings> {
  const { env } = context;
  const state = inspectClaude(env);
  const { title, isInstalled } = await look(env, "claude");
  if (state.problems.length > 0)
    return withoutToken(
      state.problems.map((problem) =>
        warn("claude", problem, "Mend it by hand; Claude Code reads the same file."),
      ),
    );
  const both =
    state.authToken === null || !state.hasApiKey
      ? []
      : [
          fail(
            "claude",
            `${CLAUDE_TOKEN_VARIABLE} and ANTHROPIC_API_KEY are both set, so it sends both, your own key too`,
            'Set ANTHROPIC_API_KEY="" (not unset: empty) for sessions through the gateway.',
          ),
        ];
  const setUp = "Run: meshagent setup --configure-claude";
  if (state.baseUrl === null)
    return withoutToken([...notConfigured("claude", title, { isInstalled, setUp }), ...both]);
  const checks = [
    ok("claude", title),
    checkBaseUrl(
      { area: "claude", baseUrl: state.baseUrl, path: "/anthropic", asksFor: "/v1/messages", todo: setUp },
      addresses,
    ),
    ...both,
    ...(state.authToken === null ? [tokenMissing("claude", CLAUDE_TOKEN_VARIABLE)] : []),
  ];
  // A token for another server is no business of ours, and may be of a kind that we would not know.
  if (state.authToken === null || gatewayOf(state.baseUrl, addresses) === null) return withoutToken(checks);
  const token = { variable: CLAUDE_TOKEN_VARIABLE, token: state.authToken, isForThisGateway: true };
  return { checks, tokens: [token] };
}

/** Only providers that lead to this gateway: what else opencode uses is nobody's mistake. */
function checkOpencode(env: Environment, addresses: GatewayAddresses): Check[] {
  return inspectOpencode(env)
    .filter(({ baseUrl }) => gatewayOf(baseUrl, addresses) !== null)
    .map(({ id, baseUrl, dialect }) => {
      const [path, asksFor] =
        dialect === "anthropic" ? ["/anthropic/v1", "/messages"] : ["/openai/v1", "/responses"];
      const check = checkBaseUrl({ area: "opencode", baseUrl, path, asksFor, todo: "" }, addresses);
      return { ...check, found: `provider ${id}: ${check.found}` };
    });
}

/** The variables of OpenAI's SDKs, which many programs are built on. */
function checkSdk(env: Environment, addresses: GatewayAddresses): ClientFindings {
  const baseUrl = findVariable(env, "OPENAI_BASE_URL");
  if (baseUrl === null || gatewayOf(baseUrl, addresses) === null) return withoutToken([]);
  const question = { area: "openai sdk", baseUrl, path: "/openai/v1", asksFor: "/responses", todo: "" };
  const token = findVariable(env, "OPENAI_API_KEY");
  const checks = [checkBaseUrl(question, addresses)];
  if (token === null) return withoutToken([...checks, tokenMissing("openai sdk", "OPENAI_API_KEY")]);
  return {
    checks,
    tokens: [{ variable: "OPENAI_API_KEY", token: new Secret(token), isForThisGateway: true }],
  };
}

function withoutToken(checks: readonly Check[]): ClientFindings {
  return { checks, tokens: [] };
}

interface Looked {
  readonly title: string;
  readonly isInstalled: boolean;
}

async function look(env: Environment, name: string): Promise<Looked> {
  const program = findProgram(name, env);
  if (program === null) return { title: "not on the PATH", isInstalled: false };
  return {
    title: `${(await askVersion(program, env)) ?? "of unknown version"}, ${program}`,
    isInstalled: true,
  };
}

interface Installed {
  readonly isInstalled: boolean;
  readonly setUp: string;
}

function notConfigured(area: string, title: string, { isInstalled, setUp }: Installed): Check[] {
  if (!isInstalled) return [ok(area, "not installed")];
  return [warn(area, `${title}: not configured for a gateway`, setUp)];
}

function tokenMissing(area: string, variable: string): Check {
  return warn(
    area,
    `${variable} is not set in this shell`,
    `Run: export ${variable}="$(meshagent token --input token-spec.yaml)"`,
  );
}
