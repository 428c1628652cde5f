/**
 * The official `@meshagent/meshagent` client against the real gateway: its own calls, its own parsing, and
 * values that are checked on the other side. What it has no method for is called by its own way of calling.
 */

import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { after, before, describe, it } from "node:test";
import { createClient } from "@meshagent/llm-proxy-protocol/client";
import type * as OfficialPackage from "@meshagent/meshagent";
import { type FakeProvider, startFakeProvider } from "./bed/fake-provider.ts";
import { rawJson } from "./bed/raw-reply.ts";
import { startTestGateway, type TestGateway } from "./bed/test-gateway.ts";

// Its ESM build cannot be loaded.
const official = createRequire(import.meta.url)("@meshagent/meshagent") as typeof OfficialPackage;
type Official = OfficialPackage.Meshagent;
type JsonObject = Record<string, unknown>;

/** $2 an input token, $0.2 a cached one, $10 an output one, per million. */
const prices = JSON.stringify({
  as_of: "2026-11-20",
  tools: {},
  models: {
    "openai/gpt-5.5": [
      {
        effective_from: "2026-01-01",
        aliases: [],
        standard: { input: "2", cache_read: "0.2", output: "10" },
      },
    ],
  },
});

/** 1000 in, 200 of them cached, 50 out: 800 x $2 + 200 x $0.2 + 50 x $10 per million = $0.00214. */
const reply = {
  id: "resp_1",
  object: "response",
  status: "completed",
  model: "gpt-5.5",
  output: [],
  usage: {
    input_tokens: 1000,
    input_tokens_details: { cached_tokens: 200 },
    output_tokens: 50,
    output_tokens_details: { reasoning_tokens: 0 },
    total_tokens: 1050,
  },
};
const COST_USD = 0.00214;

let provider: FakeProvider;
let gateway: TestGateway;
let owner: Official;
before(async () => {
  provider = await startFakeProvider();
  provider.script(() => rawJson(200, JSON.stringify(reply)));
  gateway = await startTestGateway({ provider, prices });
  owner = as(gateway.ownerToken);
});
after(async () => {
  await gateway.close();
  await provider.close();
});

function as(token: string): Official {
  return new official.Meshagent({ baseUrl: gateway.url, token });
}

/** The client's own way of calling, for the paths that it has no method for. */
function call(client: Official, path: string, options: JsonObject): Promise<JsonObject> {
  const { request } = client as unknown as {
    request(path: string, options: JsonObject): Promise<JsonObject>;
  };
  return request.call(client, path, { action: "call", ...options });
}

async function projectOf(name: string): Promise<string> {
  return String((await owner.createProject(name))["id"]);
}

async function ask(token: string): Promise<number> {
  const answer = await fetch(`${gateway.openaiUrl}/responses`, {
    method: "POST",
    headers: { authorization: `Bearer ${token}` },
    body: JSON.stringify({ model: "gpt-5.5", input: "hi" }),
  });
  await answer.arrayBuffer();
  return answer.status;
}

function failsWith(status: number, words: RegExp): (error: Error) => boolean {
  return (error) => {
    assert.ok(error instanceof official.RoomException, String(error));
    assert.match(error.message, new RegExp(`Status code: ${status}, body: `));
    assert.match(error.message, words);
    return true;
  };
}

