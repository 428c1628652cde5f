/**
 * Walks the bytes of a JSON text, in any split, and says where its values are.
 *
 * It takes exactly what RFC 8259 takes (and so what `JSON.parse` takes), but for a bound on nesting. It
 * builds no value, keeps no byte and throws nothing. Bytes inside strings are not checked to be UTF-8.
 *
 * What nobody asked for is walked by a skipper where there is one. It judges nothing: each byte that it does not
 * like comes back here, so what is JSON and what is told of it is decided in this file alone.
 */

import { canNumberEnd, firstInNumber, nextInNumber } from "./json-number.ts";
import type { SeenNames } from "./json-names.ts";
import { type JsonSkipper, MAX_SKIP_BYTES, MAX_SKIP_DEPTH, sharedJsonSkipper } from "./json-skip.ts";

/** What a value begins as. */
export type JsonKind = "object" | "array" | "scalar";

/**
 * Is told of the members on the watched levels; of what lies deeper it hears nothing. Offsets are byte
 * offsets from the start of the text.
 */
export interface JsonListener {
  /** `offset` is that of the opening quote. */
  onKeyStart(offset: number): void;
  /** `offset` is that of the closing quote. */
  onKeyEnd(offset: number, hasEscape: boolean): void;
  /** Return true to hear of the members or elements of this object or array. */
  onValueStart(offset: number, kind: JsonKind): boolean;
  /** `offset` is that of the first byte after the value. */
  onValueEnd(offset: number): void;
}

/** What may come next between two tokens. */
const Expect = {
  value: 0,
  valueOrClose: 1,
  key: 2,
  keyOrClose: 3,
  colon: 4,
  commaOrClose: 5,
  nothing: 6,
} as const;

/** The token that the scanner stands in; `none` is between two. */
const Token = { none: 0, string: 1, number: 2, literal: 3 } as const;

/** Room for so many open containers is made at first: most texts have fewer. */
const FIRST_DEPTH = 16;

const OBJECT = 1;
const ARRAY = 2;

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const LOWER_U = 0x75;

/** 1 for the bytes that a string holds as they are: neither quote, backslash nor control character. */
const plain: Uint8Array = Uint8Array.from({ length: 256 }, (_, byte) =>
  byte >= 0x20 && byte !== QUOTE && byte !== BACKSLASH ? 1 : 0,
);

/** 1 for the bytes that may follow a backslash, but for `u`. */
const simpleEscape: Uint8Array = Uint8Array.from({ length: 256 }, (_, byte) =>
  '"\\/bfnrt'.includes(String.fromCharCode(byte)) ? 1 : 0,
);

const literals: Readonly<Record<number, string>> = { 0x74: "true", 0x66: "false", 0x6e: "null" };

function isHexDigit(byte: number): boolean {
  return (byte >= 0x30 && byte <= 0x39) || (byte >= 0x41 && byte <= 0x46) || (byte >= 0x61 && byte <= 0x66);
}

const noBytes = new Uint8Array(0);

/** Of a name that goes over pieces no more is kept: none that is looked out for is as long, all its bytes escaped. */
const MAX_NAME_BYTES = 100;

export interface JsonScannerOptions {
  readonly maxDepth: number;
  /** The process's own unless told; null: every byte is looked at one by one. */
  readonly skipper?: JsonSkipper | null | undefined;
  /** Is told of the names of all members, at any depth; null for nothing. */
  readonly seen: SeenNames | null;
}

/** One walk over one text: `scan` its chunks in order, then `end`. */
export class JsonScanner {
  /** Why the text is no JSON, or null so far. Nothing is scanned or told after it is set. */
  malformed: string | null = null;

  readonly #listener: JsonListener;
  /** OBJECT or ARRAY for every container that is open. */
  #kinds: Uint8Array;
  readonly #maxDepth: number;
  readonly #skipper: JsonSkipper | null;
  #depth = 0;
  /** The listener hears of values with at most so many containers around them. */
  #watchedDepth = 0;
  /** Offset of the current chunk's first byte. */
  #base = 0;
  #expect: number = Expect.value;
  #token: number = Token.none;
  #isKey = false;
  #hasEscape = false;
  /** In an escape: 5 after the backslash, then the hex digits that are still due. 0 outside. */
  #escape = 0;
  #number = 0;
  #literal = "";
  #literalAt = 0;
  readonly #seen: SeenNames | null;
  /** Where in the piece at hand the member name begins that is not over; 0 when it began before. */
  #nameAt = 0;
  /** What earlier pieces had of it. */
  #nameKept: Uint8Array = noBytes;

  constructor(listener: JsonListener, { maxDepth, skipper = sharedJsonSkipper(), seen }: JsonScannerOptions) {
    this.#listener = listener;
    this.#maxDepth = maxDepth;
    this.#kinds = new Uint8Array(Math.min(maxDepth, FIRST_DEPTH));
    this.#skipper = maxDepth > MAX_SKIP_DEPTH ? null : skipper;
    this.#seen = seen;
  }

