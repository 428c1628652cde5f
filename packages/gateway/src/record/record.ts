/**
 * The last step, and the first durable one: the intent before anything goes upstream, the result before the
 * caller gets the end. It names outcomes and prices usage; how rows are kept is the store's business.
 */

import type { MeteredUsage, UsageRecord } from "@meshagent/llm-proxy-protocol/usage";
import type { Clock } from "../clock.ts";
import { GatewayError } from "../errors.ts";
import type { ReplyReading } from "../dialects/usage-reader.ts";
import type { Held, Routed } from "../exchange.ts";
import type { Observation } from "../observation.ts";
import type { Metrics } from "../observe/metrics.ts";
import { sumCharges } from "../money.ts";
import type { LaterUsage, ObjectKey } from "../store/objects.ts";
import { upstreamIdentity } from "../upstream-identity.ts";
import type { Prices } from "../pricing/prices.ts";
import type { ExchangeIntent, ExchangeResult, Ledger, Outcome, UsageSource } from "../store/store.ts";
import { estimateUsage } from "./estimate.ts";

export interface RecordDeps {
  readonly ledger: Ledger;
  readonly prices: Prices;
  readonly clock: Clock;
  readonly bootId: string;
  readonly metrics: Pick<Metrics, "finished">;
  /** Keeps an exchange open whose usage is told later, and begins to wait for it. */
  readonly awaitUsage: (later: LaterUsage, intent: ExchangeIntent) => Promise<void>;
}

/**
 * Makes the intent durable; where something is held, it was written with the hold. Throws `ledger_unavailable`, and
 * then nothing may be sent.
 */
export async function recordIntent(deps: RecordDeps, held: Held): Promise<void> {
  if (held.hold !== null) return;
  try {
    await deps.ledger.recordIntent(intentOf(deps, held));
  } catch (cause) {
    throw new GatewayError(
      "ledger_unavailable",
      "The gateway cannot write its ledger, so it sent nothing to the provider. Try again; its operator finds the reason in its log.",
      { cause, retryAfterS: 5 },
    );
  }
}

/** Makes the result durable. Idempotent: a repeat replaces. */
export async function recordResult(deps: RecordDeps, routed: Held, observation: Observation): Promise<void> {
  const result = resultOf(deps, routed, observation);
  const runsOn = runningObject(routed, observation);
  if (runsOn !== null) {
    await deps.awaitUsage({ ...runsOn, soFar: result }, intentOf(deps, routed));
    return;
  }
  await deps.ledger.recordResult(result, routed.hold?.settlement(result));
  routed.hold?.settled(result);
  deps.metrics.finished({ dialect: routed.dialect.name, isSimulated: routed.upstream.isSimulated }, result);
}

/** `recordResult` for one exchange: its metrics are counted with its first row, and a correction counts nothing. */
export function resultRecorder(deps: RecordDeps, routed: Held): (observation: Observation) => Promise<void> {
  let isCounted = false;
  const metrics: RecordDeps["metrics"] = {
    finished: (exchange, result) => {
      if (!isCounted) deps.metrics.finished(exchange, result);
      isCounted = true;
    },
  };
  return (observation) => recordResult({ ...deps, metrics }, routed, observation);
}

/** Tells an exchange's hold what its input costs; null where nothing is held. */
export function inputRecorder(
  deps: RecordDeps,
  { hold, ...routed }: Held,
): ((reading: ReplyReading) => void) | null {
  if (hold === null) return null;
  return (reading) => {
    const input = reading.usage.map((record) => ({
      ...record,
      output_tokens: 0,
      completeness: "complete" as const,
    }));
    const cost = sumCharges(priced(deps, routed, input));
    if (cost !== null && input.length > 0) hold.inputTold(cost);
  };
}

/** What is written of an exchange before anything of it is sent. */
export function intentOf(deps: Pick<RecordDeps, "prices" | "bootId">, routed: Routed): ExchangeIntent {
  const { call, principal, policy } = routed;
  const requestBytes = routed.body?.byteLength ?? 0;
  return {
    id: call.exchangeId,
    bootId: deps.bootId,
    projectId: principal.projectId,
    room: principal.room,
    participant: principal.participant,
    role: principal.role,
    apiKeyId: principal.apiKeyId,
    tokenId: principal.tokenId,
    sessionId: routed.sessionId,
    agentId: routed.agentId,
    client: routed.client,
    dialect: routed.dialect.name,
    endpoint: `/v1${routed.endpointPath}`,
    transport: transportOf(routed),
    connectionId: call.connectionId,
    provider: routed.provider.name,
    requestedModel: policy.model,
    requestedTier: policy.requestedTier,
    isSimulated: routed.upstream.isSimulated,
    receivedAtMs: call.receivedAtMs,
    requestBytes,
    estimate: priced(deps, routed, intentEstimate(routed, requestBytes)),
  };
}

function resultOf(deps: RecordDeps, routed: Routed, observation: Observation): ExchangeResult {
  const usage = priced(deps, routed, usageOf(routed, observation));
  const reading = observation.reading;
  return {
    id: routed.call.exchangeId,
    outcome: outcomeOf(routed, observation),
    usageSource: usageSourceOf(observation, usage),
    status: observation.status ?? statusWithoutReply(observation),
    model: reading?.servedModel ?? usage[0]?.model ?? routed.policy.model,
    servedTier: reading?.servedTier ?? null,
    firstByteAtMs: observation.firstByteAtMs,
    completedAtMs: deps.clock.now(),
    responseBytes: observation.responseBytes,
    providerRequestId: observation.providerRequestId,
    attempts: observation.attempts,
    usage,
    costNanoUsd: sumCharges(usage),
  };
}

