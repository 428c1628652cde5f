/**
 * The exchanges of one WebSocket: which of the provider's messages belong to which, and their rows. It sees whole
 * messages and moves no byte; who sends one waits for what it returns.
 */

import type { MessageReader, ProviderMessage, SocketSession } from "../dialects/socket-protocol.ts";
import type { Routed } from "../exchange.ts";
import { errorText } from "../observe/log.ts";
import type { Ending, Observation } from "../observation.ts";
import type { UpstreamFailure } from "../upstream/client.ts";
import type { Settle } from "./relay.ts";
import type { BegunExchange, SocketDeps } from "./socket-settings.ts";

export interface SocketExchangesOptions {
  readonly deps: Pick<SocketDeps, "clock" | "log" | "running"> & {
    readonly settings: Pick<SocketDeps["settings"], "settleTimeoutMs">;
  };
  readonly session: SocketSession;
  /** `x-request-id` of the 101, which is all that the provider says of the connection. */
  readonly providerRequestId: string | null;
  readonly isCallerGone: () => boolean;
  readonly beginUnasked: (model: string) => Promise<BegunExchange>;
  /** An exchange runs of which the ledger knows nothing. */
  readonly onUnrecorded: () => void;
  /** Ends the socket, and with it each of its exchanges. */
  readonly stop: () => void;
}

/** So many failed responses are remembered, in case that they end all the same. */
const maxFailed = 100;

/** So many responses of a socket are known by id, so that later ones can go on from them. */
const maxKnownResponses = 10_000;

export class SocketExchanges {
  readonly #options: SocketExchangesOptions;
  /** Those without a row, in the order in which they were asked for. */
  readonly #open: SocketExchange[] = [];
  /** Something went wrong in them, and their rows say so. An end that comes all the same tells more. */
  readonly #failed: SocketExchange[] = [];
  readonly #made = new Set<string>();
  #writing = 0;

  constructor(options: SocketExchangesOptions) {
    this.#options = options;
  }

  /** No exchange runs, and every row is written. */
  get isIdle(): boolean {
    return this.#open.length === 0 && this.#writing === 0;
  }

  /** The lanes of those that run. */
  get running(): readonly { readonly lane: string; readonly exchangeId: string }[] {
    return this.#open.map(({ lane, routed }) => ({ lane, exchangeId: routed.call.exchangeId }));
  }

  /** This socket made the response of this id. */
  hasMade(responseId: string): boolean {
    return this.#made.has(responseId);
  }

  /** An exchange that the caller asked for; its bytes are about to go up. */
  begin(begun: BegunExchange, asked: { readonly lane: string; readonly eventId: string | null }): void {
    this.#add(begun, asked);
  }

