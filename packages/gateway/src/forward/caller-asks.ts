/**
 * Judges the whole messages of a caller's: what policy does not know goes up, what begins an exchange takes the steps
 * of one first, and what is refused is answered here and goes nowhere. It moves no byte itself.
 */

import { isUtf8 } from "node:buffer";
import type { CallerMessage, SocketErrorContext } from "../dialects/socket-protocol.ts";
import { GatewayError } from "../errors.ts";
import type { Routed } from "../exchange.ts";
import { errorText } from "../observe/log.ts";
import { CloseCode, FrameError, Opcode } from "../websocket/frames.ts";
import type { CallerFrames } from "./caller-messages.ts";
import type { SocketExchanges } from "./socket-exchanges.ts";
import type { AskedMessage, SocketDeps, SocketSteps } from "./socket-settings.ts";

export interface CallerAsksOptions {
  readonly deps: Pick<SocketDeps, "log" | "onRefused">;
  readonly routed: Routed;
  readonly steps: SocketSteps;
  readonly exchanges: SocketExchanges;
  /** Sends frames to the provider. */
  readonly sendUp: (raw: readonly Buffer[]) => void;
  /** Says something to the caller. */
  readonly tell: (text: string) => void;
  /** Why no exchange begins any more, or null. */
  readonly ending: () => string | null;
  /** The caller is gone, or the socket over. */
  readonly isGone: () => boolean;
  /** The credential is good no longer. */
  readonly onCredentialEnded: (error: GatewayError) => void;
  /** A message was judged that took its time. */
  readonly onJudged: () => void;
}

type Begins = Extract<CallerMessage, { kind: "begins" }>;

/** Codes of the catalogue that mean that the caller is nobody any more. */
const credentialCodes: ReadonlySet<string> = new Set([
  "missing_credential",
  "invalid_credential",
  "token_expired",
  "token_revoked",
]);

export class CallerAsks {
  readonly #options: CallerAsksOptions;
  #judging = 0;

  constructor(options: CallerAsksOptions) {
    this.#options = options;
  }

  /** No message is being judged. */
  get isIdle(): boolean {
    return this.#judging === 0;
  }

  /** A text or binary message. The promise never rejects. Throws `FrameError` for a text that is none. */
  take({ opcode, raw, payload }: CallerFrames): Promise<void> | undefined {
    const { steps, sendUp } = this.#options;
    const isText = opcode === Opcode.text;
    if (isText && !isUtf8(payload)) throw new FrameError(CloseCode.invalidText, "The text is no UTF-8.");
    let asked: AskedMessage;
    try {
      asked = steps.peek(payload, isText);
    } catch (error) {
      this.#refuse(error, { lane: "", eventId: null });
      return undefined;
    }
    const { asks } = asked;
    if (asks.kind === "begins") return this.#begin(asked, asks, raw);
    try {
      if (asks.kind === "names_models") steps.checkModels(asks.models);
      sendUp(raw);
    } catch (error) {
      this.#refuse(error, { lane: "", eventId: asks.kind === "names_models" ? asks.eventId : null });
    }
    return undefined;
  }

  /** Models that the provider says the session has, in a way that no message of the caller's showed; null: granted. */
  refusalOf(models: readonly string[]): GatewayError | null {
    try {
      this.#options.steps.checkModels(models);
      return null;
    } catch (error) {
      if (!(error instanceof GatewayError)) throw error;
      this.log(error);
      return error;
    }
  }

  log(error: GatewayError): void {
    const { deps, routed } = this.#options;
    deps.onRefused(error.code, routed.dialect.name);
    const fields = {
      exchange_id: routed.call.exchangeId,
      connection_id: routed.call.connectionId,
      code: error.code,
      path: routed.call.path,
      reason: error.message,
      cause: error.cause === undefined ? undefined : errorText(error.cause),
    };
    if (error.code === "internal_error") deps.log.error("a message was refused", fields);
    else deps.log.info("a message was refused", fields);
  }

  async #begin(asked: AskedMessage, asks: Begins, raw: readonly Buffer[]): Promise<void> {
    const { exchanges, sendUp, isGone, onJudged, onCredentialEnded } = this.#options;
    this.#judging += 1;
    try {
      const ending = this.#options.ending();
      if (ending !== null) throw new GatewayError("socket_ending", ending);
      const { previousResponseId } = asks;
      const begun = await asked.begin(previousResponseId !== null && exchanges.hasMade(previousResponseId));
      if (isGone()) {
        await begun.settle(unsent);
        return;
      }
      exchanges.begin(begun, asks);
      sendUp(raw);
    } catch (error) {
      this.#refuse(error, asks);
      if (error instanceof GatewayError && credentialCodes.has(error.code)) onCredentialEnded(error);
    } finally {
      this.#judging -= 1;
      onJudged();
    }
  }

  #refuse(error: unknown, about: Pick<SocketErrorContext, "lane" | "eventId">): void {
    const { routed, steps, tell } = this.#options;
    const refusal =
      error instanceof GatewayError
        ? error
        : new GatewayError("internal_error", "The gateway failed. Try again.", { cause: error });
    this.log(refusal);
    tell(steps.protocol.renderError(refusal, { ...about, exchangeId: routed.call.exchangeId }));
  }
}

/** Of an exchange whose caller left before a byte of it went up: nothing was sent, and nothing is billed. */
const unsent = {
  ending: "no_reply",
  isCallerGone: true,
  status: null,
  reading: null,
  meterFault: null,
  isStream: true,
  firstByteAtMs: null,
  responseBytes: 0,
  providerRequestId: null,
  attempts: 0,
  failure: null,
} as const;
