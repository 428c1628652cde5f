/** Every released schema, filled by its own version, is brought to the newest one without a loss. */

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { test } from "node:test";
import type { TestContext } from "node:test";
import { migrate, migrations } from "../schema.ts";
import { openSqliteStore } from "../sqlite-store.ts";
import { version1MasterKey, version1ProjectId, version1Rows } from "./version-1.fixture.ts";

function oldDatabase(context: TestContext): { directory: string; file: string } {
  const directory = mkdtempSync(join(tmpdir(), "migrations-"));
  context.after(() => rmSync(directory, { recursive: true, force: true }));
  const file = join(directory, "meshagent.db");
  const database = new DatabaseSync(file);
  migrate(database, { steps: migrations.slice(0, 1) });
  database.exec(version1Rows);
  database.close();
  return { directory, file };
}

/** Every row of every table, by column name. */
function allRows(database: DatabaseSync, tables: readonly string[]): Record<string, unknown[]> {
  return Object.fromEntries(
    tables.map((table) => [
      table,
      database
        .prepare(`SELECT * FROM ${table}`)
        .all()
        .map((row) => ({ ...row })),
    ]),
  );
}

function tablesOf(database: DatabaseSync): string[] {
  return database
    .prepare("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")
    .all()
    .map((row) => String(row["name"]));
}

/** Every column that `before` has is in `after`, row by row, with the same value. */
function assertKept(before: Record<string, unknown[]>, after: Record<string, unknown[]>): void {
  for (const [table, rows] of Object.entries(before)) {
    assert.equal(after[table]?.length, rows.length, table);
    for (const [index, row] of rows.entries())
      assert.partialDeepStrictEqual(after[table]?.[index], row, table);
  }
}

test("a released migration is never edited", () => {
  const released = ["730d31344051b84e711085357911c1d6bc69d7665b37a7e4acf91a093dfe1533"];
  for (const [index, digest] of released.entries()) {
    const statements = migrations[index]?.statements.replaceAll(/\s+/g, " ") ?? "";
    assert.equal(createHash("sha256").update(statements).digest("hex"), digest, `schema ${index + 1}`);
  }
});

test("from schema 1: every row, sum and line of the rollup is as it was, and the newest schema is whole", (context) => {
  const { file } = oldDatabase(context);
  const database = new DatabaseSync(file);
  context.after(() => database.close());
  const tables = tablesOf(database);
  const before = allRows(database, tables);
  assert.equal(before["exchanges"]?.length, 12);
  assert.ok((before["usage_hours"]?.length ?? 0) > 5);
  const sums = "SELECT sum(cost_nano_usd) AS cost, sum(requests) AS requests FROM usage_hours";
  const summed = { ...database.prepare(sums).get() };

  migrate(database);

  assertKept(before, allRows(database, tables));
  assert.deepEqual({ ...database.prepare(sums).get() }, summed);
  const fresh = new DatabaseSync(":memory:");
  migrate(fresh);
  const shape = "SELECT type, name, sql FROM sqlite_schema ORDER BY type, name";
  assert.deepEqual(database.prepare(shape).all(), fresh.prepare(shape).all(), "as a new database has it");
  assert.deepEqual(database.prepare("PRAGMA foreign_key_check").all(), []);
});

