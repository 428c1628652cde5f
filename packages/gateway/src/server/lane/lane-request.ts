/**
 * A request on the lane, as the steps see it: the part of `IncomingMessage` that they use. Its body comes as the
 * connection reads it, in memory that may be lent for the length of a call; what comes before anybody listens is kept.
 */

import { EventEmitter } from "node:events";
import type { Socket } from "node:net";
import type { CallerRequest } from "../../exchange.ts";
import { slabBytes, type Slabs } from "../../slabs.ts";
import type { LaneHead } from "./lane-head.ts";

/** What its connection does for it. */
export interface BodySource {
  pauseBody(): void;
  resumeBody(): void;
}

export interface LaneRequestOptions {
  readonly socket: Socket;
  readonly source: BodySource;
  readonly slabs: Slabs;
}

/** `slab` is where the bytes are, when they are in one. */
interface Unheard {
  readonly bytes: Uint8Array;
  readonly slab: Uint8Array | null;
}

const nothing: Unheard = { bytes: new Uint8Array(0), slab: null };
/** Fewer bytes are copied to memory of their own. */
const minSlabBytes = 4096;
/** Kept of a body that nobody listens to yet, before its connection is paused. */
const maxUnheardBytes = 64 * 1024;

export class LaneRequest extends EventEmitter implements CallerRequest {
  readonly method = "POST";
  readonly url: string;
  readonly rawHeaders: string[];
  readonly headers: Record<string, string>;
  readonly socket: Socket;
  complete = false;
  destroyed = false;
  readableEnded = false;
  readonly #source: BodySource;
  readonly #slabs: Slabs;
  #unheard: Unheard[] = [];
  #unheardBytes = 0;
  #isFlowing = false;
  #distinct: Record<string, string[]> | null = null;

  constructor(head: LaneHead, { socket, source, slabs }: LaneRequestOptions) {
    super();
    this.url = head.target;
    this.rawHeaders = head.rawHeaders;
    this.headers = head.headers;
    this.socket = socket;
    this.#source = source;
    this.#slabs = slabs;
  }

  get headersDistinct(): Record<string, string[]> {
    if (this.#distinct !== null) return this.#distinct;
    const distinct: Record<string, string[]> = {};
    for (const name in this.headers) distinct[name] = [this.headers[name] ?? ""];
    this.#distinct = distinct;
    return distinct;
  }

  override on(event: string, listener: (...given: never[]) => void): this {
    super.on(event, listener as (...given: unknown[]) => void);
    if (event === "data") this.resume();
    return this;
  }

  /** As of a stream: from the next microtask on, so that whoever listens can say to what first. */
  resume(): this {
    if (this.#isFlowing || this.destroyed) return this;
    this.#isFlowing = true;
    queueMicrotask(() => this.#flow());
    return this;
  }

  pause(): this {
    this.#isFlowing = false;
    return this;
  }

  /** The connection has read more of the body. `isLent`: the memory is the connection's again after the call. */
  take(bytes: Uint8Array, isLent: boolean): void {
    if (this.#isFlowing && this.#unheard.length === 0) {
      this.emit("data", bytes, isLent);
      return;
    }
    this.#unheard.push(this.#kept(bytes));
    this.#unheardBytes += bytes.length;
    if (this.#unheardBytes >= maxUnheardBytes) this.#source.pauseBody();
  }

  /** The whole body has been read. */
  finish(): void {
    this.complete = true;
    // Whoever waits for nothing more of it must still see that the caller leaves, or asks again.
    if (this.#unheardBytes >= maxUnheardBytes) this.#source.resumeBody();
    if (this.#isFlowing && this.#unheard.length === 0) this.#end();
  }

  /** The connection is gone or free for the next request. */
  close(): void {
    if (this.destroyed) return;
    this.destroyed = true;
    this.#unheard = [];
    this.emit("close");
  }

  #flow(): void {
    if (!this.#isFlowing || this.destroyed) return;
    while (this.#unheard.length > 0 && this.#isFlowing) {
      const { bytes, slab } = this.#unheard.shift() ?? nothing;
      this.emit("data", bytes, slab !== null);
      if (slab !== null) this.#slabs.give([slab]);
    }
    if (!this.#isFlowing) return;
    this.#unheardBytes = 0;
    if (this.complete) this.#end();
    else this.#source.resumeBody();
  }

  #kept(bytes: Uint8Array): Unheard {
    if (bytes.length < minSlabBytes || bytes.length > slabBytes)
      return { bytes: Buffer.from(bytes), slab: null };
    const slab = this.#slabs.take();
    slab.set(bytes);
    return { bytes: slab.subarray(0, bytes.length), slab };
  }

  #end(): void {
    if (this.readableEnded) return;
    this.readableEnded = true;
    this.emit("end");
  }
}
