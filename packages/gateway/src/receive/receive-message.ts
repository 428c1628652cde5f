/**
 * `receive` for one message of a WebSocket, which came whole: what it asks is picked out of it, as out of the body
 * of a request. The bytes that go up are the ones that came.
 */

import { isUtf8 } from "node:buffer";
import type { CallerMessage, SocketProtocol, SocketSession } from "../dialects/socket-protocol.ts";
import { GatewayError } from "../errors.ts";
import type { Authenticated, KeptBody, Received } from "../exchange.ts";
import type { SeenNames } from "../json-names.ts";
import { createJsonPicker } from "../json-pick.ts";
import type { PeekedBody } from "./body-peek.ts";
import type { ObjectReference } from "../provider-objects.ts";
import { leavesModel, withLeftModels } from "./left-models.ts";
import { parsePolicy } from "./policy.ts";
import {
  knownNestedNames,
  mayReferNested,
  memberReferences,
  membersGiven,
  namesByObject,
  nestedReferences,
  parsedReferences,
} from "./references.ts";

/** Over this a value is none that policy understands. */
const MAX_VALUE_BYTES = 4096;

/** A message as peeked at. */
export interface PeekedMessage {
  readonly asks: CallerMessage;
  readonly body: PeekedBody;
  readonly byteLength: number;
  /** The provider-side objects that it names. */
  readonly references: readonly ObjectReference[];
  /** A tool of it leaves its model to the provider. */
  readonly leavesModel: boolean;
}

/** What a message holds when it is none of the protocol's. */
const nothing: PeekedMessage["asks"] = { kind: "passes" };

/**
 * Reads what a whole message asks. Binary ones are looked at, too: a provider might take one for text. Throws
 * `invalid_body` for text that is no JSON object, or that gives a member twice which policy reads.
 */
export function peekMessage(
  from: { readonly protocol: SocketProtocol; readonly session: SocketSession },
  payload: Buffer,
  isText: boolean,
): PeekedMessage {
  const { refersTo } = from.protocol;
  const picker = createJsonPicker(from.protocol.callerPaths, {
    maxValueBytes: MAX_VALUE_BYTES,
    ...(refersTo === "none" ? {} : { names: knownNestedNames(refersTo) }),
  });
  picker.push(payload);
  const { found, malformed } = picker.end();
  const isObject = malformed === null && payload.find((byte) => byte > 0x20) === 0x7b;
  const { byteLength } = payload;
  if (!isObject || !isUtf8(payload)) {
    if (!isText)
      return {
        asks: nothing,
        body: { given: [], picks: [] },
        byteLength,
        references: [],
        leavesModel: false,
      };
    throw new GatewayError(
      "invalid_body",
      `The message is no valid JSON object${malformed === null ? "" : `: ${malformed}`}. Send one JSON object.`,
    );
  }
  const given = found.flatMap(({ path, value }) =>
    path.length === 1 ? [{ place: "json" as const, name: path[0] ?? "", value }] : [],
  );
  const types = given.filter(({ name }) => name === "type");
  if (types.length > 1) throw twice("type");
  const asks = from.session.readCaller(found);
  // Of what begins an exchange, `parsePolicy` refuses what is given twice.
  if (asks.kind === "names_models") refuseRepeats(found.map(({ path }) => path.join(".")));
  const body = { given, picks: found };
  const references = referencesOf(refersTo, { body, seen: picker.seen, payload });
  const named = references[0]?.param ?? membersGiven(refersTo, body)[0]?.place.name;
  if (asks.kind !== "begins" && named !== undefined) {
    throw new GatewayError(
      "not_supported",
      "Only a message that begins a response may name a stored object. Name it there.",
      { param: named },
    );
  }
  const { leftModels } = from.protocol;
  const isLeft = asks.kind === "begins" && leftModels !== undefined && leavesModel(leftModels, [payload]);
  return { asks, body, byteLength, references, leavesModel: isLeft };
}

