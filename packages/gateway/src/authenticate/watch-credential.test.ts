import assert from "node:assert/strict";
import { describe, it, mock } from "node:test";
import { samplePrincipal } from "../sample-routed.ts";
import type { DirectoryChange } from "../store/store.ts";
import { watchCredential } from "./watch-credential.ts";

function watch(expiresInMs: number | null): {
  doubts: () => number;
  change(change: DirectoryChange): void;
  end(): void;
} {
  const listeners = new Set<(change: DirectoryChange) => void>();
  let doubts = 0;
  const end = watchCredential(
    {
      clock: { now: () => 1_000 },
      directory: {
        onChange: (listener: (change: DirectoryChange) => void) => {
          listeners.add(listener);
          return () => listeners.delete(listener);
        },
      } as never,
    },
    { ...samplePrincipal(), expiresAtMs: expiresInMs === null ? null : 1_000 + expiresInMs },
    () => {
      doubts += 1;
    },
  );
  return {
    doubts: () => doubts,
    change: (change) => {
      for (const listener of listeners) listener(change);
    },
    end,
  };
}

describe("watching a credential", () => {
  it("doubts after a change of its key, room or project, and of nobody else's", () => {
    const it = watch(null);
    for (const change of [
      { kind: "api_key", projectId: "project-1", id: "key-2" },
      { kind: "room", projectId: "project-2", id: "my-room" },
      { kind: "room", projectId: "project-1", id: "other" },
      { kind: "provider", projectId: "project-1", id: "x" },
    ] as const)
      it.change(change);
    assert.equal(it.doubts(), 0);
    it.change({ kind: "api_key", projectId: "project-1", id: "key-1" });
    it.change({ kind: "room", projectId: "project-1", id: "my-room" });
    it.change({ kind: "project", projectId: "project-1", id: "project-1" });
    assert.equal(it.doubts(), 3);
    it.end();
    it.change({ kind: "api_key", projectId: "project-1", id: "key-1" });
    assert.equal(it.doubts(), 3);
  });

  it("doubts when its time has come, also a far one, and not when the watch has ended", () => {
    mock.timers.enable({ apis: ["setTimeout"] });
    try {
      const it = watch(500);
      mock.timers.tick(500);
      assert.equal(it.doubts(), 0, "`exp` itself is not past yet");
      mock.timers.tick(1);
      assert.equal(it.doubts(), 1);
      const ended = watch(500);
      ended.end();
      const far = watch(2 ** 33);
      mock.timers.tick(10_000);
      assert.deepEqual([ended.doubts(), far.doubts()], [0, 0]);
      far.end();
    } finally {
      mock.timers.reset();
    }
  });
});
