import assert from "node:assert/strict";
import { test } from "node:test";
import { GatewayError } from "../errors.ts";
import { leavesModel } from "./left-models.ts";

const left = { tools: ["image_generation"], members: ["prompt"] };
const bytesOf = (text: string): readonly Uint8Array[] => [
  Buffer.from(text.slice(0, 20)),
  Buffer.from(text.slice(20)),
];
const leaves = (body: object): boolean => leavesModel(left, bytesOf(JSON.stringify(body)));
const bare = { type: "image_generation", quality: "low" };

test("a tool that names no model leaves it to the provider, wherever tools are listed", () => {
  for (const tools of [[bare], [{ type: "web_search" }, { ...bare, model: null }], [{ ...bare, model: "" }]])
    assert.equal(leaves({ model: "gpt-5.5", tools }), true, JSON.stringify(tools));
  assert.equal(leaves({ input: [{ type: "additional_tools", tools: [bare] }] }), true);
  assert.equal(leaves({ tools: [{ type: "namespace", tools: [bare] }] }), true);
});

test("one that names it does not, nor what only has the name or chooses among tools", () => {
  assert.equal(leaves({ tools: [{ ...bare, model: "gpt-image-2" }] }), false);
  assert.equal(leaves({ tools: [{ type: "web_search" }], input: '"image_generation"' }), false);
  assert.equal(leaves({ tools: [{ ...bare, model: "gpt-image-2" }], tool_choice: { tools: [bare] } }), false);
  assert.equal(leaves({ input: [{ type: "image_generation_call", id: "ig_1" }] }), false);
  assert.equal(leavesModel({ tools: [], members: [] }, bytesOf(JSON.stringify({ tools: [bare] }))), false);
});

test("another spelling of the type is the type, and JSON of two meanings is refused", () => {
  assert.equal(leavesModel(left, bytesOf('{"tools":[{"type":"image\\u005fgeneration"}]}')), true);
  assert.throws(
    () => leavesModel(left, bytesOf('{"tools":[{"type":"image_generation"}],"tools":[]}')),
    (error: unknown) => error instanceof GatewayError && error.code === "invalid_body",
  );
});

test("a stored prompt brings models of its own; a member of that name deeper down is none, nor one of null", () => {
  assert.equal(leaves({ model: "gpt-5.5", prompt: { id: "pmpt_1" } }), true);
  assert.equal(leavesModel(left, bytesOf('{"model":"gpt-5.5","prom\\u0070t":{"id":"pmpt_1"}}')), true);
  for (const prompt of ["a text", ["two", "texts"]]) assert.equal(leaves({ prompt }), false);
  assert.equal(leaves({ model: "gpt-5.5", prompt: null, tools: [{ parameters: { prompt: {} } }] }), false);
});
