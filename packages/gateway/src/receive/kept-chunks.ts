/**
 * The chunks of a body as they came, each kept as the one piece of memory it is. Copied are those whose memory is
 * only lent, and joined the tiny ones of a body sent in crumbs, because there a chunk's object weighs a hundred times
 * its byte: 64 MiB in chunks of one byte would take gigabytes.
 */

import type { Slabs } from "../slabs.ts";

/** Smaller chunks count as tiny. */
const TINY_BYTES = 1024;
/** A body may have so many chunks of any size before tiny ones are joined. */
const FREE_CHUNKS = 16;
const BLOCK_BYTES = 16 * 1024;
/** Up to here lent bytes are copied to memory of their own size. */
const SMALL_BYTES = 4096;
const noBytes = new Uint8Array(0);

export class KeptChunks {
  readonly #slabs: Slabs;
  /** Bytes of lent chunks still to come, as far as the request says. */
  #expectedBytes: number;
  readonly #chunks: Uint8Array[] = [];
  /** Those of `#chunks` that are whole slabs. */
  readonly #taken: Uint8Array[] = [];
  /** What lent chunks are copied to, and how much of it is in use. */
  #slab: Uint8Array | null = null;
  #slabBytes = 0;
  /** What tiny chunks are copied to, and how much of it is in use. */
  #block: Uint8Array | null = null;
  #blockBytes = 0;

  constructor(slabs: Slabs, expectedBytes: number) {
    this.#slabs = slabs;
    this.#expectedBytes = expectedBytes;
  }

  /** The memory of `chunk` is somebody else's after the call. `onKept` sees its bytes where they stay. */
  addLent(chunk: Uint8Array, onKept: (bytes: Uint8Array) => void): void {
    this.#closeBlock();
    for (let from = 0; from < chunk.length;) {
      if (this.#slab === null) this.#openSlab();
      const slab = this.#slab ?? noBytes;
      const part = chunk.subarray(from, from + slab.length - this.#slabBytes);
      slab.set(part, this.#slabBytes);
      onKept(slab.subarray(this.#slabBytes, this.#slabBytes + part.length));
      this.#slabBytes += part.length;
      this.#expectedBytes -= part.length;
      from += part.length;
      if (this.#slabBytes === slab.length) this.#closeSlab();
    }
  }

  add(chunk: Uint8Array): void {
    this.#closeSlab();
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
    this.#closeSlab();
    return this.#chunks;
  }

  /** Their memory may be used again: nothing reads any of them any more. */
  giveBack(): void {
    this.#slabs.give(this.#taken.splice(0));
  }

  #openSlab(): void {
    const wanted = this.#expectedBytes;
    // A small body is not worth a slab.
    this.#slab = wanted > 0 && wanted <= SMALL_BYTES ? Buffer.allocUnsafe(wanted) : this.#slabs.take();
    if (this.#slab.length > SMALL_BYTES) this.#taken.push(this.#slab);
    this.#slabBytes = 0;
  }

  #closeSlab(): void {
    if (this.#slab === null) return;
    const isFull = this.#slabBytes === this.#slab.length;
    this.#chunks.push(isFull ? this.#slab : this.#slab.subarray(0, this.#slabBytes));
    this.#slab = null;
  }

  #closeBlock(): void {
    if (this.#block === null) return;
    this.#chunks.push(this.#block.subarray(0, this.#blockBytes));
    this.#block = null;
    this.#blockBytes = 0;
  }
}
