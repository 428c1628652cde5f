/** The promises of `Directory` as tests. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { Secret } from "@meshagent/llm-proxy-protocol/secret";
import type { ApiKeyWithSecret, Directory, DirectoryChange } from "../store.ts";
import { withStore } from "./store-under-test.ts";
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
      const first = await directory.createProject("zebra");
      const second = await directory.createProject("ant");
      time.nowMs = 6_000;
      const third = await directory.createProject("ant");
      assert.deepEqual(first, { id: first.id, name: "zebra", settings: {}, createdAtMs: 5_000 });
      assert.equal(new Set([first.id, second.id, third.id]).size, 3);
      assert.deepEqual(await directory.listProjects(), [first, second, third]);
      assert.deepEqual(await directory.findProject(second.id), second);
      assert.equal(await directory.findProject("nope"), null);
    }));

  test(`${name} directory: every project has a service account named default`, () =>
    withStore(open, async ({ store: { directory } }) => {
      const one = await directory.createProject("one");
      const two = await directory.createProject("two");
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
      const project = await directory.createProject("p");
      const key = await sampleKey(directory, project.id, "k1");
      const other = { ...(await sampleKey(directory, project.id, "k2")), createdAtMs: 999 };
      await directory.createApiKey(key);
      await directory.createApiKey(other);
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
      const project = await directory.createProject("p");
      const key = await sampleKey(directory, project.id, "k1");
      await directory.createApiKey(key);
      await assert.rejects(directory.createApiKey({ ...key, secret: new Secret("another") }));
      await assert.rejects(directory.createApiKey({ ...key, id: "k2", projectId: "nope" }));
      assert.equal((await directory.findApiKey("k1"))?.secret.reveal(), "secret-of-k1");
      assert.equal(await directory.findApiKey("k2"), null);
    }));

  test(`${name} directory: a deleted API key leaves the list, stays findable, and is announced in time`, () =>
    withStore(open, async ({ store: { directory }, time }) => {
      const project = await directory.createProject("p");
      const other = await directory.createProject("q");
      await directory.createApiKey(await sampleKey(directory, project.id, "k1"));
      assert.equal(await directory.deleteApiKey(other.id, "k1"), false);
      assert.equal(await directory.deleteApiKey(project.id, "nope"), false);
      const { changes } = watch(directory);
      time.nowMs = 7_777;
      assert.equal(await directory.deleteApiKey(project.id, "k1"), true);
      assert.deepEqual(changes, [`api_key ${project.id} k1`]);
      assert.deepEqual(await directory.listApiKeys(project.id), []);
      assert.equal((await directory.findApiKey("k1"))?.deletedAtMs, 7_777);
      time.nowMs = 8_888;
      assert.equal(await directory.deleteApiKey(project.id, "k1"), false);
      assert.equal((await directory.findApiKey("k1"))?.deletedAtMs, 7_777);
      assert.equal(changes.length, 1);
    }));

  test(`${name} directory: a room is made once, deleted to a tombstone, and brought back with its id`, () =>
    withStore(open, async ({ store: { directory }, time }) => {
      const project = await directory.createProject("p");
      const { changes } = watch(directory);
      time.nowMs = 1_000;
      const room = await directory.createRoom(project.id, "lab");
      assert.deepEqual(room, {
        id: room.id,
        projectId: project.id,
        name: "lab",
        createdAtMs: 1_000,
        deletedAtMs: null,
        metadata: {},
        annotations: {},
      });
      time.nowMs = 2_000;
      assert.deepEqual(await directory.createRoom(project.id, "lab"), room);
      assert.deepEqual(changes, [`room ${project.id} lab`]);

      assert.equal(await directory.deleteRoom(project.id, "lab"), true);
      assert.equal(await directory.deleteRoom(project.id, "lab"), false);
      assert.deepEqual(await directory.findRoom(project.id, "lab"), { ...room, deletedAtMs: 2_000 });
      assert.deepEqual(await directory.listRooms(project.id), []);

      assert.deepEqual(await directory.createRoom(project.id, "lab"), room);
      assert.deepEqual(await directory.findRoom(project.id, "lab"), room);
      assert.equal(changes.length, 3);
    }));

  test(`${name} directory: rooms are listed by name and belong to one project`, () =>
    withStore(open, async ({ store: { directory } }) => {
      const project = await directory.createProject("p");
      const other = await directory.createProject("q");
      for (const room of ["b", "a", "C"]) await directory.createRoom(project.id, room);
      await directory.createRoom(other.id, "a");
      const names = (await directory.listRooms(project.id)).map((room) => room.name);
      assert.deepEqual(names, ["C", "a", "b"]);
      assert.equal(await directory.findRoom(other.id, "b"), null);
      assert.equal(await directory.deleteRoom(other.id, "b"), false);
      assert.notEqual(
        (await directory.findRoom(other.id, "a"))?.id,
        (await directory.findRoom(project.id, "a"))?.id,
      );
      await assert.rejects(directory.createRoom("nope", "a"));
    }));

  test(`${name} directory: provider settings are set, replaced, listed and removed`, () =>
    withStore(open, async ({ store: { directory }, reopen }) => {
      const { id: projectId } = await directory.createProject("p");
      assert.equal(await directory.wasProviderEverConfigured(), false);
      const { changes } = watch(directory);
      const apiKey = new Secret("sk-one");
      const first = { projectId, name: "openai", apiKey, baseUrl: null, updatedAtMs: 1 };
      await directory.setProvider(first);
      await directory.setProvider({ ...first, name: "anthropic", apiKey: null, baseUrl: "https://a.test" });
      await directory.setProvider({ ...first, apiKey: new Secret("sk-two"), updatedAtMs: 2 });
      const next = (await reopen()).store.directory;
      const listed = await next.listProviders(projectId);
      assert.deepEqual(
        listed.map((provider) => ({ ...provider, apiKey: provider.apiKey?.reveal() ?? null })),
        [
          { projectId, name: "anthropic", apiKey: null, baseUrl: "https://a.test", updatedAtMs: 1 },
          { projectId, name: "openai", apiKey: "sk-two", baseUrl: null, updatedAtMs: 2 },
        ],
      );
      assert.equal((await next.findProvider(projectId, "openai"))?.apiKey?.reveal(), "sk-two");
      assert.equal(await next.findProvider("nope", "openai"), null);
      assert.deepEqual(changes, [
        `provider ${projectId} openai`,
        `provider ${projectId} anthropic`,
        `provider ${projectId} openai`,
      ]);
      assert.equal(await next.removeProvider(projectId, "openai"), true);
      assert.equal(await next.removeProvider(projectId, "openai"), false);
      assert.equal(await next.removeProvider(projectId, "anthropic"), true);
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
      const project = await directory.createProject("p");
      one.stop();
      one.stop();
      await directory.createRoom(project.id, "a");
      assert.deepEqual(one.changes, [`project ${project.id} ${project.id}`]);
      assert.deepEqual(two.changes, [...one.changes, `room ${project.id} a`]);
    }));
}
