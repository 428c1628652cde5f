import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { test } from "node:test";
import { inTransaction, migrate, migrations } from "./schema.ts";

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
  ];
  migrate(database, steps.slice(0, 1));
  database.exec("INSERT INTO a (x) VALUES (7)");
  migrate(database, steps);
  assert.equal(version(database), 3);
  assert.deepEqual({ ...database.prepare("SELECT x, y FROM a").get() }, { x: 7, y: null });
});

test("a migration that fails leaves the version before it, whole", () => {
  const database = new DatabaseSync(":memory:");
  const steps = ["CREATE TABLE a (x INTEGER)", "CREATE TABLE b (x INTEGER); CREATE TABLE a (x INTEGER)"];
  assert.throws(() => migrate(database, steps), /already exists/);
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
