import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { ListPage } from "../store/store.ts";
import { madePage, storedPage } from "./pages.ts";

/** A store of texts that are their own keys, and what it was asked for. */
function storeOf(rows: string[]): {
  asked: (ListPage | undefined)[];
  read: (page?: ListPage) => Promise<readonly string[]>;
} {
  const asked: (ListPage | undefined)[] = [];
  return {
    asked,
    read: async (page) => {
      asked.push(page);
      if (page === undefined) return rows;
      return rows.filter((row) => row > (page.after ?? "")).slice(0, page.limit);
    },
  };
}

const keyOf = (row: string): string => row;

describe("a list of the store", () => {
  test("is whole without a limit, in one question", async () => {
    const { asked, read } = storeOf(["a", "b"]);
    const page = await storedPage({ list: "l", query: {}, read, keyOf });
    assert.deepEqual(page, { items: ["a", "b"], next_cursor: null });
    assert.deepEqual(asked, [undefined]);
  });

  test("is asked for one more than a page has, so that the last page knows that it is", async () => {
    const { asked, read } = storeOf(["a", "b", "c", "d"]);
    const first = await storedPage({ list: "l", query: { limit: 2 }, read, keyOf });
    assert.deepEqual(first.items, ["a", "b"]);
    const second = await storedPage({
      list: "l",
      query: { limit: 2, cursor: first.next_cursor ?? "" },
      read,
      keyOf,
    });
    assert.deepEqual(second, { items: ["c", "d"], next_cursor: null });
    assert.deepEqual(asked, [{ limit: 3 }, { limit: 3, after: "b" }]);
  });

  test("with a cursor and no limit is the rest", async () => {
    const { read } = storeOf(["a", "b", "c", "d"]);
    const { next_cursor } = await storedPage({ list: "l", query: { limit: 1 }, read, keyOf });
    const rest = await storedPage({ list: "l", query: { cursor: next_cursor ?? "" }, read, keyOf });
    assert.deepEqual(rest, { items: ["b", "c", "d"], next_cursor: null });
  });

  test("an empty one has no next page", async () => {
    const { read } = storeOf([]);
    assert.deepEqual(await storedPage({ list: "l", query: { limit: 1 }, read, keyOf }), {
      items: [],
      next_cursor: null,
    });
  });
});

describe("a list that is made anew", () => {
  const placeOf = ({ at }: { at: readonly string[] }): readonly string[] => at;
  const rows = [
    ["b", "2"],
    ["a", "3"],
    ["b", ""],
    ["a", "1"],
  ].map((at) => ({ at }));

  test("comes in the order of its places, part by part", () => {
    const page = madePage({ list: "l", query: {}, rows, placeOf });
    assert.deepEqual(
      page.items.map(({ at }) => at.join()),
      ["a,1", "a,3", "b,", "b,2"],
    );
    assert.equal(page.next_cursor, null);
  });

  test("goes on behind a place, whether or not its row is still there", () => {
    const first = madePage({ list: "l", query: { limit: 2 }, rows, placeOf });
    const cursor = first.next_cursor ?? "";
    const without = [...rows.filter(({ at }) => at.join() !== "a,3"), { at: ["a", "2"] }, { at: ["a", "4"] }];
    const second = madePage({ list: "l", query: { limit: 2, cursor }, rows: without, placeOf });
    assert.deepEqual(
      second.items.map(({ at }) => at.join()),
      ["a,4", "b,"],
    );
  });

  test("any text may be in a place", () => {
    const odd = ['"', ",", "\u0000", "ü", "[]", "\ud83d\ude00"].map((text) => ({ at: [text] }));
    const walked: string[] = [];
    for (let cursor: string | null = ""; cursor !== null;) {
      const query: { limit: number; cursor?: string } = cursor === "" ? { limit: 1 } : { limit: 1, cursor };
      const page = madePage({ list: "l", query, rows: odd, placeOf });
      walked.push(...page.items.map(({ at }) => at.join()));
      cursor = page.next_cursor;
    }
    assert.deepEqual(walked, odd.map(({ at }) => at.join()).toSorted());
  });
});

describe("a cursor", () => {
  const wrong = (text: unknown): string => Buffer.from(JSON.stringify(text)).toString("base64url");
  for (const cursor of [
    "x",
    wrong(null),
    wrong([]),
    wrong(["l"]),
    wrong(["other", "a"]),
    wrong(["l", 7]),
    wrong({ l: "a" }),
    `${wrong(["l", "a"])}=`,
    `${wrong(["l", "a"])}.`,
  ]) {
    test(`${cursor} is none`, async () => {
      const error = { name: "InvalidCursorError" };
      assert.throws(() => madePage({ list: "l", query: { cursor }, rows: [], placeOf: () => [""] }), error);
      const { asked, read } = storeOf([]);
      await assert.rejects(storedPage({ list: "l", query: { cursor }, read, keyOf }), error);
      assert.deepEqual(asked, []);
    });
  }
});