interface LookedInto {
  readonly body: PeekedBody;
  readonly seen: SeenNames | null;
  readonly payload: Buffer;
}

/** What stands below the top level. */
function referencesOf(
  places: SocketProtocol["refersTo"],
  { body, seen, payload }: LookedInto,
): readonly ObjectReference[] {
  if (places === "none") return [];
  if (namesByObject(places, body)) return parsedReferences(places, payload);
  if (seen === null || !mayReferNested(places, seen)) return [];
  return nestedReferences(places, seen, [payload]);
}

/** A message with what it is a message of. */
export interface SocketMessage {
  readonly protocol: SocketProtocol;
  readonly peeked: PeekedMessage;
  /** What it goes on from was made on the same connection, which is as good as any owner. */
  readonly isPreviousOurs: boolean;
}

/**
 * What the exchange that a message begins asks for. Throws `invalid_body` or `not_supported`. The body's bytes are
 * with the socket: it only tells how many they are.
 */
export function receiveMessage(authenticated: Authenticated, message: SocketMessage): Received {
  const { peeked, protocol } = message;
  const { policy: rules, makes, refersTo, modelRefs } = protocol;
  const endpoint = { ...authenticated.endpoint, policy: rules, makes, refersTo, modelRefs };
  const inMessage = { ...authenticated, endpoint };
  const policy = withLeftModels(parsePolicy(inMessage, peeked.body), peeked.leavesModel);
  const sessionModel = peeked.asks.kind === "begins" ? peeked.asks.sessionModel : null;
  const model = policy.model === "" ? (sessionModel ?? "") : policy.model;
  return {
    ...inMessage,
    body: bodyOf(peeked.byteLength),
    policy: { ...policy, model, isStream: true },
    references: [...memberReferences(refersTo, peeked.body), ...peeked.references, ...previousOf(message)],
    batchFile: null,
  };
}

const PREVIOUS = "previous_response_id";

function previousOf({ peeked, isPreviousOurs }: SocketMessage): readonly ObjectReference[] {
  const value = peeked.body.given.find(({ name }) => name === PREVIOUS)?.value ?? null;
  const isGiven = peeked.body.given.some(({ name, value: given }) => name === PREVIOUS && given !== null);
  if (!isGiven) return [];
  if (typeof value !== "string" || value === "") {
    throw new GatewayError("invalid_body", `\`${PREVIOUS}\` must be the id of a response.`, {
      param: PREVIOUS,
    });
  }
  return isPreviousOurs ? [] : [{ kind: "response", id: value, param: PREVIOUS }];
}

/** What the provider began by itself, and the session's model, in whose name it did. */
export interface UnaskedMessage {
  readonly protocol: SocketProtocol;
  readonly model: string;
}

/** No message asked for anything, so there is nothing to read. */
export function receiveUnasked<Stage extends Received>(opened: Stage, unasked: UnaskedMessage): Stage {
  const { policy: rules, makes, refersTo, modelRefs } = unasked.protocol;
  return {
    ...opened,
    endpoint: { ...opened.endpoint, policy: rules, makes, refersTo, modelRefs },
    body: null,
    policy: { ...opened.policy, model: unasked.model, isStream: true },
    references: [],
    batchFile: null,
  };
}

function bodyOf(byteLength: number): KeptBody {
  return {
    byteLength,
    contentEncoding: "",
    chunks: () => [],
    grow: () => {},
    release: () => {},
    giveBack: () => {},
  };
}

function refuseRepeats(names: readonly string[]): void {
  const seen = new Set<string>();
  for (const name of names) {
    if (seen.has(name)) throw twice(name);
    seen.add(name);
  }
}

function twice(name: string): GatewayError {
  return new GatewayError("invalid_body", `The message gives \`${name}\` twice. Give it once.`, {
    param: name,
  });
}
