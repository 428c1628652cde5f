/**
 * Which of some member names stand in a JSON text, and how deep: found while the text is walked for another reason,
 * so that what they would lead to is looked for only in a text that may have it. It reads names, never values.
 */

/** Names to look out for, made once for each list. */
export class KnownNames {
  readonly #names: readonly string[];
  /** Sorted by length. */
  readonly bytes: readonly Uint8Array[];
  /** What the WebAssembly module is told of them (`wasm/json-skip.ts`). */
  readonly table: Uint8Array;

  /** Up to 15 names of at most 16 letters, digits or `_`. */
  constructor(names: readonly string[]) {
    if (names.length > MAX_NAMES || names.some((name) => !/^\w{1,16}$/.test(name)))
      throw new Error(`No list of names to look out for: ${names.join(", ")}`);
    this.#names = [...new Set(names)].toSorted((one, other) => one.length - other.length);
    this.bytes = this.#names.map((name) => Buffer.from(name));
    this.table = tableOf(this.bytes);
  }

  /** From 1 on; 0 for a name that is not looked out for. */
  indexOf(name: string): number {
    return this.#names.indexOf(name) + 1;
  }
}

/** More do not fit into the module's memory. */
const MAX_NAMES = 15;

/** Bytes of the table: one for each length up to 31, and behind room for what was seen an entry for each name. */
export const TABLE_BYTES = 960;
/** Where, in the table, it is noted what was seen: a number of 32 bits for each name, the first for escaped ones. */
export const SEEN_AT = 32;
export const SEEN_COUNT: number = MAX_NAMES + 1;
const NAMES_AT = 96;
const ENTRY_BYTES = 36;

function tableOf(names: readonly Uint8Array[]): Uint8Array {
  const table = new Uint8Array(TABLE_BYTES);
  for (const [at, name] of names.entries()) {
    const entry = NAMES_AT + (at + 1) * ENTRY_BYTES;
    if (table[name.length] === 0) table[name.length] = at + 1;
    table.set(name, entry);
    table.fill(0xff, entry + 16, entry + 16 + name.length);
    table[entry + 32] = name.length;
  }
  return table;
}

/** `\u00` and a digit from 2 to 7 spell a character that a name may have. */
const SPELLING_ESCAPE = /\\u00[2-7]/;

/** The deepest level that is told from others. */
const MAX_LEVEL = 31;

/** What was seen of them in one text. */
export class SeenNames {
  readonly known: KnownNames;
  /** For each name a bit for each depth; the first is of names that an escape may spell. */
  readonly #levels: Uint32Array = new Uint32Array(SEEN_COUNT);

  constructor(known: KnownNames) {
    this.known = known;
  }

  /**
   * True when it may stand in the text: as a member of an object with `depth` containers open, itself included (1 at
   * the top), or anywhere at all. Never false for one that stands there.
   */
  has(name: string, depth?: number): boolean {
    const levels = (this.#levels[this.known.indexOf(name)] ?? 0) | (this.#levels[0] ?? 0);
    return depth === undefined ? levels !== 0 : (levels & bitOf(depth)) !== 0;
  }

  /** A name as it stands in the text, between its quotes. */
  note(raw: Uint8Array, from: number, to: number, depth: number): void {
    for (let at = from; at < to; at++) {
      if (raw[at] !== 0x5c) continue;
      const text = Buffer.from(raw.buffer, raw.byteOffset + from, to - from).toString("latin1");
      if (SPELLING_ESCAPE.test(text)) this.#add(0, bitOf(depth));
      return;
    }
    for (const [index, name] of this.known.bytes.entries()) {
      if (name.length === to - from && isAt(raw, from, name)) this.#add(index + 1, bitOf(depth));
    }
  }

  /** What the module has noted, in the form of its memory. */
  addAll(levels: Uint32Array): void {
    for (let index = 0; index < SEEN_COUNT; index++) this.#add(index, levels[index] as number);
  }

  #add(index: number, levels: number): void {
    this.#levels[index] = (this.#levels[index] as number) | levels;
  }
}

function bitOf(depth: number): number {
  return 1 << Math.min(depth, MAX_LEVEL);
}

function isAt(bytes: Uint8Array, from: number, name: Uint8Array): boolean {
  for (let at = 0; at < name.length; at++) if (bytes[from + at] !== name[at]) return false;
  return true;
}
