/** The promises of the audit log as tests. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { Secret } from "@meshagent/llm-proxy-protocol/secret";
import type { PassingChoice } from "../../passing.ts";
import type { AuditEntry, AuditEvent, AuditFilter, Author } from "../audit.ts";
import type { BudgetDefinition, RateDefinition } from "../limit-definition.ts";
import type { ApiKeyWithSecret, Directory, Store } from "../store.ts";
import { sampleBudget } from "./sample-budget.ts";
import { tester, withStore } from "./store-under-test.ts";
import type { OpenStore } from "./store-under-test.ts";

const nobody = { room: null, participant: null, apiKeyId: null, sessionId: null, model: null };

function budget(projectId: string, change: Partial<BudgetDefinition> = {}): BudgetDefinition {
  return sampleBudget({
    projectId,
    name: "lab's",
    scope: { ...nobody, room: "lab", participant: "*" },
    amountNanoUsd: 10_500_000_000,
    notifyAtPercent: [80],
    ...change,
  });
}

function rate(projectId: string): RateDefinition {
  return {
    kind: "rate",
    id: "l1",
    projectId,
    scope: nobody,
    createdAtMs: 1,
    requestsPerMinute: 60,
    inputTokensPerMinute: null,
    outputTokensPerMinute: null,
    tokensPerMinute: null,
    maxConcurrency: null,
  };
}

async function sampleKey(directory: Directory, projectId: string): Promise<ApiKeyWithSecret> {
  const account = await directory.findServiceAccount(projectId, "default");
  return {
    id: "k1",
    projectId,
    serviceAccountId: account?.id ?? "",
    name: "ci",
    description: "for the build",
    createdAtMs: 1,
    deletedAtMs: null,
    secret: new Secret("secret-of-the-api-key"),
  };
}

async function entriesOf(store: Store, filter: AuditFilter = {}): Promise<readonly AuditEntry[]> {
  return (await store.audit.list(filter, { limit: 1000 })).toReversed();
}

/** What a piece of work leaves on the log, oldest first. */
async function left(store: Store, work: () => Promise<unknown>): Promise<readonly AuditEntry[]> {
  const before = (await entriesOf(store)).length;
  await work();
  return (await entriesOf(store)).slice(before);
}

const event: AuditEvent = {
  action: "call.refuse",
  projectId: null,
  target: { kind: "route", id: "createRoom", name: "POST /rooms" },
  before: null,
  after: { status: 401 },
};

