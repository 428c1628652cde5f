/**
 * Watches the bytes of one reply on their way to the caller and tells what they say about usage.
 *
 * It never alters a reply, never fails one and never throws: whatever goes wrong in here is a `fault` for the
 * log, and the reading falls back to what was known. A plain reply is read at once, on the caller's tick;
 * only an encoded one makes the caller wait, for a decoded copy.
 *
 * The chunk that makes `isTerminal` true is the one that the forwarder holds until the row is durable: with
 * it a caller may take the reply for complete, and it says all that will be billed. A later `message_delta`
 * can still correct what `read` gives.
 */

import { createReplyDecoder, encodingsOf } from "../reply-decoder.ts";
import type { ReplyDecoder } from "../reply-decoder.ts";
import type { Meter, MeterOptions } from "../observation.ts";
import type { ReplyEnd, ReplyReading, UsageReader } from "../dialects/usage-reader.ts";

/** A meter for one reply. */
export function createMeter(options: MeterOptions): Meter {
  return new ReplyMeter(options);
}

const DEFAULT_MAX_DECODED_BYTES = 512 * 1024 * 1024;

class ReplyMeter implements Meter {
  readonly #reader: UsageReader;
  readonly #decoder: ReplyDecoder | null = null;
  /** The reading of a reply of which nothing was seen: the last resort. */
  readonly #unread: ReplyReading;
  #unknownEncoding: string | null = null;
  #readerFault: string | null = null;

  constructor(options: MeterOptions) {
    this.#reader = options.reader;
    this.#unread = options.reader.read("cut");
    if (encodingsOf(options.contentEncoding).length === 0) return;
    const decoder = createReplyDecoder({
      contentEncoding: options.contentEncoding,
      maxDecodedBytes: options.maxDecodedBytes ?? DEFAULT_MAX_DECODED_BYTES,
      onBytes: (bytes) => this.#push(bytes),
    });
    if (typeof decoder === "string") this.#unknownEncoding = decoder;
    else this.#decoder = decoder;
  }

  get fault(): string | null {
    return this.#readerFault ?? this.#unknownEncoding ?? this.#decoder?.fault ?? null;
  }

  get isInputTold(): boolean {
    return this.#readerFault === null && this.#reader.isInputTold === true;
  }

  get isTerminal(): boolean {
    return this.#readerFault === null && this.#reader.isTerminal;
  }

  observe(chunk: Uint8Array): Promise<void> | void {
    if (this.#unknownEncoding !== null) return;
    if (this.#decoder !== null) return this.#decoder.push(chunk);
    this.#push(chunk);
  }

  read(end: ReplyEnd): ReplyReading {
    if (this.fault !== null) return this.#readDespiteFault(end);
    try {
      return this.#reader.read(end);
    } catch (error) {
      this.#readerFault = `The usage reader failed: ${errorText(error)}`;
      return this.#readDespiteFault(end);
    }
  }

  finish(end: ReplyEnd): Promise<ReplyReading> | ReplyReading {
    if (this.#decoder === null) return this.read(end);
    // Of a reply that was cut, the encoding is cut too: what is missing there is no fault.
    const isOver = end === "cut" ? this.#decoder.cut() : this.#decoder.end();
    return isOver.then(() => this.read(end));
  }

  #push(bytes: Uint8Array): void {
    if (this.#readerFault !== null) return;
    try {
      this.#reader.push(bytes);
    } catch (error) {
      this.#readerFault = `The usage reader failed: ${errorText(error)}`;
    }
  }

  /** The reply may be whole where the meter could not follow it: then its outcome is not "truncated". */
  #readDespiteFault(end: ReplyEnd): ReplyReading {
    let reading = this.#unread;
    if (this.#readerFault === null) reading = this.#reader.read("cut");
    return end === "complete" && reading.outcome === "truncated" ? { ...reading, outcome: "ok" } : reading;
  }
}

function errorText(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
