/** Remembers how the bytes of a stream end, so that nothing is written into the middle of an event. */

export class EventTail {
  /** The last four bytes are in here. The chunk itself where it has as many: nothing is copied for each. */
  #last: Uint8Array | null = null;

  push(bytes: Uint8Array): void {
    if (bytes.byteLength === 0) return;
    const isWhole = bytes.byteLength >= 4 || this.#last === null;
    this.#last = isWhole ? bytes : Buffer.concat([this.#last ?? bytes, bytes]).subarray(-4);
  }

  /** True at a blank line, which ends an event (WHATWG server-sent events), and before the first byte. */
  get isEventEnd(): boolean {
    if (this.#last === null) return true;
    return /(?:\n\n|\r\r|\n\r\n)$/.test(Buffer.from(this.#last.subarray(-4)).toString("latin1"));
  }
}
