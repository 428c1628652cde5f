/** Bytes that are collected piece by piece, however small the pieces, without keeping the pieces. */

const KEPT_CAPACITY = 64 * 1024;

export class GrowingBytes {
  #bytes: Buffer = Buffer.alloc(0);
  #length = 0;

  get length(): number {
    return this.#length;
  }

  /** Copies the piece to the end. */
  append(piece: Uint8Array): void {
    const length = this.#length + piece.length;
    if (length > this.#bytes.length) {
      const grown = Buffer.allocUnsafeSlow(Math.max(1024, length, this.#bytes.length * 2));
      this.#bytes.copy(grown, 0, 0, this.#length);
      this.#bytes = grown;
    }
    this.#bytes.set(piece, this.#length);
    this.#length = length;
  }

  /** Gives what was collected and begins anew. The bytes are the caller's. */
  take(): Buffer {
    const taken = this.#bytes.subarray(0, this.#length);
    this.#bytes = Buffer.alloc(0);
    this.#length = 0;
    return taken;
  }

  /** As `take`, but the bytes are valid only until the next `append`: the memory is used again unless large. */
  borrow(): Buffer {
    const taken = this.#bytes.subarray(0, this.#length);
    if (this.#bytes.length > KEPT_CAPACITY) this.#bytes = Buffer.alloc(0);
    this.#length = 0;
    return taken;
  }
}
