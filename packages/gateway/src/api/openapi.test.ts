import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Validator } from "@seriousme/openapi-schema-validator";
import type { Route, RouteName } from "@meshagent/llm-proxy-protocol/api";
import { apiErrorStatus, routes } from "@meshagent/llm-proxy-protocol/api";
import { z } from "zod";
import { access } from "./access.ts";
import { startHarness } from "./harness.ts";
import { openApiDocument } from "./openapi.ts";
import type { OpenApiOperation } from "./openapi.ts";

const document = openApiDocument({ version: "1.2.3", publicUrl: "http://gateway.test:8700/" });
const names = Object.keys(routes) as RouteName[];

function routeOf(name: RouteName): Route<string, unknown, unknown, unknown> {
  return routes[name] as Route<string, unknown, unknown, unknown>;
}

function operationOf(name: RouteName): OpenApiOperation {
  const { path, method } = routeOf(name);
  const operation = document.paths[path]?.[method.toLowerCase()];
  assert.ok(operation, name);
  return operation;
}

/** The member at a JSON pointer, such as `#/components/schemas/Room`. */
function resolve(pointer: string): Record<string, unknown> {
  let value: unknown = document;
  for (const part of pointer.replace("#/", "").split("/")) {
    value = (value as Record<string, unknown>)[part];
    assert.ok(typeof value === "object" && value !== null, pointer);
  }
  return value as Record<string, unknown>;
}

function schemaIn(content: unknown): Record<string, unknown> {
  const { content: media } = content as { content: Record<string, { schema: { $ref: string } }> };
  return resolve(media["application/json"]?.schema.$ref ?? "#/none");
}

describe("the OpenAPI document", () => {
  test("is one, by the specification's own schema", async () => {
    const { valid, errors } = await new Validator().validate(JSON.parse(JSON.stringify(document)));
    assert.ok(valid, JSON.stringify(errors, null, 1));
    assert.match(document.openapi, /^3\.1\./);
    assert.equal(document.info.version, "1.2.3");
    assert.deepEqual(document.servers, [{ url: "http://gateway.test:8700" }]);
  });

  test("every reference in it leads somewhere", () => {
    const pointers = [...JSON.stringify(document).matchAll(/"\$ref":"([^"]+)"/g)].map((match) => match[1]);
    assert.ok(pointers.length > 100);
    for (const pointer of new Set(pointers)) resolve(pointer ?? "");
  });

  test("has every route and no other", () => {
    const operations = Object.values(document.paths).flatMap((methods) => Object.values(methods));
    assert.deepEqual(operations.map(({ operationId }) => operationId).sort(), [...names].sort());
    assert.deepEqual(
      [...new Set(operations.flatMap(({ tags }) => tags))].sort(),
      document.tags.map(({ name }) => name).sort(),
    );
  });

  for (const name of names) {
    test(`${name}: parameters, body, replies and who may call it are those of the route`, () => {
      const route = routeOf(name);
      const { parameters = [], requestBody, responses, security, summary } = operationOf(name);
      assert.equal(summary, route.about);
      const named = (place: string): unknown[] =>
        parameters.filter((parameter) => parameter["in"] === place).map((parameter) => parameter["name"]);
      assert.deepEqual(named("path"), route.params);
      const query = route.query === null ? [] : Object.keys((route.query as unknown as z.ZodObject).shape);
      assert.deepEqual(named("query"), query);
      assert.equal(requestBody === undefined, route.body === null);
      if (route.body !== null) {
        const { shape } = route.body as unknown as z.ZodObject;
        const described = schemaIn(requestBody)["properties"] as object;
        assert.deepEqual(Object.keys(described).sort(), Object.keys(shape).sort());
      }
      const done = responses[route.status];
      assert.equal(done?.["content"] === undefined, route.reply === null);
      if (route.reply !== null) {
        const { shape } = route.reply as unknown as z.ZodObject;
        const described = schemaIn(done)["properties"] as object;
        assert.deepEqual(Object.keys(described).sort(), Object.keys(shape).sort());
      }
      const owner = { ownerToken: [] };
      assert.deepEqual(security, access[name] === "owner" ? [owner] : [owner, { apiKey: [] }]);
    });
  }

  test("every refusal has the error's shape, and every status that there is stands somewhere", () => {
    const statuses = new Set<number>();
    for (const name of names) {
      for (const [status, response] of Object.entries(operationOf(name).responses)) {
        if (Number(status) < 400) continue;
        statuses.add(Number(status));
        const { $ref } = response as { $ref?: string };
        const schema = schemaIn($ref === undefined ? response : resolve($ref));
        assert.deepEqual(Object.keys(schema["properties"] as object), ["error"]);
      }
    }
    assert.deepEqual(statuses, new Set<number>(Object.values(apiErrorStatus)));
  });

  test("what comes in a query is described as the text that it is, with its bounds", () => {
    const byName = new Map(
      operationOf("getUsage").parameters?.map((parameter) => [parameter["name"], parameter["schema"]]),
    );
    assert.deepEqual(byName.get("limit"), { type: "integer", minimum: 1, maximum: 1000 });
    assert.deepEqual(byName.get("by"), { type: "string" });
    assert.deepEqual(byName.get("interval"), { type: "string", enum: ["day", "hour"] });
    assert.deepEqual(byName.get("since"), { type: ["string", "number"] });
  });

  test("is served to anybody, and takes no other method", async (context) => {
    const harness = await startHarness();
    context.after(() => harness.close());
    const response = await fetch(`${harness.url}/openapi.json`);
    assert.equal(response.status, 200);
    assert.match(response.headers.get("content-type") ?? "", /^application\/json/);
    const served = (await response.json()) as { paths: object; info: { version: string } };
    assert.deepEqual(served.paths, JSON.parse(JSON.stringify(document.paths)));
    assert.equal(served.info.version, "0.0.0-test");
    assert.equal((await fetch(`${harness.url}/openapi.json`, { method: "HEAD" })).status, 200);
    const wrong = await fetch(`${harness.url}/openapi.json`, { method: "POST" });
    assert.deepEqual([wrong.status, wrong.headers.get("allow")], [405, "GET, HEAD"]);
  });
});
