/**
 * The fast half of the JSON scanner, as WebAssembly with vector instructions (`wasm/json-skip.ts`): walks what nobody
 * asked for in a chunk that is copied into its memory. Where the machine has none, the scanner does without.
 */

import { jsonSkipWasm } from "./json-skip-wasm.ts";

/** Longest chunk that can be loaded. */
export const MAX_SKIP_BYTES: number = 64 * 1024;
/** Most containers that can be open. */
export const MAX_SKIP_DEPTH: number = 1024;

const STATE_AT = 1024;
const CHUNK_AT = 2048;

export interface JsonSkipper {
  /** With fewer bytes left in a chunk, a call costs more than it saves. */
  readonly minBytes: number;
  /** Takes the chunk that is walked next; it is copied. */
  load(chunk: Uint8Array): void;
  /**
   * Walks the loaded chunk from `from` to `to` and returns where it stopped, with the fields below in and out.
   * `maxDepth` is how many containers may be open, at most `MAX_SKIP_DEPTH`.
   */
  skip(from: number, to: number, maxDepth: number): number;
  /** What comes next between two tokens, as `Expect` in `json-scan.ts`. */
  expect: number;
  /** 0 between two tokens, 1 in a string that is a value, 2 in one that is a key. */
  inside: number;
  /** How many containers are open of which the scanner's listener hears nothing. */
  depth: number;
  /** Their kinds, outermost first: 1 an object, 2 an array. */
  readonly kinds: Uint8Array;
}

/** The part of the global that is used here: its types come with those of browsers alone. */
declare const WebAssembly: {
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Instance: new (module: object) => { readonly exports: unknown };
};

/** What the module exports. */
interface SkipExports {
  readonly memory: { readonly buffer: ArrayBuffer };
  readonly skip: (from: number, to: number, was: number, maxDepth: number) => number;
}

/** null where WebAssembly or its vector instructions are not to be had. Tests of short texts say `minBytes`. */
export function createJsonSkipper(minBytes = 48): JsonSkipper | null {
  try {
    const module = new WebAssembly.Module(Buffer.from(jsonSkipWasm, "base64"));
    return new Skipper(new WebAssembly.Instance(module).exports as SkipExports, minBytes);
  } catch {
    return null;
  }
}

class Skipper implements JsonSkipper {
  readonly minBytes: number;
  expect = 0;
  inside = 0;
  depth = 0;
  readonly kinds: Uint8Array;
  readonly #skip: SkipExports["skip"];
  readonly #chunk: Uint8Array;
  readonly #state: Int32Array;

  constructor({ memory, skip }: SkipExports, minBytes: number) {
    this.minBytes = minBytes;
    this.#skip = skip;
    this.kinds = new Uint8Array(memory.buffer, 0, MAX_SKIP_DEPTH);
    this.#chunk = new Uint8Array(memory.buffer, CHUNK_AT, MAX_SKIP_BYTES);
    this.#state = new Int32Array(memory.buffer, STATE_AT, 3);
  }

  load(chunk: Uint8Array): void {
    this.#chunk.set(chunk);
  }

  skip(from: number, to: number, maxDepth: number): number {
    const was = this.expect | (this.inside << 4) | (this.depth << 8);
    const stop = this.#skip(CHUNK_AT + from, CHUNK_AT + to, was, maxDepth);
    this.expect = this.#state[0] as number;
    this.depth = this.#state[1] as number;
    this.inside = this.#state[2] as number;
    return stop - CHUNK_AT;
  }
}

let shared: JsonSkipper | null | undefined;

/** The one of this process, made at its first use: it holds nothing between two calls, like a compiled pattern. */
export function sharedJsonSkipper(): JsonSkipper | null {
  shared = shared === undefined ? createJsonSkipper() : shared;
  return shared;
}
