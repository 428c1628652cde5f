/**
 * WebSocket frames (RFC 6455) as bytes: a scanner that finds the frames in the chunks of a connection and checks
 * that they are frames, and what it takes to write some. It copies no payload, changes no byte and knows no stream.
 */

import { randomBytes } from "node:crypto";

export const Opcode = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const;

/** Close codes of RFC 6455 section 7.4.1 and IANA's registry that the gateway sends itself. */
export const CloseCode = {
  normal: 1000,
  /** The gateway goes away, or a time limit is reached. */
  goingAway: 1001,
  protocolError: 1002,
  invalidText: 1007,
  policy: 1008,
  tooBig: 1009,
  internalError: 1011,
  tryAgainLater: 1013,
  /** The provider's side broke the protocol or cannot be reached. */
  badGateway: 1014,
} as const;

/** The other side broke the protocol: the connection is to be failed with this code. */
export class FrameError extends Error {
  override readonly name = "FrameError";
  readonly closeCode: number;

  constructor(closeCode: number, message: string) {
    super(message);
    this.closeCode = closeCode;
  }
}

/**
 * A piece of one frame, as far as a chunk goes. The frame's bytes in the chunk are `[start, end)`, its payload
 * `[payloadStart, end)`. Valid until the next piece.
 */
export interface FramePiece {
  /** Of a continuation, `continuation`; `messageOpcode` says of what. */
  readonly opcode: number;
  /** `text` or `binary` for data frames, the frame's own for control frames. */
  readonly messageOpcode: number;
  readonly isControl: boolean;
  /** The frame's first piece. */
  readonly isFrameStart: boolean;
  /** The frame's last piece. */
  readonly isFrameEnd: boolean;
  /** The last piece of the last frame of its message. */
  readonly isMessageEnd: boolean;
  /** Bytes of the header that came with earlier chunks, which stand before `start`; null for none. */
  readonly carried: Buffer | null;
  readonly start: number;
  readonly payloadStart: number;
  readonly end: number;
  /** null for an unmasked frame. */
  readonly mask: Uint8Array | null;
  /** Where the piece's payload stands in the frame's: the mask turns with it. */
  readonly payloadOffset: number;
}

/** Whose frames are scanned: a client's are masked, a server's are not (RFC 6455 section 5.1). */
export type FrameSource = "client" | "server";

const maxControlBytes = 125;

export class FrameScanner {
  readonly #source: FrameSource;
  /** A header that is not complete yet. */
  #partial: Buffer | null = null;
  #head: FrameHead | null = null;
  #payloadOffset = 0;
  /** `text` or `binary` inside a fragmented message, 0 outside. */
  #fragmented = 0;

  constructor(source: FrameSource) {
    this.#source = source;
  }

  /** True between two messages: neither a frame nor a fragmented message is open. */
  get isBetweenMessages(): boolean {
    return this.#fragmented === 0 && this.isBetweenFrames;
  }

  /** True where a control frame may stand. */
  get isBetweenFrames(): boolean {
    return this.#head === null && this.#partial === null;
  }

  /** The pieces of a chunk, in order. Throws `FrameError`; nothing can be scanned after that. */
  *scan(chunk: Buffer): Generator<FramePiece, void> {
    let at = 0;
    while (at < chunk.length) {
      let carried: Buffer | null = null;
      const start = at;
      const isFrameStart = this.#head === null;
      if (this.#head === null) {
        const known = this.#partial;
        const view =
          known === null ? chunk.subarray(at, at + 14) : Buffer.concat([known, chunk.subarray(at, at + 14)]);
        const head = this.#readHead(view);
        if (head === null) {
          this.#partial = Buffer.from(view);
          return;
        }
        carried = known;
        this.#partial = null;
        this.#head = head;
        this.#payloadOffset = 0;
        at += head.headerBytes - (known?.length ?? 0);
      }
      const head = this.#head;
      const payloadStart = at;
      const end = Math.min(chunk.length, at + head.payloadBytes - this.#payloadOffset);
      const payloadOffset = this.#payloadOffset;
      this.#payloadOffset += end - payloadStart;
      at = end;
      const isFrameEnd = this.#payloadOffset === head.payloadBytes;
      const messageOpcode = this.#messageOpcode(head);
      if (isFrameEnd) this.#endFrame(head);
      yield {
        opcode: head.opcode,
        messageOpcode,
        isControl: head.opcode >= 8,
        isFrameStart,
        isFrameEnd,
        isMessageEnd: isFrameEnd && head.isFinal,
        carried,
        start,
        payloadStart,
        end,
        mask: head.mask,
        payloadOffset,
      };
    }
  }

  #messageOpcode(head: FrameHead): number {
    if (head.opcode !== Opcode.continuation) return head.opcode;
    return this.#fragmented;
  }

