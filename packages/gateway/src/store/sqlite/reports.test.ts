import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { test } from "node:test";
import type { TestContext } from "node:test";
import { Worker } from "node:worker_threads";
import { exchangesSql, parseCursor, writeCursor } from "./exchange-query.ts";
import { SqliteReports } from "./reports.ts";
import { migrate } from "./schema.ts";
import { hoursSql, splitRange } from "./usage-query.ts";

interface Bench {
  readonly reports: SqliteReports;
  readonly workers: Worker[];
  readonly alarms: string[];
  readonly database: DatabaseSync;
  readonly databaseFile: string;
}

interface BenchOptions {
  /** Code for the thread instead of the real one. */
  readonly code?: string;
  readonly checkpointEveryMs?: number;
}

function makeBench(context: TestContext, { code, checkpointEveryMs = 60_000 }: BenchOptions = {}): Bench {
  const directory = mkdtempSync(join(tmpdir(), "reports-"));
  const databaseFile = join(directory, "test.db");
  const database = new DatabaseSync(databaseFile);
  migrate(database);
  database.exec("PRAGMA journal_mode = WAL; PRAGMA wal_autocheckpoint = 0");
  const workers: Worker[] = [];
  const alarms: string[] = [];
  const startWorker = (workerData: object): Worker => {
    const real = new URL("./reports-worker.ts", import.meta.url);
    const worker = code === undefined ? new Worker(real, { workerData }) : new Worker(code, { eval: true });
    workers.push(worker);
    return worker;
  };
  const reports = new SqliteReports({
    databaseFile,
    checkpointEveryMs,
    startWorker,
    onAlarm: (message) => alarms.push(message),
  });
  context.after(async () => {
    await reports.close();
    database.close();
    rmSync(directory, { recursive: true });
  });
  return { reports, workers, alarms, database, databaseFile };
}

test("a thread that died is started again, and the next question is answered", async (context) => {
  const { reports, workers, alarms } = makeBench(context);
  assert.equal(await reports.exchange("p", "x"), null);
  await workers[0]?.terminate();
  assert.equal(await reports.exchange("p", "x"), null);
  assert.equal(workers.length, 2);
  assert.deepEqual(alarms, ["The thread that makes reports died and is started again."]);
});

test("a thread that died is started again without a question", async (context) => {
  const { workers } = makeBench(context);
  context.mock.timers.enable({ apis: ["setTimeout"] });
  assert.ok(workers[0]);
  const exited = once(workers[0], "exit");
  await workers[0].terminate();
  await exited;
  assert.equal(workers.length, 1);
  context.mock.timers.tick(1_000);
  assert.equal(workers.length, 2);
  context.mock.timers.reset();
});

test("a thread that cannot live is started ever later, until one has answered", async (context) => {
  const { reports, workers } = makeBench(context);
  context.mock.timers.enable({ apis: ["setTimeout"] });
  const die = async (): Promise<void> => {
    const worker = workers.at(-1);
    assert.ok(worker);
    const exited = once(worker, "exit");
    await worker.terminate();
    await exited;
  };
  const startsAfter = async (ms: number): Promise<void> => {
    await die();
    const before = workers.length;
    context.mock.timers.tick(ms - 1);
    assert.equal(workers.length, before, `not within ${ms} ms`);
    context.mock.timers.tick(1);
    assert.equal(workers.length, before + 1, `after ${ms} ms`);
  };
  for (const seconds of [1, 2, 4, 8, 16, 32, 60, 60]) await startsAfter(1_000 * seconds);
  assert.equal(await reports.exchange("p", "x"), null);
  await startsAfter(1_000);
  context.mock.timers.reset();
});

test("questions that a dying thread took with it are rejected", async (context) => {
  const { reports } = makeBench(context, {
    code: "require('node:worker_threads').parentPort.once('message', () => { throw new Error('crash') })",
  });
  const failed = { message: "The thread that makes reports died. Ask again." };
  await Promise.all([
    assert.rejects(reports.exchange("p", "x"), failed),
    assert.rejects(reports.usage({ projectId: "p" }, []), failed),
  ]);
});

test("a question that fails is rejected with its reason, and the thread lives on", async (context) => {
  const { reports, workers, database } = makeBench(context);
  database.exec("ALTER TABLE usage_hours RENAME TO gone");
  await assert.rejects(reports.usage({ projectId: "p" }, []), /no such table: usage_hours/);
  database.exec("ALTER TABLE gone RENAME TO usage_hours");
  assert.deepEqual(await reports.usage({ projectId: "p" }, []), []);
  assert.equal(workers.length, 1);
});

test("the thread moves the log into the database on its own", async (context) => {
  const { database, databaseFile } = makeBench(context, { checkpointEveryMs: 5 });
  const sizeBefore = statSync(databaseFile).size;
  // Pages that migrations left free are used first.
  database.exec("INSERT INTO meta VALUES ('large', randomblob(400000))");
  const deadline = Date.now() + 10_000;
  while (statSync(databaseFile).size < sizeBefore + 300_000) {
    assert.ok(Date.now() < deadline, "no checkpoint in ten seconds");
    await new Promise(setImmediate);
  }
});

