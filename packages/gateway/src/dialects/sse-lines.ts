/**
 * Where events of a `text/event-stream` end, and what one holds (WHATWG HTML, "Server-sent events").
 *
 * A line ends in LF, CR or CRLF and in nothing else, so U+2028 and U+0085 are plain text here. An event
 * ends with a blank line. These functions hold no state: a caller says which byte came before.
 */

const LF = 10;
const CR = 13;
const COLON = 58;
const SPACE = 32;

/** Says to `findEventEnd` that the bytes begin at the beginning of an event. */
export const EVENT_START: number = LF;

/**
 * The offset just behind the blank line that ends the event, or -1 when the bytes do not hold it. `previous`
 * is the byte before `from`, or `EVENT_START`. A CR at the very end counts as a whole line end: when an LF
 * follows it belongs to the same line end, and is an empty line that means nothing.
 */
export function findEventEnd(bytes: Buffer, from: number, previous: number): number {
  let at = from;
  let isLineStart = previous === LF || previous === CR;
  if (previous === CR && bytes[at] === LF) at++;
  let nextLf = -1;
  let nextCr = -1;
  while (at < bytes.length) {
    if (isLineStart && (bytes[at] === LF || bytes[at] === CR)) return afterLineEnd(bytes, at);
    if (nextLf < at) nextLf = indexOrEnd(bytes, LF, at);
    if (nextCr < at) nextCr = indexOrEnd(bytes, CR, at);
    const lineEnd = Math.min(nextLf, nextCr);
    if (lineEnd === bytes.length) return -1;
    at = afterLineEnd(bytes, lineEnd);
    isLineStart = true;
  }
  return -1;
}

/**
 * The offset just behind the last blank line in `[from, to)`, where `from` is the beginning of an event;
 * `from` itself when there is none.
 */
export function lastEventEnd(bytes: Uint8Array, from: number, to: number): number {
  for (let at = to - 1; at >= from; at--) {
    const byte = bytes[at];
    if (byte !== LF && byte !== CR) continue;
    const lineEnd = byte === LF && at > from && bytes[at - 1] === CR ? at - 1 : at;
    if (lineEnd === from) return at + 1;
    const before = bytes[lineEnd - 1];
    if (before === LF || before === CR) return at + 1;
  }
  return from;
}

/** One line of an event: `[start, end)` without its line end, which ends at `next`. */
export interface SseLine {
  readonly start: number;
  readonly end: number;
  readonly next: number;
}

/** The lines of a piece of a stream that begins at a line start. */
export function linesOf(bytes: Buffer, from: number, to: number): SseLine[] {
  const lines: SseLine[] = [];
  let at = from;
  while (at < to) {
    const end = lineEndFrom(bytes, at, to);
    const next = end === to ? to : Math.min(to, afterLineEnd(bytes, end));
    lines.push({ start: at, end, next });
    at = next;
  }
  return lines;
}

/** The value's range when the line is a field of that name (lower case ASCII), else null. */
export function fieldValue(
  bytes: Buffer,
  line: SseLine,
  name: Buffer,
): { start: number; end: number } | null {
  const colon = line.start + name.length;
  if (colon > line.end) return null;
  for (let i = 0; i < name.length; i++) {
    if (bytes[line.start + i] !== name[i]) return null;
  }
  if (colon === line.end) return { start: line.end, end: line.end };
  if (bytes[colon] !== COLON) return null;
  const start = bytes[colon + 1] === SPACE && colon + 1 < line.end ? colon + 2 : colon + 1;
  return { start, end: line.end };
}

/** True for a line that begins with a colon. */
export function isComment(bytes: Buffer, line: SseLine): boolean {
  return line.start < line.end && bytes[line.start] === COLON;
}

/** The length of a byte order mark at the start of the bytes: 3, or 0. */
export function byteOrderMarkLength(bytes: Uint8Array): number {
  return bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf ? 3 : 0;
}

/** Walks a short line, because a native call costs as much; searches in a long one. */
function lineEndFrom(bytes: Buffer, from: number, to: number): number {
  const walkedTo = Math.min(to, from + 256);
  for (let at = from; at < walkedTo; at++) {
    if (bytes[at] === LF || bytes[at] === CR) return at;
  }
  if (walkedTo === to) return to;
  return Math.min(to, indexOrEnd(bytes, LF, walkedTo), indexOrEnd(bytes, CR, walkedTo));
}

function afterLineEnd(bytes: Uint8Array, lineEnd: number): number {
  return bytes[lineEnd] === CR && bytes[lineEnd + 1] === LF ? lineEnd + 2 : lineEnd + 1;
}

function indexOrEnd(bytes: Buffer, byte: number, from: number): number {
  const index = bytes.indexOf(byte, from);
  return index === -1 ? bytes.length : index;
}
