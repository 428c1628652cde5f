/**
 * Watches the provider's frames on their way to the caller: tells where whole messages end, so that the last bytes
 * of one can be held. It alters and keeps no frame; a copy of a message's text is kept while it comes in pieces.
 */

import { type FramePiece, FrameScanner, Opcode, payloadOf } from "../websocket/frames.ts";

/** A longer message is not looked at: a terminal one repeats the whole output. */
const maxMessageBytes = 64 * 1024 * 1024;

/** A piece of a chunk, and what is whole with it. */
export interface WatchedPiece {
  readonly piece: FramePiece;
  /** The text of the message that ends here, or a control frame's payload; null for everything else. */
  readonly whole: Buffer | null;
}

export class ProviderMessages {
  readonly #scanner = new FrameScanner("server");
  #parts: Buffer[] = [];
  #byteLength = 0;
  #control: Buffer[] = [];

  get isBetweenMessages(): boolean {
    return this.#scanner.isBetweenMessages;
  }

  get isBetweenFrames(): boolean {
    return this.#scanner.isBetweenFrames;
  }

  /** Throws `FrameError`. */
  *watch(chunk: Buffer): Generator<WatchedPiece, void> {
    for (const piece of this.#scanner.scan(chunk)) {
      yield { piece, whole: piece.isControl ? this.#takeControl(chunk, piece) : this.#take(chunk, piece) };
    }
  }

  #takeControl(chunk: Buffer, piece: FramePiece): Buffer | null {
    this.#control.push(Buffer.from(payloadOf(chunk, piece)));
    if (!piece.isFrameEnd) return null;
    const whole = Buffer.concat(this.#control);
    this.#control = [];
    return whole;
  }

  #take(chunk: Buffer, piece: FramePiece): Buffer | null {
    if (piece.messageOpcode !== Opcode.text) return null;
    const payload = payloadOf(chunk, piece);
    if (piece.isMessageEnd && this.#byteLength === 0) return payload;
    this.#byteLength += payload.length;
    if (this.#byteLength <= maxMessageBytes) this.#parts.push(payload);
    else this.#parts = [];
    if (!piece.isMessageEnd) return null;
    const whole = this.#byteLength <= maxMessageBytes ? Buffer.concat(this.#parts) : null;
    this.#parts = [];
    this.#byteLength = 0;
    return whole;
  }
}
