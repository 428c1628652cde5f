/** The promises of revocations and of disabled rooms as tests. */

import assert from "node:assert/strict";
import { test } from "node:test";
import type { RevocableToken } from "../revocation.ts";
import type { DirectoryChange } from "../store.ts";
import { tester, withStore } from "./store-under-test.ts";
import type { OpenStore } from "./store-under-test.ts";

function sampleToken(projectId: string, rest: Partial<RevocableToken> = {}): RevocableToken {
  return { projectId, tokenId: "j1", room: "lab", participant: "bob", issuedAtMs: 5_000, ...rest };
}

export function revocationsConformance(name: string, open: OpenStore): void {
  test(`${name} directory: a revoked token is found by its identity in its project alone, also after a restart`, () =>
    withStore(open, async (under) => {
      const { directory } = under.store;
      const { id } = await directory.as(tester).createProject("p");
      const other = await directory.as(tester).createProject("other");
      assert.equal(await directory.findRevocation(sampleToken(id)), null);
      under.time.nowMs = 7_000;
      const made = await directory.as(tester).createRevocation(id, { kind: "token", tokenId: "j1" });
      assert.deepEqual(made, {
        kind: "token",
        tokenId: "j1",
        id: made.id,
        projectId: id,
        createdAtMs: 7_000,
      });
      const next = (await under.reopen()).store.directory;
      // Whatever else the token says: its identity is enough.
      for (const rest of [{}, { room: "x", participant: "y" }, { issuedAtMs: null }, { issuedAtMs: 9e12 }]) {
        assert.deepEqual(await next.findRevocation(sampleToken(id, rest)), made);
      }
      assert.equal(await next.findRevocation(sampleToken(id, { tokenId: "j2" })), null);
      assert.equal(await next.findRevocation(sampleToken(other.id)), null);
    }));

  test(`${name} directory: a participant's tokens end with their room, name and time; no time is before any`, () =>
    withStore(open, async ({ store: { directory } }) => {
      const { id } = await directory.as(tester).createProject("p");
      const target = { kind: "participant", room: "lab", participant: "bob", issuedBeforeMs: 6_000 } as const;
      const made = await directory.as(tester).createRevocation(id, target);
      const isRevoked = async (rest: Partial<RevocableToken>): Promise<boolean> =>
        (await directory.findRevocation(sampleToken(id, rest))) !== null;
      assert.deepEqual(await directory.findRevocation(sampleToken(id)), made);
      assert.equal(await isRevoked({ issuedAtMs: 5_999 }), true);
      assert.equal(await isRevoked({ issuedAtMs: 6_000 }), false);
      assert.equal(await isRevoked({ issuedAtMs: null }), true);
      assert.equal(await isRevoked({ room: "other" }), false);
      assert.equal(await isRevoked({ participant: "eve" }), false);
      // A later one goes further; an earlier one that comes after it takes nothing back.
      await directory.as(tester).createRevocation(id, { ...target, issuedBeforeMs: 8_000 });
      await directory.as(tester).createRevocation(id, { ...target, issuedBeforeMs: 1_000 });
      assert.equal(await isRevoked({ issuedAtMs: 7_999 }), true);
      assert.equal(await isRevoked({ issuedAtMs: 8_000 }), false);
    }));

  test(`${name} directory: a token is revoked once, each revocation is told, and the list has pages`, () =>
    withStore(open, async ({ store: { directory }, time }) => {
      const { id } = await directory.as(tester).createProject("p");
      const told: DirectoryChange[] = [];
      directory.onChange((change) => told.push(change));
      const first = await directory.as(tester).createRevocation(id, { kind: "token", tokenId: "j1" });
      time.nowMs = 9_000;
      assert.deepEqual(
        await directory.as(tester).createRevocation(id, { kind: "token", tokenId: "j1" }),
        first,
      );
      const target = { kind: "participant", room: "lab", participant: "bob", issuedBeforeMs: 6_000 } as const;
      const second = await directory.as(tester).createRevocation(id, target);
      assert.deepEqual(told.at(0), { kind: "token", projectId: id, id: "j1" });
      assert.deepEqual(told.at(-1), { kind: "participant", projectId: id, id: "bob" });
      assert.deepEqual(await directory.listRevocations(id), [first, second]);
      assert.deepEqual(await directory.listRevocations(id, { limit: 1 }), [first]);
      assert.deepEqual(await directory.listRevocations(id, { limit: 9, after: first.id }), [second]);
      assert.deepEqual(await directory.listRevocations("nope"), []);
    }));

  test(`${name} directory: a revocation needs its project`, () =>
    withStore(open, async ({ store: { directory } }) => {
      await assert.rejects(directory.as(tester).createRevocation("nope", { kind: "token", tokenId: "j1" }));
    }));

  test(`${name} directory: a disabled room stays listed, keeps its state, and is enabled by hand or made anew`, () =>
    withStore(open, async (under) => {
      const { directory } = under.store;
      const { id } = await directory.as(tester).createProject("p");
      const room = await directory.as(tester).createRoom(id, "lab");
      const told: DirectoryChange[] = [];
      directory.onChange((change) => told.push(change));
      const disabled = await directory.as(tester).updateRoom(id, "lab", { disabledAtMs: 3_000 });
      assert.deepEqual(disabled, { ...room, disabledAtMs: 3_000 });
      assert.deepEqual(told, [{ kind: "room", projectId: id, id: "lab" }]);
      // What registers a room on its first use does not enable it.
      assert.deepEqual(await directory.as(tester).createRoom(id, "lab"), disabled);
      const renamed = await directory.as(tester).updateRoom(id, "lab", { name: "hall" });
      assert.equal(renamed?.disabledAtMs, 3_000);
      const next = (await under.reopen()).store.directory;
      assert.deepEqual(await next.listRooms(id), [renamed]);
      assert.equal(
        (await next.as(tester).updateRoom(id, "hall", { disabledAtMs: null }))?.disabledAtMs,
        null,
      );
      await next.as(tester).updateRoom(id, "hall", { disabledAtMs: 4_000 });
      await next.as(tester).deleteRoom(id, "hall");
      assert.equal((await next.as(tester).createRoom(id, "hall")).disabledAtMs, null);
    }));
}
