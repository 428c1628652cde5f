/**
 * The WebSocket of `/realtime`: a session with one model, whose responses a caller asks for or the provider begins
 * by itself when somebody has spoken. What the speaker said is transcribed by another model, at its own price.
 */

import type { GatewayError } from "../../errors.ts";
import type { Picked, PickPath } from "../../json-pick.ts";
import type { EndpointPolicy } from "../dialect.ts";
import { createNeedleFinder } from "../needles.ts";
import { pickFrom, textOf } from "../readings.ts";
import type {
  CallerMessage,
  MessageReader,
  ProviderMessage,
  SocketErrorContext,
  SocketProtocol,
  SocketSession,
} from "../socket-protocol.ts";
import type { ReplyContext } from "../usage-reader.ts";
import { openAiErrorBody } from "./errors.ts";
import { filesAnywhere } from "./object-places.ts";
import { valueOf } from "./socket-responses.ts";
import { realtimeUsage } from "./usage-realtime.ts";

/** Every place at which a message of the caller's can name a model; some are of older forms of the protocol. */
const modelPaths: readonly PickPath[] = [
  ["session", "model"],
  ["session", "audio", "input", "transcription", "model"],
  ["session", "input_audio_transcription", "model"],
  ["response", "model"],
  ["response", "audio", "input", "transcription", "model"],
];

const policy: EndpointPolicy = {
  modelIn: ["json"],
  isModelRequired: false,
  fields: ["type", "event_id"],
  notOfferedFields: [],
};

const TYPE: PickPath = ["type"];
const EVENT_ID: PickPath = ["error", "event_id"];
const RESPONSE_ID: PickPath = ["response", "id"];
const ITEM_ID: PickPath = ["item_id"];
const SESSION_MODEL: PickPath = ["session", "model"];
const TRANSCRIPTION_MODEL: PickPath = ["session", "audio", "input", "transcription", "model"];
const OLD_TRANSCRIPTION_MODEL: PickPath = ["session", "input_audio_transcription", "model"];
const providerPaths: readonly PickPath[] = [
  TYPE,
  EVENT_ID,
  RESPONSE_ID,
  ITEM_ID,
  SESSION_MODEL,
  TRANSCRIPTION_MODEL,
  OLD_TRANSCRIPTION_MODEL,
];

const needles = [
  "response.created",
  "response.done",
  "input_audio_transcription.completed",
  "session.created",
  "session.updated",
  '"error"',
];

const kinds: Readonly<Record<string, ProviderMessage["kind"]>> = {
  "response.created": "begins",
  "response.done": "ends",
  "conversation.item.input_audio_transcription.completed": "stands_alone",
  "session.created": "session",
  "session.updated": "session",
  "transcription_session.created": "session",
  "transcription_session.updated": "session",
  error: "fails",
};

export const realtimeSocket: SocketProtocol = {
  callerPaths: [["type"], ["event_id"], ["model"], ...modelPaths],
  policy,
  makes: "none",
  refersTo: filesAnywhere,
  // The session says which models its messages name.
  modelRefs: "none",
  open: (query) => new RealtimeSession(new URLSearchParams(query).get("model") ?? ""),
  renderError: renderRealtimeError,
};

class RealtimeSession implements SocketSession {
  readonly #find = createNeedleFinder(needles);
  #model: string;
  #transcriptionModel = "";

  constructor(model: string) {
    this.#model = model;
  }

  readCaller(picks: readonly Picked[]): CallerMessage {
    const eventId = textOf(valueOf(picks, "event_id"));
    const named = picks.filter(({ path }) => path.length > 1).map(({ value }) => value);
    const models = named.filter((value) => value !== null).map((value) => textOf(value) ?? "");
    if (valueOf(picks, "type") === "response.create" && models.length === 0) {
      return { kind: "begins", lane: "", eventId, previousResponseId: null, sessionModel: this.#model };
    }
    return models.length === 0 ? { kind: "passes" } : { kind: "names_models", models, eventId };
  }

  readProvider(message: Buffer): ProviderMessage | null {
    if (this.#find(message, 0, message.length) === -1) return null;
    const picks = pickFrom(message, providerPaths);
    const kind = kinds[textOf(picks.get(TYPE)) ?? ""];
    if (kind === undefined || picks.malformed !== null) return null;
    const models: string[] = [];
    if (kind === "session") {
      const model = textOf(picks.get(SESSION_MODEL));
      const transcription =
        textOf(picks.get(TRANSCRIPTION_MODEL)) ?? textOf(picks.get(OLD_TRANSCRIPTION_MODEL));
      this.#model = model ?? this.#model;
      this.#transcriptionModel = transcription ?? this.#transcriptionModel;
      for (const named of [model, transcription]) if (named !== null) models.push(named);
    }
    return {
      kind,
      lane: "",
      responseId: textOf(picks.get(RESPONSE_ID)) ?? textOf(picks.get(ITEM_ID)),
      eventId: textOf(picks.get(EVENT_ID)),
      status: 400,
      models,
    };
  }

  laneOf(): string {
    return "";
  }

  modelOf(message: ProviderMessage): string {
    return message.kind === "stands_alone" ? this.#transcriptionModel : this.#model;
  }

  createReader(context: ReplyContext): MessageReader {
    return realtimeUsage(context);
  }
}

function renderRealtimeError(error: GatewayError, context: SocketErrorContext): string {
  return JSON.stringify({
    type: "error",
    event_id: `event_${context.exchangeId}`,
    error: { ...openAiErrorBody(error), event_id: context.eventId },
    status: 400,
  });
}