export function auditConformance(name: string, open: OpenStore): void {
  test(`${name} audit: a log begins once, with the gateway's own entry, and is whole`, () =>
    withStore(open, async (under) => {
      const [first, ...rest] = await entriesOf(under.store);
      assert.deepEqual(rest, []);
      assert.equal(first?.seq, 1);
      assert.equal(first.action, "audit.begin");
      assert.equal(first.author.kind, "system");
      const next = await under.reopen();
      assert.deepEqual(await entriesOf(next.store), [first]);
      const head = { seq: 1, mac: first.mac };
      assert.deepEqual(await next.store.audit.verify(), { entries: 1, head, broken: null });
    }));

  test(`${name} audit: every change of the directory is one entry: who, when, from where and what`, () =>
    withStore(open, async ({ store, time }) => {
      const { directory } = store;
      const write = directory.as(tester);
      const one = async (work: () => Promise<unknown>): Promise<Omit<AuditEntry, "seq" | "mac">> => {
        time.nowMs += 1_000;
        const [entry, ...rest] = await left(store, work);
        assert.ok(entry !== undefined && rest.length === 0, "exactly one entry");
        assert.deepEqual(entry.author, tester);
        assert.equal(entry.atMs, time.nowMs);
        const { seq: _, mac: __, ...told } = entry;
        return told;
      };
      const common = async (
        work: () => Promise<unknown>,
      ): Promise<Pick<AuditEvent, "action" | "target" | "before" | "after">> => {
        const { action, target, before, after, projectId } = await one(work);
        assert.equal(projectId, id);
        return { action, target, before, after };
      };
      let id = "";
      const made = await one(async () => {
        ({ id } = await write.createProject("p", { require_rooms: true, webhook: "secret-setting" }));
      });
      assert.equal(made.projectId, id);
      assert.deepEqual(
        [made.action, made.target, made.before, made.after],
        [
          "project.create",
          { kind: "project", id, name: "p" },
          null,
          { require_rooms: true, webhook: "(not shown)" },
        ],
      );
      assert.deepEqual(
        await common(() =>
          write.changeProjectSettings(id, { on_disconnect: "cancel", webhook: "another-secret-setting" }),
        ),
        {
          action: "project.update",
          target: { kind: "project", id, name: "p" },
          before: { webhook: "(not shown)" },
          after: { webhook: "(not shown)", on_disconnect: "cancel" },
        },
      );

      let account = { id: "" };
      const named = (): AuditEvent["target"] => ({ kind: "service_account", id: account.id, name: "ops" });
      const createAccount = async (): Promise<void> => {
        account = (await write.createServiceAccount(id, "ops")) ?? account;
      };
      const empty = { before: null, after: null };
      const accountMade = await common(createAccount);
      assert.deepEqual(accountMade, { action: "service_account.create", target: named(), ...empty });
      assert.deepEqual(await common(() => write.deleteServiceAccount(id, account.id)), {
        action: "service_account.delete",
        target: named(),
        ...empty,
      });

      const key = await sampleKey(directory, id);
      const keyTarget = { kind: "api_key", id: "k1", name: "ci" } as const;
      const keyFields = { service_account_id: key.serviceAccountId, description: "for the build" };
      assert.deepEqual(await common(() => write.createApiKey(key)), {
        action: "api_key.create",
        target: keyTarget,
        before: null,
        after: keyFields,
      });
      assert.deepEqual(await common(() => write.deleteApiKey(id, "k1")), {
        action: "api_key.delete",
        target: keyTarget,
        before: keyFields,
        after: null,
      });

      const target = { kind: "token", id: "j1", name: null } as const;
      const revoked = await common(() => write.createRevocation(id, { kind: "token", tokenId: "j1" }));
      assert.deepEqual([revoked.action, revoked.target], ["token.revoke", target]);
      const bob = { kind: "participant", room: "lab", participant: "bob", issuedBeforeMs: 6_000 } as const;
      const ended = await common(() => write.createRevocation(id, bob));
      assert.deepEqual(
        [ended.action, ended.target],
        ["token.revoke", { kind: "participant", id: null, name: "bob" }],
      );
      assert.partialDeepStrictEqual(ended.after, { room: "lab", issued_before: "1970-01-01T00:00:06.000Z" });
    }));

  test(`${name} audit: a room's changes are told by what they did`, () =>
    withStore(open, async ({ store }) => {
      const write = store.directory.as(tester);
      const { id } = await write.createProject("p");
      const told = async (work: () => Promise<unknown>): Promise<unknown[]> =>
        (await left(store, work)).map(({ action, target, before, after }) => [
          action,
          target.name,
          before,
          after,
        ]);
      const is = { name: "lab", disabled: false };
      assert.deepEqual(
        await told(() => write.createRoom(id, "lab", { metadata: { note: "secret-in-metadata" } })),
        [["room.create", "lab", null, { ...is, metadata: "(not shown)" }]],
      );
      assert.deepEqual(await told(() => write.updateRoom(id, "lab", { disabledAtMs: 5 })), [
        ["room.disable", "lab", { disabled: false }, { disabled: true }],
      ]);
      assert.deepEqual(await told(() => write.updateRoom(id, "lab", { disabledAtMs: null })), [
        ["room.enable", "lab", { disabled: true }, { disabled: false }],
      ]);
      const update = { name: "hall", metadata: {}, annotations: { a: "secret-in-annotations" } };
      assert.deepEqual(await told(() => write.updateRoom(id, "lab", update)), [
        [
          "room.update",
          "hall",
          { name: "lab", metadata: "(not shown)" },
          { name: "hall", annotations: "(not shown)" },
        ],
      ]);
      const gone = { name: "hall", disabled: false, annotations: "(not shown)" };
      assert.deepEqual(await told(() => write.deleteRoom(id, "hall")), [["room.delete", "hall", gone, null]]);
      assert.deepEqual(await told(() => write.createRoom(id, "hall")), [
        ["room.create", "hall", { deleted: true }, { name: "hall", disabled: false }],
      ]);
      assert.doesNotMatch(JSON.stringify(await entriesOf(store)), /secret-in/);
    }));

  test(`${name} audit: limits are told as the API writes them, and of a change only what changed`, () =>
    withStore(open, async ({ store }) => {
      const write = store.directory.as(tester);
      const { id } = await write.createProject("p");
      const entries = await left(store, async () => {
        await write.setLimit(budget(id));
        await write.setLimit(budget(id, { amountNanoUsd: 20_000_000_000 }));
        await write.removeLimit(id, "b1");
        await write.setLimit(rate(id));
        await write.removeLimit(id, "l1");
      });
      const fields = {
        name: "lab's",
        amount_usd: "10.5",
        tolerance_usd: "0",
        period: "month",
        time_zone: "UTC",
        mode: "hard",
        notify_at_percent: [80],
        scope: { room: "lab", participant: "*" },
      };
      const limit = { requests_per_minute: 60, scope: {} };
      assert.deepEqual(
        entries.map(({ action, target, before, after }) => [action, target.id, target.name, before, after]),
        [
          ["budget.create", "b1", "lab's", null, fields],
          ["budget.update", "b1", "lab's", { amount_usd: "10.5" }, { amount_usd: "20" }],
          ["budget.delete", "b1", "lab's", { ...fields, amount_usd: "20" }, null],
          ["limit.create", "l1", null, null, limit],
          ["limit.delete", "l1", null, limit, null],
        ],
      );
    }));

  test(`${name} audit: of a provider's key it is told that there is one, and whether it is new; no secret is told`, () =>
    withStore(open, async ({ store }) => {
      const { directory } = store;
      const write = directory.as(tester);
      const { id } = await write.createProject("p");
      const set = async (
        apiKey: string | null,
        baseUrl: string | null,
        passing: PassingChoice = {},
      ): Promise<unknown[]> => {
        const settings = { projectId: id, name: "openai", baseUrl, passing, updatedAtMs: 1 };
        const entries = await left(store, () =>
          write.setProvider({ ...settings, apiKey: apiKey === null ? null : new Secret(apiKey) }),
        );
        return entries.map(({ action, before, after }) => [action, before, after]);
      };
      const none = { base_url: null, api_key: "none" };
      assert.deepEqual(await set(null, null), [["provider.set", null, none]]);
      assert.deepEqual(await set("sk-secret-1", null), [
        ["provider.set", none, { base_url: null, api_key: "new" }],
      ]);
      const before = { base_url: null, api_key: "set" };
      const url = "https://eu.test";
      assert.deepEqual(await set("sk-secret-1", url), [
        ["provider.set", before, { base_url: url, api_key: "kept" }],
      ]);
      assert.deepEqual(await set("sk-secret-2", url), [
        ["provider.set", { base_url: url, api_key: "set" }, { base_url: url, api_key: "new" }],
      ]);
      const chosen = { rate_limit_headers: "drop", accepted_encodings: "none" };
      assert.deepEqual(await set("sk-secret-2", url, { rateLimitHeaders: "drop", acceptedEncodings: [] }), [
        ["provider.set", { base_url: url, api_key: "set" }, { base_url: url, api_key: "kept", ...chosen }],
      ]);
      const [removed] = await left(store, () => write.removeProvider(id, "openai"));
      assert.deepEqual([removed?.action, removed?.after], ["provider.remove", null]);
      await write.createApiKey(await sampleKey(directory, id));
      assert.doesNotMatch(JSON.stringify(await entriesOf(store)), /sk-secret|secret-of-the-api-key/);
    }));

  test(`${name} audit: what changes nothing, fails, or is no act of management leaves no entry`, () =>
    withStore(open, async ({ store }) => {
      const { directory } = store;
      const write = directory.as(tester);
      const { id } = await write.createProject("p", { require_rooms: true });
      await write.createRoom(id, "lab");
      await write.createRevocation(id, { kind: "token", tokenId: "j1" });
      await write.setLimit(budget(id));
      const key = await sampleKey(directory, id);
      const entries = await left(store, async () => {
        await write.changeProjectSettings(id, { require_rooms: true });
        await write.changeProjectSettings("nope", { require_rooms: true });
        await write.createServiceAccount(id, "default");
        await write.deleteServiceAccount(id, "nope");
        await write.deleteApiKey(id, "nope");
        await write.createRoom(id, "lab");
        await write.updateRoom(id, "lab", { name: "lab", disabledAtMs: null });
        await write.updateRoom(id, "nope", { disabledAtMs: 1 });
        await write.deleteRoom(id, "nope");
        await write.createRevocation(id, { kind: "token", tokenId: "j1" });
        await write.setLimit(budget(id));
        await write.setLimit(budget("another project"));
        await write.removeLimit(id, "nope");
        await write.removeProvider(id, "openai");
        await assert.rejects(write.createApiKey({ ...key, projectId: "nope" }));
        await assert.rejects(write.createRoom("nope", "lab"));
        await assert.rejects(write.createRevocation("nope", { kind: "token", tokenId: "j1" }));
        assert.equal((await directory.registerRoom(id, "first used")).name, "first used");
        await directory.registerRoom(id, "lab");
      });
      assert.deepEqual(entries, []);
      assert.equal(await directory.findApiKey("k1"), null);
    }));

  test(`${name} audit: a room that was deleted or disabled is not registered anew`, () =>
    withStore(open, async ({ store: { directory } }) => {
      const write = directory.as(tester);
      const { id } = await write.createProject("p");
      await write.createRoom(id, "lab");
      await write.updateRoom(id, "lab", { disabledAtMs: 5 });
      assert.equal((await directory.registerRoom(id, "lab")).disabledAtMs, 5);
      await write.deleteRoom(id, "lab");
      assert.notEqual((await directory.registerRoom(id, "lab")).deletedAtMs, null);
    }));

  test(`${name} audit: the list is newest first, in pages, by project, time, action and author`, () =>
    withStore(open, async ({ store, time }) => {
      const key: Author = { ...tester, kind: "api_key", apiKeyId: "k9" };
      time.nowMs = 10_000;
      const { id } = await store.directory.as(tester).createProject("p");
      time.nowMs = 20_000;
      await store.directory.as(key).createRoom(id, "a");
      time.nowMs = 30_000;
      await store.directory.as(tester).deleteRoom(id, "a");
      await store.audit.record({ ...tester, kind: "unknown" }, event);
      const found = async (filter: AuditFilter): Promise<string[]> =>
        (await store.audit.list(filter, { limit: 9 })).map(({ action }) => action);
      const all = ["call.refuse", "room.delete", "room.create", "project.create", "audit.begin"];
      assert.deepEqual(await found({}), all);
      assert.deepEqual(await found({ projectId: id }), all.slice(1, 4));
      assert.deepEqual(await found({ projectId: "nope" }), []);
      assert.deepEqual(await found({ sinceMs: 20_000 }), all.slice(0, 3));
      assert.deepEqual(await found({ sinceMs: 20_001, untilMs: 30_000 }), []);
      assert.deepEqual(await found({ untilMs: 20_001 }), all.slice(2));
      assert.deepEqual(await found({ action: "room.delete" }), ["room.delete"]);
      assert.deepEqual(await found({ action: "room.*" }), ["room.delete", "room.create"]);
      assert.deepEqual(await found({ action: "room" }), []);
      assert.deepEqual(await found({ action: "%*" }), []);
      assert.deepEqual(await found({ action: "*" }), all);
      assert.deepEqual(await found({ author: "api_key" }), ["room.create"]);
      assert.deepEqual(await found({ author: "k9" }), ["room.create"]);
      assert.deepEqual(await found({ author: "owner" }), ["room.delete", "project.create"]);
      const [first, second] = await store.audit.list({}, { limit: 2 });
      const rest = await store.audit.list({}, { limit: 2, beforeSeq: second?.seq ?? 0 });
      assert.deepEqual(
        [first, second, ...rest].map((entry) => entry?.action),
        all.slice(0, 4),
      );
    }));

  test(`${name} audit: whatever a caller sends, an entry stays small, and holds no control character`, () =>
    withStore(open, async ({ store }) => {
      const long = "x".repeat(100_000);
      const author: Author = { ...tester, userAgent: `curl\u001b[31m\r\n${long}` };
      const many = Object.fromEntries(
        Array.from({ length: 10_000 }, (_, index) => [`field ${index}`, index]),
      );
      const [cut, bounded] = await left(store, async () => {
        const target = { kind: "token", id: long, name: long } as const;
        await store.audit.record(author, { ...event, target, after: { description: long } });
        await store.audit.record(author, { ...event, after: many });
      });
      assert.ok(JSON.stringify(cut).length < 2_000, `${JSON.stringify(cut).length} characters`);
      assert.match(cut?.author.userAgent ?? "", /^curl\[31mx+\.\.\.$/);
      assert.match(cut?.target.id ?? "", /^x{256}\.\.\.$/);
      assert.ok(JSON.stringify(bounded).length < 2_000);
      assert.equal((await store.audit.verify()).broken, null);
    }));

  test(`${name} audit: changes at once make one chain without a gap, and it goes on after a restart`, () =>
    withStore(open, async (under) => {
      const { directory } = under.store;
      const { id } = await directory.as(tester).createProject("p");
      await Promise.all(
        Array.from({ length: 100 }, (_, index) => directory.as(tester).createRoom(id, `room ${index}`)),
      );
      const noted = (await under.store.audit.list({}, { limit: 1 }))[0];
      assert.ok(noted !== undefined);
      const { store } = await under.reopen();
      await store.directory.as(tester).createRoom(id, "after the restart");
      const entries = await entriesOf(store);
      assert.deepEqual(
        entries.map(({ seq }) => seq),
        Array.from({ length: 103 }, (_, index) => index + 1),
      );
      const head = { seq: 103, mac: entries.at(-1)?.mac ?? "" };
      assert.deepEqual(await store.audit.verify(), { entries: 103, head, broken: null });
      assert.deepEqual(await store.audit.verify(noted), { entries: 103, head, broken: null });
    }));

  test(`${name} audit: a log that is not the one that was noted is told from it`, () =>
    withStore(open, async ({ store }) => {
      await store.directory.as(tester).createProject("p");
      const mac = "0".repeat(64);
      const replaced = await store.audit.verify({ seq: 1, mac });
      assert.deepEqual(replaced.broken, { seq: 1, reason: "not_as_noted" });
      const older = await store.audit.verify({ seq: 9, mac });
      assert.deepEqual(older.broken, { seq: 9, reason: "not_as_noted" });
    }));
}
