/**
 * One exchange between caller and provider: the request's bytes go up, the reply's come back as they arrive,
 * with back-pressure both ways. The meter watches; the end of the reply waits for the row; a caller that leaves
 * does not end what it will be billed for. No byte is altered here (see `reply-editor.ts` for the exceptions).
 */

import type { Held } from "../exchange.ts";
import { headerValue, joinedHeaderValue, mediaTypeOf } from "../headers.ts";
import type { ReplyReading } from "../dialects/usage-reader.ts";
import { errorText } from "../observe/log.ts";
import { CallerSide } from "./caller-side.ts";
import type { Ending, Meter, Observation } from "../observation.ts";
import { replyHead } from "./reply-head.ts";
import { createReplyEditor, type ReplyEditor } from "./reply-editor.ts";
import { fetchListPage } from "./object-list.ts";
import type { Claim, Ownership } from "../ownership.ts";
import type { ForwardDeps, Stoppable } from "./settings.ts";
import { EventTail } from "./event-tail.ts";
import { failureError, isFailure, unsendableError } from "./failure-error.ts";
import { LateError, withinMs } from "./within.ts";
import type {
  UpstreamCall,
  UpstreamClient,
  UpstreamFailure,
  UpstreamObserver,
  UpstreamReply,
  UpstreamRequest,
} from "../upstream/client.ts";

/** Makes the row of an exchange durable. Called at the terminal event, and again should the end tell more. */
export type Settle = (observation: Observation) => Promise<void>;

export interface RelayOptions {
  readonly deps: ForwardDeps;
  readonly routed: Held;
  /** Gets what the reply says of its input, before its output; null: nobody asks. */
  readonly onInput: ((reading: ReplyReading) => void) | null;
  readonly client: Pick<UpstreamClient, "send">;
  readonly request: UpstreamRequest;
  readonly settle: Settle;
  readonly ownership: Ownership;
}

/** After the caller has left with all it came for, the upstream gets this long to end, which saves its connection. */
const afterTerminalMs = 1000;

export class Relay implements UpstreamObserver, Stoppable {
  readonly #options: RelayOptions;
  readonly #caller: CallerSide;
  readonly #done = Promise.withResolvers<void>();
  #call: UpstreamCall;
  #attempts = 0;
  #reply: UpstreamReply | null = null;
  #meter: Meter | null = null;
  #editor: ReplyEditor | null = null;
  #claim: Claim | null = null;
  #firstByteAtMs: number | null = null;
  #responseBytes = 0;
  /** Bytes still to come by `content-length`; null when the reply is framed otherwise. */
  #remainingBytes: number | null = null;
  readonly #queue: Uint8Array[] = [];
  readonly #sent = new EventTail();
  #isBusy = false;
  #upstreamEnd: "running" | "ended" | UpstreamFailure = "running";
  #isSettled = false;
  #lastReading: ReplyReading | null = null;
  /** The row could not be written, which is tried once more at the end. */
  #isRowLost = false;
  #isFinished = false;
  #hasDrainSlot = false;
  #wasCallerGone = false;
  #timer: NodeJS.Timeout | null = null;
  #settling: Promise<void> = Promise.resolve();
  #isStopDue = false;
  /** Told once, when the reply has told its input; null afterwards, and where nobody asks. */
  #onInput: RelayOptions["onInput"];
  /** Why the request could not even be written, or null. */
  #unsendable: Error | null = null;

