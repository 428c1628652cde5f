/**
 * The few pages that are the gateway's own: health, metrics, and a line that says what this is. It knows no exchange.
 */

import type { BlockList } from "node:net";
import type { Clock } from "../clock.ts";
import type { Dialect, OwnReply } from "../dialects/dialect.ts";
import { GatewayError } from "../errors.ts";
import type { CallerRequest, CallerResponse } from "../exchange.ts";
import { newExchangeId } from "../ids.ts";
import { answer, retryHeaders } from "./answer.ts";
import { callerAddress, isLoopback, isOnBehalfOfUnknown } from "./caller-address.ts";
import { type HealthDeps, healthReply } from "./health.ts";

export interface OwnPagesDeps {
  readonly clock: Clock;
  /** What `/metrics` shows. */
  readonly renderMetrics: () => Promise<string>;
  /** Shapes the answer to a path that nobody has. */
  readonly defaultDialect: Dialect;
  readonly health: HealthDeps;
  readonly settings: {
    readonly trustedProxies: BlockList;
    readonly metrics: "loopback" | "on" | "off";
  };
}

export interface AskedPage {
  readonly request: CallerRequest;
  readonly response: CallerResponse;
  readonly path: string;
}

/** Answers what no dialect and no API has: health, metrics, `/`, and 404 for the rest. */
export async function answerOwnPage(deps: OwnPagesDeps, asked: AskedPage): Promise<void> {
  const { request, response, path } = asked;
  const reply =
    (await healthReply(deps.health, path)) ?? (await metricsReply(deps, request, path)) ?? aboutReply(path);
  const missing = new GatewayError(
    "unknown_endpoint",
    "There is nothing here. OpenAI-compatible clients use /openai/v1, Anthropic-compatible ones /anthropic.",
  );
  answer({
    request,
    response,
    reply: reply ?? deps.defaultDialect.renderError(missing, newExchangeId(deps.clock.now())),
    extraHeaders: reply === null ? retryHeaders(missing) : [],
  });
}

async function metricsReply(
  deps: OwnPagesDeps,
  request: CallerRequest,
  path: string,
): Promise<OwnReply | null> {
  const { renderMetrics, settings } = deps;
  if (path !== "/metrics" || settings.metrics === "off") return null;
  if (settings.metrics === "loopback") {
    // A proxy on this machine makes everybody look like a caller from it.
    if (isOnBehalfOfUnknown(request, settings.trustedProxies)) return null;
    if (!isLoopback(callerAddress(request, settings.trustedProxies))) return null;
  }
  try {
    const body = await renderMetrics();
    return { status: 200, headers: [["content-type", "text/plain; version=0.0.4"]], body };
  } catch {
    // Some processes' without the others' would look like a gateway that began anew.
    return plain(503, "The gateway is stopping, and its processes cannot add up their metrics any more.\n");
  }
}

function aboutReply(path: string): OwnReply | null {
  if (path !== "/") return null;
  return plain(
    200,
    "MeshAgent LLM Proxy. OpenAI-compatible clients use /openai/v1, Anthropic-compatible ones /anthropic.\n",
  );
}

/** An answer of text. */
export function plain(status: number, body: string): OwnReply {
  return { status, headers: [["content-type", "text/plain; charset=utf-8"]], body };
}
