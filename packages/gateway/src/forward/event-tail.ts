/** Remembers how the bytes of a stream end, so that nothing is written into the middle of an event. */

export class EventTail {
  #tail = "";
  #isEmpty = true;

  push(bytes: Uint8Array): void {
    if (bytes.byteLength === 0) return;
    this.#isEmpty = false;
    this.#tail = (this.#tail + Buffer.from(bytes.subarray(-4)).toString("latin1")).slice(-4);
  }

  /** True at a blank line, which ends an event (WHATWG server-sent events), and before the first byte. */
  get isEventEnd(): boolean {
    return this.#isEmpty || /(?:\n\n|\r\r|\n\r\n)$/.test(this.#tail);
  }
}
