/** Values for schemas: what a client's validator would accept. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { valueFor } from "./schema-value.ts";

test("a required property is filled, an optional one is not", () => {
  const schema = {
    type: "object",
    properties: {
      title: { type: "string" },
      count: { type: "integer", minimum: 3 },
      note: { type: "string" },
    },
    required: ["title", "count"],
  };
  assert.deepEqual(valueFor(schema), { title: "Simulated title", count: 3 });
});

test("given texts fill properties, also optional ones", () => {
  const schema = {
    type: "object",
    properties: { cmd: { type: "string" }, note: { type: "string" } },
    required: ["cmd"],
  };
  assert.deepEqual(valueFor(schema, { cmd: "ls", note: "why", other: "x" }), { cmd: "ls", note: "why" });
});

test("enums, constants, unions and nullable types", () => {
  assert.equal(valueFor({ enum: ["red", "blue"] }), "red");
  assert.equal(valueFor({ const: 7 }), 7);
  assert.equal(valueFor({ anyOf: [{ type: "null" }, { type: "boolean" }] }), true);
  assert.equal(valueFor({ type: ["null", "integer"] }), 0);
  assert.equal(valueFor({ type: "null" }), null);
  assert.equal(valueFor({ type: "number", exclusiveMinimum: 2 }), 3);
});

test("arrays have as many items as they must", () => {
  assert.deepEqual(valueFor({ type: "array", items: { type: "string" } }), []);
  assert.deepEqual(valueFor({ type: "array", items: { type: "boolean" }, minItems: 2 }), [true, true]);
});

test("strings keep format and length", () => {
  assert.match(String(valueFor({ type: "string", format: "date-time" })), /^\d{4}-\d\d-\d\dT/);
  assert.equal(valueFor({ type: "string", maxLength: 3 }), "Sim");
  assert.equal(String(valueFor({ type: "string", minLength: 30 })).length, 30);
});

test("local references are followed, and one that has no end comes to one", () => {
  const schema = {
    type: "object",
    properties: { at: { $ref: "#/$defs/point" } },
    required: ["at"],
    $defs: { point: { type: "object", properties: { x: { type: "number" } }, required: ["x"] } },
  };
  assert.deepEqual(valueFor(schema), { at: { x: 0 } });
  const endless = { type: "object", properties: { next: { $ref: "#" } }, required: ["next"] };
  assert.doesNotThrow(() => JSON.stringify(valueFor(endless)));
});

test("a schema that asks for nothing gets an object that says what it is", () => {
  assert.deepEqual(valueFor({}), { simulated: true });
  assert.deepEqual(valueFor({ type: "object" }), { simulated: true });
  assert.deepEqual(valueFor({ type: "object", properties: { a: { type: "string" } } }), {});
});
