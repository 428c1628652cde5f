import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { ApiError, createClient } from "@meshagent/llm-proxy-protocol/client";
import type { Client } from "@meshagent/llm-proxy-protocol/client";
import type { AuditFault } from "../store/audit.ts";
import { NOW_MS, OWNER_TOKEN, startHarness } from "./harness.ts";
import type { Harness } from "./harness.ts";

let harness: Harness;
let owner: Client;
before(async () => {
  harness = await startHarness();
  owner = createClient({ baseUrl: harness.url, token: OWNER_TOKEN });
});
after(() => harness.close());

const mac = "a".repeat(64);

describe("the author of a call", () => {
  it("is the owner or the key, with the address, the program and the request's id, which is on the reply", async () => {
    const { id: project } = await owner.createProject({ name: "mine" });
    const key = await harness.store.addApiKey(project);
    for (const [token, kind, apiKeyId] of [
      [OWNER_TOKEN, "owner", null],
      [key.text, "api_key", key.id],
    ] as const) {
      const reply = await fetch(`${harness.url}/accounts/projects/${project}/rooms`, {
        method: "POST",
        headers: {
          authorization: `Bearer ${token}`,
          "x-test-address": "198.51.100.4",
          "user-agent": "someone/1",
        },
        body: JSON.stringify({ name: `room of ${kind}` }),
      });
      assert.equal(reply.status, 201);
      const requestId = reply.headers.get("x-request-id");
      assert.match(requestId ?? "", /^req_[0-9a-z]{26}$/);
      assert.deepEqual(harness.store.authors.at(-1), {
        kind,
        apiKeyId,
        address: "198.51.100.4",
        userAgent: "someone/1",
        requestId,
      });
    }
  });

  it("every reply has an id of its own, also one that refuses", async () => {
    const ids = await Promise.all(
      ["/accounts/projects", "/accounts/nothing", "/openapi.json"].map(async (path) =>
        (await fetch(harness.url + path)).headers.get("x-request-id"),
      ),
    );
    assert.equal(new Set(ids).size, 3);
    assert.ok(!ids.includes(null));
  });
});

describe("a token that is signed", () => {
  it("is an entry with its identity, and without its text", async () => {
    const { id: project } = await owner.createProject({ name: "signing" });
    const key = await harness.store.addApiKey(project, "signer");
    const signed = await owner.createParticipantToken({
      project,
      room_name: "lab",
      name: "bob",
      expires_in: 60,
    });
    const entry = harness.store.entries.at(-1);
    assert.equal(entry?.action, "token.create");
    assert.deepEqual(entry.target, { kind: "token", id: signed.id, name: "bob" });
    assert.deepEqual(entry.after, { room: "lab", api_key_id: key.id, expires_at: signed.expires_at });
    assert.ok(!JSON.stringify(entry).includes(signed.token.split(".")[2] ?? ""));
  });
});

describe("a refused call", () => {
  it("is an entry of the project, if that exists", async () => {
    const { id: project } = await owner.createProject({ name: "refusing" });
    const key = await harness.store.addApiKey(project);
    const stranger = createClient({ baseUrl: harness.url, token: "mo-wrong" });
    const keyed = createClient({ baseUrl: harness.url, token: key.text });
    await assert.rejects(stranger.listRooms({ project }), ApiError);
    await assert.rejects(stranger.listRooms({ project: "no-such-project" }), ApiError);
    await assert.rejects(keyed.deleteRoom({ project, room: "lab" }), ApiError);
    const told = harness.store.entries
      .slice(-3)
      .map(({ action, projectId, author, target, after: is }) => [
        action,
        projectId,
        author.kind,
        author.apiKeyId,
        target.id,
        target.name,
        is,
      ]);
    const route = "/accounts/projects/{project}/rooms";
    const unknown = { status: 401, code: "invalid_credential" };
    assert.deepEqual(told, [
      ["call.refuse", project, "unknown", null, "listRooms", `GET ${route}`, unknown],
      ["call.refuse", null, "unknown", null, "listRooms", `GET ${route}`, unknown],
      [
        "call.refuse",
        project,
        "api_key",
        key.id,
        "deleteRoom",
        `DELETE ${route}/{room}`,
        { status: 403, code: "forbidden" },
      ],
    ]);
  });

  it("is none when it was refused for what it asks", async () => {
    const before = harness.store.entries.length;
    await assert.rejects(owner.getProject({ project: "nope" }), { code: "not_found" });
    await assert.rejects(owner.listAudit({ cursor: "x" }), { code: "invalid_request" });
    assert.equal(harness.store.entries.length, before);
  });
});

