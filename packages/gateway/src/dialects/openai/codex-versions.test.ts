import assert from "node:assert/strict";
import { test } from "node:test";
import { isCodexOwn, modelsOf, parseCodexVersion, type CodexVersion } from "./codex-versions.ts";

test("the version is read from the query, a pre-release as the release", () => {
  assert.deepEqual(parseCodexVersion("?client_version=0.169.0"), [0, 169, 0]);
  assert.deepEqual(parseCodexVersion("?a=1&client_version=1.2.33&b=2"), [1, 2, 33]);
  assert.deepEqual(parseCodexVersion("?client_version=0.170.0-alpha.3"), [0, 170, 0]);
});

test("what is no version is none", () => {
  for (const query of [
    "",
    "?",
    "?client_version",
    "?client_version=",
    "?client_version=latest",
    "?client_version=0.169",
    "?client_version=v0.169.0",
    "?client_version=0.169.0.1",
    "?client_version=-1.0.0",
    "?client_version=1234567.0.0",
    "?Client_Version=0.169.0",
  ])
    assert.equal(parseCodexVersion(query), null, query);
});

test("a version that is known brings along what it brings along", () => {
  const has = (version: CodexVersion, model: string): boolean => modelsOf(version).includes(model);
  assert.deepEqual(
    ["0.124.0", "0.144.0", "0.155.0", "0.169.0"].map((text) => {
      const version = parseCodexVersion(`client_version=${text}`);
      assert.ok(version !== null);
      return [has(version, "gpt-5.3-codex"), has(version, "gpt-5.4"), has(version, "gpt-5.5")];
    }),
    [
      [true, true, false],
      [false, true, true],
      [false, true, true],
      [false, false, true],
    ],
  );
});

test("between two known versions it is what both bring, outside of them what the nearest brings", () => {
  const between = modelsOf([0, 157, 2]);
  assert.ok(between.includes("gpt-5.4"), "as 0.155.0");
  assert.ok(between.includes("gpt-6.1-sol"), "as 0.160.0");
  assert.ok(!between.includes("gpt-5.2"), "0.144.0 is no neighbour");
  assert.equal(new Set(between).size, between.length);
  assert.deepEqual(modelsOf([0, 99, 0]), modelsOf([0, 124, 0]));
  for (const newer of [
    [0, 169, 1],
    [0, 200, 0],
    [1, 0, 0],
  ] as const)
    assert.deepEqual(modelsOf(newer), modelsOf([0, 169, 0]));
});

test("a model belongs to Codex when its name begins with one that Codex knows", () => {
  assert.equal(isCodexOwn([0, 169, 0], "gpt-5.5", null), true);
  assert.equal(isCodexOwn([0, 169, 0], "gpt-5.5-2026-04-23", null), true);
  assert.equal(isCodexOwn([0, 169, 0], "gpt-5.4", null), false);
  assert.equal(isCodexOwn([0, 155, 0], "gpt-5.4-mini", null), true, "by gpt-5.4");
  assert.equal(isCodexOwn([0, 169, 0], "gpt-5", null), false, "a beginning is no match");
});

test("a Codex newer than every known one may bring OpenAI's newest models itself", () => {
  const created = (date: string): number => Date.parse(date) / 1000;
  assert.equal(isCodexOwn([0, 170, 0], "gpt-6.2-sol", created("2026-11-10")), true);
  assert.equal(isCodexOwn([0, 169, 0], "gpt-6.2-sol", created("2026-11-10")), false, "this one is known");
  assert.equal(isCodexOwn([0, 170, 0], "gpt-5.4", created("2026-03-05")), false, "it will not come back");
  assert.equal(isCodexOwn([0, 170, 0], "gpt-5.4", null), false);
  assert.equal(isCodexOwn([0, 170, 0], "qwen3-coder", created("2026-11-10")), false, "never OpenAI's");
});
