/** What relaying WebSockets works with, and its limits. */

import type { CallerMessage, SocketProtocol, SocketSession } from "../dialects/socket-protocol.ts";
import type { ErrorCode } from "../errors.ts";
import type { Routed } from "../exchange.ts";
import type { SocketClient } from "../upstream/sockets.ts";
import type { Settle } from "./relay.ts";
import type { ForwardDeps, ForwardSettings, Stoppable } from "./settings.ts";

export interface SocketSettings extends Omit<ForwardSettings, "maxAttempts"> {
  /** The largest message of a caller's. */
  readonly maxBodyBytes: number;
  /** A socket on which nothing moves for this long is closed. */
  readonly socketIdleTimeoutMs: number;
  readonly socketMaxLifetimeMs: number;
  readonly maxSockets: number;
}

export interface SocketDeps extends Pick<ForwardDeps, "clock" | "log" | "drainSlots" | "running"> {
  readonly settings: SocketSettings;
  readonly socketClientFor: (isSimulated: boolean) => SocketClient;
  /** Open sockets. */
  readonly sockets: Set<OpenSocket>;
  /** Is told of each refusal of a message. */
  readonly onRefused: (code: ErrorCode, dialect: string) => void;
}

/** A socket as a shutdown sees it. */
export interface OpenSocket extends Stoppable {
  /** Begins no exchange any more, and closes once those that run have ended. */
  endSoon(): void;
}

/** An exchange inside a socket, admitted and its intent durable. */
export interface BegunExchange {
  readonly routed: Routed;
  readonly settle: Settle;
}

/** A caller's message as the steps before have peeked at it. */
export interface AskedMessage {
  readonly asks: CallerMessage;
  /**
   * Lets the exchange in that it begins. `isPreviousOurs`: what it goes on from was made on the same connection.
   * Rejects with `GatewayError`, and then nothing may be sent.
   */
  begin(isPreviousOurs: boolean): Promise<BegunExchange>;
}

/** The steps that an exchange inside a socket takes before its bytes go up, as the spine gives them. */
export interface SocketSteps {
  readonly protocol: SocketProtocol;
  readonly session: SocketSession;
  /** Says what a whole message asks. Throws `GatewayError`. */
  peek(payload: Buffer, isText: boolean): AskedMessage;
  /** For what the provider began by itself, in the name of the session's model. */
  beginUnasked(model: string): Promise<BegunExchange>;
  /** Throws `model_not_granted`. */
  checkModels(models: readonly string[]): void;
  /** Room for bytes that are held; throws `overloaded`. */
  reserve(): { grow(bytes: number): void; release(): void };
  /** Rejects when the credential is good no longer. */
  verify(): Promise<void>;
  /** Calls back when it may not be. Returns what ends the watch. */
  watch(onDoubt: () => void): () => void;
}