  #endFrame(head: FrameHead): void {
    this.#head = null;
    if (head.opcode >= 8) return;
    if (head.isFinal) this.#fragmented = 0;
    else if (head.opcode !== Opcode.continuation) this.#fragmented = head.opcode;
  }

  /** null when the header is not complete. */
  #readHead(bytes: Buffer): FrameHead | null {
    const first = bytes[0];
    const second = bytes[1];
    if (first === undefined) return null;
    this.#checkFirst(first);
    if (second === undefined) return null;
    const isMasked = (second & 0x80) !== 0;
    if (isMasked !== (this.#source === "client")) {
      throw new FrameError(
        CloseCode.protocolError,
        isMasked ? "A server's frame is masked." : "A client's frame is not masked.",
      );
    }
    const short = second & 0x7f;
    const isControl = (first & 0x08) !== 0;
    if (isControl && short > maxControlBytes)
      throw new FrameError(CloseCode.protocolError, "A control frame is too long.");
    const lengthBytes = short === 126 ? 2 : short === 127 ? 8 : 0;
    const headerBytes = 2 + lengthBytes + (isMasked ? 4 : 0);
    if (bytes.length < headerBytes) return null;
    const payloadBytes = lengthBytes === 0 ? short : readLength(bytes, lengthBytes);
    const mask = isMasked ? Uint8Array.prototype.slice.call(bytes, headerBytes - 4, headerBytes) : null;
    return { opcode: first & 0x0f, isFinal: (first & 0x80) !== 0, headerBytes, payloadBytes, mask };
  }

  #checkFirst(first: number): void {
    if ((first & 0x70) !== 0)
      throw new FrameError(
        CloseCode.protocolError,
        "A frame has a reserved bit, and no extension is agreed.",
      );
    const opcode = first & 0x0f;
    const isFinal = (first & 0x80) !== 0;
    if (opcode >= 8) {
      if (opcode > 10) throw new FrameError(CloseCode.protocolError, "A frame has an unknown opcode.");
      if (!isFinal) throw new FrameError(CloseCode.protocolError, "A control frame is fragmented.");
      return;
    }
    if (opcode > 2) throw new FrameError(CloseCode.protocolError, "A frame has an unknown opcode.");
    const isContinuation = opcode === Opcode.continuation;
    if (isContinuation !== (this.#fragmented !== 0)) {
      throw new FrameError(
        CloseCode.protocolError,
        isContinuation ? "A continuation continues nothing." : "A message begins inside another.",
      );
    }
  }
}

interface FrameHead {
  readonly opcode: number;
  readonly isFinal: boolean;
  readonly headerBytes: number;
  readonly payloadBytes: number;
  readonly mask: Uint8Array | null;
}

/** In as few bytes as it takes, and no more than 2^53 - 1 (RFC 6455 section 5.2 asks for the first). */
function readLength(bytes: Buffer, lengthBytes: 2 | 8): number {
  const length = lengthBytes === 2 ? bytes.readUInt16BE(2) : Number(bytes.readBigUInt64BE(2));
  if (lengthBytes === 2 ? length < 126 : length < 65_536)
    throw new FrameError(CloseCode.protocolError, "A frame's length is written in more bytes than it takes.");
  if (!Number.isSafeInteger(length)) throw new FrameError(CloseCode.tooBig, "A frame is too long.");
  return length;
}

/** The payload of a piece, its mask removed, in memory of its own; of an unmasked one a view. */
export function payloadOf(chunk: Buffer, piece: FramePiece): Buffer {
  const bytes = chunk.subarray(piece.payloadStart, piece.end);
  return piece.mask === null ? bytes : unmasked(bytes, piece.mask, piece.payloadOffset);
}

function unmasked(bytes: Buffer, mask: Uint8Array, offset: number): Buffer {
  const out = Buffer.allocUnsafe(bytes.length);
  const keys = [0, 1, 2, 3].map((index) => mask[(offset + index) & 3] ?? 0);
  const [k0 = 0, k1 = 0, k2 = 0, k3 = 0] = keys;
  let at = 0;
  for (const whole = bytes.length - 3; at < whole; at += 4) {
    out[at] = (bytes[at] ?? 0) ^ k0;
    out[at + 1] = (bytes[at + 1] ?? 0) ^ k1;
    out[at + 2] = (bytes[at + 2] ?? 0) ^ k2;
    out[at + 3] = (bytes[at + 3] ?? 0) ^ k3;
  }
  for (; at < bytes.length; at++) out[at] = (bytes[at] ?? 0) ^ (keys[at & 3] ?? 0);
  return out;
}

/** One whole frame, `isFinal`. A client's is masked with a fresh key. */
export function frame(source: FrameSource, opcode: number, payload: Uint8Array): Buffer {
  const { length } = payload;
  const isMasked = source === "client";
  const lengthBytes = length < 126 ? 0 : length < 65_536 ? 2 : 8;
  const headerBytes = 2 + lengthBytes + (isMasked ? 4 : 0);
  const bytes = Buffer.allocUnsafe(headerBytes + length);
  bytes[0] = 0x80 | opcode;
  bytes[1] = (isMasked ? 0x80 : 0) | (lengthBytes === 0 ? length : lengthBytes === 2 ? 126 : 127);
  if (lengthBytes === 2) bytes.writeUInt16BE(length, 2);
  if (lengthBytes === 8) bytes.writeBigUInt64BE(BigInt(length), 2);
  if (!isMasked) {
    bytes.set(payload, headerBytes);
    return bytes;
  }
  const mask = randomBytes(4);
  bytes.set(mask, headerBytes - 4);
  bytes.set(unmasked(Buffer.from(payload.buffer, payload.byteOffset, length), mask, 0), headerBytes);
  return bytes;
}

/** A close frame. The reason is cut to what a control frame holds, between two characters. */
export function closeFrame(source: FrameSource, code: number, reason: string): Buffer {
  const text = Buffer.from(reason);
  let end = Math.min(text.length, maxControlBytes - 2);
  while (end < text.length && end > 0 && ((text[end] ?? 0) & 0xc0) === 0x80) end -= 1;
  const payload = Buffer.alloc(2 + end);
  payload.writeUInt16BE(code, 0);
  text.copy(payload, 2, 0, end);
  return frame(source, Opcode.close, payload);
}
