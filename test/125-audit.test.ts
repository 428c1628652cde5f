/**
 * The audit log on the real gateway: every management write is one entry that says who, when, what and from where; what
 * is refused is bounded; nothing of it is secret; and an edit of the file is found.
 */

import assert from "node:assert/strict";
import { BlockList } from "node:net";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { after, before, describe, it } from "node:test";
import type { AuditEntry, Route, RouteName } from "@meshagent/llm-proxy-protocol/api";
import { listAll, routes } from "@meshagent/llm-proxy-protocol/api";
import { ApiError, createClient } from "@meshagent/llm-proxy-protocol/client";
import type { Client } from "@meshagent/llm-proxy-protocol/client";
import { providerKey, startTestGateway, type TestGateway } from "./bed/test-gateway.ts";

const trustedProxies = new BlockList();
trustedProxies.addAddress("127.0.0.1");

/** A provider that was ever set would end the simulation by itself. */
const config = { trustedProxies, simulated: true } as const;

const PROXIED = "203.0.113.9";
const PROGRAM = "audit-test/1";

let gateway: TestGateway;
let project: string;
let owner: Client;
/** With the gateway's own API key. */
let keyed: Client;

/** Calls as through a proxy that says for whom. */
function clientOf(token: string): Client {
  return createClient({
    baseUrl: gateway.url,
    token,
    fetch: (input, init) => {
      const headers = new Headers(init?.headers);
      headers.set("x-forwarded-for", `10.9.9.9, ${PROXIED}`);
      headers.set("user-agent", PROGRAM);
      return fetch(input, { ...init, headers });
    },
  });
}

before(async () => {
  gateway = await startTestGateway({ config });
  project = gateway.projectId;
  owner = clientOf(gateway.ownerToken);
  keyed = clientOf(gateway.apiKeyText);
});
after(() => gateway.close());

async function log(): Promise<readonly AuditEntry[]> {
  return (await listAll("entries", (page) => owner.listAudit(page))).entries.toReversed();
}

async function left(work: () => Promise<unknown>): Promise<readonly AuditEntry[]> {
  const { length } = await log();
  await work();
  return (await log()).slice(length);
}

/** What a write is expected to leave. `work` runs with what earlier ones made. */
interface Scenario {
  readonly work: (made: Map<string, string>) => Promise<unknown>;
  readonly action: string;
  /** The target's name or id. */
  readonly target: string;
}

