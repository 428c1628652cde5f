/**
 * One WebSocket between caller and provider. Frames pass as they came, with back-pressure both ways. A caller's
 * message waits until it is whole and has been judged; of the provider's, only the last bytes of one that ends an
 * exchange wait, for the row. However the socket ends, rows come first.
 */

import type { Duplex } from "node:stream";
import { GatewayError } from "../errors.ts";
import type { Routed } from "../exchange.ts";
import { headerValue } from "../headers.ts";
import { errorText } from "../observe/log.ts";
import type { Ending } from "../observation.ts";
import type { UpstreamFailure } from "../upstream/client.ts";
import type { OpenedSocket } from "../upstream/sockets.ts";
import { CloseCode, closeFrame, FrameError, Opcode } from "../websocket/frames.ts";
import { CallerAsks } from "./caller-asks.ts";
import { CallerEnd } from "./caller-end.ts";
import { CallerMessages, type CallerFrames, closeAnswer } from "./caller-messages.ts";
import { socketFailure } from "./failure-error.ts";
import { ProviderMessages, type WatchedPiece } from "./provider-messages.ts";
import { SocketExchanges } from "./socket-exchanges.ts";
import { closeTimeoutMs, destroyLater, drained, Flow } from "./socket-flow.ts";
import type { OpenSocket, SocketDeps, SocketSteps } from "./socket-settings.ts";
import { SocketTimers } from "./socket-timers.ts";

export interface SocketRelayOptions {
  readonly deps: SocketDeps;
  readonly routed: Routed;
  readonly steps: SocketSteps;
  readonly caller: Duplex;
  readonly opened: OpenedSocket;
}

/** The last that is said to a caller. */
interface Last {
  readonly code: number;
  readonly reason: string;
}

interface Finish {
  readonly failure?: UpstreamFailure;
  /** Absent: the connection ends without a word, as the other side's did. */
  readonly last?: Last;
}

const restarting = "The gateway is restarting. Open another connection.";

export class SocketRelay implements OpenSocket {
  readonly #options: SocketRelayOptions;
  readonly #provider: Duplex;
  readonly #caller: CallerEnd;
  readonly #asks: CallerAsks;
  readonly #callerMessages: CallerMessages;
  readonly #providerMessages = new ProviderMessages();
  readonly #exchanges: SocketExchanges;
  readonly #timers: SocketTimers;
  readonly #done = Promise.withResolvers<void>();
  readonly #unwatch: () => void;
  #hasDrainSlot = false;
  #drainedBytes = 0;
  #hasCallerClosed = false;
  #hasProviderClosed = false;
  #ending: Last | null = null;
  #isOver = false;