describe("the list", () => {
  it("has every member of an entry, in the API's words", async () => {
    const author = {
      kind: "api_key",
      apiKeyId: "k1",
      address: "::1",
      userAgent: "x",
      requestId: "req_1",
    } as const;
    const target = { kind: "room", id: "r1", name: "lab" } as const;
    await harness.store.audit.record(author, {
      action: "room.disable",
      projectId: "p1",
      target,
      before: { disabled: false },
      after: { disabled: true },
    });
    const { entries } = await owner.listAudit({ action: "room.disable" });
    assert.deepEqual(entries, [
      {
        seq: entries[0]?.seq,
        at: new Date(NOW_MS).toISOString(),
        project_id: "p1",
        action: "room.disable",
        author: { kind: "api_key", api_key_id: "k1", address: "::1", user_agent: "x", request_id: "req_1" },
        target,
        before: { disabled: false },
        after: { disabled: true },
        mac: entries[0]?.mac,
      },
    ]);
  });

  it("has a hundred a page unless told", async () => {
    const author = {
      kind: "system",
      apiKeyId: null,
      address: null,
      userAgent: null,
      requestId: null,
    } as const;
    const target = { kind: "room", id: null, name: "r" } as const;
    for (let count = 0; count < 101; count++) {
      const event = { action: "many", projectId: null, target, before: null, after: null };
      await harness.store.audit.record(author, event);
    }
    const page = await owner.listAudit({ action: "many" });
    assert.equal(page.entries.length, 100);
    const rest = await owner.listAudit({ action: "many", cursor: page.next_cursor ?? "" });
    assert.deepEqual([rest.entries.length, rest.next_cursor], [1, null]);
    assert.equal((await owner.listAudit({ action: "many", limit: 1000 })).entries.length, 101);
  });
});

describe("the check", () => {
  it("says that all is as it was, and gives an anchor to note down", async () => {
    harness.store.verdict = { entries: 7, head: { seq: 7, mac }, broken: null };
    assert.deepEqual(await owner.verifyAudit(), { ok: true, entries: 7, head: `7:${mac}`, broken: null });
    assert.equal(harness.store.anchors.at(-1), undefined);
    await owner.verifyAudit({ anchor: `5:${mac}` });
    assert.deepEqual(harness.store.anchors.at(-1), { seq: 5, mac });
  });

  it("says which entry is the first that is not, in a sentence", async () => {
    const said: Readonly<Record<AuditFault, RegExp>> = {
      changed: /^Entry 3 is not the one that was written after entry 2/,
      missing: /^Entry 3 is missing/,
      cut: /^The log ends before entry 3/,
      not_as_noted: /^Entry 3 is not the one that the anchor names/,
    };
    for (const [reason, message] of Object.entries(said) as [AuditFault, RegExp][]) {
      harness.store.verdict = { entries: 2, head: { seq: 2, mac }, broken: { seq: 3, reason } };
      const { ok, broken } = await owner.verifyAudit();
      assert.equal(ok, false);
      assert.deepEqual([broken?.seq, broken?.reason], [3, reason]);
      assert.match(broken?.message ?? "", message);
    }
  });

  it("refuses an anchor that is none", async () => {
    for (const anchor of ["5", `5:${mac}0`, `x:${mac}`, `5:${mac.toUpperCase()}`]) {
      await assert.rejects(owner.verifyAudit({ anchor }), {
        status: 400,
        message: /anchor: must be SEQ:MAC/,
      });
    }
  });
});
