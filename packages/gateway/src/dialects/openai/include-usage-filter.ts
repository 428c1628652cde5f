/**
 * Takes out of a streamed reply what is in it only because the gateway asked for usage: the extra chunk, and
 * the `"usage":null` of the others. Every other byte goes on as it came, in order, a complete event at once.
 *
 * An event whose end has not come is held, because its last byte may still decide; comments before it are
 * not. It never throws, and holds at most `MAX_HELD_BYTES`: a longer event goes on as it is.
 */

import type { UsageFilter } from "../dialect.ts";
import { GrowingBytes } from "../growing-bytes.ts";
import { createNeedleFinder } from "../needles.ts";
import {
  byteOrderMarkLength,
  EVENT_START,
  fieldValue,
  findEventEnd,
  isComment,
  lastEventEnd,
  linesOf,
} from "../sse-lines.ts";
import { editOf } from "./include-usage-chunk.ts";
import type { ByteRange } from "./include-usage-chunk.ts";

/** A filter for one stream. What it gives may share memory with the chunk. */
export function createUsageFilter(): UsageFilter {
  return new EventFilter();
}

const MAX_HELD_BYTES = 8 * 1024 * 1024;
const LF = 10;
const CR = 13;
const COLON = 58;
const DATA_FIELD: Buffer = Buffer.from("data");
const LINE_FEED: Buffer = Buffer.from("\n");
const findUsage = createNeedleFinder(['"usage"']);

class EventFilter implements UsageFilter {
  /** The beginning of an event whose end has not come. */
  readonly #held = new GrowingBytes();
  #isInEvent = false;
  /** The event at hand is too long to be judged and goes on. */
  #isPassing = false;
  #lastByte = EVENT_START;
  /** The last event was dropped and ended in a CR: an LF that follows was part of it. */
  #isLfDue = false;
  #isStreamStart = true;

  push(chunk: Uint8Array): Uint8Array | null {
    if (chunk.length === 0) return null;
    let bytes = Buffer.isBuffer(chunk) ? chunk : Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length);
    if (this.#isLfDue && bytes[0] === LF) bytes = bytes.subarray(1);
    this.#isLfDue = false;
    const out: Buffer[] = [];
    let from = 0;
    if (this.#isInEvent) {
      from = findEventEnd(bytes, 0, this.#lastByte);
      if (from === -1) return joined(this.#hold(bytes));
      out.push(...this.#hold(bytes.subarray(0, from)), ...this.#releaseHeld());
      if (from < bytes.length) this.#isLfDue = false;
    }
    const to = lastEventEnd(bytes, from, bytes.length);
    out.push(...this.#filterEvents(bytes.subarray(from, to)));
    if (to < bytes.length) this.#isLfDue = false;
    const tailStart = afterComments(bytes, to);
    if (tailStart > to) out.push(bytes.subarray(to, tailStart));
    if (tailStart < bytes.length) out.push(...this.#hold(bytes.subarray(tailStart)));
    return joined(out);
  }

  end(): Uint8Array | null {
    return joined(this.#releaseHeld());
  }

  /** Adds to the unfinished event; gives what goes on when it cannot be held. */
  #hold(bytes: Buffer): Buffer[] {
    this.#isInEvent = true;
    this.#lastByte = bytes[bytes.length - 1] ?? EVENT_START;
    if (this.#isPassing) return [bytes];
    this.#held.append(bytes);
    if (this.#held.length <= MAX_HELD_BYTES) return [];
    this.#isPassing = true;
    return [this.#held.take()];
  }

  /** The held event is complete. */
  #releaseHeld(): Buffer[] {
    this.#isInEvent = false;
    if (this.#isPassing) this.#isStreamStart = false;
    this.#isPassing = false;
    return this.#filterEvents(this.#held.take());
  }

  /** What stays of whole events. */
  #filterEvents(bytes: Buffer): Buffer[] {
    const out: Buffer[] = [];
    let copiedTo = 0;
    let at = this.#isStreamStart ? byteOrderMarkLength(bytes) : 0;
    if (bytes.length > 0) this.#isStreamStart = false;
    while (at < bytes.length) {
      const hit = findUsage(bytes, at, bytes.length);
      if (hit === -1) break;
      const start = lastEventEnd(bytes, at, hit);
      const eventEnd = findEventEnd(bytes, hit, 0);
      const end = eventEnd === -1 ? bytes.length : eventEnd;
      for (const range of removedFrom(bytes, start, end)) {
        out.push(bytes.subarray(copiedTo, range.start));
        copiedTo = range.end;
        if (range.end === bytes.length && bytes[range.end - 1] === CR) this.#isLfDue = true;
      }
      at = end;
    }
    out.push(bytes.subarray(copiedTo));
    return out;
  }
}

/** The ranges of the event in `[start, end)` that are to go, in order. */
function removedFrom(bytes: Buffer, start: number, end: number): ByteRange[] {
  const lines = linesOf(bytes, start, end);
  const values = lines.map((line) => fieldValue(bytes, line, DATA_FIELD)).filter((value) => value !== null);
  const edit = editOf(textOf(bytes, values));
  if (edit === null) return [];
  if (edit === "drop") {
    return lines
      .filter((line) => !isComment(bytes, line))
      .map((line) => ({ start: line.start, end: line.next }));
  }
  return onLines(values, edit.remove);
}

/** An event's data: its data lines joined by LF. */
function textOf(bytes: Buffer, values: readonly ByteRange[]): Buffer {
  const only = values[0];
  if (only !== undefined && values.length === 1) return bytes.subarray(only.start, only.end);
  const parts = values.map((value) => bytes.subarray(value.start, value.end));
  return Buffer.concat(parts.flatMap((part, i) => (i === 0 ? [part] : [LINE_FEED, part])));
}

/** A range of the joined data as ranges of the data lines it lies on; the line structure stays. */
function onLines(values: readonly ByteRange[], range: ByteRange): ByteRange[] {
  const ranges: ByteRange[] = [];
  let offset = 0;
  for (const value of values) {
    const length = value.end - value.start;
    const from = Math.max(range.start - offset, 0);
    const to = Math.min(range.end - offset, length);
    if (from < to) ranges.push({ start: value.start + from, end: value.start + to });
    offset += length + 1;
  }
  return ranges;
}

/** The offset behind the complete comment lines at `from`. */
function afterComments(bytes: Buffer, from: number): number {
  let at = from;
  if (bytes[from] !== COLON) return from;
  for (const line of linesOf(bytes, from, bytes.length)) {
    if (!isComment(bytes, line) || line.next === line.end) break;
    at = line.next;
  }
  return at;
}

function joined(parts: readonly Buffer[]): Buffer | null {
  const bytes = parts.filter((part) => part.length > 0);
  if (bytes.length === 0) return null;
  return bytes.length === 1 ? (bytes[0] ?? null) : Buffer.concat(bytes);
}