describe("projects", () => {
  it("are created with settings, read, listed and changed", async () => {
    const made = await owner.createProject("with settings", { require_rooms: true });
    const id = String(made["id"]);
    assert.deepEqual([made["name"], made["settings"]], ["with settings", { require_rooms: true }]);
    assert.deepEqual(await owner.getProject(id), made);
    const { projects } = (await owner.listProjects()) as { projects: JsonObject[] };
    assert.deepEqual(projects.at(-1), made);
    assert.equal(projects[0]?.["id"], gateway.projectId, "oldest first");

    const changed = await owner.updateProjectSettings(id, { require_rooms: null, on_disconnect: "cancel" });
    assert.deepEqual(changed, { ...made, settings: { on_disconnect: "cancel" } });
    assert.deepEqual(await owner.getProject(id), changed);
  });

  it("say what is wrong", async () => {
    await assert.rejects(owner.createProject(""), failsWith(400, /name: .*empty/));
    await assert.rejects(owner.createProject("a", { colour: "red" }), failsWith(400, /settings: .*colour/));
    await assert.rejects(owner.getProject("nope"), failsWith(404, /no project/));
    await assert.rejects(
      owner.updateProjectSettings(gateway.projectId, { on_disconnect: "wait" }),
      failsWith(400, /on_disconnect: /),
    );
    await assert.rejects(as("").listProjects(), failsWith(401, /missing_credential/));
    await assert.rejects(as("sk-proj-abc").listProjects(), failsWith(401, /invalid_credential/));
  });
});

describe("rooms", () => {
  it("are created, read, listed, changed and deleted", async () => {
    const project = await projectOf("rooms");
    const details = { metadata: { team: { floor: 3 } }, annotations: { colour: "red" } };
    const room = await owner.createRoom({ projectId: project, name: "lab 1", ...details });
    assert.deepEqual(room, { id: room.id, name: "lab 1", ...details });
    assert.deepEqual(await owner.getRoom(project, "lab 1"), room);
    await assert.rejects(owner.createRoom({ projectId: project, name: "lab 1" }), failsWith(409, /already/));
    assert.deepEqual(
      await owner.createRoom({ projectId: project, name: "lab 1", ifNotExists: true }),
      room,
      "one that is there stays as it is",
    );

    await owner.updateRoom(project, room.id, "lab 1", { annotations: { colour: "blue" } });
    const repainted = { ...room, annotations: { colour: "blue" } };
    assert.deepEqual(await owner.getRoom(project, "lab 1"), repainted);
    await owner.updateRoom(project, room.id, "lab 2");
    assert.deepEqual(await owner.listRooms(project), [{ ...repainted, name: "lab 2" }]);
    await assert.rejects(owner.getRoom(project, "lab 1"), failsWith(404, /no room .{1,2}lab 1/));

    await owner.deleteRoom(project, room.id);
    assert.deepEqual(await owner.listRooms(project), []);
    await assert.rejects(owner.deleteRoom(project, room.id), failsWith(404, /no room/));
    await assert.rejects(owner.updateRoom(project, room.id, "x"), failsWith(404, /no room/));
  });

  it("a name that another room has is no new name", async () => {
    const project = await projectOf("two rooms");
    const first = await owner.createRoom({ projectId: project, name: "a" });
    await owner.createRoom({ projectId: project, name: "b" });
    await assert.rejects(owner.updateRoom(project, first.id, "b"), failsWith(409, /b.{1,2} already/));
  });

  it("its own limit, offset and order; an order that there is not", async () => {
    const project = await projectOf("many rooms");
    const names = Array.from({ length: 60 }, (_, index) => `room-${String(index).padStart(2, "0")}`);
    for (const name of names.toReversed()) await owner.createRoom({ projectId: project, name });
    const listed = async (options?: Parameters<Official["listRooms"]>[1]): Promise<string[]> =>
      (await owner.listRooms(project, options)).map(({ name }) => name);
    assert.deepEqual(await listed(), names.slice(0, 50), "50 is its default");
    assert.deepEqual(await listed({ offset: 50 }), names.slice(50));
    assert.deepEqual(await listed({ limit: 7, offset: 20 }), names.slice(20, 27));
    await assert.rejects(listed({ orderBy: "created_at" }), failsWith(400, /order_by: /));
    await assert.rejects(listed({ limit: 0 }), failsWith(400, /limit: /));
  });

  it("permissions for users, of whom there are none yet, are refused and not lost", async () => {
    const permissions = { "user-1": new official.ApiScope({ llm: new official.LLMGrant() }) };
    const create = owner.createRoom({ projectId: gateway.projectId, name: "shared", permissions });
    await assert.rejects(create, failsWith(400, /permissions: there are no user accounts/));
  });
});

