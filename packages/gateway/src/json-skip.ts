/**
 * The fast half of the JSON scanner, as WebAssembly with vector instructions (`wasm/json-skip.ts`): walks what nobody
 * asked for in a chunk that is copied into its memory. Where the machine has none, the scanner does without.
 */

import { SEEN_AT, SEEN_COUNT, type SeenNames, TABLE_BYTES } from "./json-names.ts";
import { jsonSkipWasm } from "./json-skip-wasm.ts";

/** Longest chunk that can be loaded. */
export const MAX_SKIP_BYTES: number = 64 * 1024;
/** Most containers that can be open. */
export const MAX_SKIP_DEPTH: number = 1024;

const STATE_AT = 1024;
const TABLE_AT = 1088;
const CHUNK_AT = 2048;
const noNames = new Uint8Array(TABLE_BYTES);

export interface JsonSkipper {
  /** With fewer bytes left in a chunk, a call costs more than it saves. */
  readonly minBytes: number;
  /** Takes the chunk that is walked next, which is copied, and what is told of member names that end in it. */
  load(chunk: Uint8Array, seen: SeenNames | null): void;
  /**
   * Walks the loaded chunk from `from` to `to` and returns where it stopped, with the fields below in and out.
   * `maxDepth` is how many containers may be open, at most `MAX_SKIP_DEPTH`, with the `outside` ones.
   */
  skip(from: number, to: number, maxDepth: number, outside: number): number;
  /** What comes next between two tokens, as `Expect` in `json-scan.ts`. */
  expect: number;
  /** 0 between two tokens, 1 in a string that is a value, 2 in one that is a key. */
  inside: number;
  /** After a stop inside a member name: where in the chunk it began, or -1 when it had begun before. Only out. */
  readonly nameAt: number;
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
  nameAt = -1;
  depth = 0;
  readonly kinds: Uint8Array;
  readonly #skip: SkipExports["skip"];
  readonly #chunk: Uint8Array;
  readonly #state: Int32Array;
  readonly #table: Uint8Array;
  readonly #levels: Uint32Array;
  #tableIs: Uint8Array = noNames;
  #seen: SeenNames | null = null;

  constructor({ memory, skip }: SkipExports, minBytes: number) {
    this.minBytes = minBytes;
    this.#skip = skip;
    this.kinds = new Uint8Array(memory.buffer, 0, MAX_SKIP_DEPTH);
    this.#chunk = new Uint8Array(memory.buffer, CHUNK_AT, MAX_SKIP_BYTES);
    this.#state = new Int32Array(memory.buffer, STATE_AT, 5);
    this.#table = new Uint8Array(memory.buffer, TABLE_AT, TABLE_BYTES);
    this.#levels = new Uint32Array(memory.buffer, TABLE_AT + SEEN_AT, SEEN_COUNT);
  }

  load(chunk: Uint8Array, seen: SeenNames | null): void {
    this.#chunk.set(chunk);
    this.#seen = seen;
    const table = seen?.known.table ?? noNames;
    if (table !== this.#tableIs) this.#table.set(table);
    this.#tableIs = table;
  }

  skip(from: number, to: number, maxDepth: number, outside: number): number {
    const was = this.expect | (this.inside << 4) | (this.depth << 8) | (outside << 20);
    const stop = this.#skip(CHUNK_AT + from, CHUNK_AT + to, was, maxDepth - outside);
    const state = this.#state;
    this.expect = state[0] as number;
    this.depth = state[1] as number;
    this.inside = state[2] as number;
    this.nameAt = (state[3] as number) === 0 ? -1 : (state[3] as number) - CHUNK_AT;
    if (state[4] === 1) {
      this.#seen?.addAll(this.#levels);
      this.#levels.fill(0);
    }
    return stop - CHUNK_AT;
  }
}

let shared: JsonSkipper | null | undefined;

/** The one of this process, made at its first use: it holds nothing between two calls, like a compiled pattern. */
export function sharedJsonSkipper(): JsonSkipper | null {
  shared = shared === undefined ? createJsonSkipper() : shared;
  return shared;
}
