/**
 * Lists in pages: where a page ends, and what its cursor says. A cursor is the place of the page's last item
 * in the list's own order, so that items which come or go between two pages neither repeat nor hide one.
 */

import type { PageQuery, Paged } from "@meshagent/llm-proxy-protocol/api";
import { InvalidCursorError } from "../store/errors.ts";
import type { ListPage } from "../store/store.ts";

/** More than any list holds, and one less than a limit may be. */
const NO_LIMIT = Number.MAX_SAFE_INTEGER - 1;

/** A list that the store pages by itself. */
export interface StoredList<Row> {
  /** Which list, so that a cursor of one is none of another. */
  readonly list: string;
  readonly query: PageQuery;
  /** Reads from the store; without a page all of it. */
  readonly read: (page?: ListPage) => Promise<readonly Row[]>;
  /** The store's key of a row: its id, or its name. */
  readonly keyOf: (row: Row) => string;
}

/** One page of a list of the store. Rejects with `InvalidCursorError`. */
export async function storedPage<Row>(
  asked: StoredList<Row>,
): Promise<Paged & { readonly items: readonly Row[] }> {
  const { list, query, keyOf, read } = asked;
  if (query.limit === undefined && query.cursor === undefined) {
    return { items: await read(), next_cursor: null };
  }
  const limit = query.limit ?? NO_LIMIT;
  // One more than asked for tells whether there is a next page.
  const rows = await read({
    limit: limit + 1,
    ...(query.cursor === undefined ? {} : { after: readCursor(list, query.cursor)[0] ?? "" }),
  });
  const items = rows.slice(0, limit);
  const last = items.at(-1);
  const hasMore = rows.length > limit && last !== undefined;
  return { items, next_cursor: hasMore ? writeCursor(list, [keyOf(last)]) : null };
}

/** A list that is made anew for every call. */
export interface MadeList<Row> {
  readonly list: string;
  readonly query: PageQuery;
  readonly rows: readonly Row[];
  /** The row's place in the order: texts, compared one after another. No two rows have the same. */
  readonly placeOf: (row: Row) => readonly string[];
}

/** One page of such a list, in the order of the places. Throws `InvalidCursorError`. */
export function madePage<Row>(asked: MadeList<Row>): Paged & { readonly items: readonly Row[] } {
  const { list, query, rows, placeOf } = asked;
  const after = query.cursor === undefined ? null : readCursor(list, query.cursor);
  const rest = rows
    .map((row) => ({ row, place: placeOf(row) }))
    .filter(({ place }) => after === null || comparePlaces(place, after) > 0)
    .toSorted((a, b) => comparePlaces(a.place, b.place));
  const page = rest.slice(0, query.limit ?? NO_LIMIT);
  const last = page.at(-1);
  const hasMore = rest.length > page.length && last !== undefined;
  return {
    items: page.map(({ row }) => row),
    next_cursor: hasMore ? writeCursor(list, last.place) : null,
  };
}

function comparePlaces(a: readonly string[], b: readonly string[]): number {
  for (const [index, text] of a.entries()) {
    const other = b[index] ?? "";
    if (text !== other) return text < other ? -1 : 1;
  }
  return 0;
}

function writeCursor(list: string, place: readonly string[]): string {
  return Buffer.from(JSON.stringify([list, ...place])).toString("base64url");
}

function readCursor(list: string, cursor: string): readonly string[] {
  const parts = parseParts(Buffer.from(cursor, "base64url").toString("utf8"));
  const [name, ...place] = parts ?? [];
  if (name !== list || place.length === 0 || writeCursor(list, place) !== cursor) {
    throw new InvalidCursorError();
  }
  return place;
}

function parseParts(json: string): readonly string[] | null {
  try {
    const value: unknown = JSON.parse(json);
    return Array.isArray(value) && value.every((part) => typeof part === "string") ? value : null;
  } catch {
    return null;
  }
}
