/** A keeper and its members on one directory: what each promises while the others are there, and when they are not. */

import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { describe, it } from "node:test";
import type { TestContext } from "node:test";
import { Secret } from "@meshagent/llm-proxy-protocol/secret";
import { ledgerConformance } from "../conformance/ledger-conformance.ts";
import { limitsConformance } from "../conformance/limits-conformance.ts";
import { limitsModelConformance } from "../conformance/limits-model-conformance.ts";
import { sampleIntent } from "../conformance/sample-exchanges.ts";
import type { StoreUnderTest } from "../conformance/store-under-test.ts";
import { StoreLockedError } from "../errors.ts";
import type { ConcurrencyAccount } from "../limits.ts";
import type { Peers } from "../peers.ts";
import type { DirectoryChange, Store } from "../store.ts";
import { newMasterKey } from "../vault.ts";
import { openSqliteStore } from "./sqlite-store.ts";
import type { SqliteStoreOptions } from "./sqlite-store.ts";
import { tester } from "../conformance/store-under-test.ts";

const masterKey = newMasterKey();

function temporaryDirectory(context: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), "store-"));
  context.after(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

function open(directory: string, options: Partial<SqliteStoreOptions>): Promise<Store> {
  return openSqliteStore({ directory, masterKey, clock: { now: () => 1_000 }, bootId: "boot_1", ...options });
}

const openKeeper = (directory: string, options: Partial<SqliteStoreOptions> = {}): Promise<Store> =>
  open(directory, { bootId: "boot_keeper", sharing: "keeper", ...options });
const openMember = (directory: string, options: Partial<SqliteStoreOptions> = {}): Promise<Store> =>
  open(directory, { sharing: "member", ...options });

async function openMemberUnderTest(directory: string, boot = 1): Promise<StoreUnderTest> {
  const time = { nowMs: 1_000 };
  const clock = { now: () => time.nowMs };
  const keeper = await openKeeper(directory, { clock });
  const store = await openMember(directory, { clock, bootId: `boot_${boot}` });
  const close = async (): Promise<void> => {
    await store.close();
    await keeper.close();
  };
  return {
    store,
    bootId: `boot_${boot}`,
    time,
    reopen: async () => {
      await close();
      return openMemberUnderTest(directory, boot + 1);
    },
    dispose: async () => {
      await close();
      rmSync(directory, { recursive: true });
    },
  };
}

// What others write too; the rest is the same code whoever is beside it.
for (const conformance of [ledgerConformance, limitsConformance, limitsModelConformance]) {
  conformance("sqlite, a member beside its keeper", () =>
    openMemberUnderTest(mkdtempSync(join(tmpdir(), "store-"))),
  );
}

describe("a directory with members", () => {
  it("takes no second keeper and no gateway that wants it alone, also after the keeper has gone", async (context) => {
    const directory = temporaryDirectory(context);
    const keeper = await openKeeper(directory);
    const members = [await openMember(directory), await openMember(directory)];
    await assert.rejects(openKeeper(directory), /in use by another gateway/);
    await keeper.close();
    for (const sharing of ["keeper", "alone"] as const) {
      await assert.rejects(open(directory, { sharing }), (error) => {
        assert.ok(error instanceof StoreLockedError);
        assert.match(error.message, /still in use by the processes of a gateway that died/);
        return true;
      });
    }
    await members[0]?.close();
    await assert.rejects(openKeeper(directory), StoreLockedError);
    await members[1]?.close();
    await (await openKeeper(directory)).close();
    await (await open(directory, { sharing: "alone" })).close();
  });

  it("is taken as soon as the last of them has gone, by who waits", async (context) => {
    const directory = temporaryDirectory(context);
    const keeper = await openKeeper(directory);
    const member = await openMember(directory);
    await keeper.close();
    const waits = Promise.withResolvers<void>();
    const next = openKeeper(directory, { membersWait: { withinMs: 60_000, onWait: waits.resolve } });
    await waits.promise;
    await member.close();
    await (await next).close();
  });

  it("loses a member that dies without a word, as every lock of the kernel's", async (context) => {
    const directory = temporaryDirectory(context);
    const { spawnSync } = await import("node:child_process");
    const script = `
      import { joinDirectory } from ${JSON.stringify(new URL("./lock.ts", import.meta.url).href)};
      joinDirectory(${JSON.stringify(directory)});
      process.kill(process.pid, "SIGKILL");`;
    const died = spawnSync(process.execPath, ["--input-type=module", "--eval", script]);
    assert.equal(died.signal, "SIGKILL", died.stderr.toString());
    await (await openKeeper(directory)).close();
  });
});

/** Two stores that hear of each other's changes; `told` keeps them until they are let go. */
function connected(): { readonly peers: readonly [Peers, Peers]; readonly gate: PromiseWithResolvers<void> } {
  const gate = Promise.withResolvers<void>();
  const listeners: ((change: DirectoryChange) => void)[][] = [[], []];
  const peer = (own: number): Peers => ({
    onTold: (listener) => void listeners[own]?.push(listener),
    tell: async (change) => {
      await gate.promise;
      for (const listener of listeners[1 - own] ?? []) listener(change);
    },
  });
  return { peers: [peer(0), peer(1)], gate };
}

describe("a change of the directory", () => {
  it("is made once the other processes have heard of it, and not before", async (context) => {
    const directory = temporaryDirectory(context);
    const { peers, gate } = connected();
    const keeper = await openKeeper(directory, { peers: peers[0] });
    const member = await openMember(directory, { peers: peers[1] });
    const heard: DirectoryChange[] = [];
    member.directory.onChange((change) => heard.push(change));
    gate.resolve();
    const project = await keeper.directory.as(tester).createProject("p");
    const [account] = await keeper.directory.listServiceAccounts(project.id);
    await keeper.directory.as(tester).createApiKey({
      id: "k1",
      projectId: project.id,
      serviceAccountId: account?.id ?? "",
      name: "k",
      description: "",
      createdAtMs: 1,
      deletedAtMs: null,
      secret: new Secret("s"),
    });
    heard.length = 0;
    assert.equal(await keeper.directory.as(tester).deleteApiKey(project.id, "k1"), true);
    assert.deepEqual(heard, [{ kind: "api_key", projectId: project.id, id: "k1" }]);
    assert.equal((await member.directory.findApiKey("k1"))?.deletedAtMs, 1_000);
    await member.close();
    await keeper.close();
  });

  it("waits for them, each kind of it", async (context) => {
    const directory = temporaryDirectory(context);
    const alone = await open(directory, { sharing: "alone" });
    const projectId = (await alone.directory.as(tester).createProject("p")).id;
    await alone.directory.as(tester).createRoom(projectId, "old");
    await alone.directory.as(tester).createRoom(projectId, "gone");
    await alone.close();
    const gate = Promise.withResolvers<void>();
    const told: string[] = [];
    const keeper = await openKeeper(directory, {
      peers: {
        onTold: () => {},
        tell: async (change) => {
          told.push(`${change.kind} ${change.id}`);
          await gate.promise;
        },
      },
    });
    const write = keeper.directory.as(tester);
    let answered = 0;
    const changes = [
      write.changeProjectSettings(projectId, { require_rooms: true }),
      write.createRoom(projectId, "new"),
      write.updateRoom(projectId, "old", { name: "renamed" }),
      write.deleteRoom(projectId, "gone"),
      write.createRevocation(projectId, { kind: "token", tokenId: "t1" }),
      write.createRevocation(projectId, {
        kind: "participant",
        participant: "bob",
        room: "new",
        issuedBeforeMs: 5,
      }),
      write.setProvider({
        projectId,
        name: "openai",
        apiKey: null,
        baseUrl: null,
        passing: {},
        updatedAtMs: 1,
      }),
      write.removeProvider(projectId, "openai"),
    ].map((change) => change.then(() => (answered += 1)));
    await new Promise((resolve) => setImmediate(resolve));
    assert.equal(answered, 0, "nothing is answered while one of them has not heard");
    assert.deepEqual(told.toSorted(), [
      `participant bob`,
      `project ${projectId}`,
      "provider openai",
      "provider openai",
      "room gone",
      "room new",
      "room old",
      "room renamed",
      "token t1",
    ]);
    gate.resolve();
    await Promise.all(changes);
    assert.equal(answered, 8);
    await keeper.close();
  });
});

describe("a member", () => {
  it("leaves the log to its keeper: closing it checkpoints nothing", async (context) => {
    const directory = temporaryDirectory(context);
    const keeper = await openKeeper(directory);
    const member = await openMember(directory);
    await member.ledger.recordIntent(sampleIntent({ id: "ex_1", bootId: "boot_1" }));
    await member.close();
    const database = new DatabaseSync(join(directory, "meshagent.db"));
    const { log, checkpointed } = database.prepare("PRAGMA wal_checkpoint(PASSIVE)").get() ?? {};
    database.close();
    assert.ok(Number(log) > 0 && log === checkpointed, "the frames were there until now");
    await keeper.close();
  });

  it("counts what runs with the others, from nothing when the keeper begins", async (context) => {
    const directory = temporaryDirectory(context);
    const account: ConcurrencyAccount = { kind: "concurrency", key: "c", limitId: "c", max: 2 };
    const reserve = async (store: Store, id: string, bootId: string): Promise<string> =>
      (
        await store.limits.reserve({
          intent: sampleIntent({ id, bootId }),
          nowMs: 1_000,
          shares: [{ account, amount: 1 }],
        })
      ).kind;
    const keeper = await openKeeper(directory);
    const one = await openMember(directory, { bootId: "boot_1" });
    const two = await openMember(directory, { bootId: "boot_2" });
    assert.equal(await reserve(one, "h1", "boot_1"), "held");
    assert.equal(await reserve(two, "h2", "boot_2"), "held");
    assert.equal(await reserve(one, "h3", "boot_1"), "refused");
    // Its process is gone; what it ran runs no more.
    await one.close();
    await keeper.ledger.interruptOrphans(2_000, (bootId) => bootId === "boot_2");
    assert.equal(await reserve(two, "h4", "boot_2"), "held");
    assert.equal(await reserve(two, "h5", "boot_2"), "refused");
    await two.close();
    await keeper.close();
    // A gateway without members deals with those that were left, and knows nothing of shared counters.
    const alone = await open(directory, { sharing: "alone", bootId: "boot_3" });
    await alone.ledger.interruptOrphans(3_000);
    await alone.close();
    const next = await openKeeper(directory);
    const three = await openMember(directory, { bootId: "boot_4" });
    assert.equal(await reserve(three, "h6", "boot_4"), "held");
    assert.equal(await reserve(three, "h7", "boot_4"), "held");
    await three.close();
    await next.close();
  });
});