  scan(chunk: Uint8Array): void {
    if (chunk.length <= MAX_SKIP_BYTES) return this.#scanPiece(chunk);
    for (let from = 0; from < chunk.length; from += MAX_SKIP_BYTES)
      this.#scanPiece(chunk.subarray(from, from + MAX_SKIP_BYTES));
  }

  #scanPiece(chunk: Uint8Array): void {
    const skipper = this.#skipper;
    let at = 0;
    let isLoaded = false;
    while (at < chunk.length && this.malformed === null) {
      if (skipper !== null && chunk.length - at >= skipper.minBytes && this.#isSkippable()) {
        if (!isLoaded) skipper.load(chunk, this.#seen);
        isLoaded = true;
        at = this.#skip(skipper, at, chunk.length);
        if (at === chunk.length) break;
      }
      if (this.#token === Token.none) at = this.#between(chunk, at);
      else if (this.#token === Token.string) at = this.#inString(chunk, at);
      else if (this.#token === Token.number) at = this.#inNumber(chunk, at);
      else at = this.#inLiteral(chunk, at);
    }
    if (this.#isKey && this.#token === Token.string && this.#seen !== null) this.#keepName(chunk);
    this.#base += chunk.length;
  }

  #keepName(chunk: Uint8Array): void {
    const left = MAX_NAME_BYTES - this.#nameKept.length;
    this.#nameKept = Buffer.concat([
      this.#nameKept,
      chunk.subarray(this.#nameAt, Math.min(chunk.length, this.#nameAt + left)),
    ]);
    this.#nameAt = 0;
  }

  #noteName(seen: SeenNames, chunk: Uint8Array, end: number): void {
    if (this.#nameKept.length === 0) {
      seen.note(chunk, this.#nameAt, end, this.#depth);
      return;
    }
    this.#keepName(chunk.subarray(0, end));
    seen.note(this.#nameKept, 0, this.#nameKept.length, this.#depth);
    this.#nameKept = noBytes;
  }

  end(): void {
    if (this.malformed !== null) return;
    if (this.#token === Token.number && canNumberEnd(this.#number)) this.#endValue(0);
    if (this.#expect === Expect.nothing) return;
    this.malformed =
      this.#base === 0 ? "the text is empty" : `the text ends at byte ${this.#base} before its value does`;
  }

  /** The listener hears nothing until the value or container at hand ends. */
  #isSkippable(): boolean {
    const isDeep = this.#depth > this.#watchedDepth;
    if (this.#token === Token.none) return isDeep;
    return this.#token === Token.string && this.#escape === 0 && (isDeep || !this.#isKey);
  }

  #skip(skipper: JsonSkipper, from: number, to: number): number {
    const first = this.#watchedDepth;
    const isDeep = this.#depth > first;
    skipper.expect = this.#expect;
    skipper.inside = this.#token === Token.none ? 0 : this.#isKey ? 2 : 1;
    skipper.depth = isDeep ? this.#depth - first : 0;
    for (let at = first; at < this.#depth; at++) skipper.kinds[at - first] = this.#kinds[at] as number;
    const stop = skipper.skip(from, to, this.#maxDepth, first);
    if (skipper.nameAt !== -1) this.#nameAt = skipper.nameAt;
    if (isDeep) {
      this.#depth = first + skipper.depth;
      this.#makeRoom(this.#depth);
      for (let at = first; at < this.#depth; at++) this.#kinds[at] = skipper.kinds[at - first] as number;
    }
    this.#expect = skipper.expect;
    this.#token = skipper.inside === 0 ? Token.none : Token.string;
    this.#isKey = skipper.inside === 2;
    return stop;
  }

  /** So many containers are open. */
  #makeRoom(depth: number): void {
    if (depth <= this.#kinds.length) return;
    const grown = new Uint8Array(Math.min(this.#maxDepth, 2 * depth));
    grown.set(this.#kinds);
    this.#kinds = grown;
  }

  #between(chunk: Uint8Array, from: number): number {
    for (let at = from; at < chunk.length; at++) {
      const byte = chunk[at] as number;
      if (byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09) continue;
      switch (this.#expect) {
        case Expect.colon:
          if (byte !== 0x3a) return this.#fail("a colon is missing", at);
          this.#expect = Expect.value;
          break;
        case Expect.commaOrClose:
          if (byte === 0x2c)
            this.#expect = this.#kinds[this.#depth - 1] === OBJECT ? Expect.key : Expect.value;
          else if (!this.#close(byte, at)) return this.#fail("a comma or a closing bracket is missing", at);
          break;
        case Expect.keyOrClose:
        case Expect.key:
          if (byte === QUOTE) return this.#startKey(at);
          if (this.#expect === Expect.key || !this.#close(byte, at))
            return this.#fail("a member name is missing", at);
          break;
        case Expect.nothing:
          return this.#fail("something follows the value", at);
        default:
          if (this.#expect === Expect.valueOrClose && byte === 0x5d) this.#close(byte, at);
          else if (!this.#startValue(byte, at)) return chunk.length;
          if (this.#token !== Token.none) return at + 1;
      }
    }
    return chunk.length;
  }

  #startKey(at: number): number {
    this.#token = Token.string;
    this.#isKey = true;
    this.#hasEscape = false;
    this.#nameAt = at + 1;
    if (this.#depth <= this.#watchedDepth) this.#listener.onKeyStart(this.#base + at);
    return at + 1;
  }

  #startValue(byte: number, at: number): boolean {
    const kind = byte === 0x7b ? OBJECT : byte === 0x5b ? ARRAY : 0;
    const literal = literals[byte];
    if (byte === QUOTE) {
      this.#token = Token.string;
      this.#isKey = false;
    } else if (kind === 0 && literal !== undefined) {
      this.#token = Token.literal;
      this.#literal = literal;
      this.#literalAt = 1;
    } else if (kind === 0) {
      this.#number = firstInNumber(byte);
      if (this.#number === -1) return this.#refuse("a value is missing", at);
      this.#token = Token.number;
    } else if (this.#depth === this.#maxDepth) {
      return this.#refuse(`the text is nested deeper than ${this.#maxDepth} levels`, at);
    }
    this.#tellValueStart(kind, at);
    return true;
  }

  #tellValueStart(kind: number, at: number): void {
    const isWatched =
      this.#depth <= this.#watchedDepth &&
      this.#listener.onValueStart(
        this.#base + at,
        kind === OBJECT ? "object" : kind === ARRAY ? "array" : "scalar",
      );
    if (kind === 0) return;
    this.#makeRoom(this.#depth + 1);
    this.#kinds[this.#depth++] = kind;
    if (isWatched) this.#watchedDepth = this.#depth;
    this.#expect = kind === OBJECT ? Expect.keyOrClose : Expect.valueOrClose;
  }

  /** Closes the innermost container if `byte` is what closes it. */
  #close(byte: number, at: number): boolean {
    if (byte !== (this.#kinds[this.#depth - 1] === OBJECT ? 0x7d : 0x5d)) return false;
    this.#depth--;
    if (this.#watchedDepth > this.#depth) this.#watchedDepth = this.#depth;
    this.#endValue(at + 1);
    return true;
  }

  #endValue(at: number): void {
    this.#token = Token.none;
    this.#expect = this.#depth === 0 ? Expect.nothing : Expect.commaOrClose;
    if (this.#depth <= this.#watchedDepth) this.#listener.onValueEnd(this.#base + at);
  }

  #inString(chunk: Uint8Array, from: number): number {
    let at = this.#escape === 0 ? from : this.#inEscape(chunk, from);
    const length = chunk.length;
    while (at < length) {
      while (at < length && plain[chunk[at] as number] === 1) at++;
      if (at === length) break;
      const byte = chunk[at] as number;
      if (byte === QUOTE) return this.#endString(chunk, at);
      if (byte !== BACKSLASH) return this.#fail("a string holds a control character", at);
      this.#hasEscape = true;
      at++;
      if (at < length && simpleEscape[chunk[at] as number] === 1) {
        at++;
        continue;
      }
      this.#escape = 5;
      at = this.#inEscape(chunk, at);
    }
    return at;
  }

  #inEscape(chunk: Uint8Array, from: number): number {
    let at = from;
    for (; at < chunk.length && this.#escape > 0; at++) {
      const byte = chunk[at] as number;
      if (this.#escape === 5 && byte !== LOWER_U) {
        if (simpleEscape[byte] !== 1) return this.#fail("a string holds an unknown escape", at);
        this.#escape = 0;
      } else {
        if (this.#escape < 5 && !isHexDigit(byte)) return this.#fail("a string holds a broken escape", at);
        this.#escape--;
      }
    }
    return at;
  }

  #endString(chunk: Uint8Array, at: number): number {
    if (this.#isKey) {
      if (this.#seen !== null) this.#noteName(this.#seen, chunk, at);
      this.#token = Token.none;
      this.#expect = Expect.colon;
      if (this.#depth <= this.#watchedDepth) this.#listener.onKeyEnd(this.#base + at, this.#hasEscape);
    } else {
      this.#endValue(at + 1);
    }
    return at + 1;
  }

  #inNumber(chunk: Uint8Array, from: number): number {
    for (let at = from; at < chunk.length; at++) {
      const next = nextInNumber(this.#number, chunk[at] as number);
      if (next === -1) {
        if (!canNumberEnd(this.#number)) return this.#fail("a number is malformed", at);
        this.#endValue(at);
        return at;
      }
      this.#number = next;
    }
    return chunk.length;
  }

  #inLiteral(chunk: Uint8Array, from: number): number {
    for (let at = from; at < chunk.length; at++) {
      if (chunk[at] !== this.#literal.charCodeAt(this.#literalAt))
        return this.#fail("a value is malformed", at);
      this.#literalAt++;
      if (this.#literalAt < this.#literal.length) continue;
      this.#endValue(at + 1);
      return at + 1;
    }
    return chunk.length;
  }

  #fail(what: string, at: number): number {
    this.malformed = `${what} at byte ${this.#base + at}`;
    return Number.MAX_SAFE_INTEGER;
  }

  #refuse(what: string, at: number): false {
    this.#fail(what, at);
    return false;
  }
}
