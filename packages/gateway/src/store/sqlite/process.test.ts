/** The lock and the ledger against real processes and real kills. */

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import type { ChildProcessByStdio } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Readable, Writable } from "node:stream";
import { test } from "node:test";
import type { TestContext } from "node:test";
import { fileURLToPath } from "node:url";
import type { Exchange, Store } from "../store.ts";
import { newMasterKey } from "../vault.ts";
import { openSqliteStore } from "./sqlite-store.ts";

const fixture = fileURLToPath(new URL("./store-process.fixture.ts", import.meta.url));
const masterKey = newMasterKey();
const KILLS = 20;

interface StoreProcess {
  readonly child: ChildProcessByStdio<Writable, Readable, null>;
  readonly lines: AsyncIterator<string>;
}

function startProcess(
  context: TestContext,
  mode: "hold" | "write",
  directory: string,
  bootId: string,
): StoreProcess {
  const child = spawn(process.execPath, [fixture, mode, directory, masterKey.reveal(), bootId], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  context.after(() => child.kill("SIGKILL"));
  return { child, lines: createInterface({ input: child.stdout })[Symbol.asyncIterator]() };
}

async function nextLine({ lines }: StoreProcess): Promise<string> {
  return (await lines.next()).value ?? "(ended)";
}

async function end({ child }: StoreProcess): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
}

function open(directory: string): Promise<Store> {
  return openSqliteStore({ directory, masterKey, clock: { now: () => Date.now() }, bootId: "boot_test" });
}

function temporaryDirectory(context: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), "store-"));
  context.after(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

test("a second process on the data directory is refused and told by whom", async (context) => {
  const directory = temporaryDirectory(context);
  const holder = startProcess(context, "hold", directory, "boot_a");
  assert.equal(await nextLine(holder), "open 0");
  const refusal = await nextLine(startProcess(context, "hold", directory, "boot_b"));
  assert.match(refusal, /^StoreLockedError: The data directory .* is in use by another gateway/);
  assert.match(refusal, new RegExp(`process ${holder.child.pid}, started 20.*Stop that one first`));
  await assert.rejects(open(directory), { name: "StoreLockedError" });
  // The refused ones took nothing from the holder.
  await assert.rejects(open(directory), { name: "StoreLockedError" });
  assert.match(readFileSync(join(directory, "lock.json"), "utf8"), /"boot_a"/);

  holder.child.stdin.end();
  assert.equal(await nextLine(holder), "closed");
  await end(holder);
  await (await open(directory)).close();
});

test("a refused open does not take the lock of its own process away", async (context) => {
  const directory = temporaryDirectory(context);
  const store = await open(directory);
  await assert.rejects(open(directory), { name: "StoreLockedError" });
  assert.match(await nextLine(startProcess(context, "hold", directory, "boot_b")), /^StoreLockedError/);
  await store.close();
});

test("the lock of a killed process is gone with it", async (context) => {
  const directory = temporaryDirectory(context);
  const holder = startProcess(context, "hold", directory, "boot_a");
  assert.equal(await nextLine(holder), "open 0");
  holder.child.kill("SIGKILL");
  await end(holder);
  await (await open(directory)).close();
});

test("of processes that start at once, one gets the data directory", async (context) => {
  const directory = temporaryDirectory(context);
  const starts = [1, 2, 3].map((index) => startProcess(context, "hold", directory, `boot_${index}`));
  const lines = await Promise.all(starts.map(nextLine));
  assert.equal(lines.filter((line) => line === "open 0").length, 1, lines.join("\n"));
  assert.equal(lines.filter((line) => line.startsWith("StoreLockedError")).length, 2, lines.join("\n"));
});

async function readLedger(store: Store): Promise<Map<string, Exchange>> {
  const found = new Map<string, Exchange>();
  let cursor: string | null = null;
  do {
    const limit = 1000;
    const page = await store.reports.exchanges(
      { projectId: "p1" },
      cursor === null ? { limit } : { limit, cursor },
    );
    for (const exchange of page.exchanges) {
      assert.equal(found.has(exchange.intent.id), false, "a row is there once");
      found.set(exchange.intent.id, exchange);
    }
    cursor = page.nextCursor;
  } while (cursor !== null);
  return found;
}

/** Reads what the process acknowledged until `count` lines, kills it, and reads what it said besides. */
async function killAfter(
  writer: StoreProcess,
  count: number,
): Promise<{ intents: Set<string>; results: Set<string> }> {
  const intents = new Set<string>();
  const results = new Set<string>();
  for (let read = 0; ; read++) {
    if (read === count) writer.child.kill("SIGKILL");
    const { value, done } = await writer.lines.next();
    if (done === true) break;
    if (value.startsWith("I ")) intents.add(value.slice(2));
    if (value.startsWith("R ")) results.add(value.slice(2));
  }
  await end(writer);
  assert.equal(writer.child.signalCode, "SIGKILL");
  return { intents, results };
}

test(`after ${KILLS} kills at random moments every acknowledged row is there once`, async (context) => {
  const directory = temporaryDirectory(context);
  const intents = new Set<string>();
  const results = new Set<string>();
  for (let round = 0; round < KILLS; round++) {
    const writer = startProcess(context, "write", directory, `boot_${round}`);
    assert.match(await nextLine(writer), /^open \d+$/);
    const said = await killAfter(writer, 1 + Math.floor(Math.random() * 1_500));
    for (const id of said.intents) intents.add(id);
    for (const id of said.results) results.add(id);
  }

  const store = await open(directory);
  context.after(() => store.close());
  const before = await readLedger(store);
  const running = [...before.values()].filter((exchange) => exchange.result === null).length;
  assert.equal(await store.ledger.interruptOrphans(Date.now()), running);
  const ledger = await readLedger(store);
  const missing = [...intents].filter((id) => !ledger.has(id));
  assert.deepEqual(missing, [], `of ${intents.size}`);
  const lost = [...results].filter((id) => ledger.get(id)?.result?.outcome !== "ok");
  assert.deepEqual(lost, [], `of ${results.size}`);
  assert.ok(intents.size > 1_000 && results.size > 1_000, "the processes did write");

  // Every row is in the report once: 1760 tokens each, as a result or as an estimate.
  const [sums] = await store.reports.usage({ projectId: "p1" }, []);
  assert.equal(sums?.requests, ledger.size);
  assert.equal(sums?.inputTokens, 1760 * ledger.size);
  const interrupted = [...ledger.values()].filter((exchange) => exchange.result?.outcome === "interrupted");
  assert.equal(sums?.inexactRequests, interrupted.length);
});