describe("a deleted room", () => {
  it("is a tombstone: its tokens get 401, cached or not, until it is created again by name", async () => {
    const room = await owner.createRoom({ projectId: gateway.projectId, name: "tomb" });
    const cached = await gateway.token({ room: "tomb" });
    assert.equal(await ask(cached), 200);
    const elsewhere = await gateway.token({ room: "elsewhere" });
    assert.equal(await ask(elsewhere), 200);

    await owner.deleteRoom(gateway.projectId, room.id);
    const fresh = await gateway.token({ room: "tomb" });
    const before = provider.requests.length;
    for (const token of [cached, fresh, cached]) assert.equal(await ask(token), 401);
    assert.equal(provider.requests.length, before, "nothing was forwarded");
    assert.equal(await ask(elsewhere), 200);
    const asKey = as(gateway.apiKeyText);
    await assert.rejects(
      asKey.createRoom({ projectId: gateway.projectId, name: "tomb", ifNotExists: true }),
      failsWith(403, /Only the owner/),
    );
    const sign = { method: "POST", json: { room_name: "tomb" } };
    const tokens = `/accounts/projects/${gateway.projectId}/participant-tokens`;
    await assert.rejects(call(owner, tokens, sign), failsWith(409, /was deleted/));

    const again = await owner.createRoom({ projectId: gateway.projectId, name: "tomb" });
    assert.equal(again.id, room.id);
    for (const token of [cached, fresh]) assert.equal(await ask(token), 200);
  });

  it("so is the name that a room gives up", async () => {
    const room = await owner.createRoom({ projectId: gateway.projectId, name: "old name" });
    const token = await gateway.token({ room: "old name" });
    assert.equal(await ask(token), 200);
    await owner.updateRoom(gateway.projectId, room.id, "new name");
    assert.equal(await ask(token), 401);
    assert.equal(await ask(await gateway.token({ room: "new name" })), 200);
    const other = await owner.createRoom({ projectId: gateway.projectId, name: "old name" });
    assert.notEqual(other.id, room.id);
    assert.equal(await ask(token), 200);
  });
});

describe("API keys", () => {
  it("are created, listed without their text, used and deleted", async () => {
    const project = await projectOf("keys");
    const made = await owner.createApiKey(project, "laptop", "mine");
    const value = String(made["value"]);
    const parsed = official.parseApiKey(value);
    assert.deepEqual([parsed.id, parsed.projectId], [made["id"], project]);
    const { keys } = (await owner.listApiKeys(project)) as { keys: JsonObject[] };
    const { value: _, ...shown } = made;
    assert.deepEqual(keys, [shown]);
    assert.deepEqual([shown["name"], shown["description"]], ["laptop", "mine"]);

    const withKey = as(value);
    assert.deepEqual(await withKey.listRooms(project), []);
    assert.equal(await ask(value), 200, "it is a credential of the proxy, too");
    await assert.rejects(withKey.listApiKeys(project), failsWith(403, /Only the owner/));
    await assert.rejects(withKey.listRooms(gateway.projectId), failsWith(403, /another project/));

    await owner.deleteApiKey(project, String(made["id"]));
    assert.deepEqual(await owner.listApiKeys(project), { keys: [], next_cursor: null });
    await assert.rejects(withKey.listRooms(project), failsWith(401, /deleted/));
    assert.equal(await ask(value), 401);
    await assert.rejects(owner.deleteApiKey(project, String(made["id"])), failsWith(404, /no API key/));
    await assert.rejects(owner.createApiKey(project, "a\nb", ""), failsWith(400, /name: /));
  });
});

