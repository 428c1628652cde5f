/** Doctor's look at the gateway from outside: is it there, is it a gateway, is it ready, is it on time. */

import type { CliContext } from "../cli-context.ts";
import { findVariable } from "../cli-context.ts";
import { isClearTextAbroad, isLoopbackUrl } from "../connection.ts";
import { formatDuration } from "../duration.ts";
import { ask, isGateway } from "./ask.ts";
import type { Answer, NoAnswer } from "./ask.ts";
import { fail, ok, warn } from "./check.ts";
import type { Check } from "./check.ts";

/** A Date header is whole seconds, and a reply takes its time; `nbf` has 30 s of leeway on the gateway. */
const MAX_SKEW_MS = 30_000;

export interface GatewayFindings {
  readonly checks: readonly Check[];
  /** A gateway answers there: what it knows can be asked. */
  readonly isUp: boolean;
}

/** From "is that an address" to "is it ready"; what could only repeat a failure is left out. */
export async function checkGateway(context: CliContext, apiUrl: string): Promise<GatewayFindings> {
  if (!/^https?:$/.test(URL.parse(apiUrl)?.protocol ?? "")) {
    const todo = "Name it with --api-url or MESHAGENT_API_URL; it looks like http://127.0.0.1:8700.";
    return { checks: [fail("gateway", `${apiUrl} is no URL of a gateway`, todo)], isUp: false };
  }
  const health = await ask(`${apiUrl}/healthz`, context);
  const isUp = "status" in health && health.status === 200 && (await isGateway(apiUrl, context));
  if (!isUp) return { checks: [await explainAbsence(context, apiUrl, health)], isUp };
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
  return { checks: [...checks, checkReady(await ask(`${apiUrl}/readyz`, context))], isUp };
}

/** What stands where the gateway should: nothing, something else, or a gateway below the address that was named. */
async function explainAbsence(
  context: CliContext,
  apiUrl: string,
  health: Answer | NoAnswer,
): Promise<Check> {
  const shorter = apiUrl.replace(/\/(openai|anthropic)?(\/?v1)?$/, "");
  if (shorter !== apiUrl && (await isGateway(shorter, context))) {
    return fail(
      "gateway",
      `${apiUrl} is a base URL for clients; the gateway's own address ends before that`,
      `Use ${shorter}, with --api-url or in MESHAGENT_API_URL.`,
    );
  }
  if ("problem" in health && !health.isTaken) return checkServePort(context, apiUrl, health);
  const isHere = isLoopbackUrl(apiUrl);
  const seen = "problem" in health ? health.problem : `it answers /healthz with ${health.status}`;
  if (!isHere && "problem" in health)
    return fail(
      "gateway",
      `nothing answers at ${apiUrl}: ${seen}`,
      "Is the address right, and is the gateway running? Name another with --api-url.",
    );
  if (!isHere)
    return fail("gateway", `what answers at ${apiUrl} is no gateway: ${seen}`, "Look at MESHAGENT_API_URL.");
  return portTaken(apiUrl, seen);
}

/** Nothing listens where the gateway is looked for. Would `meshagent serve` get the port that it is told to take? */
async function checkServePort(context: CliContext, apiUrl: string, health: NoAnswer): Promise<Check> {
  const port = findVariable(context.env, "MESHAGENT_PORT");
  const serveUrl = `http://127.0.0.1:${port ?? ""}`;
  if (port !== null && isLoopbackUrl(apiUrl) && serveUrl !== apiUrl) {
    if (await isGateway(serveUrl, context)) {
      return fail(
        "gateway",
        `nothing answers at ${apiUrl}, but a gateway answers at ${serveUrl}`,
        `Use it: --api-url ${serveUrl}, or MESHAGENT_API_URL.`,
      );
    }
    const answer = await ask(serveUrl, context);
    if ("status" in answer) return portTaken(serveUrl, `it answers with ${answer.status}`);
    if (answer.isTaken) return portTaken(serveUrl, answer.problem);
  }
  return fail(
    "gateway",
    `nothing answers at ${apiUrl}: ${health.problem}`,
    "Start it with: meshagent serve, or name another with --api-url.",
  );
}

function portTaken(url: string, seen: string): Check {
  const port = URL.parse(url)?.port || "80";
  return fail(
    "port",
    `port ${port} is taken by another program, or by a gateway that speaks TLS there: ${seen}`,
    "Stop that program, or run: meshagent serve --port OTHER, and set MESHAGENT_API_URL. For TLS say https:// there.",
  );
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
  return fail(
    "clock",
    `this machine is ${formatDuration(Math.abs(skewMs))} ${relation} the gateway, so tokens begin and end early or late`,
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

function checkReady(answer: Answer | NoAnswer): Check {
  if ("problem" in answer) return fail("ready", answer.problem, "The gateway's log may say why.");
  if (answer.status === 200) return ok("store", "usable, and a provider can answer");
  const reason = Object.entries(READY_REASONS).find(([code]) => answer.body.includes(code))?.[1];
  if (reason !== undefined) return fail(...reason);
  return fail("ready", `not ready: ${answer.status} ${answer.body}`, "The gateway's log says why.");
}
