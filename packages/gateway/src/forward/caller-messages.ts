/**
 * Puts a caller's frames together to whole messages, as they came and unmasked, because policy looks at messages.
 * Control frames stand alone. It decides nothing.
 */

import {
  closeFrame,
  CloseCode,
  FrameError,
  type FramePiece,
  FrameScanner,
  Opcode,
  payloadOf,
} from "../websocket/frames.ts";

/** A whole message or control frame. */
export interface CallerFrames {
  /** `text`, `binary`, `close`, `ping` or `pong`. */
  readonly opcode: number;
  /** The frames as they came, masked. */
  readonly raw: readonly Buffer[];
  /** Their payloads, unmasked. */
  readonly payload: Buffer;
}

export interface CallerMessagesOptions {
  readonly maxMessageBytes: number;
  /** Room for a message that has not come whole yet; throws when there is none. */
  readonly reserve: () => { grow(bytes: number): void; release(): void };
}

export class CallerMessages {
  readonly #options: CallerMessagesOptions;
  readonly #scanner = new FrameScanner("client");
  readonly #message = new Collected();
  readonly #control = new Collected();
  #reservation: { grow(bytes: number): void; release(): void } | null = null;

  constructor(options: CallerMessagesOptions) {
    this.#options = options;
  }

  /** What becomes whole with this chunk, in order. Throws `FrameError`, or what `reserve` throws. */
  *take(chunk: Buffer): Generator<CallerFrames, void> {
    for (const piece of this.#scanner.scan(chunk)) {
      const into = piece.isControl ? this.#control : this.#message;
      into.add(chunk, piece);
      if (into.byteLength > this.#options.maxMessageBytes) {
        throw new FrameError(
          CloseCode.tooBig,
          `The message is larger than ${this.#options.maxMessageBytes} bytes.`,
        );
      }
      if (!(piece.isControl ? piece.isFrameEnd : piece.isMessageEnd)) continue;
      if (!piece.isControl) this.release();
      yield into.end(piece.messageOpcode);
    }
    this.#hold(this.#message.byteLength);
  }

  /** Gives back what an unfinished message holds. */
  release(): void {
    this.#reservation?.release();
    this.#reservation = null;
  }

  #hold(bytes: number): void {
    if (bytes === 0) return;
    this.#reservation ??= this.#options.reserve();
    // As it came and unmasked.
    this.#reservation.grow(2 * (bytes - this.#message.reservedBytes));
    this.#message.reservedBytes = bytes;
  }
}

class Collected {
  byteLength = 0;
  reservedBytes = 0;
  #raw: Buffer[] = [];
  #payloads: Buffer[] = [];

  add(chunk: Buffer, piece: FramePiece): void {
    if (piece.carried !== null) this.#raw.push(piece.carried);
    if (piece.end > piece.start) this.#raw.push(chunk.subarray(piece.start, piece.end));
    const payload = payloadOf(chunk, piece);
    if (payload.length > 0) this.#payloads.push(payload);
    this.byteLength += payload.length;
  }

  end(opcode: number): CallerFrames {
    const [only, ...others] = this.#payloads;
    const payload = only !== undefined && others.length === 0 ? only : Buffer.concat(this.#payloads);
    const frames = { opcode, raw: this.#raw, payload };
    this.#raw = [];
    this.#payloads = [];
    this.byteLength = 0;
    this.reservedBytes = 0;
    return frames;
  }
}

/** The frame with which a server answers a close frame of this payload: the same code, or none. */
export function closeAnswer(payload: Buffer): Buffer {
  return payload.length < 2
    ? Buffer.from([0x80 | Opcode.close, 0])
    : closeFrame("server", payload.readUInt16BE(0), "");
}
