import assert from "node:assert/strict";
import { test } from "node:test";
import { listAll, MAX_PAGE_LIMIT, pageQuerySchema } from "./api-pages.ts";
import type { PageQuery } from "./api-pages.ts";

test("a whole list is its pages in their order, with what the last page says besides", async () => {
  const asked: PageQuery[] = [];
  const pages = [
    { names: ["a", "b"], total: 5, next_cursor: "after b" },
    { names: ["c"], total: 5, next_cursor: "after c" },
    { names: [], total: 4, next_cursor: null },
  ];
  const list = await listAll("names", async (page) => {
    asked.push(page);
    return pages[asked.length - 1] ?? assert.fail("one page too many");
  });
  assert.deepEqual(list, { names: ["a", "b", "c"], total: 4, next_cursor: null });
  assert.deepEqual(asked, [
    { limit: MAX_PAGE_LIMIT },
    { limit: MAX_PAGE_LIMIT, cursor: "after b" },
    { limit: MAX_PAGE_LIMIT, cursor: "after c" },
  ]);
});

test("a page that fails fails the list", async () => {
  await assert.rejects(
    listAll("names", async ({ cursor }) => {
      if (cursor !== undefined) throw new Error("gone");
      return { names: ["a"], next_cursor: "more" };
    }),
    /gone/,
  );
});

test("a page query takes text as it comes over the wire, and nothing besides", () => {
  assert.deepEqual(pageQuerySchema.parse({ limit: "7", cursor: "x" }), { limit: 7, cursor: "x" });
  assert.deepEqual(pageQuerySchema.parse({}), {});
  for (const wrong of [
    { limit: "0" },
    { limit: "1001" },
    { limit: "1.5" },
    { limit: "" },
    { cursor: "" },
    { page: "2" },
  ]) {
    assert.ok(!pageQuerySchema.safeParse(wrong).success, JSON.stringify(wrong));
  }
});
