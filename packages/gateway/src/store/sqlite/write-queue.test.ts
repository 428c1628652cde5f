import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { test } from "node:test";
import { Worker } from "node:worker_threads";
import { WriteQueue } from "./write-queue.ts";

interface Bench {
  readonly queue: WriteQueue;
  readonly database: DatabaseSync;
  /** One entry per `beforeCommit` and `rolledBack`. */
  readonly steps: string[];
  /** Values in the table. */
  values(): unknown[];
  insert(value: number): Promise<void>;
  /** What `beforeCommit` does. */
  onCommit: () => void;
}

function makeBench(database: DatabaseSync = new DatabaseSync(":memory:"), busyTimeoutMs = 0): Bench {
  database.exec("CREATE TABLE rows (value INTEGER NOT NULL UNIQUE) STRICT");
  const steps: string[] = [];
  const part = {
    beforeCommit: () => {
      steps.push("commit");
      bench.onCommit();
    },
    rolledBack: () => steps.push("rollback"),
  };
  const queue = new WriteQueue(database, { parts: [part], busyTimeoutMs });
  const bench: Bench = {
    queue,
    database,
    steps,
    values: () =>
      database
        .prepare("SELECT value FROM rows ORDER BY value")
        .all()
        .map((row) => row["value"]),
    insert: (value) => queue.enqueue(() => void database.prepare("INSERT INTO rows VALUES (?)").run(value)),
    onCommit: () => {},
  };
  return bench;
}

test("the writes of one turn share a transaction, those of the next have their own", async () => {
  const bench = makeBench();
  const first = Promise.all([bench.insert(1), bench.insert(2), bench.insert(3)]);
  assert.deepEqual(bench.values(), [], "nothing happens within the turn");
  await first;
  assert.deepEqual(bench.steps, ["commit"]);
  await bench.insert(4);
  assert.deepEqual(bench.steps, ["commit", "commit"]);
  assert.deepEqual(bench.values(), [1, 2, 3, 4]);
});

test("nobody is told before the commit", async () => {
  const bench = makeBench();
  const told: number[] = [];
  bench.onCommit = () => assert.deepEqual(told, []);
  await Promise.all([1, 2].map((value) => bench.insert(value).then(() => told.push(value))));
  assert.deepEqual(told, [1, 2]);
  assert.equal(bench.database.isTransaction, false);
});

test("one bad write is rejected alone, and the others keep their order", async () => {
  const bench = makeBench();
  const settled = await Promise.allSettled([bench.insert(1), bench.insert(1), bench.insert(2)]);
  assert.deepEqual(
    settled.map(({ status }) => status),
    ["fulfilled", "rejected", "fulfilled"],
  );
  assert.deepEqual(bench.values(), [1, 2]);
  // The batch, then each by itself; the bad one gets to no commit.
  assert.deepEqual(bench.steps, ["rollback", "commit", "rollback", "commit"]);
  assert.equal(bench.queue.lastFailure, null);
});

test("a failure at the commit rejects every write and leaves nothing behind", async () => {
  const bench = makeBench();
  bench.onCommit = () => {
    throw new Error("disk full");
  };
  const settled = await Promise.allSettled([bench.insert(1), bench.insert(2)]);
  assert.deepEqual(
    settled.map(({ status }) => status),
    ["rejected", "rejected"],
  );
  assert.deepEqual(bench.values(), []);
  assert.equal(bench.database.isTransaction, false);
  assert.match(String(bench.queue.lastFailure), /disk full/);
  bench.onCommit = () => {};
  await bench.insert(3);
  assert.equal(bench.queue.lastFailure, null);
  assert.deepEqual(bench.values(), [3]);
});

test("when no transaction can begin, all are rejected after one try", async () => {
  const bench = makeBench();
  bench.database.exec("BEGIN");
  const settled = await Promise.allSettled([bench.insert(1), bench.insert(2)]);
  assert.deepEqual(
    settled.map(({ status }) => status),
    ["rejected", "rejected"],
  );
  assert.deepEqual(bench.steps, [], "nothing was begun, so nothing is taken back");
});

test("a write waits for a database that another connection holds, however early SQLite gives up", async (context) => {
  const directory = mkdtempSync(join(tmpdir(), "write-queue-"));
  context.after(() => rmSync(directory, { recursive: true }));
  const file = join(directory, "rows.db");
  // Without a timeout SQLite gives up at once.
  const database = new DatabaseSync(file, { timeout: 0 });
  database.exec("PRAGMA journal_mode = WAL");
  const patient = makeBench(database, 60_000);
  const hasty = new WriteQueue(database, { parts: [], busyTimeoutMs: 0 });
  const held = new Int32Array(new SharedArrayBuffer(4));
  const holder = new Worker(
    `const { workerData: { file, held } } = require("node:worker_threads");
     const database = new (require("node:sqlite").DatabaseSync)(file);
     database.exec("BEGIN IMMEDIATE");
     Atomics.store(held, 0, 1); Atomics.notify(held, 0);
     Atomics.wait(held, 0, 1);
     // The writer is at its wait by now, or comes to it while this goes on.
     Atomics.wait(held, 0, 2, 50);
     database.exec("COMMIT");`,
    { eval: true, workerData: { file, held } },
  );
  const exited = once(holder, "exit");
  Atomics.wait(held, 0, 0);
  assert.throws(() => hasty.runNow(() => 0), /database is locked/);
  const written = patient.insert(1);
  Atomics.store(held, 0, 2);
  Atomics.notify(held, 0);
  await written;
  assert.deepEqual(patient.values(), [1]);
  assert.equal(patient.queue.lastFailure, null);
  await exited;
  database.close();
});

test("beside other writers it waits by itself, and reads wait as they did before", (context) => {
  const directory = mkdtempSync(join(tmpdir(), "write-queue-"));
  context.after(() => rmSync(directory, { recursive: true }));
  const file = join(directory, "rows.db");
  const database = new DatabaseSync(file, { timeout: 40 });
  database.exec("PRAGMA journal_mode = WAL");
  const other = new DatabaseSync(file);
  const queue = new WriteQueue(database, { parts: [], busyTimeoutMs: 40, isContended: true });
  assert.equal(
    queue.runNow(() => 7),
    7,
  );
  other.exec("BEGIN IMMEDIATE");
  const beganAt = performance.now();
  assert.throws(() => queue.runNow(() => 0), /database is locked/);
  assert.ok(performance.now() - beganAt >= 40, "it gave up after the whole time");
  assert.deepEqual({ ...database.prepare("PRAGMA busy_timeout").get() }, { timeout: 40 });
  other.exec("COMMIT");
  assert.equal(
    queue.runNow(() => 8),
    8,
  );
  other.close();
  database.close();
});

test("runNow comes after what is queued and hands on what it fails with", async () => {
  const bench = makeBench();
  const queued = bench.insert(1);
  assert.deepEqual(
    bench.queue.runNow(() => bench.values()),
    [1],
  );
  await queued;
  assert.throws(() => bench.queue.runNow(() => assert.fail("no")), /no/);
  assert.equal(bench.database.isTransaction, false);
});

test("close writes what is queued and refuses the rest", async () => {
  const bench = makeBench();
  const queued = bench.insert(1);
  bench.queue.close();
  await queued;
  await assert.rejects(bench.insert(2), /The store is closed/);
  assert.deepEqual(bench.values(), [1]);
});
