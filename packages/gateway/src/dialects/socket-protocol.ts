/**
 * What a dialect declares of a WebSocket endpoint: how the messages of both sides map to exchanges. It sees whole
 * messages and says what they mean; frames, streams, rows and refusals are others' business.
 */

import type { GatewayError } from "../errors.ts";
import type { Picked, PickPath } from "../json-pick.ts";
import type { EndpointPolicy, OfferedEndpoint } from "./dialect.ts";
import type { ReplyContext, ReplyEnd, ReplyReading } from "./usage-reader.ts";

/** What one message of the caller's asks for. */
export type CallerMessage =
  /** Nothing that policy knows. */
  | { readonly kind: "passes" }
  /** A response, which is an exchange of its own. */
  | {
      readonly kind: "begins";
      /** Responses of different lanes run side by side; "" for the one lane without a name. */
      readonly lane: string;
      /** What the caller calls the message, so that an error can name it. */
      readonly eventId: string | null;
      /** A response that this one goes on from. */
      readonly previousResponseId: string | null;
      /** The message need not name a model: the session has one. */
      readonly sessionModel: string | null;
    }
  /** Models of the session, every one of which must be granted. */
  | { readonly kind: "names_models"; readonly models: readonly string[]; readonly eventId: string | null };

/** What one message of the provider's means to the exchanges of its socket. */
export interface ProviderMessage {
  readonly kind:
    /** A response has begun. */
    | "begins"
    /** It is over, and the message says what it bills. */
    | "ends"
    /** Something went wrong: with a response that has not begun, or inside one that has. */
    | "fails"
    /** An exchange that begins and ends with this message, such as a transcription. */
    | "stands_alone"
    /** Says which models the session has. */
    | "session";
  readonly lane: string;
  readonly responseId: string | null;
  /** The caller's message that failed, where the provider names it. */
  readonly eventId: string | null;
  /** With `fails`: the HTTP status that the provider gives it. */
  readonly status: number;
  /** The models that the message names, for the grant. */
  readonly models: readonly string[];
}

/** Reads the usage of one exchange out of the messages that mean something to it. Never throws. */
export interface MessageReader {
  /** `message` is valid during the call. */
  take(message: Buffer): void;
  /** True once all that will be billed is known. */
  readonly isTerminal: boolean;
  read(end: ReplyEnd): ReplyReading;
}

/** The state of one socket. */
export interface SocketSession {
  /** The picks are of `SocketProtocol.callerPaths`; `type` is given once. Never throws. */
  readCaller(picks: readonly Picked[]): CallerMessage;
  /** null for a message that means nothing to exchanges: most of them. Never throws. */
  readProvider(message: Buffer): ProviderMessage | null;
  /** The lane of any message of the provider's. */
  laneOf(message: Buffer): string;
  /** The model of a response or transcription that nobody asked for by a message. */
  modelOf(message: ProviderMessage): string;
  createReader(context: ReplyContext): MessageReader;
}

export interface SocketErrorContext {
  readonly lane: string;
  readonly eventId: string | null;
  /** Names the error where the protocol's errors have ids. */
  readonly exchangeId: string;
}

export interface SocketProtocol {
  /** Every member of a caller's message that is looked at. */
  readonly callerPaths: readonly PickPath[];
  /** For a message that begins a response. */
  readonly policy: EndpointPolicy;
  /** As of an endpoint: what such a message's response makes, what any message may refer to, which models it names. */
  readonly makes: OfferedEndpoint["makes"];
  readonly refersTo: OfferedEndpoint["refersTo"];
  readonly modelRefs: OfferedEndpoint["modelRefs"];
  readonly leftModels?: OfferedEndpoint["leftModels"];
  /** `query` of the upgrade, with the `?`. */
  open(query: string): SocketSession;
  /** The text of the message that tells a caller of an error of the gateway's. */
  renderError(error: GatewayError, context: SocketErrorContext): string;
}