const limit = { requests_per_minute: 60 };
/** In an order in which each finds what it needs. */
const scenarios = {
  createProject: {
    work: () => owner.createProject({ name: "second" }),
    action: "project.create",
    target: "second",
  },
  updateProjectSettings: {
    work: () => owner.updateProjectSettings({ project, on_disconnect: "cancel" }),
    action: "project.update",
    target: "default",
  },
  createServiceAccount: {
    work: () => owner.createServiceAccount({ project, name: "ops" }),
    action: "service_account.create",
    target: "ops",
  },
  createServiceAccountApiKey: {
    work: async (made) => {
      const key = await owner.createServiceAccountApiKey({
        project,
        service_account: "ops",
        name: "ops key",
      });
      made.set("ops key", key.id);
      made.set("secret of ops key", key.value);
    },
    action: "api_key.create",
    target: "ops key",
  },
  deleteServiceAccountApiKey: {
    work: (made) =>
      owner.deleteServiceAccountApiKey({
        project,
        service_account: "ops",
        api_key: made.get("ops key") ?? "",
      }),
    action: "api_key.delete",
    target: "ops key",
  },
  deleteServiceAccount: {
    work: () => owner.deleteServiceAccount({ project, service_account: "ops" }),
    action: "service_account.delete",
    target: "ops",
  },
  createApiKey: {
    work: async (made) => {
      const key = await owner.createApiKey({ project, name: "ci", description: "builds" });
      made.set("ci", key.id);
      made.set("secret of ci", key.value);
    },
    action: "api_key.create",
    target: "ci",
  },
  deleteApiKey: {
    work: (made) => owner.deleteApiKey({ project, api_key: made.get("ci") ?? "" }),
    action: "api_key.delete",
    target: "ci",
  },
  createRoom: {
    work: () => owner.createRoom({ project, name: "lab" }),
    action: "room.create",
    target: "lab",
  },
  updateRoom: {
    work: () => owner.updateRoom({ project, room: "lab", disabled: true }),
    action: "room.disable",
    target: "lab",
  },
  deleteRoom: {
    work: () => owner.deleteRoom({ project, room: "lab" }),
    action: "room.delete",
    target: "lab",
  },
  createParticipantToken: {
    work: async (made) => {
      const { token } = await owner.createParticipantToken({ project, room_name: "hall", name: "bob" });
      made.set("secret token", token);
    },
    action: "token.create",
    target: "bob",
  },
  createRevocation: {
    work: () => owner.createRevocation({ project, participant: "bob", room: "hall" }),
    action: "token.revoke",
    target: "bob",
  },
  setProvider: {
    work: () => owner.setProvider({ project, provider: "openai", api_key: "sk-secret-of-the-project" }),
    action: "provider.set",
    target: "openai",
  },
  removeProvider: {
    work: () => owner.removeProvider({ project, provider: "openai" }),
    action: "provider.remove",
    target: "openai",
  },
  createBudget: {
    work: async (made) =>
      made.set("b", (await owner.createBudget({ project, amount_usd: "10", name: "b" })).id),
    action: "budget.create",
    target: "b",
  },
  replaceBudget: {
    work: (made) =>
      owner.replaceBudget({ project, budget: made.get("b") ?? "", amount_usd: "12", name: "b" }),
    action: "budget.update",
    target: "b",
  },
  deleteBudget: {
    work: (made) => owner.deleteBudget({ project, budget: made.get("b") ?? "" }),
    action: "budget.delete",
    target: "b",
  },
  createLimit: {
    work: async (made) => made.set("l", (await owner.createLimit({ project, name: "l", ...limit })).id),
    action: "limit.create",
    target: "l",
  },
  replaceLimit: {
    work: (made) =>
      owner.replaceLimit({ project, limit: made.get("l") ?? "", name: "l", max_concurrency: 3 }),
    action: "limit.update",
    target: "l",
  },
  deleteLimit: {
    work: (made) => owner.deleteLimit({ project, limit: made.get("l") ?? "" }),
    action: "limit.delete",
    target: "l",
  },
} as const satisfies Partial<Record<RouteName, Scenario>>;

/** They write nothing that is the gateway's. */
const noWrites: readonly RouteName[] = ["testProvider", "testWebhook"];

