/**
 * Reads HTTP/1.1 replies off a connection (RFC 9112): head, framing, body. It hands body bytes on without their
 * framing and without copying them to a second buffer, and refuses whatever two parsers could read in two ways.
 * It knows no socket, no timeout and no header's meaning but those that frame.
 */

import type { HeaderLines, UpstreamReply } from "./client.ts";

/** What came back is no HTTP, or could be read in two ways. */
export class InvalidReplyError extends Error {
  override readonly name = "InvalidReplyError";
}

export interface ReplyHandler {
  /** A final reply's head; interim ones (1xx) are dropped here. */
  onHead(reply: UpstreamReply): void;
  /** Body bytes of one `push`, in one piece of its memory. */
  onBody(bytes: Uint8Array): void;
  /** The reply is whole. `isReusable`: the connection can carry another request. */
  onComplete(isReusable: boolean): void;
}

export interface ReplyParserOptions {
  /** A reply to HEAD has no body whatever its head says. */
  readonly isHead: boolean;
  readonly maxHeadBytes: number;
}

const CR = 0x0d;
const LF = 0x0a;
const maxChunkLineBytes = 4096;
const noBytes: Buffer = Buffer.alloc(0);

type State =
  | "head"
  | "body_by_length"
  | "body_to_end"
  | "chunk_size"
  | "chunk_data"
  | "chunk_data_cr"
  | "chunk_data_lf"
  | "trailers"
  | "complete";

export class ReplyParser {
  readonly #options: ReplyParserOptions;
  readonly #handler: ReplyHandler;
  #state: State = "head";
  /** The unfinished head, chunk-size line or trailer section. */
  #pending: Buffer = noBytes;
  #trailerBytes = 0;
  #remaining = 0;
  #isPersistent = false;

  constructor(options: ReplyParserOptions, handler: ReplyHandler) {
    this.#options = options;
    this.#handler = handler;
  }

  /** The reply's last byte has been pushed. */
  get isComplete(): boolean {
    return this.#state === "complete";
  }

