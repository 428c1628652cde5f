/**
 * Splits the bytes of a `text/event-stream` into events, for readers that want few of them.
 *
 * An event that holds none of the reader's needles costs one look at its bytes: it is neither copied nor
 * parsed. Only the unfinished end of the stream is kept. It never throws, never alters a chunk and keeps no
 * reference to one.
 */

import { GrowingBytes } from "./growing-bytes.ts";
import { createNeedleFinder } from "./needles.ts";
import type { NeedleFinder } from "./needles.ts";
import {
  byteOrderMarkLength,
  EVENT_START,
  fieldValue,
  findEventEnd,
  lastEventEnd,
  linesOf,
} from "./sse-lines.ts";

/** One event that has data. */
export interface SseEvent {
  /** The `event` field, "" when absent. */
  readonly name: string;
  /** The `data` lines joined by LF. Valid only while the event is handed over: copy what must stay. */
  readonly data: Buffer;
}

export interface SseReaderOptions {
  /** ASCII texts of which an event must hold one to be handed over; none: every event is. */
  readonly needles: readonly string[];
  /** So many events at the start are handed over whatever they hold; 0 unless told. */
  readonly leadingEvents?: number;
  /** A longer event is skipped. Bytes; 64 MiB unless told: a terminal event repeats the whole output. */
  readonly maxEventBytes?: number;
  readonly onEvent: (event: SseEvent) => void;
}

export interface SseReader {
  /** Takes the next bytes, split anywhere. The chunk may be reused afterwards. */
  push(chunk: Uint8Array): void;
  /**
   * Hands over an event whose blank line is missing at the end of the stream. A browser would drop it; what
   * it says about usage is true all the same. Idempotent.
   */
  end(): void;
  /** How many events were too long to be kept. */
  readonly skippedEvents: number;
}

/** A reader for one stream. */
export function createSseReader(options: SseReaderOptions): SseReader {
  return new Splitter(options);
}

const DEFAULT_MAX_EVENT_BYTES = 64 * 1024 * 1024;
const EVENT_FIELD: Buffer = Buffer.from("event");
const DATA_FIELD: Buffer = Buffer.from("data");
const LINE_FEED: Buffer = Buffer.from("\n");

class Splitter implements SseReader {
  readonly #onEvent: (event: SseEvent) => void;
  readonly #find: NeedleFinder | null;
  readonly #maxEventBytes: number;
  #leadingEvents: number;
  /** The unfinished event, unless it is being skipped. */
  readonly #tail = new GrowingBytes();
  #isSkipping = false;
  #isInEvent = false;
  #lastByte = EVENT_START;
  #isStreamStart = true;
  #skippedEvents = 0;

  constructor(options: SseReaderOptions) {
    this.#onEvent = options.onEvent;
    this.#find = options.needles.length === 0 ? null : createNeedleFinder(options.needles);
    this.#leadingEvents = options.leadingEvents ?? 0;
    this.#maxEventBytes = options.maxEventBytes ?? DEFAULT_MAX_EVENT_BYTES;
  }

  get skippedEvents(): number {
    return this.#skippedEvents;
  }

  push(chunk: Uint8Array): void {
    if (chunk.length === 0) return;
    const bytes = asBuffer(chunk);
    let from = 0;
    if (this.#isInEvent) {
      from = findEventEnd(bytes, 0, this.#lastByte);
      if (from === -1) return this.#keep(bytes);
      this.#keep(bytes.subarray(0, from));
      this.#closeTail();
    }
    const to = lastEventEnd(bytes, from, bytes.length);
    if (to > from) this.#readEvents(bytes, from, to);
    if (to < bytes.length) this.#keep(bytes.subarray(to));
  }

  end(): void {
    if (this.#isInEvent) this.#closeTail();
  }

  /** Adds to the unfinished event. */
  #keep(bytes: Buffer): void {
    this.#isInEvent = true;
    this.#lastByte = bytes[bytes.length - 1] ?? EVENT_START;
    if (this.#isSkipping) return;
    if (this.#tail.length + bytes.length <= this.#maxEventBytes) return this.#tail.append(bytes);
    this.#isSkipping = true;
    this.#skippedEvents++;
    this.#tail.take();
  }

  /** The event in the tail is complete. */
  #closeTail(): void {
    const event = this.#tail.borrow();
    const isSkipped = this.#isSkipping;
    this.#isInEvent = false;
    this.#isSkipping = false;
    if (isSkipped) this.#isStreamStart = false;
    else this.#readEvents(event, 0, event.length);
  }

  /** Looks through whole events. */
  #readEvents(bytes: Buffer, from: number, to: number): void {
    let at = from;
    if (this.#isStreamStart) at += byteOrderMarkLength(bytes.subarray(from, to));
    this.#isStreamStart = false;
    while (at < to) {
      let hit = at;
      if (this.#find !== null && this.#leadingEvents === 0) {
        hit = this.#find(bytes, at, to);
        if (hit === -1) return;
        at = lastEventEnd(bytes, at, hit);
      }
      const eventEnd = findEventEnd(bytes, hit, hit === at ? EVENT_START : 0);
      const end = eventEnd === -1 ? to : Math.min(to, eventEnd);
      this.#handOver(bytes, at, end);
      at = end;
    }
  }

  #handOver(bytes: Buffer, from: number, to: number): void {
    let name = "";
    const parts: Buffer[] = [];
    for (const line of linesOf(bytes, from, to)) {
      const data = fieldValue(bytes, line, DATA_FIELD);
      if (data !== null) {
        if (parts.length > 0) parts.push(LINE_FEED);
        parts.push(bytes.subarray(data.start, data.end));
        continue;
      }
      const event = fieldValue(bytes, line, EVENT_FIELD);
      if (event !== null) name = bytes.toString("utf8", event.start, event.end);
    }
    if (parts.length === 0) return;
    if (this.#leadingEvents > 0) this.#leadingEvents--;
    this.#onEvent({ name, data: parts.length === 1 ? (parts[0] ?? LINE_FEED) : Buffer.concat(parts) });
  }
}

function asBuffer(chunk: Uint8Array): Buffer {
  return Buffer.isBuffer(chunk) ? chunk : Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length);
}
