import assert from "node:assert/strict";
import { test } from "node:test";
import { batchReferences, messageReferences } from "../dialects/anthropic/object-places.ts";
import type { ReferencePlace } from "../dialects/dialect.ts";
import { responseReferences } from "../dialects/openai/object-places.ts";
import { GatewayError } from "../errors.ts";
import { BatchLines } from "./batch-lines.ts";
import { parsedReferences, referencesIn } from "./references.ts";

function found(places: readonly ReferencePlace[], body: unknown): string[] {
  return referencesIn(places, body)
    .map(({ kind, id }) => `${kind} ${id}`)
    .toSorted();
}

const inResponse = (body: unknown): string[] => found(responseReferences, body);
const inMessage = (body: unknown): string[] => found(messageReferences, body);

test("every way in which a Responses body names a stored object is found", () => {
  const parts = [
    { type: "input_file", file_id: "f1" },
    { type: "input_image", file_id: "f2" },
  ];
  assert.deepEqual(inResponse({ previous_response_id: "r1" }), ["response r1"]);
  assert.deepEqual(inResponse({ conversation: "c1" }), ["conversation c1"]);
  assert.deepEqual(inResponse({ conversation: { id: "c1" } }), ["conversation c1"]);
  assert.deepEqual(inResponse({ input: [{ role: "user", content: parts }] }), ["file f1", "file f2"]);
  assert.deepEqual(inResponse({ input: [{ type: "function_call_output", call_id: "x", output: parts }] }), [
    "file f1",
    "file f2",
  ]);
  assert.deepEqual(inResponse({ prompt: { id: "p", variables: { metadata: parts[0], schema: parts[1] } } }), [
    "file f1",
    "file f2",
  ]);
  assert.deepEqual(
    inResponse({
      tools: [
        { type: "code_interpreter", container: "cntr_1" },
        { type: "code_interpreter", container: { type: "auto", file_ids: ["f1", "f2"] } },
        { type: "image_generation", input_image_mask: { file_id: "f3" } },
        { type: "shell", environment: { type: "container_reference", container_id: "cntr_2" } },
      ],
    }),
    ["container cntr_1", "container cntr_2", "file f1", "file f2", "file f3"],
  );
});

test("what a thread goes on from, and what a prompt is compared with, are found where they stand", () => {
  const goesOn = { thread: { type: "continue", previous_message_id: "m1" } };
  assert.deepEqual(inMessage(goesOn), ["message m1"]);
  assert.deepEqual(inMessage({ thread: { type: "create" } }), []);
  assert.deepEqual(inMessage({ thread: null, diagnostics: { previous_message_id: "m1" } }), []);
  assert.deepEqual(found(batchReferences, { requests: [{ params: goesOn }, { params: {} }] }), [
    "message m1",
  ]);
  const compared = { mode: "explicit", comparison_response_id: "r1" };
  assert.deepEqual(inResponse({ prompt_cache_options: compared }), ["response r1"]);
  assert.deepEqual(inResponse({ prompt_cache_options: { mode: "explicit" } }), []);
});

test("items that the provider fills by themselves are references, and those that bring their content are not", () => {
  const items = [
    { type: "item_reference", id: "i1" },
    { id: "i2" },
    { type: null, id: "i3" },
    { type: "reasoning", id: "i4", summary: [] },
    { type: "image_generation_call", id: "i5" },
    { type: "reasoning", id: "no", encrypted_content: "x" },
    { type: "message", id: "no", role: "assistant", content: [] },
    { id: "no", role: "assistant", content: "x" },
    { type: "function_call", id: "no", call_id: "c", name: "n", arguments: '{"file_id":"no"}' },
    { type: "image_generation_call", id: "no", result: "x" },
    { type: "item_reference", id: "" },
    "text",
    null,
  ];
  assert.deepEqual(inResponse({ input: items }), ["item i1", "item i2", "item i3", "item i4", "item i5"]);
  assert.deepEqual(inResponse({ input: "text" }), []);
});

test("every way in which a message or a message batch names a stored object is found", () => {
  const content = [
    { type: "document", source: { type: "file", file_id: "f1" } },
    { type: "container_upload", file_id: "f2" },
    { type: "tool_result", content: [{ type: "image", source: { type: "file", file_id: "f3" } }] },
  ];
  const body = { container: { id: "c1", skills: [] }, messages: [{ role: "user", content }] };
  const all = ["container c1", "file f1", "file f2", "file f3"];
  assert.deepEqual(inMessage(body), all);
  assert.deepEqual(inMessage({ requests: [{ params: {} }, { params: body }] }), all);
  assert.deepEqual(inMessage({ container: "c2" }), ["container c2"]);
});

