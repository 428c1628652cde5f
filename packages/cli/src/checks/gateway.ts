/** Doctor's look at the gateway: reachable, ready, on time, and what it knows of project, providers and key. */

import { listAll } from "@meshagent/llm-proxy-protocol/api-pages";
import type { Provider } from "@meshagent/llm-proxy-protocol/api-resources";
import { parseApiKey } from "@meshagent/llm-proxy-protocol/api-key";
import { createClient } from "@meshagent/llm-proxy-protocol/client";
import type { Client } from "@meshagent/llm-proxy-protocol/client";
import { findAdminToken, isClearTextAbroad, resolveApiUrl } from "../connection.ts";
import { findApiKey, findProjectId } from "../cli-context.ts";
import type { CliContext } from "../cli-context.ts";
import type { ProjectFlags } from "../commands/options.ts";
import { formatDuration } from "../duration.ts";
import { messageOf } from "../failure.ts";
import { fail, ok, warn } from "./check.ts";
import type { Check } from "./check.ts";

const TIMEOUT_MS = 5000;
/** A Date header is whole seconds, and a reply takes its time; `nbf` has 30 s of leeway on the gateway. */
const MAX_SKEW_MS = 30_000;

/** From "does anything answer" to "does it know my key"; later checks are left out where they could only repeat a failure. */
export async function checkGateway(context: CliContext, flags: ProjectFlags): Promise<Check[]> {
  const apiUrl = resolveApiUrl(context, flags.apiUrl);
  const health = await get(apiUrl, "/healthz", context);
  if ("problem" in health) {
    return [
      fail(
        "gateway",
        `nothing answers at ${apiUrl}: ${health.problem}`,
        "Start it with: meshagent serve, or name another with --api-url.",
      ),
    ];
  }
  if (health.status !== 200) {
    return [
      fail(
        "gateway",
        `${apiUrl}/healthz answers ${health.status}`,
        "Is that a gateway? Look at MESHAGENT_API_URL.",
      ),
    ];
  }
  const checks = [ok("gateway", `answers at ${apiUrl}`), checkClock(health, context.nowMs())];
  if (isClearTextAbroad(apiUrl)) {
    checks.push(
      warn(
        "encryption",
        `${apiUrl} is not encrypted, and tokens travel over it`,
        "Use https: meshagent serve --tls-cert --tls-key",
      ),
    );
  }
  checks.push(checkReady(await get(apiUrl, "/readyz", context)));
  return [...checks, ...(await checkAccount(context, apiUrl, flags))];
}

interface Answer {
  readonly status: number;
  /** Of the Date header; null without one. */
  readonly dateMs: number | null;
  readonly body: string;
}

async function get(
  apiUrl: string,
  path: string,
  context: CliContext,
): Promise<Answer | { readonly problem: string }> {
  try {
    const signal = AbortSignal.any([AbortSignal.timeout(TIMEOUT_MS), context.signal]);
    const response = await fetch(apiUrl + path, { signal, redirect: "manual" });
    const dateMs = Date.parse(response.headers.get("date") ?? "");
    const body = (await response.text()).slice(0, 300);
    return { status: response.status, dateMs: Number.isNaN(dateMs) ? null : dateMs, body };
  } catch (error) {
    return { problem: messageOf(error) };
  }
}

function checkClock({ dateMs }: Answer, nowMs: number): Check {
  if (dateMs === null)
    return warn(
      "clock",
      "the gateway does not say what time it has",
      "A proxy in front of it may drop the Date header.",
    );
  const skewMs = nowMs - dateMs;
  if (Math.abs(skewMs) <= MAX_SKEW_MS) return ok("clock", "agrees with the gateway's");
  const relation = skewMs > 0 ? "ahead of" : "behind";
  return warn(
    "clock",
    `this machine is ${formatDuration(Math.abs(skewMs))} ${relation} the gateway, so tokens may end early or late`,
    "Let both machines set their clocks from the network (NTP).",
  );
}

