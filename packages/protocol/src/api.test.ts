import assert from "node:assert/strict";
import { test } from "node:test";
import { z } from "zod";
import type { Route } from "./api.ts";
import {
  exchangesQuerySchema,
  outcomes,
  pathParameters,
  routes,
  usageDimensionMembers,
  usageDimensions,
  usageQuerySchema,
  usageRowSchema,
} from "./api.ts";

const table = Object.entries(routes as unknown as Record<string, Route<string, unknown, unknown, unknown>>);

test("every route: its parameters are those of its path, and it has a query or a body, not both", () => {
  for (const [name, route] of table) {
    assert.deepEqual([...route.params], pathParameters(route.path), name);
    assert.ok(route.query === null || route.body === null, name);
    assert.ok(route.body === null || route.method === "POST" || route.method === "PUT", name);
    assert.equal(route.status === 204, route.reply === null, name);
    assert.match(route.path, /^\/accounts(\/([a-z-]+|\{[a-z_]+\}))+$/, name);
    assert.match(route.about, /^[A-Z].*\.$/, name);
  }
});

test("no two routes are one: method and path, and no parameter hides a fixed segment", () => {
  const shapes = table.map(([, { method, path }]) => `${method} ${path.replaceAll(/\{\w+\}/g, "{}")}`);
  assert.equal(new Set(shapes).size, shapes.length);
  for (const shape of shapes) {
    const pattern = new RegExp(`^${shape.replaceAll("{}", "[^/{}]+")}$`);
    assert.deepEqual(
      shapes.filter((other) => other !== shape && pattern.test(other)),
      [],
    );
  }
});

test("no member of a query or body is called like a parameter of its path, because arguments are one object", () => {
  for (const [name, route] of table) {
    for (const schema of [route.query, route.body]) {
      if (schema === null) continue;
      const members = Object.keys((schema as unknown as z.ZodObject).shape);
      assert.ok(members.length > 0);
      assert.deepEqual(
        members.filter((member) => route.params.includes(member)),
        [],
        name,
      );
    }
  }
});

test("every schema can be written as JSON Schema, for OpenAPI", () => {
  for (const [name, { query, body, reply }] of table) {
    for (const schema of [query, body, reply]) {
      if (schema === null) continue;
      const json = z.toJSONSchema(schema as z.ZodType, { io: "input" });
      assert.equal(json.type, "object", name);
    }
  }
});

test("times: RFC 3339 with a zone or milliseconds, and the client's own numbers", () => {
  const parse = (since: unknown): number | undefined => exchangesQuerySchema.parse({ since }).since;
  assert.equal(parse("1970-01-01T00:00:01Z"), 1000);
  assert.equal(parse("1970-01-01T01:00:01.5+01:00"), 1500);
  assert.equal(parse("1000"), 1000);
  assert.equal(parse(1000), 1000);
  for (const wrong of [
    "",
    " 1",
    "1e3",
    "0x10",
    "now",
    "1.5",
    "-5",
    "9999999999999999",
    "2026-02-30T00:00:00Z",
    1.5,
    -1,
    NaN,
    Infinity,
  ]) {
    assert.ok(!exchangesQuerySchema.safeParse({ since: wrong }).success, String(wrong));
  }
});

test("dimensions: a list or text with commas, each once", () => {
  const parse = (by: unknown): readonly string[] | undefined => usageQuerySchema.parse({ by }).by;
  assert.deepEqual(parse("model, api-key"), ["model", "api-key"]);
  assert.deepEqual(parse(["day"]), ["day"]);
  for (const wrong of ["", ",", "model,", "Model", "model,model", [], ["nope"]]) {
    assert.ok(!usageQuerySchema.safeParse({ by: wrong }).success, String(wrong));
  }
});

test("every dimension has a member of its own in a row", () => {
  assert.deepEqual(Object.keys(usageDimensionMembers).sort(), [...usageDimensions].sort());
  const { shape } = usageRowSchema as unknown as z.ZodObject;
  for (const member of Object.values(usageDimensionMembers)) assert.ok(member in shape, member);
  assert.equal(new Set(Object.values(usageDimensionMembers)).size, usageDimensions.length);
});

test("the outcomes are those of the contract", () => {
  assert.equal(
    outcomes.join("|"),
    "ok|incomplete|refused|cancelled|failed|stream_error|upstream_error|truncated|client_closed|budget_stopped|gateway_error|interrupted|not_metered",
  );
});
