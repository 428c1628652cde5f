/**
 * Picks declared members out of a JSON text while its bytes pass, without building the rest.
 *
 * The one JSON reader of the hot path: it peeks policy fields out of requests and usage out of replies.
 * It walks the whole text (a later duplicate key is seen), copies only what a pick asks for, and holds
 * only that. It never alters a byte, never throws on bad input (it reports `malformed`), and costs a
 * bounded amount of memory whatever the text.
 */

import { type KnownNames, SeenNames } from "./json-names.ts";
import { JsonScanner } from "./json-scan.ts";
import type { JsonKind, JsonListener } from "./json-scan.ts";
import type { JsonSkipper } from "./json-skip.ts";

/**
 * Where a value is: member names from the top, `*` for every element of an array.
 * `["usage"]`, `["response", "usage"]`, `["output", "*", "type"]`.
 */
export type PickPath = readonly string[];

/** One value found. Offsets are byte offsets from the start of the text, `end` exclusive. */
export interface Picked {
  readonly path: PickPath;
  /** The indexes of the arrays that the `*`s of the path went through, outermost first. */
  readonly indexes: readonly number[];
  /** Parsed. `undefined` when the value is longer than the picker's bound: then only its place is known. */
  readonly value: unknown;
  /** Offset of the key's opening quote (of the value itself for an array element). */
  readonly keyStart: number;
  readonly valueStart: number;
  readonly valueEnd: number;
}

export interface PickResult {
  /** Every occurrence in the order of the text: a key given twice is there twice. */
  readonly found: readonly Picked[];
  /** Why the text is no JSON (RFC 8259), in words for a person, or null. `found` holds what came before. */
  readonly malformed: string | null;
}

export interface JsonPicker {
  /** Takes the next bytes. The chunk may be reused by the caller afterwards. */
  push(chunk: Uint8Array): void;
  /** What was found in the bytes so far, in the order in which the values ended. */
  readonly found: readonly Picked[];
  /** Which of the names to look out for there were so far, at any depth; null when none were given. */
  readonly seen: SeenNames | null;
  /** Says that the text is complete and gives what was found. Call once. */
  end(): PickResult;
}

export interface JsonPickerOptions {
  /** A longer value is reported by its place alone. Bytes of JSON text; 256 KiB unless told. */
  readonly maxValueBytes?: number;
  /** A deeper text is reported as malformed; 512 unless told. */
  readonly maxDepth?: number;
  /** A text in which more is found is reported as malformed; 10 000 unless told. */
  readonly maxFound?: number;
  /** Of these `paths` (the same arrays) only the place is asked for: no value of theirs is built. */
  readonly placesOnly?: ReadonlySet<PickPath>;
  /** Member names to look out for. */
  readonly names?: KnownNames;
  /** What walks the rest of the text fast; null for nothing. The process's own unless told. */
  readonly skipper?: JsonSkipper | null;
}

/** All values found may hold so many times `maxValueBytes` together; what comes later is reported by its place. */
const TOTAL_VALUES = 16;

/** The longest escape of one UTF-16 unit is `\u1234`. */
const MAX_BYTES_PER_UNIT = 6;

/** A picker for one text. `paths` must not change afterwards. */
export function createJsonPicker(paths: readonly PickPath[], options: JsonPickerOptions = {}): JsonPicker {
  return new Picker(treeOf(paths), options);
}

/** The paths as a tree: a step per member name, and one for `*`. */
interface PathNode {
  readonly members: Map<string, PathNode>;
  /** The same members as bytes, to compare with a name that stands in one chunk and has no escape. */
  readonly memberBytes: { readonly bytes: Uint8Array; readonly node: PathNode }[];
  elements: PathNode | null;
  /** The path that ends here. */
  path: PickPath | null;
}

interface PathTree {
  readonly root: PathNode;
  /** No longer name, as written in the text, can be one of the paths'. */
  readonly maxKeyBytes: number;
}

/** Paths are constants of whoever picks, and a picker is made per event: each list is made a tree once. */
const trees = new WeakMap<readonly PickPath[], PathTree>();

