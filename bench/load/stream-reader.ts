/** Reads one streamed reply: head, framing, events. Counts what arrived and how long each event was under way. */

import { ChunkedText } from "./chunked-text.ts";
import { findStampUs } from "./stamp.ts";

export class StreamReader {
  readonly #onDelay: (delayUs: number) => void;
  #buffered = "";
  /** Null until the head was read, and for a body that ends with its connection. */
  #chunked: ChunkedText | null = null;
  #isHeadRead = false;
  #isCompleted = false;
  #events = 0;

  constructor(onDelay: (delayUs: number) => void) {
    this.#onDelay = onDelay;
  }

  /** Stamped events so far. */
  get events(): number {
    return this.#events;
  }

  /** The terminal event has come. */
  get isCompleted(): boolean {
    return this.#isCompleted;
  }

  /** The body has had its last chunk. Never true for one that ends with its connection. */
  get isEnded(): boolean {
    return this.#chunked?.isEnded ?? false;
  }

  /** Throws for a reply other than 200 and for broken framing. `timeUs` is when `bytes` were read. */
  feed(bytes: Buffer, timeUs: number): void {
    let text = bytes.toString("latin1");
    if (!this.#isHeadRead) {
      const head = this.#buffered + text;
      const end = head.indexOf("\r\n\r\n");
      this.#buffered = end === -1 ? head : "";
      if (end === -1) return;
      this.#readHead(head.slice(0, end));
      text = head.slice(end + 4);
    }
    this.#readBody(this.#chunked === null ? text : this.#chunked.feed(text), timeUs);
  }

  #readHead(head: string): void {
    if (!/^HTTP\/1\.[01] 200 /.test(head)) throw new Error(`The reply was ${head.split("\r\n", 1)[0]}`);
    this.#isHeadRead = true;
    if (/^transfer-encoding: *chunked$/im.test(head)) this.#chunked = new ChunkedText();
  }

  #readBody(text: string, timeUs: number): void {
    const body = this.#buffered + text;
    let start = 0;
    for (let end = body.indexOf("\n\n"); end !== -1; end = body.indexOf("\n\n", start)) {
      const event = body.slice(start, end);
      start = end + 2;
      const stampUs = findStampUs(event);
      if (stampUs !== null) {
        this.#events++;
        this.#onDelay(timeUs - stampUs);
      } else if (event.startsWith("event: response.completed\n")) this.#isCompleted = true;
    }
    this.#buffered = body.slice(start);
  }
}