describe("service accounts, and their API keys", () => {
  it("`default` is always there; others come and go", async () => {
    const project = await projectOf("accounts");
    const path = `/accounts/projects/${project}/service-accounts`;
    const list = async (): Promise<unknown[]> =>
      ((await call(owner, path, {})) as { service_accounts: JsonObject[] }).service_accounts.map(
        ({ name }) => name,
      );
    assert.deepEqual(await list(), ["default"]);
    const made = await call(owner, path, { method: "POST", json: { name: "ci" } });
    assert.deepEqual(await call(owner, `${path}/ci`, {}), made);
    assert.deepEqual(await call(owner, `${path}/${String(made["id"])}`, {}), made);
    assert.deepEqual(await list(), ["default", "ci"]);
    await assert.rejects(
      call(owner, path, { method: "POST", json: { name: "ci" } }),
      failsWith(409, /already/),
    );

    const keys = `${path}/ci/api-keys`;
    const key = await call(owner, keys, { method: "POST", json: { name: "runner", description: "d" } });
    assert.equal(key["service_account_id"], made["id"]);
    const plain = await owner.createApiKey(project, "of default", "");
    const ids = (reply: JsonObject): unknown[] => (reply["keys"] as JsonObject[]).map(({ id }) => id);
    assert.deepEqual(ids(await call(owner, keys, {})), [key["id"]]);
    assert.deepEqual(ids(await call(owner, `${path}/default/api-keys`, {})), [plain["id"]]);
    assert.deepEqual(ids(await owner.listApiKeys(project)), [key["id"], plain["id"]]);

    const remove = (at: string): Promise<JsonObject> => call(owner, at, { method: "DELETE" });
    await assert.rejects(remove(`${path}/ci`), failsWith(409, /has API keys/));
    await assert.rejects(remove(`${path}/default`), failsWith(409, /stays/));
    await assert.rejects(
      remove(`${path}/default/api-keys/${String(key["id"])}`),
      failsWith(404, /no API key/),
    );
    await remove(`${keys}/${String(key["id"])}`);
    await assert.rejects(as(String(key["value"])).listRooms(project), failsWith(401, /deleted/));
    await remove(`${path}/ci`);
    assert.deepEqual(await list(), ["default"]);
    await assert.rejects(call(owner, keys, {}), failsWith(404, /no service account .{1,2}ci/));
    const again = await call(owner, path, { method: "POST", json: { name: "ci" } });
    assert.equal(again["id"], made["id"]);
  });
});

