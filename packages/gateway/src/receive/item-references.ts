/**
 * Finds the items that a list in a request only names, and that the provider fills from what it keeps. It walks the
 * body once and builds no more of it than ids and types: an agent sends its whole history at every turn, with ids.
 */

import { GatewayError } from "../errors.ts";
import { createJsonPicker, type Picked, type PickPath } from "../json-pick.ts";

/** Items that the provider fills from what it keeps unless they bring this member. */
const fillings: ReadonlyMap<unknown, string> = new Map([
  ["reasoning", "encrypted_content"],
  ["image_generation_call", "result"],
  ["compaction", "encrypted_content"],
]);

export interface ItemLook {
  /** `undefined` or null for none. */
  readonly type: unknown;
  readonly hasContent: boolean;
  /** The member of this name is a text. */
  readonly isText: (name: string) => boolean;
}

/**
 * True for an element that stands for an item kept upstream: an `item_reference`, a bare id, and reasoning or images
 * without their content. Every other element brings its own, and its id is only a label.
 */
export function isKeptItem({ type, hasContent, isText }: ItemLook): boolean {
  if (type === undefined || type === null) return !hasContent;
  const filling = fillings.get(type);
  return type === "item_reference" || (filling !== undefined && !isText(filling));
}

const MEMBERS = ["id", "type", "content", ...new Set(fillings.values())] as const;

/** Far above what a list of items holds in ids and types; one that holds more is parsed. */
const MAX_VALUE_BYTES = 64 * 1024;
/** A list of so many members of items is parsed. */
const MAX_FOUND = 500_000;

interface ItemPaths {
  readonly paths: readonly PickPath[];
  readonly placesOnly: ReadonlySet<PickPath>;
}

const pathsByList = new Map<string, ItemPaths>();

function pathsFor(list: string): ItemPaths {
  const known = pathsByList.get(list);
  if (known !== undefined) return known;
  const members = MEMBERS.map((name): PickPath => [list, "*", name]);
  const paths: readonly PickPath[] = [[list], ...members];
  const made = { paths, placesOnly: new Set(paths.filter(([, , name]) => name !== "id" && name !== "type")) };
  pathsByList.set(list, made);
  return made;
}

/**
 * The ids of the items in the member `list` of a whole body that are kept upstream. Throws `invalid_body` for an item
 * that two parsers may read in two ways. null: this cannot tell, and the body has to be parsed.
 */
export function itemsNamed(list: string, chunks: readonly Uint8Array[]): readonly string[] | null {
  const { paths, placesOnly } = pathsFor(list);
  const picker = createJsonPicker(paths, { maxValueBytes: MAX_VALUE_BYTES, maxFound: MAX_FOUND, placesOnly });
  for (const chunk of chunks) picker.push(chunk);
  const { found, malformed } = picker.end();
  if (malformed !== null) return null;
  const firstBytes = new FirstBytes(chunks);
  const items = new Map<number, Map<string, Picked>>();
  const texts = new Set<Picked>();
  let lists = 0;
  for (const picked of found) {
    const [, , name] = picked.path;
    if (name === undefined) {
      if (++lists > 1) throw twice(list);
      continue;
    }
    const index = picked.indexes[0] ?? 0;
    const item = items.get(index) ?? new Map<string, Picked>();
    items.set(index, item);
    if (item.has(name)) throw twice(name);
    item.set(name, picked);
    if (firstBytes.at(picked.valueStart) === QUOTE) texts.add(picked);
  }
  const ids: string[] = [];
  for (const item of items.values()) {
    const id = item.get("id");
    if (id === undefined) continue;
    const type = item.get("type");
    if (id.value === undefined || (type !== undefined && type.value === undefined)) return null;
    if (typeof id.value !== "string" || id.value === "") continue;
    // The id holds what is no UTF-8, perhaps.
    if (id.value.includes("\ufffd")) return null;
    const isText = (name: string): boolean => {
      const member = item.get(name);
      return member !== undefined && texts.has(member);
    };
    if (isKeptItem({ type: type?.value, hasContent: item.has("content"), isText })) ids.push(id.value);
  }
  return ids;
}

const QUOTE = 0x22;

/** Bytes of a body in chunks, asked for in the order of the body. */
class FirstBytes {
  readonly #chunks: readonly Uint8Array[];
  #index = 0;
  #base = 0;

  constructor(chunks: readonly Uint8Array[]) {
    this.#chunks = chunks;
  }

  at(offset: number): number {
    for (;;) {
      const chunk = this.#chunks[this.#index];
      if (chunk === undefined) return -1;
      if (offset < this.#base + chunk.length) return chunk[offset - this.#base] as number;
      this.#base += chunk.length;
      this.#index++;
    }
  }
}

function twice(name: string): GatewayError {
  return new GatewayError("invalid_body", `The request body gives "${name}" twice. Send one JSON object.`);
}
