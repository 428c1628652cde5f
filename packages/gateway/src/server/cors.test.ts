import assert from "node:assert/strict";
import { test } from "node:test";
import { corsHeaders, preflightHeaders } from "./cors.ts";

const origin = "https://app.example";
const asks = { origin, requestedHeaders: "authorization, x-stainless-os" };

test("off unless the operator names origins", () => {
  assert.deepEqual(corsHeaders([], origin), []);
  assert.deepEqual(preflightHeaders([], asks), []);
});

test("an allowed origin is named back, whole and alone", () => {
  assert.deepEqual(corsHeaders([origin], origin), [
    ["access-control-allow-origin", origin],
    ["access-control-expose-headers", "*"],
    ["vary", "origin"],
  ]);
  for (const other of [
    "https://app.example.evil",
    "http://app.example",
    "https://APP.example",
    "https://app.example:1",
    "null",
    "",
  ]) {
    assert.deepEqual(corsHeaders([origin], other), [], other);
  }
  assert.deepEqual(corsHeaders([origin], undefined), []);
});

test("`*` allows every origin, and no cookie goes with it", () => {
  const lines = corsHeaders(["*"], origin);
  assert.deepEqual(lines[0], ["access-control-allow-origin", origin]);
  assert.ok(!lines.some(([name]) => name === "access-control-allow-credentials"));
});

test("a preflight allows the headers that are asked for", () => {
  assert.deepEqual(preflightHeaders([origin], asks), [
    ["access-control-allow-methods", "GET, POST, PUT, DELETE"],
    ["access-control-allow-headers", "authorization, x-stainless-os"],
    ["access-control-max-age", "600"],
  ]);
  assert.deepEqual(preflightHeaders([origin], { origin, requestedHeaders: undefined })[1], [
    "access-control-allow-headers",
    "authorization, content-type",
  ]);
  assert.deepEqual(preflightHeaders([origin], { origin: "https://other", requestedHeaders: undefined }), []);
});