test("a large log that somebody still reads is left alone: the writer does not wait for a backup", async (context) => {
  const { database, databaseFile, reports, alarms } = makeBench(context, { checkpointEveryMs: 5 });
  const reader = new DatabaseSync(databaseFile, { readOnly: true });
  context.after(() => reader.close());
  reader.exec("BEGIN; SELECT count(*) FROM meta");
  database.exec("PRAGMA busy_timeout = 10000; INSERT INTO meta VALUES ('large', zeroblob(80000000))");
  const write = database.prepare("INSERT OR REPLACE INTO meta VALUES ('small', randomblob(8))");
  let slowestMs = 0;
  for (let round = 0; round < 30; round++) {
    // An answer says that the thread had its turn, and its timer is due.
    await reports.exchange("p", "x");
    await new Promise((resolve) => setTimeout(resolve, 6));
    const beganMs = performance.now();
    write.run();
    slowestMs = Math.max(slowestMs, performance.now() - beganMs);
  }
  assert.ok(slowestMs < 1_500, `a write waited ${slowestMs} ms`);
  assert.ok(statSync(`${databaseFile}-wal`).size > 64_000_000, "the log was not begun anew");
  // Once nobody reads the old state, the log begins anew: what is written then does not make it longer.
  reader.exec("COMMIT");
  const size = statSync(`${databaseFile}-wal`).size;
  for (const deadline = Date.now() + 10_000; ;) {
    await reports.exchange("p", "x");
    write.run();
    const row = database.prepare("PRAGMA wal_checkpoint(NOOP)").get();
    if (Number(row?.["log"]) < 1_000) break;
    assert.ok(Date.now() < deadline, `the log of ${size} bytes was never begun anew`);
    await new Promise((resolve) => setTimeout(resolve, 6));
  }
  assert.deepEqual(alarms, []);
});

test("close checkpoints, ends the thread and can be repeated", async (context) => {
  const { reports, workers, database, databaseFile } = makeBench(context);
  database.exec("INSERT INTO meta VALUES ('large', randomblob(300000))");
  await Promise.all([reports.close(), reports.close()]);
  assert.equal(statSync(`${databaseFile}-wal`).size, 0);
  assert.equal(workers[0]?.threadId, -1);
  await assert.rejects(reports.exchange("p", "x"), /closed/);
});

test("the thread cannot change data", async (context) => {
  const { database } = makeBench(context);
  // The same pragma on a connection of the same kind.
  const reader = new DatabaseSync(database.location() ?? "");
  reader.exec("PRAGMA query_only = ON");
  assert.throws(() => reader.exec("DELETE FROM meta"), /readonly/);
  reader.exec("PRAGMA wal_checkpoint(PASSIVE)");
  reader.close();
});

test("a range splits into whole hours and edges that meet without gap or overlap", () => {
  const hour = 3_600_000;
  assert.deepEqual(splitRange(-Infinity, Infinity), {
    hours: { first: -Infinity, end: Infinity },
    edges: [],
  });
  assert.deepEqual(splitRange(hour, 3 * hour), { hours: { first: 1, end: 3 }, edges: [] });
  assert.deepEqual(splitRange(hour + 1, 3 * hour + 2), {
    hours: { first: 2, end: 3 },
    edges: [
      { fromMs: hour + 1, toMs: 2 * hour },
      { fromMs: 3 * hour, toMs: 3 * hour + 2 },
    ],
  });
  assert.deepEqual(splitRange(hour + 1, hour + 9), {
    hours: null,
    edges: [{ fromMs: hour + 1, toMs: hour + 9 }],
  });
  assert.deepEqual(splitRange(hour - 1, hour + 1), {
    hours: null,
    edges: [
      { fromMs: hour - 1, toMs: hour },
      { fromMs: hour, toMs: hour + 1 },
    ],
  });
  assert.deepEqual(splitRange(hour, hour), { hours: null, edges: [] });
  assert.deepEqual(splitRange(hour + 5, hour), { hours: null, edges: [] });
});

test("a cursor is read as it was written, whatever the id", () => {
  for (const id of ["ex_1", "a b c", "line\nbreak", "ü"]) {
    const exchange = { intent: { receivedAtMs: 1_763_856_000_123, id }, result: null };
    const cursor = writeCursor(exchange as Parameters<typeof writeCursor>[0]);
    assert.deepEqual(parseCursor(cursor), { receivedAtMs: 1_763_856_000_123, id });
  }
});

test("no report reads the whole ledger, nor sorts it", () => {
  const database = new DatabaseSync(":memory:");
  migrate(database);
  const plan = ({ sql, values }: { sql: string; values: (string | number)[] }): string =>
    database
      .prepare(`EXPLAIN QUERY PLAN ${sql}`)
      .all(...values)
      .map((row) => row["detail"])
      .join("\n");
  const filter = { projectId: "p", sinceMs: 1, untilMs: 2 };
  const before = { receivedAtMs: 1, id: "x" };
  const pages = [
    { filter: { projectId: "p" }, limit: 10, before: null },
    { filter, limit: 10, before },
    { filter: { ...filter, room: "r", model: "m" }, limit: 10, before },
  ];
  for (const query of pages) {
    const text = plan(exchangesSql(query) as Parameters<typeof plan>[0]);
    assert.match(text, /SEARCH exchanges USING INDEX exchanges_by_time \(project_n=\?/);
    assert.doesNotMatch(text, /SCAN|TEMP B-TREE/);
  }
  const session = exchangesSql({ filter: { ...filter, sessionId: "s" }, limit: 10, before });
  const sessionPlan = plan(session as Parameters<typeof plan>[0]);
  assert.match(sessionPlan, /SEARCH exchanges USING INDEX exchanges_by_session/);
  assert.doesNotMatch(sessionPlan, /SCAN|TEMP B-TREE/);
  const hours = hoursSql({ filter, by: ["model"], hours: { first: 1, end: 2 } });
  assert.match(
    plan(hours as Parameters<typeof plan>[0]),
    /SEARCH usage_hours USING PRIMARY KEY \(project_n=\? AND hour>\? AND hour<\?\)/,
  );
});