  /** Bytes of a message that means nothing to exchanges. */
  count(message: Buffer): void {
    if (this.#open.length === 0) return;
    const lane = this.#open.length === 1 ? null : this.#options.session.laneOf(message);
    const exchange = this.#open.find((each) => each.hasBegun && (lane === null || each.lane === lane));
    if (exchange !== undefined) exchange.responseBytes += message.byteLength;
  }

  /** What a message does. The promise, where there is one, settles when its last byte may go on, and never rejects. */
  take(message: ProviderMessage, data: Buffer): Promise<void> | undefined {
    switch (message.kind) {
      case "begins":
        return this.#onBegins(message, data);
      case "ends":
        return this.#onEnds(message, data);
      case "fails":
        return this.#onFails(message, data);
      case "stands_alone":
        return this.#onUnasked(message, data);
      case "session":
        return undefined;
    }
  }

  /** The socket is over for the provider: every exchange gets the row that is known. */
  async settleAll(ending: Ending, failure: UpstreamFailure | null): Promise<void> {
    const left = this.#open.splice(0);
    await Promise.all(
      left.map((exchange) => {
        const isUnanswered = !exchange.hasBegun && ending === "cut";
        return this.#settle(exchange, isUnanswered ? "no_reply" : ending, failure);
      }),
    );
  }

  #add(
    begun: BegunExchange,
    asked: { readonly lane: string; readonly eventId: string | null },
  ): SocketExchange {
    const { routed, settle } = begun;
    const reader = this.#options.session.createReader({
      requestedModel: routed.policy.model,
      status: 200,
      mediaType: "application/json",
      isStreamRequested: true,
      inputCharacters: null,
    });
    const exchange: SocketExchange = {
      ...asked,
      routed,
      settle,
      reader,
      stoppable: { stop: this.#options.stop },
      responseId: null,
      hasBegun: false,
      status: null,
      firstByteAtMs: null,
      responseBytes: 0,
    };
    this.#open.push(exchange);
    this.#options.deps.running.add(exchange.stoppable);
    return exchange;
  }

  #onBegins(message: ProviderMessage, data: Buffer): Promise<void> | undefined {
    const asked = this.#open.find((each) => !each.hasBegun && each.lane === message.lane);
    if (asked === undefined) return this.#onUnasked(message, data);
    this.#feed(asked, message, data);
    return undefined;
  }

  #onEnds(message: ProviderMessage, data: Buffer): Promise<void> {
    const { responseId, lane } = message;
    const known = [...this.#open, ...this.#failed].find(
      (each) => each.hasBegun && each.responseId !== null && each.responseId === responseId,
    );
    const exchange =
      known ??
      this.#open.find((each) => each.lane === lane && (each.responseId === null || responseId === null));
    if (exchange === undefined) return this.#onUnasked(message, data);
    this.#feed(exchange, message, data);
    return this.#close(exchange, "complete");
  }

  /** A response that has begun may end yet; one that has not never will. */
  #onFails(message: ProviderMessage, data: Buffer): Promise<void> | undefined {
    const waiting = this.#open.filter((each) => !each.hasBegun && each.lane === message.lane);
    // An error that names another message is not about this one.
    const refused = waiting.find((each) => each.eventId === message.eventId);
    if (refused !== undefined) {
      refused.status = message.status >= 300 ? message.status : 400;
      refused.responseBytes += data.byteLength;
      refused.firstByteAtMs = this.#options.deps.clock.now();
      return this.#close(refused, "complete");
    }
    const begun = this.#open.find((each) => each.hasBegun && each.lane === message.lane);
    if (begun !== undefined) {
      begun.responseBytes += data.byteLength;
      begun.reader.take(data);
      this.#failed.push(begun);
      if (this.#failed.length > maxFailed) this.#failed.shift();
      return this.#close(begun, "complete");
    }
    return undefined;
  }

  /** Nobody asked for it by a message, and it bills all the same. Its intent is written before its bytes pass. */
  async #onUnasked(message: ProviderMessage, data: Buffer): Promise<void> {
    const { deps, session, beginUnasked } = this.#options;
    this.#writing += 1;
    try {
      const begun = await beginUnasked(session.modelOf(message));
      const exchange = this.#add(begun, { lane: message.lane, eventId: null });
      this.#feed(exchange, message, data);
      if (exchange.reader.isTerminal) await this.#close(exchange, "complete");
    } catch (error) {
      deps.log.error("an exchange inside a WebSocket could not be recorded", { cause: errorText(error) });
      this.#options.onUnrecorded();
    } finally {
      this.#writing -= 1;
    }
  }

  #feed(exchange: SocketExchange, message: ProviderMessage, data: Buffer): void {
    exchange.hasBegun = true;
    exchange.status = 200;
    exchange.responseId ??= message.responseId;
    exchange.firstByteAtMs ??= this.#options.deps.clock.now();
    exchange.responseBytes += data.byteLength;
    exchange.reader.take(data);
    if (message.responseId !== null) this.#remember(message.responseId);
  }

  #remember(responseId: string): void {
    this.#made.add(responseId);
    if (this.#made.size <= maxKnownResponses) return;
    for (const oldest of this.#made) {
      this.#made.delete(oldest);
      return;
    }
  }

  #close(exchange: SocketExchange, ending: Ending): Promise<void> {
    const at = this.#open.indexOf(exchange);
    if (at !== -1) this.#open.splice(at, 1);
    else if (this.#failed.includes(exchange)) this.#failed.splice(this.#failed.indexOf(exchange), 1);
    return this.#settle(exchange, ending, null);
  }

  async #settle(exchange: SocketExchange, ending: Ending, failure: UpstreamFailure | null): Promise<void> {
    this.#writing += 1;
    try {
      await this.#writeRow(exchange, this.#observation(exchange, ending, failure));
    } finally {
      this.#writing -= 1;
      this.#options.deps.running.delete(exchange.stoppable);
    }
  }

  /** Waits for a bounded time, and tries once more where the first try failed: no reply waits for a broken ledger. */
  async #writeRow(exchange: SocketExchange, observation: Observation): Promise<void> {
    const { deps } = this.#options;
    const timer = Promise.withResolvers<never>();
    const timeout = setTimeout(
      () => timer.reject(new Error("The ledger did not answer in time.")),
      deps.settings.settleTimeoutMs,
    );
    const write = exchange.settle(observation).catch(() => exchange.settle(observation));
    try {
      await Promise.race([write, timer.promise]);
    } catch (error) {
      deps.log.error("an exchange's result could not be written", {
        exchange_id: exchange.routed.call.exchangeId,
        cause: errorText(error),
      });
      write.catch(() => {});
    } finally {
      clearTimeout(timeout);
    }
  }

  #observation(exchange: SocketExchange, ending: Ending, failure: UpstreamFailure | null): Observation {
    const isCallerGone = this.#options.isCallerGone();
    const hasReply = exchange.hasBegun || exchange.status !== null;
    const readEnd = ending === "complete" ? "complete" : "cut";
    return {
      ending: ending === "complete" && isCallerGone ? "drained" : ending,
      isCallerGone,
      status: exchange.status,
      reading: exchange.hasBegun ? exchange.reader.read(readEnd) : null,
      meterFault: null,
      isStream: true,
      firstByteAtMs: exchange.firstByteAtMs,
      responseBytes: exchange.responseBytes,
      providerRequestId: hasReply ? this.#options.providerRequestId : null,
      attempts: 1,
      failure,
    };
  }
}

interface SocketExchange {
  readonly lane: string;
  readonly eventId: string | null;
  readonly routed: Routed;
  readonly settle: Settle;
  readonly reader: MessageReader;
  readonly stoppable: { stop(): void };
  responseId: string | null;
  hasBegun: boolean;
  status: number | null;
  firstByteAtMs: number | null;
  responseBytes: number;
}