function treeOf(paths: readonly PickPath[]): PathTree {
  const known = trees.get(paths);
  if (known !== undefined) return known;
  const root = newNode();
  let maxKeyUnits = 0;
  for (const path of paths) {
    let node = root;
    for (const step of path) {
      node = step === "*" ? (node.elements ??= newNode()) : memberOf(node, step);
      maxKeyUnits = Math.max(maxKeyUnits, step.length);
    }
    node.path = path;
  }
  const tree = { root, maxKeyBytes: maxKeyUnits * MAX_BYTES_PER_UNIT };
  trees.set(paths, tree);
  return tree;
}

function newNode(): PathNode {
  return { members: new Map(), memberBytes: [], elements: null, path: null };
}

function memberOf(parent: PathNode, name: string): PathNode {
  const known = parent.members.get(name);
  if (known !== undefined) return known;
  const node = newNode();
  parent.members.set(name, node);
  parent.memberBytes.push({ bytes: Buffer.from(name), node });
  return node;
}

/** The bytes from an offset on, across chunks; given up when they become more than asked for. */
class Capture {
  readonly start: number;
  readonly maxBytes: number;
  /** What earlier chunks had of it; most texts lie in one chunk, and have none. */
  #parts: Uint8Array[] | null = null;
  #isTooLong = false;
  #byteLength = 0;

  constructor(start: number, maxBytes: number) {
    this.start = start;
    this.maxBytes = maxBytes;
  }

