/**
 * The step that speaks to the provider: builds the request that goes up, and relays. What goes up is what came:
 * the headers follow the closed table, the body is the caller's, byte for byte, but for the contract's closed list
 * of edits.
 */

import { parseContentEncoding } from "../encoding.ts";
import type { BodyEdit, Held, KeptBody, Upstream } from "../exchange.ts";
import { requestHeadersUp } from "../headers.ts";
import type { Observation } from "../observation.ts";
import { editedBody } from "./edited-body.ts";
import { findCatalogueFor } from "./model-list.ts";
import { planOutputLimit } from "./output-limit.ts";
import { Relay, type RelayOptions } from "./relay.ts";
import type { ForwardDeps } from "./settings.ts";
import { upstreamIdentity } from "../upstream-identity.ts";
import type { UpstreamBody, UpstreamClient, UpstreamRequest } from "../upstream/client.ts";

/**
 * Resolves when the exchange is over and its row written. Rejects with a `GatewayError` when no reply was begun;
 * the row is written then, too.
 */
export async function forward(
  deps: ForwardDeps,
  routed: Held,
  { settle, ownership, onInput }: Pick<RelayOptions, "settle" | "ownership" | "onInput">,
): Promise<void> {
  if (routed.call.response.destroyed) {
    // It left while its intent was written: nothing is sent, and nothing is billed.
    await settle(unsent(true));
    return;
  }
  const client = clientOf(deps, routed);
  let request: UpstreamRequest;
  try {
    request = await upstreamRequest(routed);
  } catch (error) {
    await settle(unsent(false));
    throw error;
  }
  await new Relay({ deps, routed, client, request, settle, ownership, onInput }).done;
}

/** Straight to the provider, on the flight of an identical question, or to the list that is kept for who waits for it. */
function clientOf(deps: ForwardDeps, held: Held): Pick<UpstreamClient, "send"> {
  const client = deps.clientFor(held.upstream.isSimulated);
  const { projectId } = held.principal;
  if (held.endpoint.isModelList && findCatalogueFor(held) !== null) {
    const owner = { projectId, upstream: upstreamIdentity(held.upstream) };
    return { send: (request, observer) => deps.keptLists.send(client, owner, request, observer) };
  }
  if (held.endpoint.isSharedInFlight !== true) return client;
  return { send: (request, observer) => deps.flights.send(client, projectId, request, observer) };
}

/** What is seen of an exchange of which no byte went up. */
function unsent(isCallerGone: boolean): Observation {
  return {
    ending: "no_reply",
    isCallerGone,
    status: null,
    reading: null,
    meterFault: null,
    isStream: false,
    firstByteAtMs: null,
    responseBytes: 0,
    providerRequestId: null,
    attempts: 0,
    failure: null,
  };
}

async function upstreamRequest(held: Held): Promise<UpstreamRequest> {
  const { call, endpointPath, upstream, policy, body } = held;
  const lowered = held.hold?.loweredOutput ?? null;
  const isEdited = policy.includeUsage !== null || lowered !== null;
  const isDecoded =
    body !== null &&
    body.contentEncoding !== "" &&
    (isEdited || !takesEncoding(upstream, body.contentEncoding));
  const plan = (decoded: readonly Uint8Array[]): readonly BodyEdit[] => [
    ...(policy.includeUsage === null ? [] : [policy.includeUsage]),
    ...(lowered === null ? [] : planOutputLimit(decoded, lowered)),
  ];
  return {
    method: call.request.method ?? "GET",
    origin: upstream.origin,
    path: upstream.basePath + endpointPath + call.query,
    headers: requestHeadersUp(call.request.rawHeaders, {
      authorization: upstream.apiKey === null ? [] : held.provider.authorization(upstream.apiKey),
      isBodyDecoded: isDecoded,
      wantsIdentity: policy.includeUsage !== null,
    }),
    body:
      body === null
        ? null
        : sentBody(held, body, isEdited || isDecoded ? await editedBody(body, plan) : body),
    timeouts: upstream.timeouts,
  };
}

/** A stack of encodings is one that no provider is known to take. */
function takesEncoding({ passing }: Upstream, contentEncoding: string): boolean {
  const encodings = parseContentEncoding(contentEncoding) ?? [];
  return encodings.length <= 1 && encodings.every((each) => passing.acceptedEncodings.includes(each));
}

/**
 * The body on its way, given back to the memory bound as soon as its last chunk is with the socket: a stream of
 * many minutes must not hold its request for as long. From then on nothing is repeated, because bytes were written.
 */
function sentBody(held: Held, kept: KeptBody, body: UpstreamBody): UpstreamBody {
  // Compared with the questions in flight before it is sent, and repeated by those who joined.
  if (held.endpoint.isSharedInFlight === true) return body;
  let unsent: UpstreamBody | null = body;
  return {
    byteLength: body.byteLength,
    *chunks() {
      if (unsent !== null) yield* unsent.chunks();
      unsent = null;
      kept.release();
    },
    written: () => kept.giveBack(),
  };
}
