import assert from "node:assert/strict";
import { test } from "node:test";
import { checkBaseUrl, gatewayOf } from "./base-url.ts";
import type { Check } from "./check.ts";

const addresses = { apiUrl: "http://127.0.0.1:8700", publicUrl: "https://llm.example.com" };

function check(baseUrl: string, path: string, asksFor = "/x"): Check {
  return checkBaseUrl({ area: "a", baseUrl, path, asksFor, todo: "set it up" }, addresses);
}

test("what is right, in each of its spellings", () => {
  for (const url of [
    "http://127.0.0.1:8700/openai/v1",
    "http://127.0.0.1:8700/openai/v1/",
    "http://localhost:8700/openai/v1",
    "http://127.0.0.1:8700/v1",
    "https://llm.example.com/openai/v1",
  ]) {
    assert.equal(check(url, "/openai/v1").status, "ok", url);
  }
  assert.equal(check("http://127.0.0.1:8700/anthropic", "/anthropic").status, "ok");
  assert.equal(check("http://127.0.0.1:8700/anthropic/v1", "/anthropic/v1").status, "ok");
});

test("what is wrong is said, with what it should be", () => {
  const cases: readonly (readonly [url: string, path: string, why: RegExp])[] = [
    ["http://127.0.0.1:8700/openai", "/openai/v1", /`\/v1` is missing/],
    ["http://127.0.0.1:8700", "/openai/v1", /`\/openai` is missing/],
    ["http://127.0.0.1:8700/openai/v1/v1", "/openai/v1", /`\/v1` is too much/],
    ["http://127.0.0.1:8700/anthropic/v1", "/anthropic", /`\/v1` is too much/],
    ["http://127.0.0.1:8700/v1", "/anthropic", /`\/anthropic` is missing/],
    ["http://127.0.0.1:8700/anthropic", "/anthropic/v1", /`\/v1` is missing/],
    ["http://127.0.0.1:8700/openai/v1/responses", "/openai/v1", /its path is another/],
  ];
  for (const [url, path, why] of cases) {
    const { status, found, todo } = check(url, path);
    assert.equal(status, "fail", url);
    assert.match(found, why, url);
    assert.equal(todo, `It should be http://127.0.0.1:8700${path}.`);
  }
  assert.match(
    check("http://127.0.0.1:8700", "/anthropic", "/v1/messages").found,
    /asks for \/v1\/messages,/,
  );
});

test("another server is another server, whatever its path", () => {
  for (const url of ["http://127.0.0.1:8701/openai/v1", "https://127.0.0.1:8700/openai/v1", "nonsense"]) {
    assert.equal(gatewayOf(url, addresses), null, url);
    assert.deepEqual(check(url, "/openai/v1").todo, "set it up", url);
  }
});
