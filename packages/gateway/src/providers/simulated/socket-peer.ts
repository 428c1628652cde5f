/** The server's end of a WebSocket for the simulated provider: whole messages in, whole messages out. */

import type { Duplex } from "node:stream";
import {
  closeFrame,
  CloseCode,
  frame,
  FrameError,
  FrameScanner,
  Opcode,
  payloadOf,
} from "../../websocket/frames.ts";
import { isObject, type JsonObject } from "./json.ts";

export class SocketPeer {
  readonly #stream: Duplex;
  readonly #scanner = new FrameScanner("client");
  #parts: Buffer[] = [];
  #control: Buffer[] = [];

  /** `onMessage` gets each text message that is a JSON object, `onOther` what is none. */
  constructor(stream: Duplex, onMessage: (message: JsonObject) => void, onOther: () => void) {
    this.#stream = stream;
    stream.on("error", () => {});
    stream.on("end", () => stream.end());
    stream.on("data", (chunk: Buffer) => {
      try {
        this.#read(chunk, onMessage, onOther);
      } catch (error) {
        if (!(error instanceof FrameError)) throw error;
        this.close(error.closeCode, error.message);
      }
    });
  }

  get isGone(): boolean {
    return this.#stream.destroyed || this.#stream.writableEnded;
  }

  send(message: JsonObject): Promise<void> {
    return this.write(frame("server", Opcode.text, Buffer.from(JSON.stringify(message))));
  }

  /** Raw bytes. Resolves when the other side keeps up. */
  async write(bytes: Uint8Array): Promise<void> {
    if (this.isGone || this.#stream.write(bytes)) return;
    await this.#untilClosedOr((resolve) => {
      this.#stream.once("drain", resolve);
    });
  }

  /** Waits, until the other side leaves at the latest. */
  async wait(waitMs: number): Promise<void> {
    if (waitMs === 0 || this.isGone) return;
    let timer: NodeJS.Timeout | undefined;
    await this.#untilClosedOr((resolve) => {
      if (waitMs !== Infinity) timer = setTimeout(resolve, waitMs);
    });
    clearTimeout(timer);
  }

  async #untilClosedOr(begin: (resolve: () => void) => void): Promise<void> {
    let done = (): void => {};
    await new Promise<void>((resolve) => {
      done = resolve;
      this.#stream.on("close", done);
      begin(resolve);
    });
    this.#stream.off("close", done);
  }

  close(code: number, reason: string): void {
    if (this.isGone) return;
    this.#stream.end(closeFrame("server", code, reason));
  }

  cut(): void {
    this.#stream.destroy();
  }

  #read(chunk: Buffer, onMessage: (message: JsonObject) => void, onOther: () => void): void {
    for (const piece of this.#scanner.scan(chunk)) {
      const parts = piece.isControl ? this.#control : this.#parts;
      parts.push(payloadOf(chunk, piece));
      if (piece.isControl && piece.isFrameEnd) {
        const payload = Buffer.concat(this.#control.splice(0));
        if (piece.opcode === Opcode.ping) void this.write(frame("server", Opcode.pong, payload));
        if (piece.opcode === Opcode.close) {
          this.#stream.end(
            payload.length < 2
              ? closeFrame("server", CloseCode.normal, "")
              : frame("server", Opcode.close, payload),
          );
        }
      } else if (!piece.isControl && piece.isMessageEnd) {
        const message = parse(Buffer.concat(this.#parts.splice(0)));
        if (message === null) onOther();
        else onMessage(message);
      }
    }
  }
}

function parse(bytes: Buffer): JsonObject | null {
  try {
    const value: unknown = JSON.parse(bytes.toString());
    return isObject(value) ? value : null;
  } catch {
    return null;
  }
}
