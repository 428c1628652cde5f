/** What keeps the audit log on SQLite as it was written, and what finds it where that was not enough. */

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { createInterface } from "node:readline";
import { test } from "node:test";
import type { TestContext } from "node:test";
import { fileURLToPath } from "node:url";
import type { AuditEntry } from "../audit.ts";
import { tester } from "../conformance/store-under-test.ts";
import type { Store } from "../store.ts";
import { newMasterKey } from "../vault.ts";
import { openSqliteStore } from "./sqlite-store.ts";
import type { SqliteStoreOptions } from "./sqlite-store.ts";

const masterKey = newMasterKey();

function temporaryDirectory(context: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), "audit-"));
  context.after(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

function open(directory: string, options: Partial<SqliteStoreOptions> = {}): Promise<Store> {
  return openSqliteStore({ directory, masterKey, clock: { now: () => 1_000 }, bootId: "boot_1", ...options });
}

/** A store with six entries, and an operator's own shell on its file. */
async function filled(context: TestContext): Promise<{
  readonly store: Store;
  readonly shell: DatabaseSync;
  readonly directory: string;
  readonly projectId: string;
  readonly alarms: string[];
}> {
  const directory = temporaryDirectory(context);
  const alarms: string[] = [];
  const store = await open(directory, { onAlarm: (message) => alarms.push(message) });
  context.after(() => store.close());
  const write = store.directory.as(tester);
  const { id: projectId } = await write.createProject("p");
  for (const room of ["a", "b", "c", "d"]) await write.createRoom(projectId, room);
  const shell = new DatabaseSync(join(directory, "meshagent.db"));
  context.after(() => shell.close());
  assert.equal((await store.audit.verify()).broken, null);
  return { store, shell, directory, projectId, alarms };
}

/** As somebody does who can write the file and has no key. */
function withoutTriggers(shell: DatabaseSync, work: () => void): void {
  const triggers = shell.prepare("SELECT name, sql FROM sqlite_schema WHERE type = 'trigger'").all();
  assert.equal(triggers.length, 6);
  for (const { name } of triggers) shell.exec(`DROP TRIGGER ${String(name)}`);
  work();
  for (const { sql } of triggers) shell.exec(String(sql));
}

const tampered = "The audit log was tampered with: its end is not where it should be.";

const COLUMNS =
  "at, project_id, action, author_kind, author_id, address, user_agent, request_id, target_kind, target_id, target_name, before, after, mac";

test("SQL changes, replaces and deletes no entry, whatever the connection has set", async (context) => {
  const { store, shell } = await filled(context);
  const before = await store.audit.list({}, { limit: 100 });
  for (const recursive of ["ON", "OFF"]) {
    shell.exec(`PRAGMA recursive_triggers = ${recursive}`);
    for (const statement of [
      "UPDATE audit SET action = 'x' WHERE seq = 3",
      "UPDATE audit SET seq = 99 WHERE seq = 6",
      "UPDATE OR REPLACE audit SET seq = 2 WHERE seq = 3",
      "UPDATE OR IGNORE audit SET action = 'x'",
      "DELETE FROM audit",
      "DELETE FROM audit WHERE seq = 6",
      `INSERT OR REPLACE INTO audit (seq, ${COLUMNS}) SELECT seq, ${COLUMNS} FROM audit WHERE seq = 6`,
      `REPLACE INTO audit (seq, ${COLUMNS}) SELECT 3, ${COLUMNS} FROM audit WHERE seq = 6`,
      `INSERT INTO audit (seq, ${COLUMNS}) SELECT seq, ${COLUMNS} FROM audit WHERE seq = 6
        ON CONFLICT (seq) DO UPDATE SET action = 'x'`,
      `INSERT INTO audit (seq, ${COLUMNS}) SELECT 0, ${COLUMNS} FROM audit WHERE seq = 6`,
      "UPDATE audit_head SET seq = 3",
      "UPDATE audit_head SET mac = x'00'",
      "DELETE FROM audit_head",
      "REPLACE INTO audit_head SELECT * FROM audit_head",
      "INSERT INTO audit_head SELECT 2, seq, mac, seal FROM audit_head",
    ]) {
      assert.throws(() => shell.exec(statement), /the audit log|CHECK constraint/, statement);
    }
  }
  assert.deepEqual(await store.audit.list({}, { limit: 100 }), before);
  assert.deepEqual(await store.audit.verify(), {
    entries: 6,
    head: { seq: 6, mac: before[0]?.mac },
    broken: null,
  });
});

test("any column of an entry that was changed by other means is found, and so is an entry of somebody's own", async (context) => {
  const { store, shell } = await filled(context);
  const names = ["seq", ...COLUMNS.split(", ")];
  for (const name of names.slice(1)) {
    const [{ value } = { value: null }] = shell
      .prepare(`SELECT ${name} AS value FROM audit WHERE seq = 4`)
      .all();
    const other = name === "at" ? 2 ** 60 : name === "mac" ? new Uint8Array(32) : "another";
    withoutTriggers(shell, () => shell.prepare(`UPDATE audit SET ${name} = ? WHERE seq = 4`).run(other));
    const { broken, entries } = await store.audit.verify();
    assert.deepEqual([entries, broken], [3, { seq: 4, reason: "changed" }], name);
    withoutTriggers(shell, () =>
      shell.prepare(`UPDATE audit SET ${name} = ? WHERE seq = 4`).run(value ?? null),
    );
    assert.equal((await store.audit.verify()).broken, null);
  }
  // One that was there, told once more at the end.
  shell.exec(`INSERT INTO audit (seq, ${COLUMNS}) SELECT 7, ${COLUMNS} FROM audit WHERE seq = 6`);
  assert.deepEqual((await store.audit.verify()).broken, { seq: 7, reason: "changed" });
});

test("two entries that changed places, and one that is gone, are found", async (context) => {
  const { store, shell } = await filled(context);
  withoutTriggers(shell, () =>
    shell.exec(`
      UPDATE audit SET seq = 99 WHERE seq = 3;
      UPDATE audit SET seq = 3 WHERE seq = 4;
      UPDATE audit SET seq = 4 WHERE seq = 99;
    `),
  );
  assert.deepEqual((await store.audit.verify()).broken, { seq: 3, reason: "changed" });
  withoutTriggers(shell, () => shell.exec("DELETE FROM audit WHERE seq IN (3, 4)"));
  assert.deepEqual((await store.audit.verify()).broken, { seq: 3, reason: "missing" });
});

test("an end that was cut off is found, and stays so when the log goes on", async (context) => {
  const { store, shell, projectId, alarms } = await filled(context);
  withoutTriggers(shell, () => shell.exec("DELETE FROM audit WHERE seq > 4"));
  assert.deepEqual((await store.audit.verify()).broken, { seq: 5, reason: "cut" });
  await store.directory.as(tester).createRoom(projectId, "later");
  assert.deepEqual((await store.audit.verify()).broken, { seq: 5, reason: "missing" });
  assert.deepEqual(alarms, [tampered]);
});

test("an end that nobody sealed is found, and what comes after never fits", async (context) => {
  const { store, shell, projectId, alarms } = await filled(context);
  withoutTriggers(shell, () =>
    shell.exec(`
      DELETE FROM audit WHERE seq > 4;
      UPDATE audit_head SET seq = 4, mac = (SELECT mac FROM audit WHERE seq = 4);
    `),
  );
  assert.deepEqual((await store.audit.verify()).broken, { seq: 5, reason: "cut" });
  // Nobody is locked out for it.
  await store.directory.as(tester).createRoom(projectId, "later");
  assert.deepEqual((await store.audit.verify()).broken, { seq: 5, reason: "changed" });
  assert.deepEqual(alarms, [tampered]);
  await store.directory.as(tester).createRoom(projectId, "still later");
  assert.deepEqual((await store.audit.verify()).broken, { seq: 5, reason: "changed" });
  assert.equal(alarms.length, 1);
});

test("a log without its end is found, and so is one of which nothing is left", async (context) => {
  const { store, shell } = await filled(context);
  withoutTriggers(shell, () => shell.exec("DELETE FROM audit_head"));
  assert.deepEqual((await store.audit.verify()).broken, { seq: 7, reason: "cut" });
  withoutTriggers(shell, () => shell.exec("DELETE FROM audit"));
  assert.deepEqual((await store.audit.verify()).broken, { seq: 1, reason: "cut" });
});

test("an older end, with its seal, is found by what was noted outside of the file alone", async (context) => {
  const { store, shell, projectId } = await filled(context);
  const copy = shell.prepare("SELECT * FROM audit_head").get();
  assert.ok(copy !== undefined);
  await store.directory.as(tester).deleteRoom(projectId, "a");
  const { head } = await store.audit.verify();
  assert.ok(head !== null);
  withoutTriggers(shell, () => {
    shell.exec("DELETE FROM audit WHERE seq > 6");
    shell
      .prepare("UPDATE audit_head SET seq = ?, mac = ?, seal = ?")
      .run(copy["seq"] ?? null, copy["mac"] ?? null, copy["seal"] ?? null);
  });
  assert.equal((await store.audit.verify()).broken, null, "what the codes in the file cannot show");
  assert.deepEqual((await store.audit.verify(head)).broken, { seq: 7, reason: "not_as_noted" });
});

test("a change whose entry cannot be written is not made, and tells nobody", async (context) => {
  const { store, shell, projectId } = await filled(context);
  const told: unknown[] = [];
  store.directory.onChange((change) => told.push(change));
  shell.exec("CREATE TRIGGER full BEFORE INSERT ON audit BEGIN SELECT RAISE(ABORT, 'no room'); END");
  const write = store.directory.as(tester);
  await assert.rejects(write.createRoom(projectId, "e"), /no room/);
  await assert.rejects(write.deleteRoom(projectId, "a"), /no room/);
  await assert.rejects(write.createProject("q"), /no room/);
  await assert.rejects(
    write.setProvider({
      projectId,
      name: "openai",
      apiKey: null,
      baseUrl: null,
      passing: {},
      updatedAtMs: 1,
    }),
    /no room/,
  );
  shell.exec("DROP TRIGGER full");
  const rooms = await store.directory.listRooms(projectId);
  assert.deepEqual(
    rooms.map(({ name }) => name),
    ["a", "b", "c", "d"],
  );
  assert.equal((await store.directory.listProjects()).length, 1);
  assert.equal(await store.directory.wasProviderEverConfigured(), false);
  assert.deepEqual(told, []);
  assert.equal((await store.audit.verify()).entries, 6);
});

test("a log that was tampered with is shown all the same", async (context) => {
  const { store, shell } = await filled(context);
  withoutTriggers(shell, () => shell.exec("UPDATE audit SET after = '{' WHERE seq = 6"));
  const [entry] = await store.audit.list({}, { limit: 1 });
  assert.deepEqual(entry?.after, { unreadable: true });
});

test("a list of one project reads that project's entries alone", async (context) => {
  const { shell } = await filled(context);
  const plan = shell
    .prepare("EXPLAIN QUERY PLAN SELECT * FROM audit WHERE TRUE AND project_id = ? ORDER BY seq DESC LIMIT ?")
    .all("p", 1);
  assert.match(JSON.stringify(plan), /USING INDEX audit_of_project/);
  assert.doesNotMatch(JSON.stringify(plan), /TEMP B-TREE/);
});

const PROCESSES = 3;
const KILLS = 6;

test(`${PROCESSES} processes and ${KILLS} kills make one chain, and every change has its entry`, async (context) => {
  const directory = temporaryDirectory(context);
  const keeper = await open(directory, { sharing: "keeper" });
  const { id: projectId } = await keeper.directory.as(tester).createProject("p");
  const fixture = fileURLToPath(new URL("./room-maker.fixture.ts", import.meta.url));
  let boots = 0;
  const run = async (killAfter: number): Promise<void> => {
    const bootId = `boot_m${boots++}`;
    const child = spawn(process.execPath, [fixture, directory, masterKey.reveal(), bootId, projectId], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    context.after(() => child.kill("SIGKILL"));
    const exited = once(child, "exit");
    let made = 0;
    for await (const _ of createInterface({ input: child.stdout })) {
      if (++made === killAfter) child.kill("SIGKILL");
    }
    await exited;
    if (killAfter === Infinity) assert.equal(child.exitCode, 0);
    else assert.equal(child.signalCode, "SIGKILL");
  };
  const lane = async (): Promise<void> => {
    for (let kill = 0; kill < KILLS / PROCESSES; kill++) await run(5 + Math.floor(Math.random() * 40));
    await run(Infinity);
  };
  await Promise.all(Array.from({ length: PROCESSES }, lane));
  const { broken, entries, head } = await keeper.audit.verify();
  assert.equal(broken, null);
  assert.equal(head?.seq, entries);
  const told: AuditEntry[] = [];
  for (let page: readonly AuditEntry[] = []; ;) {
    const beforeSeq = page.at(-1)?.seq ?? Number.MAX_SAFE_INTEGER;
    page = await keeper.audit.list({ action: "room.create" }, { limit: 100, beforeSeq });
    if (page.length === 0) break;
    told.push(...page);
  }
  const rooms = await keeper.directory.listRooms(projectId);
  assert.ok(rooms.length >= 60 * PROCESSES);
  assert.deepEqual(
    told.map(({ target }) => target.name ?? "").toSorted(),
    rooms.map(({ name }) => name).toSorted(),
  );
  await keeper.close();
});