describe("participant tokens", () => {
  const sign = (client: Official, json: JsonObject, project = gateway.projectId): Promise<JsonObject> =>
    call(client, `/accounts/projects/${project}/participant-tokens`, { method: "POST", json });

  it("of a room alone: an agent that may use every model, under the caller's key", async () => {
    const made = await sign(as(gateway.apiKeyText), { room_name: "hall" });
    const token = String(made["token"]);
    assert.equal(await ask(token), 200);
    const read = await official.ParticipantToken.fromJwt(token, { token: gateway.apiKey.secret });
    assert.deepEqual([read.name, read.role], ["test-key", "agent"]);
    assert.deepEqual(
      [made["room"], made["participant"], made["api_key_id"], made["expires_at"]],
      ["hall", "test-key", gateway.apiKey.id, null],
    );
    const { intent } = (await gateway.exchanges()).at(-1) ?? assert.fail("no row");
    assert.deepEqual(
      [intent.room, intent.participant, intent.tokenId, intent.apiKeyId],
      ["hall", "test-key", made["id"], gateway.apiKey.id],
    );
  });

  it("with grants as they stand in it, and an end", async () => {
    const grants = [
      { name: "role", scope: "tool" },
      { name: "room", scope: "hall" },
      { name: "api", scope: { llm: { models: ["openai/gpt-4*"] }, messaging: {} } },
      { name: "tunnel_ports", scope: "9000" },
    ];
    const soon = Math.floor(Date.now() / 1000) + 600;
    const made = await sign(owner, { name: "worker", grants, expires_in: 600 });
    const [, payload = ""] = String(made["token"]).split(".");
    const claims = JSON.parse(Buffer.from(payload, "base64url").toString()) as JsonObject;
    assert.deepEqual(claims["grants"], grants);
    assert.deepEqual(
      [claims["name"], claims["sub"], claims["kid"]],
      ["worker", gateway.projectId, gateway.apiKey.id],
    );
    assert.ok(Number(claims["exp"]) >= soon && Number(claims["exp"]) < soon + 60);
    assert.equal(made["expires_at"], new Date(Number(claims["exp"]) * 1000).toISOString());
    // Signed for gpt-4 alone.
    assert.equal(await ask(String(made["token"])), 404);
  });

  it("end with the key that signed them", async () => {
    const project = await projectOf("signers");
    await assert.rejects(sign(owner, { room_name: "a" }, project), failsWith(409, /no API key/));
    const key = await owner.createApiKey(project, "signer", "");
    const made = await sign(owner, { room_name: "a" }, project);
    assert.equal(made["api_key_id"], key["id"]);
    assert.equal(await ask(String(made["token"])), 200);
    await owner.deleteApiKey(project, String(key["id"]));
    assert.equal(await ask(String(made["token"])), 401);
  });

  it("are not signed when nothing would take them", async () => {
    const room = { name: "room", scope: "hall" };
    for (const [body, words] of [
      [{}, /either `grants` or `room_name`/],
      [{ room_name: "a", grants: [room] }, /either `grants` or `room_name`/],
      [{ grants: [] }, /no `room` grant/],
      [{ grants: [room, room] }, /two grants named/],
      [{ grants: [room, { name: "api", scope: { llm: { model: "x" } } }] }, /`models`/],
      [{ grants: [{ ...room, extra: 1 }] }, /extra/],
      [{ grants: [room, { name: "big", scope: "x".repeat(20_000) }] }, /longer than/],
      [{ room_name: " a" }, /room_name: /],
      [{ room_name: "a", name: "" }, /name: /],
      [{ room_name: "a", expires_in: 0 }, /expires_in: /],
      [{ room_name: "a", expires_in: 1e12 }, /expires_in: /],
    ] as const) {
      await assert.rejects(sign(owner, body), failsWith(400, words), JSON.stringify(body).slice(0, 80));
    }
    const strict = String((await owner.createProject("strict", { require_rooms: true }))["id"]);
    await owner.createApiKey(strict, "k", "");
    await assert.rejects(sign(owner, { room_name: "new" }, strict), failsWith(404, /must be created/));
    await owner.createRoom({ projectId: strict, name: "new" });
    assert.equal(await ask(String((await sign(owner, { room_name: "new" }, strict))["token"])), 200);
  });
});

