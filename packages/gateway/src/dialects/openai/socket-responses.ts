/**
 * The WebSocket of `/responses`: a caller's `response.create` begins a response, and the provider's messages are
 * the objects that a streamed reply has as its events. Lanes (`stream_id`) run side by side on one connection.
 */

import type { GatewayError } from "../../errors.ts";
import type { Picked, PickPath } from "../../json-pick.ts";
import type { EndpointPolicy } from "../dialect.ts";
import { createNeedleFinder } from "../needles.ts";
import { countOf, pickFrom, textOf } from "../readings.ts";
import type {
  CallerMessage,
  ProviderMessage,
  SocketErrorContext,
  SocketProtocol,
  SocketSession,
} from "../socket-protocol.ts";
import { openAiErrorBody } from "./errors.ts";
import { responseLeftModels, makesResponse, responseReferences, toolModels } from "./object-places.ts";
import { ResponsesEvents, responsesNeedles } from "./usage-responses.ts";

const policy: EndpointPolicy = {
  modelIn: ["json"],
  isModelRequired: true,
  fields: [
    "type",
    "stream_id",
    "previous_response_id",
    "conversation",
    "prompt_cache_options",
    "stream",
    "service_tier",
    "max_output_tokens",
    "store",
  ],
  notOfferedFields: ["background"],
};

const callerPaths: readonly PickPath[] = [
  ...["model", ...policy.fields, ...policy.notOfferedFields].map((name) => [name]),
  ...toolModels,
];

const TYPE: PickPath = ["type"];
const LANE: PickPath = ["stream_id"];
const STATUS: PickPath = ["status"];
const RESPONSE_ID: PickPath = ["response", "id"];
const MODEL: PickPath = ["response", "model"];
const providerPaths: readonly PickPath[] = [TYPE, LANE, STATUS, RESPONSE_ID, MODEL];
const lanePaths: readonly PickPath[] = [LANE];

const kinds: Readonly<Record<string, ProviderMessage["kind"]>> = {
  "response.created": "begins",
  "response.completed": "ends",
  "response.incomplete": "ends",
  "response.failed": "ends",
  error: "fails",
};

export const responsesSocket: SocketProtocol = {
  callerPaths,
  policy,
  makes: makesResponse,
  // What it goes on from may be of the same connection, of which nobody else has to know (`forward/caller-asks.ts`).
  refersTo: responseReferences.filter(({ name }) => name !== "previous_response_id"),
  modelRefs: toolModels,
  leftModels: responseLeftModels,
  open: () => new ResponsesSession(),
  renderError: renderResponsesSocketError,
};

class ResponsesSession implements SocketSession {
  readonly #find = createNeedleFinder(responsesNeedles);

  readCaller(picks: readonly Picked[]): CallerMessage {
    if (valueOf(picks, "type") !== "response.create") return { kind: "passes" };
    return {
      kind: "begins",
      lane: textOf(valueOf(picks, "stream_id")) ?? "",
      // Its errors name no message.
      eventId: null,
      previousResponseId: textOf(valueOf(picks, "previous_response_id")),
      sessionModel: null,
    };
  }

  readProvider(message: Buffer): ProviderMessage | null {
    if (this.#find(message, 0, message.length) === -1) return null;
    const picks = pickFrom(message, providerPaths);
    const kind = kinds[textOf(picks.get(TYPE)) ?? ""];
    if (kind === undefined || picks.malformed !== null) return null;
    const model = textOf(picks.get(MODEL));
    return {
      kind,
      lane: textOf(picks.get(LANE)) ?? "",
      responseId: textOf(picks.get(RESPONSE_ID)),
      eventId: null,
      status: countOf(picks.get(STATUS)) ?? 400,
      models: model === null ? [] : [model],
    };
  }

  laneOf(message: Buffer): string {
    return textOf(pickFrom(message, lanePaths).get(LANE)) ?? "";
  }

  modelOf(message: ProviderMessage): string {
    return message.models[0] ?? "";
  }

  createReader(context: ConstructorParameters<typeof ResponsesEvents>[0]): ResponsesEvents {
    return new ResponsesEvents(context);
  }
}

/** The value of a top-level member, undefined when it is not there. */
export function valueOf(picks: readonly Picked[], name: string): unknown {
  return picks.find(({ path }) => path.length === 1 && path[0] === name)?.value;
}

/** With `status: 400` Codex says what it reads and stops; with 401 or 403 it tries again and again (0.169.0). */
function renderResponsesSocketError(error: GatewayError, context: SocketErrorContext): string {
  return JSON.stringify({
    type: "error",
    error: openAiErrorBody(error),
    status: 400,
    ...(context.lane === "" ? {} : { stream_id: context.lane }),
  });
}