/** What each reason that /readyz gives means. */
const READY_REASONS: Readonly<Record<string, readonly [area: string, found: string, todo: string]>> = {
  store_unusable: [
    "store",
    "the gateway cannot use its store",
    "Its log says why: a full disk, or a database that is away.",
  ],
  no_provider_configured: [
    "providers",
    "no provider can answer",
    "Run: meshagent provider set NAME --api-key-from-env VARIABLE",
  ],
  draining: ["gateway", "it is shutting down", "Start it again."],
};

function checkReady(answer: Answer | { readonly problem: string }): Check {
  if ("problem" in answer) return fail("ready", answer.problem, "The gateway's log may say why.");
  if (answer.status === 200) return ok("store", "usable, and a provider can answer");
  const reason = Object.entries(READY_REASONS).find(([code]) => answer.body.includes(code))?.[1];
  if (reason !== undefined) return fail(...reason);
  return fail("ready", `not ready: ${answer.status} ${answer.body}`, "The gateway's log says why.");
}

async function checkAccount(context: CliContext, apiUrl: string, flags: ProjectFlags): Promise<Check[]> {
  const owner = findAdminToken(context, apiUrl);
  const token = owner ?? findApiKey(context);
  if (token === null)
    return [warn("sign-in", "you are not signed in here", `Run: meshagent setup --api-url ${apiUrl}`)];
  let client: Client;
  try {
    client = createClient({ baseUrl: apiUrl, token: token.reveal(), timeoutMs: TIMEOUT_MS });
    const info = await client.getGatewayInfo();
    const who =
      info.caller.kind === "owner" ? "as the owner" : "with an API key: some commands need the owner's token";
    const checks = [ok("sign-in", who)];
    const project = findProjectId(context, flags.projectId);
    if (project === null) return [...checks, warn("project", "none is active", "Run: meshagent setup")];
    return [...checks, ...(await checkProject(context, client, { project, isOwner: owner !== null }))];
  } catch (error) {
    return [fail("sign-in", messageOf(error), "Run: meshagent setup")];
  }
}

interface ProjectQuestion {
  readonly project: string;
  readonly isOwner: boolean;
}

async function checkProject(
  context: CliContext,
  client: Client,
  { project, isOwner }: ProjectQuestion,
): Promise<Check[]> {
  if (!isOwner) return [checkKey(context, project, null)];
  try {
    const { name } = await client.getProject({ project });
    const { providers } = await listAll("providers", (page) => client.listProviders({ project, ...page }));
    const { keys } = await listAll("keys", (page) => client.listApiKeys({ project, ...page }));
    const known = new Set(keys.map(({ id }) => id));
    return [
      ok("project", `${name} (${project})`),
      ...providers.map(checkProvider),
      checkKey(context, project, known),
    ];
  } catch (error) {
    return [
      fail(
        "project",
        `${project}: ${messageOf(error)}`,
        "Run: meshagent project list, then: meshagent project activate ID",
      ),
    ];
  }
}

function checkProvider({ name, source, base_url: baseUrl, api_key_variable: variable }: Provider): Check {
  const todo = `Run: meshagent provider set ${name} --api-key-from-env ${variable}`;
  if (source === "none") return warn(name, "not configured: requests for it are refused", todo);
  if (source === "simulated") return warn(name, "simulated: its replies are made up", todo);
  const origin = source === "project" ? "of this project" : "from the gateway's environment";
  return ok(name, `key ${origin}, at ${baseUrl ?? "its own address"}`);
}

function checkKey(context: CliContext, project: string, known: ReadonlySet<string> | null): Check {
  const todo = "Run: meshagent api-key create NAME --activate";
  const text = findApiKey(context, project);
  if (text === null) return warn("api key", "none is active, so no tokens can be signed here", todo);
  let key: { readonly id: string; readonly projectId: string };
  try {
    key = parseApiKey(text.reveal());
  } catch (error) {
    return fail("api key", messageOf(error), todo);
  }
  if (key.projectId !== project) {
    return warn(
      "api key",
      `the active key ${key.id} is of another project (${key.projectId})`,
      `Run: meshagent project activate ${key.projectId}`,
    );
  }
  if (known !== null && !known.has(key.id))
    return fail("api key", `${key.id} was deleted on the gateway`, todo);
  return ok("api key", `${key.id}${known === null ? "" : ", known to the gateway"}`);
}