test("from schema 1: the store opens it, tells the operator, and all of it works", async (context) => {
  const { directory } = oldDatabase(context);
  const said: string[] = [];
  const options = { directory, masterKey: version1MasterKey, clock: { now: () => 1_000 }, bootId: "boot_2" };
  const store = await openSqliteStore({
    ...options,
    onMigration: (message, fields) => said.push(`${message} ${fields["schema"]}`),
  });
  context.after(() => store.close());
  assert.equal(said.length, 2 * (migrations.length - 1));
  assert.equal(said[0], "the database is being migrated 2");

  assert.deepEqual(
    (await store.directory.listProjects()).map(({ name }) => name),
    ["team"],
  );
  const key = await store.directory.findApiKey("11111111-1111-4111-8111-111111111111");
  assert.equal(key?.secret.reveal(), "fixture-secret-1");
  const deleted = await store.directory.findApiKey("22222222-2222-4222-8222-222222222222");
  assert.notEqual(deleted?.deletedAtMs ?? null, null);
  const provider = await store.directory.findProvider(version1ProjectId, "openai");
  assert.equal(provider?.apiKey?.reveal(), "sk-fixture");
  assert.notEqual((await store.directory.findRoom(version1ProjectId, "gone"))?.deletedAtMs ?? null, null);

  const filter = { projectId: version1ProjectId };
  const { exchanges } = await store.reports.exchanges(filter, { limit: 100 });
  assert.equal(exchanges.length, 12);
  assert.equal(exchanges.filter(({ result }) => result === null).length, 2);
  // Ten finished, of them two not metered and one simulated: 7 real requests, one of them without a price.
  const [real] = await store.reports.usage(filter, []);
  assert.equal(real?.requests, 7);
  assert.equal(real?.unpricedRequests, 1);
  assert.equal(real?.costNanoUsd, 6n * 4_520_000n);

  // Sums of the old version are of no agent.
  assert.deepEqual(
    (await store.reports.usage(filter, ["agent"])).map((row) => [...row.key, row.isSimulated]),
    [
      [null, false],
      [null, true],
    ],
  );

  // What ran when the old version ended is still known, and its estimate is counted.
  assert.equal(await store.ledger.interruptOrphans(2_000), 2);
  const [after] = await store.reports.usage(filter, []);
  assert.equal(after?.requests, 9);
  assert.equal(after?.costNanoUsd, 8n * 4_520_000n);
});

test("from schema 11: what was held is in the exchanges, and what nothing was sent on is free again", async (context) => {
  const { directory, file } = oldDatabase(context);
  const database = new DatabaseSync(file);
  migrate(database, { steps: migrations.slice(0, 11) });
  const ids = database.prepare("SELECT id FROM exchanges ORDER BY outcome IS NULL DESC, id").all();
  const [running, , done] = ids.map((row) => String(row["id"]));
  assert.ok(running !== undefined && done !== undefined);
  const account = database.prepare(
    "INSERT INTO budget_accounts (key, limit_id, amount, tolerance, spent, held, leased) VALUES (?, 'b', 1000, 0, ?, ?, 0)",
  );
  account.run("b|1", 40, 300 + 60);
  account.run("b|2", 40, 300);
  const hold = database.prepare("INSERT INTO holds VALUES (?, ?, ?, ?, ?, ?, 0)");
  const parts = (...keys: readonly string[]): string =>
    JSON.stringify([keys, [["r", "tokens", 0, 5]], ["c"]]);
  hold.run(running, "boot_1", 0, 300, null, parts("b|1", "b|2"));
  hold.run(done, "boot_1", 1, 100, 40, parts("b|1", "b|2"));
  hold.run("ex_unsent", "boot_1", 0, 60, null, parts("b|1"));
  database.close();

  const options = { directory, masterKey: version1MasterKey, clock: { now: () => 1_000 }, bootId: "boot_2" };
  const { limits, ledger, close } = await openSqliteStore(options);
  context.after(close);
  const budgetKeys = ["b|1", "b|2"];
  assert.partialDeepStrictEqual(await limits.findHold(running), {
    amountNanoUsd: 300,
    chargeNanoUsd: null,
    budgetKeys,
  });
  assert.partialDeepStrictEqual(await limits.findHold(done), {
    amountNanoUsd: 100,
    chargeNanoUsd: 40,
    budgetKeys,
  });
  assert.equal(await limits.findHold("ex_unsent"), null);
  assert.equal((await limits.budgetAccount("b|1"))?.heldNanoUsd, 300);
  await ledger.interruptOrphans(1);
  for (const key of budgetKeys) {
    const { spentNanoUsd, heldNanoUsd } = (await limits.budgetAccount(key)) ?? {};
    assert.deepEqual([spentNanoUsd, heldNanoUsd], [340, 0]);
  }
});

test("a migration that fails leaves the old database to the old version", (context) => {
  const { file } = oldDatabase(context);
  const database = new DatabaseSync(file);
  context.after(() => database.close());
  const tables = tablesOf(database);
  const before = allRows(database, tables);
  const broken = {
    about: "breaks half way",
    statements:
      "UPDATE exchanges SET attempts = 99; DELETE FROM usage_hours; INSERT INTO nowhere VALUES (1);",
  };
  assert.throws(() => migrate(database, { steps: [...migrations.slice(0, 1), broken] }), /nowhere/);
  assert.equal(database.prepare("PRAGMA user_version").get()?.["user_version"], 1);
  assert.deepEqual(tablesOf(database), tables);
  assert.deepEqual(allRows(database, tables), before);
  migrate(database);
  assertKept(before, allRows(database, tables));
});
