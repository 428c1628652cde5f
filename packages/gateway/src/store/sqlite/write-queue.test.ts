import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { test } from "node:test";
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

function makeBench(): Bench {
  const database = new DatabaseSync(":memory:");
  database.exec("CREATE TABLE rows (value INTEGER NOT NULL UNIQUE) STRICT");
  const steps: string[] = [];
  const queue = new WriteQueue(database, {
    beforeCommit: () => {
      steps.push("commit");
      bench.onCommit();
    },
    rolledBack: () => steps.push("rollback"),
  });
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
  assert.deepEqual(bench.steps, ["rollback"]);
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