  /**
   * Takes the next bytes, in memory that is the parser's for the length of the call: chunk framing is closed up in
   * place. Throws `InvalidReplyError`.
   */
  push(input: Buffer): void {
    let offset = 0;
    while (offset < input.length) {
      switch (this.#state) {
        case "head":
          offset = this.#takeHead(input, offset);
          break;
        case "body_to_end":
          this.#handler.onBody(input.subarray(offset));
          return;
        case "body_by_length": {
          const end = Math.min(input.length, offset + this.#remaining);
          this.#remaining -= end - offset;
          this.#handler.onBody(input.subarray(offset, end));
          offset = end;
          if (this.#remaining === 0) this.#complete(input, offset);
          break;
        }
        case "complete":
          throw new InvalidReplyError("Bytes came after the end of the reply.");
        case "chunk_size":
        case "chunk_data":
        case "chunk_data_cr":
        case "chunk_data_lf":
        case "trailers":
          this.#takeChunked(input, offset);
          return;
      }
    }
  }

  /** Body bytes of several chunks are moved together over their framing; those of a single one stay where they are. */
  #takeChunked(input: Buffer, from: number): void {
    let offset = from;
    let start = -1;
    let end = 0;
    let next = -1;
    try {
      while (offset < input.length && next === -1) {
        if (this.#state === "chunk_size") {
          offset = this.#takeChunkSize(input, offset);
        } else if (this.#state === "chunk_data") {
          const stop = Math.min(input.length, offset + this.#remaining);
          if (start === -1) start = end = offset;
          if (end !== offset) input.copyWithin(end, offset, stop);
          end += stop - offset;
          this.#remaining -= stop - offset;
          offset = stop;
          if (this.#remaining === 0) this.#state = "chunk_data_cr";
        } else if (this.#state === "trailers") {
          next = this.#takeTrailers(input, offset);
          offset = input.length;
        } else {
          offset = this.#takeChunkDataEnd(input, offset);
        }
      }
    } finally {
      // Also before damage: it was received, and may tell what it cost.
      if (end > start) this.#handler.onBody(input.subarray(start, end));
    }
    if (next !== -1) this.#complete(input, next);
  }

  /** The connection ended. True when that is the end of the reply, too. */
  end(): boolean {
    if (this.#state !== "body_to_end") return this.#state === "complete";
    this.#state = "complete";
    this.#handler.onComplete(false);
    return true;
  }

  #takeHead(input: Buffer, offset: number): number {
    const known = this.#pending.length;
    const joined =
      known === 0 ? input.subarray(offset) : Buffer.concat([this.#pending, input.subarray(offset)]);
    const end = joined.indexOf("\r\n\r\n", Math.max(0, known - 3), "latin1");
    if (end === -1 ? joined.length > this.#options.maxHeadBytes : end > this.#options.maxHeadBytes) {
      throw new InvalidReplyError(`The reply's head is larger than ${this.#options.maxHeadBytes} bytes.`);
    }
    if (end === -1) {
      this.#pending = Buffer.from(joined);
      return input.length;
    }
    this.#pending = noBytes;
    const next = offset + end + 4 - known;
    this.#begin(joined.toString("latin1", 0, end), input, next);
    return next;
  }

  #begin(text: string, input: Buffer, next: number): void {
    const head = parseHead(text);
    if (head.status === 101) throw new InvalidReplyError("The upstream switched protocols unasked.");
    // Interim replies end at the gateway (RFC 9110 section 15.2): the final one follows.
    if (head.status < 200) return;
    const framing = framingOf(head, this.#options.isHead);
    this.#isPersistent = head.isPersistent && framing.kind !== "to_end";
    this.#handler.onHead({ status: head.status, statusText: head.statusText, headers: head.headers });
    if (framing.kind === "to_end") {
      this.#state = "body_to_end";
    } else if (framing.kind === "chunked") {
      this.#state = "chunk_size";
    } else {
      this.#remaining = framing.length;
      this.#state = "body_by_length";
      if (framing.length === 0) this.#complete(input, next);
    }
  }

  #takeChunkSize(input: Buffer, offset: number): number {
    // A stream has one such line for each event, so neither text nor a view is made of the usual one.
    if (this.#pending.length === 0) {
      let size = 0;
      let at = offset;
      for (; at < input.length; at++) {
        const digit = hexDigit(input[at] as number);
        if (digit === -1) break;
        size = size * 16 + digit;
      }
      const isPlain = at > offset && at - offset <= maxSizeDigits && at + 1 < input.length;
      if (isPlain && input[at] === CR && input[at + 1] === LF) {
        this.#beginChunk(size);
        return at + 2;
      }
    }
    return this.#takeOddChunkSize(input, offset);
  }

  /** One that is cut, or has more to it than a number. */
  #takeOddChunkSize(input: Buffer, offset: number): number {
    const lineEnd = input.indexOf(LF, offset);
    const stop = lineEnd === -1 ? input.length : lineEnd + 1;
    const line = Buffer.concat([this.#pending, input.subarray(offset, stop)]);
    if (line.length > maxChunkLineBytes) throw new InvalidReplyError("A chunk's size line is too long.");
    if (lineEnd === -1) {
      this.#pending = line;
      return stop;
    }
    this.#pending = noBytes;
    this.#beginChunk(parseChunkSize(line));
    return stop;
  }

  #beginChunk(size: number): void {
    this.#remaining = size;
    this.#state = size === 0 ? "trailers" : "chunk_data";
    this.#trailerBytes = 0;
  }

  #takeChunkDataEnd(input: Buffer, offset: number): number {
    const isAtCr = this.#state === "chunk_data_cr";
    if (input[offset] !== (isAtCr ? CR : LF)) throw new InvalidReplyError("A chunk is longer than its size.");
    this.#state = isAtCr ? "chunk_data_lf" : "chunk_size";
    return offset + 1;
  }

  /** Trailers end at the gateway. -1: the section goes on in the next bytes. */
  #takeTrailers(input: Buffer, offset: number): number {
    let at = offset;
    while (at < input.length) {
      const lineEnd = input.indexOf(LF, at);
      const stop = lineEnd === -1 ? input.length : lineEnd + 1;
      const line = Buffer.concat([this.#pending, input.subarray(at, stop)]);
      this.#trailerBytes += stop - at;
      if (this.#trailerBytes > this.#options.maxHeadBytes)
        throw new InvalidReplyError("The trailers are too long.");
      if (lineEnd === -1) {
        this.#pending = line;
        return -1;
      }
      this.#pending = noBytes;
      if (line.at(-2) !== CR) throw new InvalidReplyError("A trailer line does not end in CR LF.");
      if (line.length === 2) return stop;
      at = stop;
    }
    return -1;
  }

  #complete(input: Buffer, next: number): void {
    this.#state = "complete";
    const hasMore = next < input.length;
    this.#handler.onComplete(this.#isPersistent && !hasMore);
  }
}

interface Head {
  readonly status: number;
  readonly statusText: string;
  readonly headers: HeaderLines;
  readonly isPersistent: boolean;
}

function parseHead(text: string): Head {
  const lines = text.split("\r\n");
  const status = /^HTTP\/1\.([01]) ([1-9][0-9]{2})(?: ([\t\x20-\x7e\x80-\xff]*))?$/.exec(lines[0] ?? "");
  if (status === null) throw new InvalidReplyError("The reply does not begin with an HTTP/1.1 status line.");
  const headers = lines.slice(1).map(parseHeaderLine);
  const connection = joined(headers, "connection").toLowerCase();
  const tokens = connection.split(",").map((token) => token.trim());
  const isPersistent = status[1] === "1" ? !tokens.includes("close") : tokens.includes("keep-alive");
  return { status: Number(status[2]), statusText: status[3] ?? "", headers, isPersistent };
}

/** RFC 9112 section 5: no folding, no space before the colon, no control bytes. */
function parseHeaderLine(line: string): readonly [string, string] {
  const match = /^([!#$%&'*+\-.^_`|~0-9A-Za-z]+):[\t ]*([\t\x20-\x7e\x80-\xff]*?)[\t ]*$/.exec(line);
  if (match === null) throw new InvalidReplyError("The reply has a header line that is none.");
  return [match[1] ?? "", match[2] ?? ""];
}

type Framing =
  | { readonly kind: "chunked" }
  | { readonly kind: "to_end" }
  | { readonly kind: "length"; readonly length: number };

/** RFC 9112 section 6.3. Where it allows a guess, the reply is refused: a guess is how replies get mixed up. */
function framingOf(head: Head, isHead: boolean): Framing {
  const encodings = head.headers.filter(([name]) => name.toLowerCase() === "transfer-encoding");
  const lengths = head.headers.filter(([name]) => name.toLowerCase() === "content-length");
  if (isHead || head.status === 204 || head.status === 304) return { kind: "length", length: 0 };
  if (encodings.length > 0) {
    const isChunked = encodings.length === 1 && encodings[0]?.[1].toLowerCase() === "chunked";
    if (!isChunked) throw new InvalidReplyError("The reply has a transfer-encoding other than chunked.");
    if (lengths.length > 0)
      throw new InvalidReplyError("The reply has both a transfer-encoding and a content-length.");
    return { kind: "chunked" };
  }
  const first = lengths[0]?.[1];
  if (first === undefined) return { kind: "to_end" };
  const length = Number(first);
  if (!/^\d{1,15}$/.test(first) || lengths.some(([, value]) => value !== first)) {
    throw new InvalidReplyError("The reply has a content-length that is none.");
  }
  return { kind: "length", length };
}

/** 13 hexadecimal digits are the most that a number holds exactly. */
const maxSizeDigits = 13;

/** `1a;name=value` CR LF. Extensions mean nothing here. */
function parseChunkSize(line: Buffer): number {
  const match = /^([0-9a-f]{1,13})(?:[\t ]*;[^\r\n]*|[\t ]*)\r\n$/i.exec(line.toString("latin1"));
  if (match === null) throw new InvalidReplyError("A chunk has a size that is none.");
  return Number.parseInt(match[1] ?? "", 16);
}

function hexDigit(byte: number): number {
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30;
  const lower = byte | 0x20;
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : -1;
}

function joined(headers: HeaderLines, lowerName: string): string {
  return headers
    .filter(([name]) => name.toLowerCase() === lowerName)
    .map(([, value]) => value)
    .join(",");
}