test("what is the caller's own data names nothing", () => {
  const schema = { properties: { file_id: { type: "string" } }, examples: [{ file_id: "no" }] };
  assert.deepEqual(
    inMessage({
      metadata: { file_id: "no" },
      tools: [{ name: "t", input_schema: schema, input_examples: [{ file_id: "no" }] }],
      messages: [{ role: "assistant", content: [{ type: "tool_use", id: "t", input: { file_id: "no" } }] }],
    }),
    [],
  );
  assert.deepEqual(
    inResponse({
      tools: [{ type: "function", parameters: schema }],
      text: { format: { type: "json_schema", schema: { default: { file_id: "no" } } } },
      input: [{ role: "user", content: [{ type: "input_text", text: '{"file_id":"no"}' }] }],
    }),
    [],
  );
});

test("a body that two parsers may read in two ways is refused", () => {
  for (const body of [
    '{"input":[{"content":[{"file_id":"mine","file_id":"theirs"}]}]}',
    '{"input":[{"content":[{"file_id":"mine","\\u0066ile_id":"theirs"}]}]}',
    '{"input":[{"type":"message","type":"item_reference","id":"x"}]}',
    "{",
  ]) {
    assert.throws(
      () => parsedReferences(responseReferences, Buffer.from(body)),
      (error) => error instanceof GatewayError && error.code === "invalid_body",
      body,
    );
  }
  const escaped = '{"input":[{"content":[{"\\u0066ile_id":"f1"}]}]}';
  assert.deepEqual(parsedReferences(responseReferences, Buffer.from(escaped)), [
    { kind: "file", id: "f1", param: "file_id" },
  ]);
});

test("a deeply nested body, and one with very many names, are judged within bounds", () => {
  let deep: unknown = { file_id: "f1" };
  for (let depth = 0; depth < 20_000; depth++) deep = [deep];
  assert.deepEqual(inResponse({ input: deep }), ["file f1"]);
  const many = Array.from({ length: 10_001 }, (_, index) => ({ file_id: `f${index}` }));
  assert.throws(() => inResponse({ input: many }), /Name fewer/);
});

test("a batch file tells the models and references of its lines, in any split", () => {
  const places = {
    field: "file",
    purpose: ["purpose", "batch"] as const,
    leftModels: { tools: ["image_generation"], members: [] },
    models: [["model"], ["tools", "*", "model"]],
    references: responseReferences,
  };
  const line = (body: object): string =>
    JSON.stringify({ custom_id: "a", method: "POST", url: "/v1/responses", body });
  const text = [
    line({ model: "a", previous_response_id: "r1" }),
    "",
    line({ model: "b", tools: [{ model: "c" }, { container: "cntr" }] }),
    line({ model: "a" }),
  ].join("\n");
  for (const pieceBytes of [1, 13, text.length]) {
    const lines = new BatchLines(places);
    for (let at = 0; at < text.length; at += pieceBytes)
      lines.push(Buffer.from(text.slice(at, at + pieceBytes)));
    const read = lines.end();
    assert.deepEqual(read?.models, ["a", "b", "c"]);
    assert.deepEqual(read.references.map(({ id }) => id).toSorted(), ["cntr", "r1"]);
  }
  for (const broken of [
    "{",
    "[]",
    '{"x":1}',
    '{"body":{"model":"a","model":"b"}}',
    '{"body":{"model":5}}',
    "\u00ff\u0000",
  ]) {
    const lines = new BatchLines(places);
    lines.push(Buffer.from(`${line({ model: "a" })}\n${broken}\n`));
    assert.equal(lines.end(), null, broken);
  }
  for (const body of [{ input: "x" }, { model: "a", tools: [{ type: "image_generation" }] }]) {
    const lines = new BatchLines(places);
    lines.push(Buffer.from(line(body)));
    assert.deepEqual(lines.end()?.models.at(-1), "(of the provider's choice)");
  }
  const spoilt = new BatchLines(places);
  spoilt.push(Buffer.from(line({ model: "a" })));
  spoilt.spoil();
  assert.equal(spoilt.end(), null);
});
