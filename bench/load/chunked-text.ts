/**
 * Takes the framing off a reply of `transfer-encoding: chunked`, for the benchmark's own loader: one byte is one
 * character (latin1), and what is malformed throws. Proxies may cut chunks anywhere, also inside an event.
 */

export class ChunkedText {
  #buffered = "";
  /** Characters of the current chunk that are still to come, its line break included; 0 before a size. */
  #remaining = 0;
  #isEnded = false;

  /** True after the last chunk. */
  get isEnded(): boolean {
    return this.#isEnded;
  }

  /** The text inside `piece`, without its framing. Throws for a size that is none. */
  feed(piece: string): string {
    let input = this.#buffered + piece;
    let text = "";
    while (!this.#isEnded) {
      if (this.#remaining > 0) {
        const taken = Math.min(this.#remaining, input.length);
        // The last two are the line break after the chunk.
        text += input.slice(0, Math.max(0, Math.min(taken, this.#remaining - 2)));
        this.#remaining -= taken;
        input = input.slice(taken);
        if (this.#remaining > 0) break;
      }
      const end = input.indexOf("\r\n");
      if (end === -1) break;
      const line = input.slice(0, end);
      if (!/^[0-9a-f]{1,8}(?:;|$)/i.test(line)) throw new Error(`${JSON.stringify(line)} is no chunk size.`);
      const size = Number.parseInt(line, 16);
      input = input.slice(end + 2);
      this.#isEnded = size === 0;
      this.#remaining = size === 0 ? 0 : size + 2;
    }
    this.#buffered = this.#isEnded ? "" : input;
    return text;
  }
}
