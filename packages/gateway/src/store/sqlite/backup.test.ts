/** Backups: from beside a live writer in another process, and every reason to refuse one. */

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { DatabaseSync } from "node:sqlite";
import { test } from "node:test";
import type { TestContext } from "node:test";
import { fileURLToPath } from "node:url";
import { Secret } from "@meshagent/llm-proxy-protocol/secret";
import { sampleIntent, sampleResult, SAMPLE_START_MS } from "../conformance/sample-exchanges.ts";
import type { Store } from "../store.ts";
import { newMasterKey } from "../vault.ts";
import { backUpDatabase } from "./backup.ts";
import { openSqliteStore } from "./sqlite-store.ts";
import { tester } from "../conformance/store-under-test.ts";

const masterKey = newMasterKey();
const HOUR_MS = 3_600_000;

function temporaryDirectory(context: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), "backup-"));
  context.after(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

function open(directory: string, file = "meshagent.db"): Promise<Store> {
  return openSqliteStore({ directory, file, masterKey, clock: { now: () => 1_000 }, bootId: "boot_1" });
}

test("a backup holds what was there, opens with the same key, and is for its owner alone", async (context) => {
  const directory = temporaryDirectory(context);
  const store = await open(directory);
  context.after(() => store.close());
  const project = await store.directory.as(tester).createProject("p");
  const provider = { projectId: project.id, name: "openai", baseUrl: null, passing: {}, updatedAtMs: 1 };
  await store.directory.as(tester).setProvider({ ...provider, apiKey: new Secret("sk-kept") });
  await store.ledger.recordIntent(sampleIntent({ id: "ex_1" }));
  await store.ledger.recordResult(sampleResult({ id: "ex_1" }));
  await store.ledger.recordIntent(sampleIntent({ id: "ex_running" }));
  const targetFile = join(directory, "copy.db");
  const backup = backUpDatabase({ databaseFile: join(directory, "meshagent.db"), targetFile, masterKey });
  assert.equal(backup.exchanges, 2);
  assert.equal(backup.bytes, statSync(targetFile).size);
  assert.equal(statSync(targetFile).mode & 0o777, 0o600);
  assert.deepEqual(
    readdirSync(directory).filter((file) => file.startsWith("copy")),
    ["copy.db"],
  );
  // What is written after is not in it, and the writer was not disturbed.
  await store.ledger.recordResult(sampleResult({ id: "ex_running" }));

  const moved = temporaryDirectory(context);
  backUpDatabase({ databaseFile: targetFile, targetFile: join(moved, "meshagent.db"), masterKey });
  const second = await open(moved);
  context.after(() => second.close());
  assert.equal((await second.directory.findProvider(project.id, "openai"))?.apiKey?.reveal(), "sk-kept");
  assert.equal((await second.reports.exchange("p1", "ex_1"))?.result?.outcome, "ok");
  assert.equal((await second.reports.exchange("p1", "ex_running"))?.result, null);
});

test("beside a process that writes, every row that was acknowledged before is in the backup", async (context) => {
  const directory = temporaryDirectory(context);
  const fixture = fileURLToPath(new URL("./store-process.fixture.ts", import.meta.url));
  const child = spawn(process.execPath, [fixture, "write", directory, masterKey.reveal(), "boot_w"], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  context.after(() => child.kill("SIGKILL"));
  const finished = new Set<string>();
  let wanted = 500;
  let reached = Promise.withResolvers<void>();
  createInterface({ input: child.stdout }).on("line", (line) => {
    if (line.startsWith("R ")) finished.add(line.slice(2));
    if (finished.size >= wanted) reached.resolve();
  });
  const targets: string[] = [];
  for (let round = 1; round <= 3; round++) {
    wanted = finished.size + 500;
    reached = Promise.withResolvers<void>();
    await reached.promise;
    const before = new Set(finished);
    const targetFile = join(directory, `copy-${round}.db`);
    targets.push(targetFile);
    const { exchanges } = backUpDatabase({
      databaseFile: join(directory, "meshagent.db"),
      targetFile,
      masterKey,
    });
    assert.ok(exchanges >= before.size);
    const copy = new DatabaseSync(targetFile, { readOnly: true });
    const there = new Map(
      copy
        .prepare("SELECT id, outcome FROM exchanges")
        .all()
        .map((row) => [row["id"], row["outcome"]]),
    );
    const sums = copy.prepare("SELECT sum(requests) AS n FROM usage_hours").get()?.["n"];
    copy.close();
    assert.deepEqual(
      [...before].filter((id) => there.get(id) !== "ok"),
      [],
      `of ${before.size}`,
    );
    // One state of the database: rollup and rows of the same moment.
    assert.equal(sums, [...there.values()].filter((outcome) => outcome !== null).length);
  }
  assert.equal(child.exitCode, null, "the writer goes on");
  child.kill("SIGKILL");
  await once(child, "exit");
});

test("retention that deletes meanwhile makes no backup unsound", async (context) => {
  const directory = temporaryDirectory(context);
  const store = await open(directory);
  context.after(() => store.close());
  for (let hour = 0; hour < 4; hour++) {
    await store.ledger.recordIntent(
      sampleIntent({ id: `ex_${hour}`, receivedAtMs: SAMPLE_START_MS + hour * HOUR_MS }),
    );
    await store.ledger.recordResult(sampleResult({ id: `ex_${hour}` }));
  }
  await store.deleteExchangesBefore(SAMPLE_START_MS + 2 * HOUR_MS, 100);
  const targetFile = join(directory, "copy.db");
  assert.equal(
    backUpDatabase({ databaseFile: join(directory, "meshagent.db"), targetFile, masterKey }).exchanges,
    2,
  );
});

test("nothing is overwritten, and a failure leaves nothing behind", async (context) => {
  const directory = temporaryDirectory(context);
  const databaseFile = join(directory, "meshagent.db");
  await (await open(directory)).close();
  const there = (): string[] => readdirSync(directory).filter((file) => file.startsWith("copy"));
  const refused = (
    name: string,
    message: RegExp,
    changes: Partial<Parameters<typeof backUpDatabase>[0]> = {},
  ): void => {
    const targetFile = join(directory, "copy.db");
    assert.throws(() => backUpDatabase({ databaseFile, targetFile, masterKey, ...changes }), {
      name,
      message,
    });
  };
  refused("StoreUnusableError", /There is no database .*nowhere\.db.*--data-dir/, {
    databaseFile: join(directory, "nowhere.db"),
  });
  refused("MasterKeyError", /not the one that this database was made with/, { masterKey: newMasterKey() });
  refused("StoreUnusableError", /was not copied to .*ENOENT/, {
    targetFile: join(directory, "no", "copy.db"),
  });
  const text = join(directory, "text.db");
  writeFileSync(text, "no database".repeat(1000));
  refused("StoreUnusableError", /text\.db was not copied .*not a database/, { databaseFile: text });
  const other = join(directory, "other.db");
  new DatabaseSync(other).exec("CREATE TABLE notes (x INTEGER)");
  refused("StoreUnusableError", /belongs to another program/, { databaseFile: other });
  assert.deepEqual(there(), []);

  writeFileSync(join(directory, "copy.db"), "precious");
  refused("StoreUnusableError", /copy\.db is there already.*name another file/);
  assert.equal(statSync(join(directory, "copy.db")).size, "precious".length);
  rmSync(join(directory, "copy.db"));
  // What a killed backup left is in nobody's way.
  writeFileSync(join(directory, "copy.db.partial"), "half");
  backUpDatabase({ databaseFile, targetFile: join(directory, "copy.db"), masterKey: null });
  assert.deepEqual(there(), ["copy.db"]);
});

test("a damaged database gives no backup", async (context) => {
  const directory = temporaryDirectory(context);
  await (await open(directory)).close();
  const databaseFile = join(directory, "meshagent.db");
  const targetFile = join(directory, "copy.db");
  const bytes = readFileSync(databaseFile);
  bytes.fill(0xff, 4096);
  writeFileSync(databaseFile, bytes);
  assert.throws(() => backUpDatabase({ databaseFile, targetFile, masterKey: null }), {
    name: "StoreUnusableError",
    message: /was not copied .*malformed|not sound/,
  });
  assert.equal(existsSync(targetFile), false);
});