  constructor(options: RelayOptions) {
    this.#options = options;
    this.#onInput = options.onInput;
    this.#caller = new CallerSide({
      response: options.routed.call.response,
      stallTimeoutMs: options.deps.settings.callerStallTimeoutMs,
      onGone: () => this.#onCallerGone(),
    });
    options.deps.running.add(this);
    this.#call = this.#send();
  }

  /** Resolves when the exchange is over and its row written. Rejects when no reply came and none was begun. */
  get done(): Promise<void> {
    return this.#done.promise;
  }

  #send(): UpstreamCall {
    this.#attempts += 1;
    try {
      return this.#options.client.send(this.#options.request, this);
    } catch (cause) {
      const error = cause instanceof Error ? cause : new Error("The request cannot be sent.", { cause });
      this.#unsendable = error;
      this.#upstreamEnd = { reason: "connect_failed", isUnsent: true, cause: error };
      queueMicrotask(() => this.#detach(this.#finish("no_reply")));
      return noCall;
    }
  }

  onReply(reply: UpstreamReply): void {
    const { deps, routed } = this.#options;
    this.#reply = reply;
    this.#firstByteAtMs = deps.clock.now();
    this.#meter = this.#createMeter(reply);
    this.#editor = createReplyEditor(routed, reply, {
      ownership: this.#options.ownership,
      publicUrl: deps.settings.publicUrl,
      fetchPage: (query) => fetchListPage(this.#options, query),
    });
    const length = headerValue(reply.headers, "content-length");
    if (length !== null && /^\d+$/.test(length) && this.#editor === null)
      this.#remainingBytes = Number(length);
    this.#caller.writeHead(reply.status, reply.statusText, replyHead(routed, reply, this.#editor !== null));
  }

  onChunk(chunk: Uint8Array, framed: Uint8Array | null = null): boolean {
    if (this.#isFinished) return true;
    if (this.#isBusy) {
      this.#queue.push(chunk);
      return false;
    }
    const observed = this.#observe(chunk);
    if (observed !== undefined || this.#editor?.isSlow === true || this.#isRowDue()) {
      this.#detach(this.#pump(chunk, observed));
      return false;
    }
    const out = this.#editor === null ? chunk : this.#editor.push(chunk);
    if (this.#pass(out, this.#editor === null ? framed : null)) return true;
    this.#detach(this.#pump(null, this.#caller.whenWritable()));
    return false;
  }

  onEnd(): void {
    this.#upstreamEnd = "ended";
    if (!this.#isBusy) this.#detach(this.#finish("complete"));
  }

  onFailure(failure: UpstreamFailure): void {
    const mayRepeat = this.#reply === null && failure.isUnsent && !this.#caller.isGone;
    if (mayRepeat && this.#attempts < this.#options.deps.settings.maxAttempts) {
      this.#call = this.#send();
      return;
    }
    this.#upstreamEnd = failure;
    if (!this.#isBusy) this.#detach(this.#finish(this.#reply === null ? "no_reply" : "cut"));
  }

  stop(): void {
    // Once its row is written as whole, the reply is let out as whole: what holds it up is bounded.
    if (this.#isBusy && this.#isSettled) this.#isStopDue = true;
    else this.#detach(this.#finish("stopped"));
  }

  /** Work that nobody awaits: should it fail, the exchange ends and says so, and its slot and place are free. */
  #detach(work: Promise<void>): void {
    work.catch((error: unknown) => {
      this.#isFinished = true;
      this.#call.abort();
      this.#giveBack();
      this.#caller.cut();
      this.#done.reject(error instanceof Error ? error : new Error("The relay failed.", { cause: error }));
    });
  }

  /** The slow way: a chunk's reading, its row or the caller takes a while, and later chunks queue behind it. */
  async #pump(chunk: Uint8Array | null, pending: Promise<void> | undefined): Promise<void> {
    this.#isBusy = true;
    await pending;
    if (chunk !== null) await this.#deliver(chunk);
    for (let next = this.#queue.shift(); next !== undefined; next = this.#queue.shift()) {
      await this.#observe(next);
      await this.#deliver(next);
    }
    this.#isBusy = false;
    if (this.#upstreamEnd === "running" && this.#isStopDue) await this.#finish("stopped");
    else if (this.#upstreamEnd === "running") this.#call.resume();
    else await this.#finish(this.#upstreamEnd === "ended" ? "complete" : "cut");
  }

  async #deliver(chunk: Uint8Array): Promise<void> {
    await this.#recordClaim();
    if (this.#isSettleDue()) await this.#settle("complete");
    const bytes = this.#editor === null ? chunk : await this.#editor.push(chunk);
    if (!this.#pass(bytes)) await this.#caller.whenWritable();
  }

  #observe(chunk: Uint8Array): Promise<void> | undefined {
    this.#responseBytes += chunk.byteLength;
    if (this.#remainingBytes !== null) this.#remainingBytes -= chunk.byteLength;
    if (this.#wasCallerGone && this.#isDrainTooLarge())
      queueMicrotask(() => this.#detach(this.#finish("abandoned")));
    const observed = this.#meter?.observe(chunk) ?? undefined;
    if (this.#onInput !== null && this.#meter?.isInputTold === true) {
      this.#onInput(this.#meter.read("cut"));
      this.#onInput = null;
    }
    return observed;
  }

  /** The chunk at hand is the one after which the caller may believe the reply complete. */
  #isSettleDue(): boolean {
    return !this.#isSettled && (this.#meter?.isTerminal === true || this.#remainingBytes === 0);
  }

  /** The chunk at hand waits for a row: the exchange's, or that of an object whose id is in it. */
  #isRowDue(): boolean {
    return this.#claim?.isDue === true || this.#isSettleDue();
  }

  /** False: the caller is slow. */
  #pass(bytes: Uint8Array | null | Promise<Uint8Array | null>, framed: Uint8Array | null = null): boolean {
    if (bytes === null || bytes instanceof Promise || this.#isFinished) return true;
    this.#sent.push(bytes);
    return this.#caller.write(bytes, framed);
  }

  #onCallerGone(): void {
    if (this.#isFinished) return;
    if (this.#isSettled) {
      // It has all that it will be billed for: nothing to account for, only a connection worth keeping.
      this.#timer = setTimeout(() => this.#detach(this.#finish("complete")), afterTerminalMs);
      return;
    }
    this.#wasCallerGone = true;
    const { deps, routed } = this.#options;
    const { settings, drainSlots } = deps;
    const policy = routed.principal.onDisconnect ?? settings.disconnectPolicy;
    this.#hasDrainSlot = policy === "drain" && drainSlots.take();
    if (!this.#hasDrainSlot || this.#isDrainTooLarge()) this.#detach(this.#finish("abandoned"));
    else this.#timer = setTimeout(() => this.#detach(this.#finish("abandoned")), settings.drainMaxMs);
  }

  #isDrainTooLarge(): boolean {
    return this.#responseBytes > this.#options.deps.settings.drainMaxBytes;
  }

  async #finish(ending: Ending): Promise<void> {
    if (this.#isFinished) return;
    this.#isFinished = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
    if (this.#upstreamEnd === "running") this.#call.abort();
    // What waits for a slow caller was received, and tells what it cost.
    for (const chunk of this.#queue.splice(0)) await this.#observe(chunk);
    await this.#recordClaim();
    await this.#settle(ending);
    this.#giveBack();
    await this.#closeCaller(ending);
  }

  #giveBack(): void {
    if (this.#hasDrainSlot) this.#options.deps.drainSlots.release();
    this.#hasDrainSlot = false;
    this.#options.deps.running.delete(this);
  }

  async #closeCaller(ending: Ending): Promise<void> {
    if (this.#reply === null) {
      if (this.#wasCallerGone) this.#done.resolve();
      else if (this.#unsendable !== null)
        this.#done.reject(unsendableError(this.#options.routed, this.#unsendable));
      else this.#done.reject(failureError(this.#options.routed, this.#upstreamEnd));
      return;
    }
    const tail = await this.#editor?.end();
    if (tail != null) {
      this.#sent.push(tail);
      this.#caller.write(tail);
    }
    if (ending === "complete") this.#caller.end();
    else if (this.#sayWhy(ending)) this.#caller.end();
    else this.#caller.cut();
    this.#done.resolve();
  }

  /** A stream that the gateway itself ends says so, where that cannot land inside an event of the provider's. */
  #sayWhy(ending: Ending): boolean {
    const isOwnDecision = ending === "stopped" || isFailure(this.#upstreamEnd, "idle_timeout");
    if (!isOwnDecision || !this.#isStream || !this.#isSettled || this.#meter?.isTerminal === true)
      return false;
    // Where a length frames the reply, more bytes would be read as the next reply on the connection.
    if (this.#remainingBytes !== null) return false;
    if (headerValue(this.#reply?.headers ?? [], "content-encoding") !== null) return false;
    if (!this.#sent.isEventEnd) return false;
    const { routed } = this.#options;
    const error = failureError(routed, this.#upstreamEnd);
    const text = routed.dialect.renderStreamError(error, routed.endpoint.name, routed.call.exchangeId);
    if (text !== null) this.#caller.write(Buffer.from(text));
    return text !== null;
  }

  /** Waits for the row, for a bounded time: a ledger that cannot be written must not take the reply with it. */
  async #settle(ending: Ending): Promise<void> {
    const reading = await this.#read(ending);
    // A reader that has nothing new to say gives what it gave before, and then there is nothing to compare.
    const isNews = (): boolean =>
      reading !== this.#lastReading && JSON.stringify(reading) !== JSON.stringify(this.#lastReading);
    if (!this.#isSettled || this.#isRowLost || isNews()) {
      this.#isSettled = true;
      this.#lastReading = reading;
      this.#settling = this.#writeRow(this.#observation(ending, reading));
    }
    await this.#settling;
  }

  async #writeRow(observation: Observation): Promise<void> {
    const { deps, routed, settle } = this.#options;
    try {
      await withinMs(settle(observation), deps.settings.settleTimeoutMs);
      this.#isRowLost = false;
    } catch (error) {
      if (this.#isRowLost) return;
      // A row that is only late is still being written.
      this.#isRowLost = !(error instanceof LateError);
      deps.log.error("an exchange's result could not be written", {
        exchange_id: routed.call.exchangeId,
        error: errorText(error),
      });
    }
  }

  /** The ids that have passed wait for their rows as the end waits for the exchange's. */
  async #recordClaim(): Promise<void> {
    if (this.#claim?.isDue !== true) return;
    const { deps, routed } = this.#options;
    try {
      await withinMs(this.#claim.record(), deps.settings.settleTimeoutMs);
    } catch (error) {
      deps.log.error("the owner of a provider-side object could not be written", {
        exchange_id: routed.call.exchangeId,
        error: errorText(error),
      });
    }
  }

  async #read(ending: Ending): Promise<ReplyReading | null> {
    if (this.#meter === null) return null;
    if (!this.#isFinished && this.#remainingBytes !== 0) return this.#meter.read("complete");
    const isWhole = ending === "complete" || this.#upstreamEnd === "ended" || this.#remainingBytes === 0;
    return this.#meter.finish(isWhole ? "complete" : "cut");
  }

  #observation(ending: Ending, reading: ReplyReading | null): Observation {
    const headers = this.#reply?.headers ?? [];
    return {
      ending: ending === "complete" && this.#wasCallerGone ? "drained" : ending,
      isCallerGone: this.#wasCallerGone,
      status: this.#reply?.status ?? null,
      reading,
      meterFault: this.#meter?.fault ?? null,
      isStream: this.#isStream,
      firstByteAtMs: this.#firstByteAtMs,
      responseBytes: this.#responseBytes,
      providerRequestId: headerValue(headers, this.#options.routed.dialect.requestIdHeader),
      attempts: this.#attempts,
      failure: typeof this.#upstreamEnd === "string" ? null : this.#upstreamEnd,
    };
  }

  get #isStream(): boolean {
    return this.#mediaType() === "text/event-stream";
  }

  #mediaType(): string {
    return mediaTypeOf(headerValue(this.#reply?.headers ?? [], "content-type"));
  }

  #createMeter(reply: UpstreamReply): Meter | null {
    const { deps, routed } = this.#options;
    const { endpoint, policy } = routed;
    const metering =
      endpoint.usageReader?.({
        requestedModel: policy.model,
        status: reply.status,
        mediaType: this.#mediaType(),
        isStreamRequested: policy.isStream,
        inputCharacters: policy.inputCharacters,
      }) ?? null;
    this.#claim = this.#options.ownership.claim({ status: reply.status, isStream: this.#isStream }, metering);
    const reader = this.#claim ?? metering;
    if (reader === null) return null;
    return deps.createMeter({
      contentEncoding: joinedHeaderValue(reply.headers, "content-encoding"),
      reader,
    });
  }
}

/** Stands in for a call that could not be made. */
const noCall: UpstreamCall = { resume: () => {}, abort: () => {} };
