import assert from "node:assert/strict";
import { test } from "node:test";
import { gzipSync } from "node:zlib";
import { sampleRouted } from "../sample-routed.ts";
import type { HeaderLines } from "../upstream/client.ts";
import { ObjectListEditor } from "./object-list.ts";
import { ownsNothing } from "./relay-harness.ts";

interface Page {
  readonly data: readonly { readonly id: string }[];
  readonly has_more?: boolean;
  readonly first_id?: string | null;
  readonly last_id?: string | null;
  readonly next_page?: string | null;
}

/** What a provider answers that has these objects, newest first. */
type Upstream = (query: URLSearchParams) => Page;

function byIds(ids: readonly string[], names: { readonly after: string; readonly before: string }): Upstream {
  return (query) => {
    const limit = Number(query.get("limit") ?? 20);
    const after = query.get(names.after);
    const before = query.get(names.before);
    const to = before === null ? undefined : ids.indexOf(before);
    const from = to === undefined ? (after === null ? 0 : ids.indexOf(after) + 1) : Math.max(0, to - limit);
    const page = ids.slice(from, to ?? from + limit);
    return {
      data: page.map((id) => ({ id })),
      has_more: to === undefined ? from + limit < ids.length : from > 0,
      first_id: page[0] ?? null,
      last_id: page.at(-1) ?? null,
    };
  };
}

function byTokens(ids: readonly string[]): Upstream {
  return (query) => {
    const limit = Number(query.get("limit") ?? 20);
    const from = Number(query.get("page")?.slice(1) ?? 0);
    const next = from + limit;
    return {
      data: ids.slice(from, next).map((id) => ({ id })),
      next_page: next < ids.length ? `t${next}` : null,
    };
  };
}

/** The page as the caller gets it, and how many were asked for in all. */
async function narrowed(
  upstream: Upstream,
  query: string,
  options: {
    readonly dialect?: "openai" | "anthropic";
    readonly encoding?: "gzip";
    readonly isOwn?: (id: string) => boolean;
  } = {},
): Promise<{ readonly page: Page; readonly asked: number }> {
  const isOwn = options.isOwn ?? ((id: string): boolean => id.startsWith("own"));
  let asked = 1;
  const isAnthropic = options.dialect === "anthropic";
  const headers: HeaderLines = options.encoding === undefined ? [] : [["content-encoding", options.encoding]];
  const editor = new ObjectListEditor({
    kind: "file",
    publicUrl: null,
    reply: { status: 200, statusText: "OK", headers },
    routed: sampleRouted({
      ...(isAnthropic ? { dialect: "anthropic" } : {}),
      endpoint: "files.list",
      call: { query },
      body: null,
    }),
    ownership: {
      ...ownsNothing,
      visible: async (_kind, ids) => new Set(ids.filter(isOwn)),
    },
    fetchPage: async (next) => {
      asked += 1;
      return JSON.parse(JSON.stringify(upstream(next)));
    },
  });
  const text = Buffer.from(JSON.stringify({ object: "list", ...upstream(new URLSearchParams(query)) }));
  editor.push(options.encoding === undefined ? text : gzipSync(text));
  return { page: JSON.parse(Buffer.from(await editor.end()).toString()) as Page, asked };
}

const openaiNames = { after: "after", before: "before" };
const anthropicNames = { after: "after_id", before: "before_id" };
const idsOf = (page: Page): string[] => page.data.map(({ id }) => id);

/** Own objects between those of others, by a pattern of counts: foreign, own, foreign, own ... */
function mixed(...counts: readonly number[]): string[] {
  return counts.flatMap((count, index) =>
    Array.from({ length: count }, (_, at) => `${index % 2 === 0 ? "foreign" : "own"}-${index}-${at}`),
  );
}

const shapes: readonly (readonly number[])[] = [
  [0, 5],
  [5, 5, 5],
  [250, 3, 250, 4],
  [1, 1, 1, 1, 1, 1, 1],
  [0, 20],
  [0, 40, 0, 1],
  [30],
  [],
  [0, 3, 500],
];

