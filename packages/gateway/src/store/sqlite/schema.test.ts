import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { test } from "node:test";
import type { Migration } from "./migrations/migration.ts";
import { inTransaction, migrate, migrations } from "./schema.ts";
import type { OnMigration } from "./schema.ts";

function step(statements: string): Migration {
  return { about: "is of a test", statements };
}

function version(database: DatabaseSync): unknown {
  return database.prepare("PRAGMA user_version").get()?.["user_version"];
}

function tables(database: DatabaseSync): unknown[] {
  return database
    .prepare("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name")
    .all()
    .map((row) => row["name"]);
}

test("an empty database gets the newest schema, once", () => {
  const database = new DatabaseSync(":memory:");
  migrate(database);
  assert.equal(version(database), migrations.length);
  assert.ok(tables(database).includes("exchanges"));
  database.exec("INSERT INTO projects VALUES ('p', 'n', '{}', 1)");
  migrate(database);
  assert.equal(database.prepare("SELECT count(*) AS n FROM projects").get()?.["n"], 1);
});

test("migrations run from the version that is there", () => {
  const database = new DatabaseSync(":memory:");
  const steps = [
    "CREATE TABLE a (x INTEGER)",
    "ALTER TABLE a ADD COLUMN y INTEGER",
    "CREATE TABLE b (x INTEGER)",
  ].map(step);
  migrate(database, { steps: steps.slice(0, 1) });
  database.exec("INSERT INTO a (x) VALUES (7)");
  migrate(database, { steps });
  assert.equal(version(database), 3);
  assert.deepEqual({ ...database.prepare("SELECT x, y FROM a").get() }, { x: 7, y: null });
});

test("a migration that fails leaves the version before it, whole", () => {
  const database = new DatabaseSync(":memory:");
  const steps = ["CREATE TABLE a (x INTEGER)", "CREATE TABLE b (x INTEGER); CREATE TABLE a (x INTEGER)"].map(
    step,
  );
  assert.throws(() => migrate(database, { steps }), /already exists/);
  assert.equal(version(database), 1);
  assert.deepEqual(tables(database), ["a"]);
  assert.equal(database.isTransaction, false);
});

test("a database of a newer version is refused and left as it was", () => {
  const database = new DatabaseSync(":memory:");
  database.exec("CREATE TABLE later (x INTEGER); PRAGMA user_version = 99");
  assert.throws(() => migrate(database), {
    name: "StoreUnusableError",
    message:
      /newer version of the gateway \(schema 99; this version knows up to \d+\)\. Run the newer version/,
  });
  assert.deepEqual(tables(database), ["later"]);
  assert.equal(version(database), 99);
});

test("a database of another program is refused", () => {
  const database = new DatabaseSync(":memory:");
  database.exec("CREATE TABLE notes (x INTEGER)");
  assert.throws(() => migrate(database), /belongs to another program/);
  assert.deepEqual(tables(database), ["notes"]);
});

test("a migration that rewrites many rows says how far it is, on a database that holds data alone", () => {
  const database = new DatabaseSync(":memory:");
  const steps = [step("CREATE TABLE a (x INTEGER)")];
  const said: string[] = [];
  const onMigration: OnMigration = (message, fields) => said.push(`${message} ${JSON.stringify(fields)}`);
  migrate(database, { steps, onMigration });
  assert.deepEqual(said, [], "a new database has nothing to wait for");
  database.exec(
    "WITH RECURSIVE n (x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < 12) INSERT INTO a SELECT x FROM n",
  );
  // One second goes by for each row.
  let nowMs = 0;
  const elapsedMs = (): number => (nowMs += 1_000);
  steps.push(step("UPDATE a SET x = -x WHERE migrated_row()"));
  migrate(database, { steps, onMigration, elapsedMs });
  assert.deepEqual(said, [
    'the database is being migrated {"schema":2,"about":"schema 2 is of a test"}',
    'the database is being migrated {"schema":2,"rows":5,"after_ms":5000}',
    'the database is being migrated {"schema":2,"rows":10,"after_ms":10000}',
    'the database was migrated {"schema":2,"rows":12,"took_ms":13000}',
  ]);
  assert.equal(database.prepare("SELECT sum(x) AS x FROM a").get()?.["x"], -78);
});

test("a transaction happens whole or not at all", () => {
  const database = new DatabaseSync(":memory:");
  database.exec("CREATE TABLE a (x INTEGER)");
  assert.equal(
    inTransaction(database, () => 5),
    5,
  );
  assert.throws(
    () =>
      inTransaction(database, () => {
        database.exec("INSERT INTO a VALUES (1)");
        throw new Error("stop");
      }),
    /stop/,
  );
  assert.equal(database.prepare("SELECT count(*) AS n FROM a").get()?.["n"], 0);
});