  /** Copies what the chunk at `base` has of it, because the chunk goes away. */
  keep(chunk: Uint8Array, base: number): void {
    if (this.#isTooLong) return;
    const part = chunk.subarray(Math.max(0, this.start - base));
    this.#byteLength += part.length;
    this.#isTooLong = this.#byteLength > this.maxBytes;
    if (this.#isTooLong) this.#parts = null;
    else (this.#parts ??= []).push(Buffer.from(part));
  }

  /** The text up to `end`, an offset in or at the end of the chunk at `base`; null when it is too long. */
  text(chunk: Uint8Array, base: number, end: number): string | null {
    if (this.#isTooLong || end - this.start > this.maxBytes) return null;
    const last = chunk.subarray(Math.max(0, this.start - base), end - base);
    if (this.#parts === null) return Buffer.from(last.buffer, last.byteOffset, last.length).toString("utf8");
    return Buffer.concat([...this.#parts, last]).toString("utf8");
  }
}

/** A value on one of the paths whose end is not reached. */
interface OpenValue {
  readonly node: PathNode;
  readonly keyStart: number;
  readonly valueStart: number;
  /** Its index when it is an array's element, else -1. */
  readonly index: number;
  /** null when only what lies in it is asked for. */
  readonly capture: Capture | null;
  /** How many elements it has had, when it is an array that is looked into; -1 for an object. */
  elementCount: number;
}

const noBytes = new Uint8Array(0);

class Picker implements JsonPicker, JsonListener {
  readonly #tree: PathTree;
  readonly #scanner: JsonScanner;
  readonly seen: SeenNames | null;
  readonly #maxValueBytes: number;
  readonly #maxFound: number;
  readonly #open: OpenValue[] = [];
  readonly #found: Picked[] = [];
  readonly #placesOnly: ReadonlySet<PickPath> | null;
  #valueBytesLeft: number;
  #chunk: Uint8Array = noBytes;
  #base = 0;
  /** The last name's text, once it has gone on into another chunk. */
  #key: Capture | null = null;
  #isInKey = false;
  #keyStart = 0;
  /** What the last name leads to. */
  #member: PathNode | null = null;
  /** The value that is open on the deepest watched level is on none of the paths. */
  #isIgnored = false;

  constructor(tree: PathTree, options: JsonPickerOptions) {
    this.#tree = tree;
    const { maxDepth = 512, skipper, names } = options;
    this.seen = names === undefined ? null : new SeenNames(names);
    this.#scanner = new JsonScanner(this, { maxDepth, skipper, seen: this.seen });
    this.#placesOnly = options.placesOnly ?? null;
    this.#maxValueBytes = options.maxValueBytes ?? 256 * 1024;
    this.#maxFound = options.maxFound ?? 10_000;
    this.#valueBytesLeft = this.#maxValueBytes * TOTAL_VALUES;
  }

  push(chunk: Uint8Array): void {
    if (this.#scanner.malformed !== null) return;
    this.#chunk = chunk;
    this.#scanner.scan(chunk);
    for (const value of this.#open) value.capture?.keep(chunk, this.#base);
    if (this.#isInKey) this.#captureKey().keep(chunk, this.#base);
    this.#base += chunk.length;
    this.#chunk = noBytes;
  }

  get found(): readonly Picked[] {
    return this.#found;
  }

  end(): PickResult {
    this.#scanner.end();
    this.#found.sort(
      (one, other) => one.valueStart - other.valueStart || one.path.length - other.path.length,
    );
    return { found: this.#found, malformed: this.#scanner.malformed };
  }

  onKeyStart(offset: number): void {
    this.#keyStart = offset;
    this.#isInKey = true;
  }

  #captureKey(): Capture {
    return (this.#key ??= new Capture(this.#keyStart + 1, this.#tree.maxKeyBytes));
  }

  onKeyEnd(offset: number, hasEscape: boolean): void {
    const parent = this.#open.at(-1)?.node ?? this.#tree.root;
    this.#member =
      hasEscape || this.#keyStart < this.#base
        ? this.#memberByText(parent, offset)
        : this.#memberByBytes(parent, offset);
    this.#key = null;
    this.#isInKey = false;
  }

  #memberByText(parent: PathNode, end: number): PathNode | null {
    const raw = this.#captureKey().text(this.#chunk, this.#base, end);
    if (raw === null) return null;
    return parent.members.get(JSON.parse(`"${raw}"`) as string) ?? null;
  }

  #memberByBytes(parent: PathNode, end: number): PathNode | null {
    const start = this.#keyStart + 1 - this.#base;
    const length = end - this.#keyStart - 1;
    for (const { bytes, node } of parent.memberBytes) {
      if (bytes.length !== length) continue;
      let at = 0;
      while (at < length && bytes[at] === this.#chunk[start + at]) at++;
      if (at === length) return node;
    }
    return null;
  }

  onValueStart(offset: number, kind: JsonKind): boolean {
    const parent = this.#open.at(-1);
    const isElement = parent !== undefined && parent.elementCount >= 0;
    const index = isElement ? parent.elementCount++ : -1;
    const node = parent === undefined ? this.#tree.root : isElement ? parent.node.elements : this.#member;
    this.#member = null;
    if (node === null) {
      this.#isIgnored = true;
      return false;
    }
    const isWatched = kind === "object" ? node.members.size > 0 : kind === "array" && node.elements !== null;
    this.#open.push({
      node,
      keyStart: isElement || parent === undefined ? offset : this.#keyStart,
      valueStart: offset,
      index,
      capture:
        node.path === null || this.#placesOnly?.has(node.path) === true
          ? null
          : new Capture(offset, Math.min(this.#maxValueBytes, this.#valueBytesLeft)),
      elementCount: kind === "array" && isWatched ? 0 : -1,
    });
    return isWatched;
  }

  onValueEnd(offset: number): void {
    if (this.#isIgnored) {
      this.#isIgnored = false;
      return;
    }
    const value = this.#open.pop();
    const path = value?.node.path ?? null;
    if (value === undefined || path === null) return;
    if (this.#found.length === this.#maxFound) {
      this.#scanner.malformed = `more than ${this.#maxFound} values are of interest by byte ${offset}`;
      return;
    }
    const text = value.capture?.text(this.#chunk, this.#base, offset) ?? null;
    if (text !== null) this.#valueBytesLeft -= offset - value.valueStart;
    const indexes = indexesOf(this.#open, value);
    this.#found.push({
      path,
      indexes,
      value: text === null ? undefined : (JSON.parse(text) as unknown),
      keyStart: value.keyStart,
      valueStart: value.valueStart,
      valueEnd: offset,
    });
  }
}

const noIndexes: readonly number[] = [];

/** Of the elements in which the value lies, and its own. Most values lie in none. */
function indexesOf(open: readonly OpenValue[], value: OpenValue): readonly number[] {
  let indexes: number[] | null = null;
  for (const { index } of open) if (index >= 0) (indexes ??= []).push(index);
  if (value.index >= 0) (indexes ??= []).push(value.index);
  return indexes ?? noIndexes;
}