describe("a management write", () => {
  it("is each one of the API", () => {
    const table = routes as unknown as Record<string, Route<string, unknown, unknown, unknown>>;
    const writes = Object.keys(table).filter((name) => table[name]?.method !== "GET");
    assert.deepEqual(writes.toSorted(), [...Object.keys(scenarios), ...noWrites].toSorted());
  });

  it("is one entry: who, when, what, from where", async () => {
    const made = new Map<string, string>();
    for (const [name, { work, action, target }] of Object.entries(scenarios) as [string, Scenario][]) {
      const beganMs = Date.now();
      const entries = await left(() => work(made));
      const [entry] = entries;
      assert.equal(entries.length, 1, `${name}: ${JSON.stringify(entries)}`);
      assert.ok(entry !== undefined);
      assert.equal(entry.action, action, name);
      assert.equal(entry.target.name ?? entry.target.id, target, name);
      assert.equal(entry.author.kind, "owner", name);
      assert.equal(entry.author.address, PROXIED, name);
      assert.equal(entry.author.user_agent, PROGRAM, name);
      assert.match(entry.author.request_id ?? "", /^req_/, name);
      const atMs = Date.parse(entry.at);
      assert.ok(atMs >= beganMs && atMs <= Date.now(), name);
      if (name !== "createProject") assert.equal(entry.project_id, project, name);
    }
    const text = JSON.stringify(await log());
    const secrets = [...made].filter(([name]) => name.startsWith("secret")).map(([, secret]) => secret);
    assert.equal(secrets.length, 3);
    for (const secret of [
      ...secrets,
      ...secrets.map((each) => each.slice(-30)),
      "sk-secret-of-the-project",
      providerKey,
      gateway.ownerToken,
      gateway.apiKey.secret,
      gateway.masterKey.reveal(),
    ]) {
      assert.ok(!text.includes(secret), "a secret is on the log");
    }
  });

  it("is none when it fails", async () => {
    const failing: readonly (() => Promise<unknown>)[] = [
      () => owner.createServiceAccount({ project, name: "default" }),
      () => owner.deleteServiceAccount({ project, service_account: "default" }),
      () => owner.deleteApiKey({ project, api_key: "nope" }),
      () => owner.createApiKey({ project: "nope", name: "x" }),
      () => owner.updateRoom({ project, room: "nope", disabled: true }),
      () => owner.createRevocation({ project }),
      () => owner.setProvider({ project, provider: "openai" }),
      () => owner.removeProvider({ project, provider: "openai" }),
      () => owner.createBudget({ project, amount_usd: "-1" }),
      () => owner.deleteLimit({ project, limit: "nope" }),
    ];
    const entries = await left(async () => {
      for (const fails of failing) await assert.rejects(fails(), ApiError);
    });
    assert.deepEqual(entries, []);
  });

  it("names the API key that made it", async () => {
    const [entry] = await left(() => keyed.createRoom({ project, name: "made by a key" }));
    assert.deepEqual([entry?.author.kind, entry?.author.api_key_id], ["api_key", gateway.apiKey.id]);
    const { entries } = await owner.listAudit({ author: gateway.apiKey.id });
    assert.deepEqual(entries, [entry]);
  });

  it("is the gateway's own on its first start", async () => {
    const [begin, made] = await log();
    assert.deepEqual(
      [begin, made].map((entry) => [entry?.seq, entry?.action, entry?.author.kind, entry?.target.name]),
      [
        [1, "audit.begin", "system", null],
        [2, "project.create", "system", "default"],
      ],
    );
  });
});

describe("what a participant does", () => {
  it("is on the ledger, and not here: also a room's first use", async () => {
    const entries = await left(async () => {
      const reply = await fetch(`${gateway.openaiUrl}/responses`, {
        method: "POST",
        headers: { authorization: `Bearer ${await gateway.token({ room: "first used" })}` },
        body: JSON.stringify({ model: "gpt-5.5", input: "hi" }),
      });
      assert.equal(reply.status, 200);
      await reply.arrayBuffer();
    });
    assert.deepEqual(entries, []);
    assert.equal((await owner.getRoom({ project, room: "first used" })).name, "first used");
  });
});

describe("a project's log", () => {
  it("has what is the project's, and nothing of another", async () => {
    const other = await owner.createProject({ name: "third" });
    await owner.createRoom({ project: other.id, name: "elsewhere" });
    const { entries } = await owner.listProjectAudit({ project: other.id });
    assert.deepEqual(
      entries.map(({ action }) => action),
      ["room.create", "project.create"],
    );
    const mine = await listAll("entries", (page) => owner.listProjectAudit({ project, ...page }));
    assert.ok(mine.entries.length > 20);
    assert.ok(mine.entries.every((entry) => entry.project_id === project));
  });

  it("is found by time and action", async () => {
    const now = Date.now();
    const actions = async (query: Parameters<Client["listAudit"]>[0]): Promise<Set<string>> =>
      new Set((await owner.listAudit({ limit: 1000, ...query })).entries.map(({ action }) => action));
    assert.deepEqual(await actions({ action: "api_key.*" }), new Set(["api_key.create", "api_key.delete"]));
    assert.deepEqual(await actions({ action: "room.disable" }), new Set(["room.disable"]));
    assert.deepEqual(await actions({ since: now + 60_000 }), new Set());
    assert.deepEqual(await actions({ until: now - 3_600_000 }), new Set());
  });
});

