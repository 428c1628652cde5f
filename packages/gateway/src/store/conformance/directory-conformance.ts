/** The promises of `Directory` as tests. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { Secret } from "@meshagent/llm-proxy-protocol/secret";
import { InvalidCursorError } from "../errors.ts";
import type { ApiKeyWithSecret, Directory, DirectoryChange } from "../store.ts";
import { tester, withStore } from "./store-under-test.ts";
import type { OpenStore } from "./store-under-test.ts";

async function sampleKey(directory: Directory, projectId: string, id: string): Promise<ApiKeyWithSecret> {
  const [account] = await directory.listServiceAccounts(projectId);
  assert.ok(account);
  return {
    id,
    projectId,
    serviceAccountId: account.id,
    name: `name of ${id}`,
    description: "for tests",
    createdAtMs: 1_000,
    deletedAtMs: null,
    secret: new Secret(`secret-of-${id}`),
  };
}

function watch(directory: Directory): { changes: string[]; stop: () => void } {
  const changes: string[] = [];
  const stop = directory.onChange((change: DirectoryChange) => {
    changes.push(`${change.kind} ${change.projectId} ${change.id}`);
  });
  return { changes, stop };
}

export function directoryConformance(name: string, open: OpenStore): void {
  test(`${name} directory: projects are listed oldest first and found by id`, () =>
    withStore(open, async ({ store: { directory }, time }) => {
      assert.deepEqual(await directory.listProjects(), []);
      time.nowMs = 5_000;
      const first = await directory.as(tester).createProject("zebra");
      const second = await directory.as(tester).createProject("ant");
      time.nowMs = 6_000;
      const third = await directory.as(tester).createProject("ant");
      assert.deepEqual(first, { id: first.id, name: "zebra", settings: {}, createdAtMs: 5_000 });
      assert.equal(new Set([first.id, second.id, third.id]).size, 3);
      assert.deepEqual(await directory.listProjects(), [first, second, third]);
      assert.deepEqual(await directory.findProject(second.id), second);
      assert.equal(await directory.findProject("nope"), null);
    }));

  test(`${name} directory: every project has a service account named default`, () =>
    withStore(open, async ({ store: { directory } }) => {
      const one = await directory.as(tester).createProject("one");
      const two = await directory.as(tester).createProject("two");
      for (const project of [one, two]) {
        const accounts = await directory.listServiceAccounts(project.id);
        assert.deepEqual(
          accounts.map(({ name: accountName, projectId }) => ({ accountName, projectId })),
          [{ accountName: "default", projectId: project.id }],
        );
      }
      assert.deepEqual(await directory.listServiceAccounts("nope"), []);
    }));

  test(`${name} directory: an API key comes back with its secret, and lists without`, () =>
    withStore(open, async ({ store: { directory }, reopen }) => {
      const project = await directory.as(tester).createProject("p");
      const key = await sampleKey(directory, project.id, "k1");
      const other = { ...(await sampleKey(directory, project.id, "k2")), createdAtMs: 999 };
      await directory.as(tester).createApiKey(key);
      await directory.as(tester).createApiKey(other);
      const { secret, ...row } = key;
      const { secret: _, ...otherRow } = other;
      assert.deepEqual(await directory.listApiKeys(project.id), [otherRow, row]);
      assert.deepEqual(await directory.listApiKeys("nope"), []);
      const next = await reopen();
      const found = await next.store.directory.findApiKey("k1");
      assert.ok(found);
      assert.equal(found.secret.reveal(), secret.reveal());
      assert.deepEqual({ ...found, secret: null }, { ...row, secret: null });
      assert.equal(await next.store.directory.findApiKey("nope"), null);
    }));

  test(`${name} directory: an API key needs its project, and an id of its own`, () =>
    withStore(open, async ({ store: { directory } }) => {
      const project = await directory.as(tester).createProject("p");
      const key = await sampleKey(directory, project.id, "k1");
      await directory.as(tester).createApiKey(key);
      await assert.rejects(directory.as(tester).createApiKey({ ...key, secret: new Secret("another") }));
      await assert.rejects(directory.as(tester).createApiKey({ ...key, id: "k2", projectId: "nope" }));
      assert.equal((await directory.findApiKey("k1"))?.secret.reveal(), "secret-of-k1");
      assert.equal(await directory.findApiKey("k2"), null);
    }));

  test(`${name} directory: a deleted API key leaves the list, stays findable, and is announced in time`, () =>
    withStore(open, async ({ store: { directory }, time }) => {
      const project = await directory.as(tester).createProject("p");
      const other = await directory.as(tester).createProject("q");
      await directory.as(tester).createApiKey(await sampleKey(directory, project.id, "k1"));
      assert.equal(await directory.as(tester).deleteApiKey(other.id, "k1"), false);
      assert.equal(await directory.as(tester).deleteApiKey(project.id, "nope"), false);
      const { changes } = watch(directory);
      time.nowMs = 7_777;
      assert.equal(await directory.as(tester).deleteApiKey(project.id, "k1"), true);
      assert.deepEqual(changes, [`api_key ${project.id} k1`]);
      assert.deepEqual(await directory.listApiKeys(project.id), []);
      assert.equal((await directory.findApiKey("k1"))?.deletedAtMs, 7_777);
      time.nowMs = 8_888;
      assert.equal(await directory.as(tester).deleteApiKey(project.id, "k1"), false);
      assert.equal((await directory.findApiKey("k1"))?.deletedAtMs, 7_777);
      assert.equal(changes.length, 1);
    }));

  test(`${name} directory: a room is made once, deleted to a tombstone, and brought back with its id`, () =>
    withStore(open, async ({ store: { directory }, time }) => {
      const project = await directory.as(tester).createProject("p");
      const { changes } = watch(directory);
      time.nowMs = 1_000;
      const room = await directory.as(tester).createRoom(project.id, "lab");
      assert.deepEqual(room, {
        id: room.id,
        projectId: project.id,
        name: "lab",
        createdAtMs: 1_000,
        deletedAtMs: null,
        disabledAtMs: null,
        metadata: {},
        annotations: {},
      });
      time.nowMs = 2_000;
      assert.deepEqual(await directory.as(tester).createRoom(project.id, "lab"), room);
      assert.deepEqual(changes, [`room ${project.id} lab`]);

      assert.equal(await directory.as(tester).deleteRoom(project.id, "lab"), true);
      assert.equal(await directory.as(tester).deleteRoom(project.id, "lab"), false);
      assert.deepEqual(await directory.findRoom(project.id, "lab"), { ...room, deletedAtMs: 2_000 });
      assert.deepEqual(await directory.listRooms(project.id), []);

      assert.deepEqual(await directory.as(tester).createRoom(project.id, "lab"), room);
      assert.deepEqual(await directory.findRoom(project.id, "lab"), room);
      assert.equal(changes.length, 3);
    }));

  test(`${name} directory: rooms are listed by name and belong to one project`, () =>
    withStore(open, async ({ store: { directory } }) => {
      const project = await directory.as(tester).createProject("p");
      const other = await directory.as(tester).createProject("q");
      for (const room of ["b", "a", "C"]) await directory.as(tester).createRoom(project.id, room);
      await directory.as(tester).createRoom(other.id, "a");
      const names = (await directory.listRooms(project.id)).map((room) => room.name);
      assert.deepEqual(names, ["C", "a", "b"]);
      assert.equal(await directory.findRoom(other.id, "b"), null);
      assert.equal(await directory.as(tester).deleteRoom(other.id, "b"), false);
      assert.notEqual(
        (await directory.findRoom(other.id, "a"))?.id,
        (await directory.findRoom(project.id, "a"))?.id,
      );
      await assert.rejects(directory.as(tester).createRoom("nope", "a"));
    }));

  test(`${name} directory: a project's settings are kept, changed one by one, and announced`, () =>
    withStore(open, async ({ store: { directory }, reopen }) => {
      const project = await directory.as(tester).createProject("p", { require_rooms: true });
      const other = await directory.as(tester).createProject("q");
      assert.deepEqual(project.settings, { require_rooms: true });
      const { changes } = watch(directory);
      // Two at once: neither is lost.
      await Promise.all([
        directory.as(tester).changeProjectSettings(project.id, { on_disconnect: "cancel" }),
        directory.as(tester).changeProjectSettings(project.id, { colour: "red" }),
      ]);
      assert.deepEqual(changes, Array(2).fill(`project ${project.id} ${project.id}`));
      const settings = { require_rooms: true, on_disconnect: "cancel", colour: "red" };
      const next = (await reopen()).store.directory;
      assert.deepEqual(await next.findProject(project.id), { ...project, settings });
      const less = await next
        .as(tester)
        .changeProjectSettings(project.id, { require_rooms: null, colour: null });
      assert.deepEqual(less, { ...project, settings: { on_disconnect: "cancel" } });
      assert.deepEqual(await next.findProject(project.id), less);
      assert.deepEqual(await next.findProject(other.id), other);
      assert.equal(await next.as(tester).changeProjectSettings("nope", { colour: "red" }), null);
    }));

  test(`${name} directory: a service account has a name of its own, and goes when it has no keys`, () =>
    withStore(open, async ({ store: { directory } }) => {
      const { id: projectId } = await directory.as(tester).createProject("p");
      const other = await directory.as(tester).createProject("q");
      const made = await directory.as(tester).createServiceAccount(projectId, "ci");
      assert.ok(made);
      assert.equal(await directory.as(tester).createServiceAccount(projectId, "ci"), null);
      assert.ok(await directory.as(tester).createServiceAccount(other.id, "ci"));
      assert.deepEqual(await directory.findServiceAccount(projectId, "ci"), made);
      assert.deepEqual(await directory.findServiceAccount(projectId, made.id), made);
      assert.equal(await directory.findServiceAccount(other.id, made.id), null);
      // Somebody may call an account like another's id.
      await directory.as(tester).createServiceAccount(projectId, made.id);
      assert.deepEqual(await directory.findServiceAccount(projectId, made.id), made);

      const key = { ...(await sampleKey(directory, projectId, "k1")), serviceAccountId: made.id };
      await directory.as(tester).createApiKey(key);
      await directory.as(tester).createApiKey(await sampleKey(directory, projectId, "k2"));
      assert.deepEqual(
        (await directory.listApiKeys(projectId, undefined, made.id)).map(({ id }) => id),
        ["k1"],
      );
      assert.equal(await directory.as(tester).deleteServiceAccount(projectId, made.id), false);
      await directory.as(tester).deleteApiKey(projectId, "k1");
      assert.equal(await directory.as(tester).deleteServiceAccount(other.id, made.id), false);
      assert.equal(await directory.as(tester).deleteServiceAccount(projectId, made.id), true);
      assert.equal(await directory.as(tester).deleteServiceAccount(projectId, made.id), false);
      assert.equal(await directory.findServiceAccount(projectId, "ci"), null);
      const names = (await directory.listServiceAccounts(projectId)).map((account) => account.name);
      assert.deepEqual(names, ["default", made.id]);
      // The deleted key still names it.
      assert.equal((await directory.findApiKey("k1"))?.serviceAccountId, made.id);
      assert.equal((await directory.as(tester).createServiceAccount(projectId, "ci"))?.id, made.id);
    }));

  test(`${name} directory: a room keeps its details, and what is not changed stays`, () =>
    withStore(open, async ({ store: { directory }, reopen }) => {
      const { id: projectId } = await directory.as(tester).createProject("p");
      const details = { metadata: { team: { floor: 3 } }, annotations: { colour: "red" } };
      const room = await directory.as(tester).createRoom(projectId, "lab", details);
      assert.deepEqual({ metadata: room.metadata, annotations: room.annotations }, details);
      assert.deepEqual(
        await directory.as(tester).createRoom(projectId, "lab", { metadata: { other: 1 } }),
        room,
      );
      const changed = await directory.as(tester).updateRoom(projectId, "lab", { annotations: {} });
      assert.deepEqual(changed, { ...room, annotations: {} });
      const next = (await reopen()).store.directory;
      assert.deepEqual(await next.findRoom(projectId, "lab"), changed);
      assert.deepEqual(await next.findRoomById(projectId, room.id), changed);
      assert.equal(await next.findRoomById("nope", room.id), null);
      assert.equal(await next.as(tester).updateRoom(projectId, "nope", { annotations: {} }), null);
      await next.as(tester).deleteRoom(projectId, "lab");
      assert.equal(await next.as(tester).updateRoom(projectId, "lab", { annotations: {} }), null);
      // Created again it is a new beginning.
      assert.deepEqual((await next.as(tester).createRoom(projectId, "lab")).metadata, {});
    }));

  test(`${name} directory: a room that gets another name leaves a tombstone under the old one`, () =>
    withStore(open, async ({ store: { directory }, time }) => {
      const { id: projectId } = await directory.as(tester).createProject("p");
      const room = await directory.as(tester).createRoom(projectId, "old");
      await directory.as(tester).createRoom(projectId, "taken");
      await directory.as(tester).createRoom(projectId, "deleted");
      await directory.as(tester).deleteRoom(projectId, "deleted");
      const { changes } = watch(directory);
      assert.equal(await directory.as(tester).updateRoom(projectId, "old", { name: "taken" }), null);
      assert.deepEqual(changes, []);

      time.nowMs = 9_000;
      const renamed = await directory.as(tester).updateRoom(projectId, "old", { name: "deleted" });
      assert.deepEqual(renamed, { ...room, name: "deleted" });
      assert.deepEqual(changes, [`room ${projectId} old`, `room ${projectId} deleted`]);
      assert.deepEqual(await directory.findRoom(projectId, "deleted"), renamed);
      const tombstone = await directory.findRoom(projectId, "old");
      assert.equal(tombstone?.deletedAtMs, 9_000);
      assert.notEqual(tombstone?.id, room.id);
      const names = (await directory.listRooms(projectId)).map((each) => each.name);
      assert.deepEqual(names, ["deleted", "taken"]);
      assert.equal(await directory.countRooms(projectId), 2);
      assert.equal((await directory.as(tester).createRoom(projectId, "old")).id, tombstone?.id);
    }));

  test(`${name} directory: lists have pages that begin after an item, also one that is gone`, () =>
    withStore(open, async ({ store: { directory } }) => {
      const projects = [];
      // Of one instant: the order is that of their creation.
      for (const each of ["a", "b", "c", "d"]) projects.push(await directory.as(tester).createProject(each));
      const [first, second, third, fourth] = projects;
      assert.ok(first && second && third && fourth);
      assert.deepEqual(await directory.listProjects({ limit: 2 }), [first, second]);
      assert.deepEqual(await directory.listProjects({ limit: 2, after: second.id }), [third, fourth]);
      assert.deepEqual(await directory.listProjects({ limit: 2, after: fourth.id }), []);
      await assert.rejects(directory.listProjects({ limit: 2, after: "nope" }), InvalidCursorError);

      for (const id of ["k1", "k2", "k3"])
        await directory.as(tester).createApiKey(await sampleKey(directory, first.id, id));
      await directory.as(tester).deleteApiKey(first.id, "k2");
      const keys = await directory.listApiKeys(first.id, { limit: 2, after: "k2" });
      assert.deepEqual(
        keys.map(({ id }) => id),
        ["k3"],
      );
      const [account] = await directory.listServiceAccounts(first.id, { limit: 1 });
      const more = await directory.as(tester).createServiceAccount(first.id, "more");
      assert.deepEqual(
        await directory.listServiceAccounts(first.id, { limit: 5, after: account?.id ?? "" }),
        [more],
      );

      for (const room of ["c", "a", "d", "b"]) await directory.as(tester).createRoom(first.id, room);
      const rooms = async (page: Parameters<Directory["listRooms"]>[1]): Promise<string[]> =>
        (await directory.listRooms(first.id, page)).map((each) => each.name);
      assert.deepEqual(await rooms({ limit: 2 }), ["a", "b"]);
      assert.deepEqual(await rooms({ limit: 2, after: "b" }), ["c", "d"]);
      assert.deepEqual(await rooms({ limit: 2, after: "bb" }), ["c", "d"], "a name that was never there");
      assert.deepEqual(await rooms({ limit: 2, offset: 3 }), ["d"]);
      assert.equal(await directory.countRooms(first.id), 4);
      assert.equal(await directory.countRooms("nope"), 0);
    }));

  test(`${name} directory: provider settings are set, replaced, listed and removed`, () =>
    withStore(open, async ({ store: { directory }, reopen }) => {
      const { id: projectId } = await directory.as(tester).createProject("p");
      assert.equal(await directory.wasProviderEverConfigured(), false);
      const { changes } = watch(directory);
      const apiKey = new Secret("sk-one");
      const write = directory.as(tester);
      const first = { projectId, name: "openai", apiKey, baseUrl: null, passing: {}, updatedAtMs: 1 };
      // A choice alone configures nothing.
      await write.setProvider({ ...first, apiKey: null, passing: { rateLimitHeaders: "drop" } });
      assert.equal(await directory.wasProviderEverConfigured(), false);
      const chosen = await directory.findProvider(projectId, "openai");
      assert.deepEqual(chosen?.passing, { rateLimitHeaders: "drop" });
      await write.setProvider(first);
      const passing = { rateLimitHeaders: "pass", acceptedEncodings: ["gzip", "zstd"] } as const;
      const noEncodings = { acceptedEncodings: [] };
      const moved = { ...first, name: "anthropic", apiKey: null, baseUrl: "https://a.test", passing };
      await write.setProvider(moved);
      await write.setProvider({
        ...first,
        apiKey: new Secret("sk-two"),
        passing: noEncodings,
        updatedAtMs: 2,
      });
      const next = (await reopen()).store.directory;
      const listed = await next.listProviders(projectId);
      assert.deepEqual(
        listed.map((provider) => ({ ...provider, apiKey: provider.apiKey?.reveal() ?? null })),
        [
          { projectId, name: "anthropic", apiKey: null, baseUrl: "https://a.test", passing, updatedAtMs: 1 },
          {
            projectId,
            name: "openai",
            apiKey: "sk-two",
            baseUrl: null,
            passing: noEncodings,
            updatedAtMs: 2,
          },
        ],
      );
      assert.equal((await next.findProvider(projectId, "openai"))?.apiKey?.reveal(), "sk-two");
      assert.equal(await next.findProvider("nope", "openai"), null);
      assert.deepEqual(changes, [
        `provider ${projectId} openai`,
        `provider ${projectId} openai`,
        `provider ${projectId} anthropic`,
        `provider ${projectId} openai`,
      ]);
      assert.equal(await next.as(tester).removeProvider(projectId, "openai"), true);
      assert.equal(await next.as(tester).removeProvider(projectId, "openai"), false);
      assert.equal(await next.as(tester).removeProvider(projectId, "anthropic"), true);
      assert.deepEqual(await next.listProviders(projectId), []);
      assert.equal(await next.wasProviderEverConfigured(), true);
    }));

  test(`${name} directory: a listener hears of changes until it unsubscribes, and cannot break them`, () =>
    withStore(open, async ({ store: { directory } }) => {
      directory.onChange(() => {
        throw new Error("a broken listener");
      });
      const one = watch(directory);
      const two = watch(directory);
      const project = await directory.as(tester).createProject("p");
      one.stop();
      one.stop();
      await directory.as(tester).createRoom(project.id, "a");
      assert.deepEqual(one.changes, [`project ${project.id} ${project.id}`]);
      assert.deepEqual(two.changes, [...one.changes, `room ${project.id} a`]);
    }));
}
