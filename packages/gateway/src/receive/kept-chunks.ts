/**
 * The chunks of a body as they came, each kept as the one piece of memory it is. Only the tiny ones of a body
 * sent in crumbs are joined, because there a chunk's object weighs a hundred times its byte: 64 MiB in chunks
 * of one byte would take gigabytes.
 */

/** Smaller chunks count as tiny. */
const TINY_BYTES = 1024;
/** A body may have so many chunks of any size before tiny ones are joined. */
const FREE_CHUNKS = 16;
const BLOCK_BYTES = 16 * 1024;

export class KeptChunks {
  readonly #chunks: Uint8Array[] = [];
  /** What tiny chunks are copied to, and how much of it is in use. */
  #block: Uint8Array | null = null;
  #blockBytes = 0;

  add(chunk: Uint8Array): void {
    if (chunk.length >= TINY_BYTES || this.#chunks.length < FREE_CHUNKS) {
      this.#closeBlock();
      this.#chunks.push(chunk);
      return;
    }
    if (this.#block !== null && this.#blockBytes + chunk.length > BLOCK_BYTES) this.#closeBlock();
    this.#block ??= new Uint8Array(BLOCK_BYTES);
    this.#block.set(chunk, this.#blockBytes);
    this.#blockBytes += chunk.length;
  }

  /** All of them, in order. Nothing may be added afterwards. */
  take(): readonly Uint8Array[] {
    this.#closeBlock();
    return this.#chunks;
  }

  #closeBlock(): void {
    if (this.#block === null) return;
    this.#chunks.push(this.#block.subarray(0, this.#blockBytes));
    this.#block = null;
    this.#blockBytes = 0;
  }
}