function intentEstimate(routed: Routed, requestBytes: number): readonly MeteredUsage[] {
  if (!isMetered(routed)) return [];
  return routed.endpoint.isMedia ? untold(routed) : [estimate(routed, requestBytes, null, null)];
}

/** The object of a background run that has not told what it used: its exchange stays open until it does. */
function runningObject(routed: Routed, { status, reading }: Observation): ObjectKey | null {
  const { endpoint, policy, principal, upstream } = routed;
  const kind = endpoint.makes === "none" ? undefined : endpoint.makes.objects[0]?.kind;
  if (kind === undefined || reading === null || reading.responseId === null) return null;
  if (status === null || status >= 300) return null;
  // A background run goes on when its stream breaks.
  const isCut = policy.isBackground && reading.usage.every(({ completeness }) => completeness === "missing");
  const hasEnded = reading.outcome === "failed" || reading.outcome === "cancelled";
  if (reading.isRunning !== true && (!isCut || hasEnded)) return null;
  return {
    projectId: principal.projectId,
    upstream: upstreamIdentity(upstream),
    kind,
    id: reading.responseId,
  };
}

function transportOf({ endpoint, policy }: Routed): ExchangeIntent["transport"] {
  if (endpoint.socket !== undefined) return "websocket";
  return policy.isStream ? "sse" : "http";
}

function isMetered({ endpoint }: Routed): boolean {
  return endpoint.usageReader !== null || endpoint.socket !== undefined;
}

function priced(
  deps: Pick<RecordDeps, "prices">,
  routed: Routed,
  usage: readonly MeteredUsage[],
): readonly UsageRecord[] {
  const context = {
    provider: routed.provider.name,
    atMs: routed.call.receivedAtMs,
    upstreamRegion: routed.upstream.region,
  };
  return usage.map((record) => ({ ...record, ...deps.prices.charge(record, context) }));
}

/** An abandoned reply, and a request whose reply never came though it was sent, bill what nobody saw. */
function usageOf(routed: Routed, observation: Observation): readonly MeteredUsage[] {
  if (!isMetered(routed)) return [];
  const known = observation.reading?.usage ?? [];
  const isKnown = known.some(
    (record) => record.completeness === "complete" || record.completeness === "derived",
  );
  const isGivenUp = observation.ending === "abandoned" || observation.ending === "stopped";
  if (isGivenUp && !isKnown && !isUpstreamError(observation)) {
    if (routed.endpoint.isMedia) return known.length === 0 ? untold(routed) : known;
    const requestBytes = routed.body?.byteLength ?? 0;
    const seenBytes = observation.status === null ? null : observation.responseBytes;
    return [estimate(routed, requestBytes, seenBytes, known[0] ?? null), ...known.slice(1)];
  }
  if (observation.ending === "no_reply" && wasSent(observation)) return untold(routed);
  return known;
}

function estimate(
  routed: Routed,
  requestBytes: number,
  responseBytes: number | null,
  known: MeteredUsage | null,
): MeteredUsage {
  const { model, maxOutputTokens } = routed.policy;
  return estimateUsage({ model, requestBytes, responseBytes, maxOutputTokens, known });
}

/** What is used where no reply tells: `missing`, or what follows from the request alone. */
function untold(routed: Routed): readonly MeteredUsage[] {
  const { endpoint, policy, call } = routed;
  const context = {
    requestedModel: policy.model,
    status: 200,
    mediaType: "",
    isStreamRequested: policy.isStream,
    inputCharacters: policy.inputCharacters,
  };
  const reader = endpoint.usageReader?.(context) ?? endpoint.socket?.open(call.query).createReader(context);
  return reader?.read("cut").usage ?? [];
}

/** The provider may have worked, and bills then, although nothing came back. */
function wasSent(observation: Observation): boolean {
  return observation.failure !== null && !observation.failure.isUnsent;
}

function isUpstreamError(observation: Observation): boolean {
  return observation.status !== null && observation.status >= 300;
}

function outcomeOf(routed: Routed, observation: Observation): Outcome {
  if (isUpstreamError(observation)) return "upstream_error";
  if (observation.ending === "stopped") return "interrupted";
  if (observation.isCallerGone) return "client_closed";
  if (observation.ending === "no_reply") return wasSent(observation) ? "truncated" : "upstream_error";
  if (!isMetered(routed)) return observation.ending === "complete" ? "not_metered" : "truncated";
  return observation.reading?.outcome ?? "truncated";
}

function statusWithoutReply(observation: Observation): number | null {
  if (observation.isCallerGone) return null;
  const reason = observation.failure?.reason;
  if (reason === undefined) return 503;
  return reason.endsWith("timeout") ? 504 : 502;
}

function usageSourceOf(observation: Observation, usage: readonly MeteredUsage[]): UsageSource {
  const billed = usage.filter((record) => record.billed);
  if (billed.some((record) => record.completeness === "estimated")) return "estimated";
  if (billed.some((record) => record.completeness === "partial")) return "partial";
  if (billed.length === 0 && usage.length === 0) return "none";
  if (billed.some((record) => record.completeness === "missing")) return "none";
  return observation.ending === "drained" ? "drained" : "exact";
}
