import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { test } from "node:test";
import type { TestContext } from "node:test";
import { Secret } from "@meshagent/llm-proxy-protocol/secret";
import { storeConformance } from "../conformance.ts";
import { sampleIntent, sampleResult } from "../conformance/sample-exchanges.ts";
import { tester } from "../conformance/store-under-test.ts";
import type { StoreUnderTest } from "../conformance/store-under-test.ts";
import type { Store } from "../store.ts";
import { newMasterKey } from "../vault.ts";
import { openSqliteStore } from "./sqlite-store.ts";
import type { SqliteStoreOptions } from "./sqlite-store.ts";

const masterKey = newMasterKey();

async function openUnderTest(directory: string, boot = 1): Promise<StoreUnderTest> {
  const time = { nowMs: 1_000 };
  const bootId = `boot_${boot}`;
  const store = await openSqliteStore({ directory, masterKey, clock: { now: () => time.nowMs }, bootId });
  return {
    store,
    bootId,
    time,
    reopen: async () => {
      await store.close();
      return openUnderTest(directory, boot + 1);
    },
    dispose: async () => {
      await store.close();
      rmSync(directory, { recursive: true });
    },
  };
}

storeConformance("sqlite", () => openUnderTest(mkdtempSync(join(tmpdir(), "store-"))));

function temporaryDirectory(context: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), "store-"));
  context.after(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

function open(directory: string, options: Partial<SqliteStoreOptions> = {}): Promise<Store> {
  return openSqliteStore({ directory, masterKey, clock: { now: () => 1_000 }, bootId: "boot_1", ...options });
}

test("no file of the store holds a secret in clear, and none is readable by others", async (context) => {
  const directory = join(temporaryDirectory(context), "new", "data");
  const store = await open(directory);
  const project = await store.directory.as(tester).createProject("p");
  const [account] = await store.directory.listServiceAccounts(project.id);
  const row = { projectId: project.id, serviceAccountId: account?.id ?? "", name: "visible-name" };
  await store.directory.as(tester).createApiKey({
    ...row,
    id: "k1",
    description: "",
    createdAtMs: 1,
    deletedAtMs: null,
    secret: new Secret("clear-api-key-secret"),
  });
  const provider = { projectId: project.id, name: "openai", baseUrl: null, passing: {}, updatedAtMs: 1 };
  await store.directory.as(tester).setProvider({ ...provider, apiKey: new Secret("clear-provider-key") });
  const check = (): Buffer => {
    const files = readdirSync(directory);
    for (const file of files) {
      assert.equal(statSync(join(directory, file)).mode & 0o077, 0, file);
    }
    const all = Buffer.concat(files.map((file) => readFileSync(join(directory, file))));
    for (const secret of ["clear-api-key-secret", "clear-provider-key", masterKey.reveal()]) {
      assert.equal(all.includes(secret), false, secret);
      assert.equal(all.includes(Buffer.from(secret).toString("base64")), false, secret);
    }
    return all;
  };
  assert.equal(statSync(directory).mode & 0o077, 0);
  assert.ok(check().includes("visible-name"), "the log is read too");
  await store.close();
  assert.ok(check().includes("visible-name"));
});

test("another master key is refused, and the right one still works afterwards", async (context) => {
  const directory = temporaryDirectory(context);
  const first = await open(directory);
  const project = await first.directory.as(tester).createProject("p");
  await first.close();
  await assert.rejects(open(directory, { masterKey: newMasterKey() }), {
    name: "MasterKeyError",
    message: /not the one that this database was made with/,
  });
  const again = await open(directory);
  assert.deepEqual(await again.directory.listProjects(), [project]);
  await again.close();
});

test("a closed store leaves nothing in the log and all in the database", async (context) => {
  const directory = temporaryDirectory(context);
  const store = await open(directory);
  await store.ledger.recordIntent(sampleIntent({ id: "ex_1" }));
  assert.ok(statSync(join(directory, "meshagent.db-wal")).size > 0);
  await store.close();
  assert.deepEqual(
    readdirSync(directory).filter((file) => file.startsWith("meshagent.db")),
    ["meshagent.db"],
  );
});

test("a database elsewhere is locked as well as the data directory", async (context) => {
  const [one, two] = [temporaryDirectory(context), temporaryDirectory(context)];
  const file = join(temporaryDirectory(context), "sub", "ledger.db");
  const store = await open(one, { file });
  await assert.rejects(open(two, { file }), { name: "StoreLockedError" });
  await assert.rejects(open(one), { name: "StoreLockedError" });
  // The refused open has let go of what it took.
  await (await open(two)).close();
  await store.close();
  await (await open(two, { file })).close();
});

test("a file that is no database, or another program's, is refused with its name", async (context) => {
  const directory = temporaryDirectory(context);
  writeFileSync(join(directory, "text.db"), "this is not a database, however long it may be".repeat(100));
  await assert.rejects(open(directory, { file: "text.db" }), {
    name: "StoreUnusableError",
    message: /text\.db cannot be used: file is not a database/,
  });
  const other = new DatabaseSync(join(directory, "other.db"));
  other.exec("CREATE TABLE notes (text TEXT)");
  other.close();
  await assert.rejects(open(directory, { file: "other.db" }), /belongs to another program/);
});

test("a database that refuses writes fails the write, is unusable, and recovers", async (context) => {
  const directory = temporaryDirectory(context);
  const store = await open(directory);
  context.after(() => store.close());
  await store.ledger.recordIntent(sampleIntent({ id: "ex_1" }));
  const intruder = new DatabaseSync(join(directory, "meshagent.db"));
  intruder.exec("BEGIN IMMEDIATE");
  await assert.rejects(store.ledger.recordResult(sampleResult({ id: "ex_1" })), /locked/);
  await assert.rejects(store.checkUsable(), {
    name: "StoreUnusableError",
    message: /meshagent\.db cannot be written: database is locked/,
  });
  intruder.exec("ROLLBACK");
  intruder.close();
  await store.checkUsable();
  await store.ledger.recordResult(sampleResult({ id: "ex_1" }));
  assert.equal((await store.reports.exchange("p1", "ex_1"))?.result?.outcome, "ok");
});

test("a failing listener is reported", async (context) => {
  const alarms: string[] = [];
  const store = await open(temporaryDirectory(context), { onAlarm: (message) => alarms.push(message) });
  store.directory.onChange(() => {
    throw new Error("broken");
  });
  await store.directory.as(tester).createProject("p");
  await store.close();
  assert.deepEqual(alarms, ["A listener failed on a change of a project; its cache may be stale."]);
});