  constructor(options: SocketRelayOptions) {
    this.#options = options;
    const { deps, steps, opened } = options;
    this.#provider = opened.stream;
    this.#caller = new CallerEnd({
      stream: options.caller,
      messages: this.#providerMessages,
      stallTimeoutMs: deps.settings.callerStallTimeoutMs,
    });
    this.#callerMessages = new CallerMessages({
      maxMessageBytes: deps.settings.maxBodyBytes,
      reserve: () => steps.reserve(),
    });
    this.#exchanges = new SocketExchanges({
      deps,
      session: steps.session,
      providerRequestId: headerValue(opened.reply.headers, options.routed.dialect.requestIdHeader),
      isCallerGone: () => this.#caller.isGone,
      beginUnasked: (model) => steps.beginUnasked(model),
      onUnrecorded: () => this.#fail({ code: CloseCode.internalError, reason: "The ledger failed." }),
      stop: () => this.stop(),
    });
    this.#asks = this.#createAsks();
    this.#timers = new SocketTimers(deps.settings, {
      onIdle: () => this.#onIdle(),
      onLifetime: () =>
        this.#endSoon(CloseCode.goingAway, "The connection has reached its time limit. Open another one."),
      onDrainOver: () => this.#finish("abandoned"),
      onEndingOver: () => this.stop(),
    });
    deps.sockets.add(this);
    this.#unwatch = steps.watch(() => void this.#verify());
    new Flow({
      stream: options.caller,
      onChunk: (chunk) => this.#onCallerChunk(chunk),
      onEnd: () => this.#onCallerEnd(),
    });
    new Flow({
      stream: this.#provider,
      onChunk: (chunk) => this.#onProviderChunk(chunk),
      onEnd: () => this.#finish("cut", { failure: socketFailure("connection_lost") }),
    });
  }

  /** Resolves when the socket is closed and every row written. */
  get done(): Promise<void> {
    return this.#done.promise;
  }

  endSoon(): void {
    this.#endSoon(CloseCode.goingAway, restarting);
  }

  stop(): void {
    this.#tellRunning(this.#ending?.reason ?? restarting);
    this.#finish("stopped", { last: this.#ending ?? { code: CloseCode.goingAway, reason: restarting } });
  }

  #createAsks(): CallerAsks {
    return new CallerAsks({
      ...this.#options,
      exchanges: this.#exchanges,
      sendUp: (raw) => this.#sendUp(raw),
      tell: (text) => this.#caller.tell(text),
      ending: () => this.#ending?.reason ?? null,
      isGone: () => this.#isOver || this.#caller.isGone,
      onCredentialEnded: (error) => this.#endSoon(CloseCode.policy, error.message),
      onJudged: () => this.#endIfIdle(),
    });
  }

  // ---------------------------------------------------------------- from the caller

  #onCallerChunk(chunk: Buffer): Promise<void> | undefined {
    if (this.#isOver || this.#caller.isGone || this.#hasCallerClosed) return undefined;
    this.#timers.touch();
    this.#provider.cork();
    const wait = this.#takeFromCaller(this.#callerMessages.take(chunk));
    this.#provider.uncork();
    return wait;
  }

  #takeFromCaller(frames: Generator<CallerFrames, void>): Promise<void> | undefined {
    try {
      for (;;) {
        const next = frames.next();
        if (next.done === true) break;
        const wait = this.#onCallerFrames(next.value);
        if (wait !== undefined) return wait.then(() => this.#takeFromCaller(frames));
      }
    } catch (error) {
      this.#fail(this.#lastFor(error));
      return undefined;
    }
    return this.#provider.writableNeedDrain ? drained(this.#provider) : undefined;
  }

  #onCallerFrames(frames: CallerFrames): Promise<void> | undefined {
    if (this.#isOver || this.#hasCallerClosed) return undefined;
    if (frames.opcode === Opcode.text || frames.opcode === Opcode.binary) return this.#asks.take(frames);
    if (frames.opcode === Opcode.close) this.#onCallerClose(frames);
    else this.#sendUp(frames.raw);
    return undefined;
  }

  #onCallerClose({ raw, payload }: CallerFrames): void {
    this.#hasCallerClosed = true;
    if (!this.#hasProviderClosed && !this.#isIdle && this.#takeDrainSlot()) {
      // It is told good-bye here, because the provider's reply is still wanted.
      this.#drain(closeAnswer(payload));
      return;
    }
    this.#sendUp(raw);
    if (this.#hasProviderClosed) this.#finish("complete");
    else if (this.#isIdle) this.#timers.awaitClose(closeTimeoutMs, () => this.#finish("complete"));
    else this.#giveUp({});
  }

  #lastFor(error: unknown): Last {
    if (error instanceof FrameError) return { code: error.closeCode, reason: error.message };
    if (error instanceof GatewayError) return { code: CloseCode.tryAgainLater, reason: error.message };
    this.#log("error", "a WebSocket failed", error);
    return { code: CloseCode.internalError, reason: "The gateway failed." };
  }

  /** The caller broke the protocol: it is told so, and what runs is read to its end all the same. */
  #fail(last: Last): void {
    if (this.#isOver) return;
    if (!this.#isIdle && this.#takeDrainSlot()) this.#drain(closeFrame("server", last.code, last.reason));
    else this.#giveUp({ last });
  }

  #onCallerEnd(): void {
    // One that has said its last frame waits for the provider's.
    const isWaiting = this.#hasCallerClosed && !this.#options.caller.destroyed;
    if (this.#isOver || this.#caller.isGone || isWaiting) return;
    if (this.#isIdle) this.#finish("complete");
    else if (this.#takeDrainSlot()) this.#drain(null);
    else this.#giveUp({});
  }

  // ---------------------------------------------------------------- from the provider

  #onProviderChunk(chunk: Buffer): Promise<void> | undefined {
    if (this.#isOver) return undefined;
    this.#timers.touch();
    if (this.#caller.isGone) this.#drainedBytes += chunk.length;
    if (this.#drainedBytes > this.#options.deps.settings.drainMaxBytes) {
      this.#finish("abandoned");
      return undefined;
    }
    return this.#passDown(chunk, this.#providerMessages.watch(chunk), { from: 0, to: 0 });
  }

  /** Passes the chunk's bytes from `from` on; those up to `to` are looked at already. */
  #passDown(
    chunk: Buffer,
    pieces: Generator<WatchedPiece, void>,
    range: { readonly from: number; readonly to: number },
  ): Promise<void> | undefined {
    let { to } = range;
    try {
      for (;;) {
        const next = pieces.next();
        if (next.done === true) break;
        const { carried, start, end } = next.value.piece;
        if (carried !== null) this.#caller.pass(carried);
        const wait = this.#onProviderPiece(next.value);
        if (wait === undefined) {
          to = end;
          continue;
        }
        this.#caller.pass(chunk.subarray(range.from, start));
        this.#caller.hold();
        return wait.then(() => {
          this.#caller.goOn();
          return this.#passDown(chunk, pieces, { from: start, to: end });
        });
      }
    } catch (error) {
      this.#caller.pass(chunk.subarray(range.from, to));
      this.#onProviderFault(error);
      return undefined;
    }
    this.#caller.pass(chunk.subarray(range.from, to));
    this.#afterProvider();
    return this.#caller.pace();
  }

  #onProviderPiece({ piece, whole }: WatchedPiece): Promise<void> | undefined {
    if (whole === null) return undefined;
    if (piece.isControl) return piece.opcode === Opcode.close ? this.#onProviderClose() : undefined;
    const message = this.#options.steps.session.readProvider(whole);
    if (message === null) {
      this.#exchanges.count(whole);
      return undefined;
    }
    if (message.kind === "session") {
      const reason = this.#asks.refusalOf(message.models)?.message;
      if (reason !== undefined)
        queueMicrotask(() => this.#giveUp({ last: { code: CloseCode.policy, reason } }));
    }
    return this.#exchanges.take(message, whole);
  }

  /** Its exchanges have their rows before the caller hears of it. */
  #onProviderClose(): Promise<void> {
    this.#hasProviderClosed = true;
    return this.#exchanges.settleAll("cut", socketFailure("connection_lost"));
  }

  #afterProvider(): void {
    this.#caller.flush();
    if (this.#hasProviderClosed && !this.#hasCallerClosed && !this.#caller.isGone) {
      this.#timers.awaitClose(closeTimeoutMs, () => this.#finish("complete"));
    } else if (this.#hasProviderClosed || (this.#caller.isGone && this.#isIdle)) {
      this.#finish("complete");
    } else {
      this.#endIfIdle();
    }
  }

  #onProviderFault(error: unknown): void {
    this.#log("warn", "a provider's WebSocket broke the protocol", error);
    this.#finish("cut", {
      failure: socketFailure("invalid_reply"),
      last: { code: CloseCode.badGateway, reason: "What the provider sent is no WebSocket frame." },
    });
  }

  #log(level: "warn" | "error", message: string, cause: unknown): void {
    const { deps, routed } = this.#options;
    deps.log[level](message, { connection_id: routed.call.connectionId, cause: errorText(cause) });
  }

  #sendUp(raw: readonly Buffer[]): void {
    if (this.#provider.destroyed || this.#provider.writableEnded) return;
    for (const bytes of raw) this.#provider.write(bytes);
  }

  // ---------------------------------------------------------------- endings

  get #isIdle(): boolean {
    return this.#exchanges.isIdle && this.#asks.isIdle;
  }

  async #verify(): Promise<void> {
    try {
      await this.#options.steps.verify();
    } catch (error) {
      if (!(error instanceof GatewayError)) return;
      this.#asks.log(error);
      this.#endSoon(CloseCode.policy, error.message);
    }
  }

  #endSoon(code: number, reason: string): void {
    if (this.#isOver || this.#ending !== null) return;
    this.#ending = { code, reason };
    this.#timers.startEnding();
    this.#endIfIdle();
  }

  #endIfIdle(): void {
    if (this.#ending === null || !this.#isIdle || !this.#caller.isBetweenFrames) return;
    this.#finish("complete", { last: this.#ending });
  }

  #onIdle(): void {
    this.#tellRunning("Nothing came from the provider for too long.");
    this.#finish("cut", {
      failure: socketFailure("idle_timeout"),
      last: { code: CloseCode.goingAway, reason: "Nothing moved on the connection for too long." },
    });
  }

  #tellRunning(message: string): void {
    if (this.#isOver) return;
    const error = new GatewayError("socket_ending", message);
    for (const { lane, exchangeId } of this.#exchanges.running) {
      this.#caller.tell(this.#options.steps.protocol.renderError(error, { lane, eventId: null, exchangeId }));
    }
  }

  #takeDrainSlot(): boolean {
    const { settings, drainSlots } = this.#options.deps;
    const policy = this.#options.routed.principal.onDisconnect ?? settings.disconnectPolicy;
    this.#hasDrainSlot ||= policy === "drain" && drainSlots.take();
    return this.#hasDrainSlot;
  }

  /** The caller is let go, and what runs is read to its end, within limits. */
  #drain(lastFrame: Buffer | null): void {
    this.#caller.leave(lastFrame);
    this.#callerMessages.release();
    this.#timers.startDrain();
  }

  /** The caller is let go, and what runs with it. */
  #giveUp({ last }: Pick<Finish, "last">): void {
    if (this.#isOver) return;
    this.#caller.leave(last === undefined ? null : closeFrame("server", last.code, last.reason));
    this.#finish("abandoned");
  }

  /** Once: rows first, then both connections. */
  #finish(ending: Ending, how: Finish = {}): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#timers.clear();
    this.#unwatch();
    this.#callerMessages.release();
    this.#endProvider();
    void this.#settleAndClose(ending, how);
  }

  #endProvider(): void {
    if (this.#provider.destroyed) return;
    if (!this.#hasProviderClosed && !this.#hasCallerClosed)
      this.#sendUp([closeFrame("client", CloseCode.goingAway, "")]);
    this.#provider.end();
    destroyLater(this.#provider);
  }

  async #settleAndClose(ending: Ending, { failure, last }: Finish): Promise<void> {
    try {
      await this.#exchanges.settleAll(ending, failure ?? null);
    } finally {
      if (this.#hasDrainSlot) this.#options.deps.drainSlots.release();
      this.#options.deps.sockets.delete(this);
      await this.#caller.close(last === undefined ? null : closeFrame("server", last.code, last.reason));
      this.#done.resolve();
    }
  }
}