test("walked page by page, a list is the room's own, each page full, and it ends where it ends", async () => {
  for (const shape of shapes) {
    const ids = mixed(...shape);
    const own = ids.filter((id) => id.startsWith("own"));
    for (const limit of [1, 2, 3, 7, 20]) {
      const seen: string[] = [];
      let cursor: string | null = null;
      let hasMore = true;
      while (hasMore) {
        const query: string = `?limit=${limit}${cursor === null ? "" : `&after=${cursor}`}`;
        const { page } = await narrowed(byIds(ids, openaiNames), query);
        seen.push(...idsOf(page));
        hasMore = page.has_more === true;
        if (hasMore) assert.equal(page.data.length, limit, `${shape.join(" ")}: a full page of ${limit}`);
        assert.equal(page.first_id, idsOf(page)[0] ?? null);
        assert.equal(page.last_id, idsOf(page).at(-1) ?? null);
        cursor = page.last_id ?? null;
      }
      assert.deepEqual(seen, own, `${shape.join(" ")}, ${limit} a page`);
    }
  }
});

test("walked backwards it is the same list", async () => {
  for (const shape of shapes) {
    const ids = mixed(...shape);
    const own = ids.filter((id) => id.startsWith("own"));
    const last = own.at(-1);
    if (last === undefined) continue;
    for (const limit of [1, 3, 20]) {
      const seen: string[] = [];
      let cursor: string = last;
      let hasMore = true;
      while (hasMore) {
        const query = `?limit=${limit}&before_id=${cursor}`;
        const { page } = await narrowed(byIds(ids, anthropicNames), query, { dialect: "anthropic" });
        seen.unshift(...idsOf(page));
        hasMore = page.has_more === true;
        if (hasMore) assert.equal(page.data.length, limit);
        cursor = page.first_id ?? "";
      }
      assert.deepEqual(seen, own.slice(0, -1), `${shape.join(" ")}, ${limit} a page`);
    }
  }
});

test("a list that pages by tokens is the room's own, too, and no page is longer than asked for", async () => {
  for (const shape of shapes) {
    const ids = mixed(...shape);
    for (const limit of [1, 3, 20]) {
      const seen: string[] = [];
      let token: string | null = "";
      while (token !== null) {
        const query: string = `?limit=${limit}${token === "" ? "" : `&page=${token}`}`;
        const { page } = await narrowed(byTokens(ids), query, { dialect: "anthropic" });
        seen.push(...idsOf(page));
        token = page.next_page ?? null;
        assert.ok(page.data.length <= limit);
        if (token !== null) assert.equal(page.data.length, limit, "a page before the last is full");
      }
      assert.deepEqual(
        seen,
        ids.filter((id) => id.startsWith("own")),
        `${shape.join(" ")}, ${limit} a page`,
      );
    }
  }
});

test("a room without objects reads the whole list once, by pages of 100, and sees an empty one", async () => {
  const { page, asked } = await narrowed(byIds(mixed(1000), openaiNames), "");
  assert.deepEqual([page.data, page.has_more, page.first_id, page.last_id], [[], false, null, null]);
  assert.equal(asked, 1 + Math.ceil((1000 - 20) / 100));
});

test("the search is bounded: no end of foreign objects is no empty list", async () => {
  await assert.rejects(() => narrowed(byIds(mixed(30_000, 1), openaiNames), ""), /Too many objects/);
});

test("an encoded list is read, other members pass, and what cannot be read is withheld", async () => {
  const { page } = await narrowed(byIds(mixed(1, 1), openaiNames), "", { encoding: "gzip" });
  assert.deepEqual(page, {
    object: "list",
    data: [{ id: "own-1-0" }],
    has_more: false,
    first_id: "own-1-0",
    last_id: "own-1-0",
  });
  const broken: Upstream = () => ({ data: "no" }) as unknown as Page;
  await assert.rejects(() => narrowed(broken, ""), /cannot be read/);
  let calls = 0;
  const breaksLater: Upstream = (query) =>
    (calls++ === 0 ? byIds(mixed(30, 1), openaiNames)(query) : {}) as Page;
  await assert.rejects(() => narrowed(breaksLater, ""), /cannot be read/);
});