describe("calls that are refused", () => {
  it("have entries, ten, however many come, and are no way to fill the disk", async () => {
    const stranger = clientOf("mo-of-somebody-else");
    const entries = await left(async () => {
      for (let count = 0; count < 50; count++) {
        await assert.rejects(stranger.deleteRoom({ project, room: "lab" }), { status: 401 });
      }
      await assert.rejects(keyed.listApiKeys({ project }), { status: 403 });
    });
    assert.equal(entries.length, 11);
    const [first] = entries;
    assert.deepEqual(
      [
        first?.action,
        first?.project_id,
        first?.author.kind,
        first?.author.address,
        first?.target.id,
        first?.after,
      ],
      ["call.refuse", project, "unknown", PROXIED, "deleteRoom", { status: 401, code: "invalid_credential" }],
    );
    const last = entries.at(-1);
    assert.deepEqual(
      [last?.author.kind, last?.author.api_key_id, last?.after],
      ["api_key", gateway.apiKey.id, { status: 403, code: "forbidden" }],
    );
    assert.ok(!JSON.stringify(entries).includes("mo-of-somebody-else"));
  });
});

describe("the log as a whole", () => {
  it("is as it was written, survives a restart, and has no route that writes it", async () => {
    const before = await owner.verifyAudit();
    assert.equal(before.ok, true);
    assert.equal(before.entries, (await log()).length);
    for (const method of ["POST", "PUT", "PATCH", "DELETE"]) {
      for (const path of ["/accounts/llm-proxy/audit", `/accounts/projects/${project}/llm-proxy/audit`]) {
        const headers = { authorization: `Bearer ${gateway.ownerToken}` };
        assert.equal((await fetch(gateway.url + path, { method, headers, body: "{}" })).status, 405);
      }
    }
    await restart();
    const told = (await log()).slice(before.entries);
    // What the refusals of this file left out is told at the end, and the bed makes a key.
    assert.deepEqual(
      told.map(({ action, author }) => [action, author.kind]),
      [
        ["call.refuse", "system"],
        ["api_key.create", "system"],
      ],
    );
    assert.deepEqual(told[0]?.after, { left_out: 40, of: "unknown", within_seconds: 60 });
    const anchor = before.head ?? "";
    assert.deepEqual((await owner.verifyAudit({ anchor })).broken, null);
  });

  it("shows an edit of the file", async () => {
    const { entries } = await owner.listAudit({ action: "api_key.delete", limit: 1 });
    const seq = entries[0]?.seq ?? 0;
    await restart(() => {
      const shell = new DatabaseSync(join(gateway.dataDir, "meshagent.db"));
      assert.throws(() => shell.exec(`DELETE FROM audit WHERE seq = ${seq}`), /never deleted/);
      shell.exec("DROP TRIGGER audit_is_not_changed");
      shell.prepare("UPDATE audit SET author_kind = 'system' WHERE seq = ?").run(seq);
      shell.close();
    });
    const { ok, broken, entries: sound } = await owner.verifyAudit();
    assert.deepEqual([ok, broken?.seq, broken?.reason, sound], [false, seq, "changed", seq - 1]);
  });
});

async function restart(between: () => void = () => {}): Promise<void> {
  await gateway.stop();
  between();
  const { dataDir, masterKey } = gateway;
  gateway = await startTestGateway({ config, dataDir, masterKey });
  owner = clientOf(gateway.ownerToken);
  keyed = clientOf(gateway.apiKeyText);
}
