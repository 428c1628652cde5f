import assert from "node:assert/strict";
import { test } from "node:test";
import { narrowModelList } from "./model-list.ts";

const isKept = (model: string): boolean => model.startsWith("gpt-5");

test("keeps the entries that pass, whole and in order, and every other member", () => {
  const list = {
    object: "list",
    data: [
      { id: "gpt-5.5", object: "model", created: 1, owned_by: "x", nested: { a: [1] } },
      { id: "gpt-4o", object: "model" },
      { id: "gpt-5.4", object: "model" },
    ],
    has_more: true,
    first_id: "gpt-5.5",
    last_id: "gpt-5.4",
  };
  assert.deepEqual(narrowModelList(list, isKept), { ...list, data: [list.data[0], list.data[2]] });
});

test("an entry that names no model is not shown", () => {
  const list = { data: [null, 1, "gpt-5.5", {}, { id: 5 }, { id: null }, ["gpt-5.5"], { id: "gpt-5.5" }] };
  assert.deepEqual(narrowModelList(list, isKept), { data: [{ id: "gpt-5.5" }] });
});

test("does not change the list that it was given", () => {
  const list = { data: [{ id: "gpt-4o" }] };
  narrowModelList(list, isKept);
  assert.deepEqual(list, { data: [{ id: "gpt-4o" }] });
});

test("what is no model list comes back as it is", () => {
  for (const reply of [null, "gpt-4o", 1, { error: {} }, { data: { id: "gpt-4o" } }]) {
    assert.equal(narrowModelList(reply, isKept), reply);
  }
});

test("the page's ends name no model that is left out", () => {
  const data = [{ id: "gpt-4o" }, { id: "gpt-5.5" }, { id: "gpt-4.1" }];
  const page = { data, has_more: false, first_id: "gpt-4o", last_id: "gpt-4.1" };
  const narrowed = { data: [{ id: "gpt-5.5" }], has_more: false, first_id: "gpt-5.5", last_id: "gpt-5.5" };
  assert.deepEqual(narrowModelList(page, isKept), narrowed);
  const none = { data: [], has_more: false, first_id: null, last_id: null };
  assert.deepEqual(
    narrowModelList(page, () => false),
    none,
  );
  const more = narrowModelList({ ...page, has_more: true }, isKept);
  assert.deepEqual(more, { ...narrowed, has_more: true, last_id: "gpt-4.1" }, "the next page hangs on it");
});