describe("usage", () => {
  let project: string;
  before(async () => {
    project = await projectOf("usage");
    const key = official.parseApiKey(String((await owner.createApiKey(project, "k", ""))["value"]));
    for (const [room, identity] of [
      ["lab", "ann"],
      ["lab", "ben"],
      ["hall", "ann"],
    ] as const) {
      assert.equal(await ask(await gateway.token({ apiKey: key, room, identity })), 200);
    }
  });

  type Row = { type: string; total: number; [member: string]: unknown };
  const usage = async (options?: Parameters<Official["getUsage"]>[1]): Promise<Row[]> =>
    (await owner.getUsage(project, options)) as Row[];
  const totals = (rows: readonly Row[]): JsonObject =>
    Object.fromEntries(rows.map(({ type, total }) => [type, total]));

  it("of three calls, by provider and model, one row per type", async () => {
    const rows = await usage();
    for (const row of rows) {
      assert.deepEqual([row["provider"], row["model"], row["simulated"]], ["openai", "gpt-5.5", false]);
    }
    assert.deepEqual(totals(rows), {
      // 3 x $0.00214, as the nearest number; the text beside it is exact.
      cost: 0.00642,
      requests: 3,
      input_tokens: 3000,
      output_tokens: 150,
      cache_read_input_tokens: 600,
    });
    assert.equal(rows.find(({ type }) => type === "cost")?.["cost_usd"], "0.006420000");
  });

  it("narrowed by each of its filters", async () => {
    const requests = async (options: Parameters<Official["getUsage"]>[1]): Promise<number> =>
      (await usage({ ...options, usageType: "requests" })).reduce((sum, { total }) => sum + total, 0);
    assert.equal(await requests({ room: "lab" }), 2);
    assert.equal(await requests({ users: ["ann"] }), 2);
    assert.equal(await requests({ users: ["ann", "ben", "nobody"] }), 3);
    assert.equal(await requests({ users: ["ann"], room: "lab" }), 1);
    assert.equal(await requests({ model: "gpt-5.5" }), 3);
    assert.equal(await requests({ model: "gpt-4" }), 0);
    assert.equal(await requests({ provider: "anthropic" }), 0);
    const now = Date.now();
    const [before, after] = [new Date(now - 3_600_000), new Date(now + 3_600_000)];
    assert.equal(await requests({ start: before, end: after }), 3);
    assert.equal(await requests({ end: before }), 0);
    assert.equal(await requests({ start: after }), 0);
    assert.deepEqual(
      (await usage({ usageType: "cost" })).map(({ type, total }) => [type, total]),
      [["cost", 0.00642]],
    );
  });

  it("split as its report says, and by its interval", async () => {
    const byRoom = await usage({ report: "room", usageType: "cost" });
    assert.deepEqual(
      byRoom.map((row) => [row["room"], row.total, "model" in row]),
      [
        ["hall", COST_USD, false],
        ["lab", 2 * COST_USD, false],
      ],
    );
    const both = await usage({ report: "participant,room", usageType: "requests" });
    assert.deepEqual(
      both.map((row) => [row["participant"], row["room"], row.total]),
      [
        ["ann", "hall", 1],
        ["ann", "lab", 1],
        ["ben", "lab", 1],
      ],
    );
    for (const interval of ["hour", "day", "week", "month"]) {
      const rows = await usage({ interval, usageType: "requests" });
      assert.equal(
        rows.reduce((sum, { total }) => sum + total, 0),
        3,
      );
      for (const row of rows) assert.match(String(row["start"]), /^\d{4}-\d\d-\d\dT\d\d:00:00Z$/);
    }
  });

  it("is refused with the reason for what it does not know", async () => {
    await assert.rejects(usage({ report: "colour" }), failsWith(400, /report/));
    await assert.rejects(usage({ interval: "decade" }), failsWith(400, /interval: /));
    await assert.rejects(usage({ usageType: "storage" }), failsWith(400, /usage_type: /));
    await assert.rejects(usage({ annotations: { env: "prod" } }), failsWith(400, /annotations/));
    await assert.rejects(as(gateway.apiKeyText).getUsage(project), failsWith(403, /another project/));
    await assert.rejects(owner.getUsage("nope"), failsWith(404, /no project/));
  });

  it("agrees with our own report, which takes its words for times, too", async () => {
    const path = `/accounts/projects/${project}/llm-proxy/usage`;
    const start = new Date(Date.now() - 3_600_000).toISOString();
    const report = await call(owner, path, { query: { start, interval: "day" } });
    const total = report["total"] as JsonObject;
    assert.deepEqual([total["requests"], total["cost_usd"]], [3, "0.006420000"]);
    assert.deepEqual(report["by"], ["model", "day"]);
    const twice = call(owner, path, { query: { start, since: start } });
    await assert.rejects(twice, failsWith(400, /`start` is `since`/));
    const ours = createClient({ baseUrl: gateway.url, token: gateway.ownerToken });
    assert.equal((await ours.getUsage({ project })).total.cost_nano_usd, 3 * 2_140_000);
  });
});

describe("what the gateway does not have", () => {
  it("is said plainly", async () => {
    await assert.rejects(owner.getBalance(gateway.projectId), failsWith(404, /There is nothing at/));
    await assert.rejects(owner.connectRoom(gateway.projectId, "lab"), failsWith(404, /There is nothing at/));
  });
});
