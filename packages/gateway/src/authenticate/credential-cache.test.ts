import assert from "node:assert/strict";
import { test } from "node:test";
import type { DirectoryChange } from "../store/store.ts";
import { CredentialCache, type VerifiedCredential } from "./credential-cache.ts";

function entry(apiKeyId: string, projectId = "p1", room = "r1", names = {}): VerifiedCredential {
  const grants = { room, role: "", llm: null };
  return {
    principal: {
      projectId,
      apiKeyId,
      room,
      participant: "a",
      role: "",
      grants,
      tokenId: null,
      expiresAtMs: null,
      onDisconnect: null,
      ...names,
    },
    times: { exp: null, nbf: null },
  };
}

function follow(cache: CredentialCache): {
  readonly change: (change: DirectoryChange) => void;
  readonly stop: () => void;
} {
  let listener: ((change: DirectoryChange) => void) | null = null;
  const stop = cache.follow({
    onChange: (added) => {
      listener = added;
      return () => {
        listener = null;
      };
    },
  });
  return { change: (change) => listener?.(change), stop };
}

test("keeps the entries used last, and no more than its bound", () => {
  const cache = new CredentialCache(3);
  for (const hash of ["a", "b", "c"]) cache.put(hash, entry(hash), 0);
  assert.equal(cache.find("a")?.principal.apiKeyId, "a");
  cache.put("d", entry("d"), 0);
  assert.equal(cache.size, 3);
  assert.equal(cache.find("b"), null);
  assert.notEqual(cache.find("a"), null);
  for (let round = 0; round < 1000; round++) cache.put(`x${round}`, entry("x"), 0);
  assert.equal(cache.size, 3);
});

test("a bound of 0 keeps nothing", () => {
  const cache = new CredentialCache(0);
  cache.put("a", entry("a"), 0);
  assert.equal(cache.find("a"), null);
});

test("a change drops what rests on it, and nothing else", () => {
  const cases: [DirectoryChange, string[]][] = [
    [{ kind: "api_key", projectId: "p1", id: "k1" }, ["other-key", "other-project"]],
    [{ kind: "room", projectId: "p1", id: "r1" }, ["other-key", "other-project"]],
    [{ kind: "project", projectId: "p1", id: "p1" }, ["other-project"]],
    [{ kind: "provider", projectId: "p1", id: "openai" }, ["mine", "other-key", "other-project"]],
  ];
  for (const [change, left] of cases) {
    const cache = new CredentialCache(10);
    const directory = follow(cache);
    cache.put("mine", entry("k1", "p1", "r1"), 0);
    cache.put("other-key", entry("k2", "p1", "r2"), 0);
    cache.put("other-project", entry("k3", "p2", "r1"), 0);
    directory.change(change);
    const found = ["mine", "other-key", "other-project"].filter((hash) => cache.find(hash) !== null);
    assert.deepEqual(found, left, change.kind);
  }
});

test("a revocation drops the token, or the participant's tokens, of its own project", () => {
  const cases: [DirectoryChange, string[]][] = [
    [{ kind: "token", projectId: "p1", id: "j1" }, ["same-participant", "no-token", "other-project"]],
    [{ kind: "participant", projectId: "p1", id: "a" }, ["no-token", "other-project"]],
  ];
  for (const [change, left] of cases) {
    const cache = new CredentialCache(10);
    const directory = follow(cache);
    cache.put("mine", entry("k1", "p1", "r1", { tokenId: "j1" }), 0);
    cache.put("same-participant", entry("k1", "p1", "r1", { tokenId: "j2" }), 0);
    cache.put("no-token", entry("k1", "p1", "r1", { participant: "b" }), 0);
    cache.put("other-project", entry("k1", "p2", "r1", { tokenId: "j1" }), 0);
    directory.change(change);
    const all = ["mine", "same-participant", "no-token", "other-project"];
    assert.deepEqual(
      all.filter((hash) => cache.find(hash) !== null),
      left,
      change.kind,
    );
  }
});

test("what was verified before a change is not kept after it", () => {
  const cache = new CredentialCache(10);
  const directory = follow(cache);
  const before = cache.changes;
  directory.change({ kind: "api_key", projectId: "p1", id: "k1" });
  cache.put("a", entry("k1"), before);
  assert.equal(cache.find("a"), null);
  cache.put("a", entry("k1"), cache.changes);
  assert.notEqual(cache.find("a"), null);
});

test("a forgotten entry is gone, and a stopped cache follows no more", () => {
  const cache = new CredentialCache(10);
  const directory = follow(cache);
  cache.put("a", entry("k1"), 0);
  cache.forget("a");
  assert.equal(cache.size, 0);
  directory.stop();
  directory.change({ kind: "api_key", projectId: "p1", id: "k1" });
  assert.equal(cache.changes, 0);
});
