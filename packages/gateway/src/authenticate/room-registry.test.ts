import assert from "node:assert/strict";
import { test } from "node:test";
import type { GatewayError } from "../errors.ts";
import type { Project, Room } from "../store/store.ts";
import { RoomRegistry } from "./room-registry.ts";

const PROJECT: Project = { id: "p1", name: "Main", settings: {}, createdAtMs: 0 };

function makeDirectory(rooms: Map<string, Room>, settings: Project["settings"] = {}) {
  const calls: string[] = [];
  return {
    calls,
    findRoom: async (projectId: string, name: string): Promise<Room | null> => {
      calls.push(`find ${name}`);
      return rooms.get(`${projectId}/${name}`) ?? null;
    },
    findProject: async (): Promise<Project> => ({ ...PROJECT, settings }),
    registerRoom: async (projectId: string, name: string): Promise<Room> => {
      calls.push(`create ${name}`);
      const room = makeRoom({ id: `r${rooms.size}`, projectId, name });
      rooms.set(`${projectId}/${name}`, room);
      return room;
    },
  };
}

function makeRoom(room: Partial<Room>): Room {
  const details = { metadata: {}, annotations: {} };
  const live = { deletedAtMs: null, disabledAtMs: null };
  return { id: "r", projectId: "p1", name: "a", createdAtMs: 0, ...live, ...details, ...room };
}

test("a room that exists is found and not created", async () => {
  const room = makeRoom({ id: "r" });
  const directory = makeDirectory(new Map([["p1/a", room]]));
  assert.equal(await new RoomRegistry(directory).resolve("p1", "a"), room);
  assert.deepEqual(directory.calls, ["find a"]);
});

test("a hundred first requests of a room create it once; the same name in another project is another room", async () => {
  const directory = makeDirectory(new Map());
  const registry = new RoomRegistry(directory);
  const rooms = await Promise.all(Array.from({ length: 100 }, () => registry.resolve("p1", "a")));
  assert.equal(new Set(rooms.map((room) => room.id)).size, 1);
  await Promise.all([registry.resolve("p2", "a"), registry.resolve("p1", "b")]);
  assert.deepEqual(
    directory.calls.filter((call) => call.startsWith("create")),
    ["create a", "create a", "create b"],
  );
});

test("a creation that fails is tried again by the next request", async () => {
  const directory = makeDirectory(new Map());
  let failures = 1;
  const registry = new RoomRegistry({
    ...directory,
    registerRoom: async (projectId, name) => {
      if (failures-- > 0) throw new Error("disk full");
      return directory.registerRoom(projectId, name);
    },
  });
  await assert.rejects(registry.resolve("p1", "a"), /disk full/);
  assert.equal((await registry.resolve("p1", "a")).name, "a");
});

test("a deleted room is not brought back", async () => {
  const room = makeRoom({ id: "r", deletedAtMs: 5 });
  const directory = makeDirectory(new Map([["p1/a", room]]));
  await assert.rejects(new RoomRegistry(directory).resolve("p1", "a"), (error: GatewayError) => {
    assert.equal(error.code, "token_revoked");
    assert.match(error.message, /The room "a" was deleted/);
    return true;
  });
  assert.deepEqual(directory.calls, ["find a"]);
});

test("a project may want its rooms created first, with exactly `true`", async () => {
  const strict = makeDirectory(new Map(), { require_rooms: true });
  await assert.rejects(new RoomRegistry(strict).resolve("p1", "a"), (error: GatewayError) => {
    assert.equal(error.code, "invalid_credential");
    assert.match(error.message, /has no room "a"/);
    return true;
  });
  assert.deepEqual(strict.calls, ["find a"]);
  const lax = makeDirectory(new Map(), { require_rooms: false });
  assert.equal((await new RoomRegistry(lax).resolve("p1", "a")).name, "a");
});

test("a disabled room is refused in so many words, and not registered anew", async () => {
  const room = makeRoom({ disabledAtMs: 5 });
  const directory = makeDirectory(new Map([["p1/a", room]]));
  await assert.rejects(new RoomRegistry(directory).resolve("p1", "a"), (error: GatewayError) => {
    assert.equal(error.code, "token_revoked");
    assert.match(error.message, /The room "?.?a.?"? is disabled.*meshagent rooms enable/);
    return true;
  });
  assert.deepEqual(directory.calls, ["find a"]);
});
