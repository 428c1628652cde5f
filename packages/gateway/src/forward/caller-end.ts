/**
 * The caller's end of a WebSocket, towards the caller: the provider's bytes as they come, and the gateway's own words
 * where they may stand, between two messages. It keeps the pace of a slow reader, and decides nothing.
 */

import type { Duplex } from "node:stream";
import { frame, Opcode } from "../websocket/frames.ts";
import type { ProviderMessages } from "./provider-messages.ts";
import { destroyLater, drained } from "./socket-flow.ts";

export interface CallerEndOptions {
  readonly stream: Duplex;
  /** Where the provider's bytes stand that were passed. */
  readonly messages: Pick<ProviderMessages, "isBetweenFrames" | "isBetweenMessages">;
  /** A caller that takes no byte for this long, while bytes wait, is cut off. */
  readonly stallTimeoutMs: number;
}

export class CallerEnd {
  readonly #options: CallerEndOptions;
  /** Words of the gateway's that wait for a place. */
  readonly #waiting: Buffer[] = [];
  /** Bytes of the provider's wait for a row: what went before them may be half a message. */
  #isHolding = false;
  #isGone = false;

  constructor(options: CallerEndOptions) {
    this.#options = options;
  }

  /** It left, or was left: nothing reaches it any more. */
  get isGone(): boolean {
    return this.#isGone;
  }

  get #canTake(): boolean {
    const { stream } = this.#options;
    return !this.#isGone && !stream.destroyed && !stream.writableEnded;
  }

  /** A control frame may stand here. */
  get isBetweenFrames(): boolean {
    return !this.#isHolding && this.#options.messages.isBetweenFrames;
  }

  pass(bytes: Buffer): void {
    if (bytes.length > 0 && this.#canTake) this.#options.stream.write(bytes);
  }

  hold(): void {
    this.#isHolding = true;
  }

  goOn(): void {
    this.#isHolding = false;
  }

  /** A message of the gateway's own, as soon as it may stand. */
  tell(text: string): void {
    this.#waiting.push(frame("server", Opcode.text, Buffer.from(text)));
    this.flush();
  }

  /** Gives way to what waits, where there is a place. */
  flush(): void {
    if (this.#isHolding || !this.#options.messages.isBetweenMessages) return;
    for (const bytes of this.#waiting.splice(0)) this.pass(bytes);
  }

  /** Resolves when the caller has caught up; undefined when it has. */
  pace(): Promise<void> | undefined {
    const { stream, stallTimeoutMs } = this.#options;
    if (this.#isGone || !stream.writableNeedDrain) return undefined;
    const timer = setTimeout(() => stream.destroy(), stallTimeoutMs);
    return drained(stream).then(() => clearTimeout(timer));
  }

  /** The last frame, where one may stand, and the end of its connection; what runs goes on without it. */
  leave(lastFrame: Buffer | null): void {
    this.#end(lastFrame);
    this.#isGone = true;
    destroyLater(this.#options.stream);
  }

  /** The same for good. Resolves when all is with the kernel, or a while has passed. */
  async close(lastFrame: Buffer | null): Promise<void> {
    const { stream } = this.#options;
    const isOut = stream.destroyed ? Promise.resolve() : finished(stream);
    this.#end(lastFrame);
    await isOut;
    destroyLater(stream);
  }

  #end(lastFrame: Buffer | null): void {
    if (lastFrame !== null && this.isBetweenFrames) this.pass(lastFrame);
    this.#waiting.length = 0;
    if (!this.#options.stream.destroyed) this.#options.stream.end();
  }
}

const finishTimeoutMs = 5_000;

function finished(stream: Duplex): Promise<void> {
  if (stream.writableFinished) return Promise.resolve();
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, finishTimeoutMs);
    for (const event of ["finish", "close"]) {
      stream.once(event, () => {
        clearTimeout(timer);
        resolve();
      });
    }
  });
}
