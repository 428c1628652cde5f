/** A budget shared by real processes on one file, killed for real. */

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import type { BudgetDefinition } from "../../limit-definition.ts";
import { newMasterKey } from "../../vault.ts";
import { openSqliteStore } from "../sqlite-store.ts";
import { tester } from "../../conformance/store-under-test.ts";

const fixture = fileURLToPath(new URL("./spender.fixture.ts", import.meta.url));
const masterKey = newMasterKey();
/** As the fixture counts it. */
function budgetOf(projectId: string, id: string): BudgetDefinition {
  return {
    kind: "budget",
    id,
    projectId,
    scope: { room: null, participant: null, apiKeyId: null, sessionId: null, model: null },
    createdAtMs: 1,
    amountNanoUsd: id === "project" ? 40_000_000 : 30_000_000,
    toleranceNanoUsd: 0,
    period: "total",
    timeZone: "UTC",
    mode: "hard",
    notifyAtPercent: [10, 50, 90],
  };
}

const PROCESSES = 4;
const KILLS = 6;

test(`${PROCESSES} processes and ${KILLS} kills spend one budget to its end and not a nano-dollar over`, async (context) => {
  const directory = mkdtempSync(join(tmpdir(), "store-"));
  context.after(() => rmSync(directory, { recursive: true, force: true }));
  const books = join(directory, "books");
  writeFileSync(books, "");
  const keeper = await openSqliteStore({
    directory,
    masterKey,
    clock: { now: () => Date.now() },
    bootId: "boot_keeper",
    sharing: "keeper",
  });
  const project = await keeper.directory.as(tester).createProject("p");
  for (const id of ["project", "room"]) await keeper.directory.as(tester).setLimit(budgetOf(project.id, id));
  const alive = new Set<string>();
  let kills = 0;
  let boots = 0;

  /** Runs to the budget's end, or until it is killed after so many holds. */
  async function spender(): Promise<"spent" | "killed"> {
    const bootId = `boot_${boots++}`;
    alive.add(bootId);
    const child = spawn(process.execPath, [fixture, directory, masterKey.reveal(), bootId, books], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    context.after(() => child.kill("SIGKILL"));
    const exited = once(child, "exit");
    const killAfter = kills++ < KILLS ? 20 + Math.floor(Math.random() * 150) : Infinity;
    let held = 0;
    for await (const line of createInterface({ input: child.stdout })) {
      if (line === "held" && ++held === killAfter) child.kill("SIGKILL");
    }
    await exited;
    alive.delete(bootId);
    await keeper.ledger.interruptOrphans(Date.now(), (boot) => alive.has(boot));
    if (child.signalCode === "SIGKILL") return "killed";
    assert.equal(child.exitCode, 0);
    return "spent";
  }

  async function lane(): Promise<void> {
    while ((await spender()) === "killed");
  }

  await Promise.all(Array.from({ length: PROCESSES }, lane));
  const billed = readFileSync(books, "utf8")
    .trim()
    .split("\n")
    .reduce((sum, line) => sum + Number(line.split(" ")[1]), 0);
  for (const [key, amount] of [
    ["room", 30_000_000],
    ["project", 40_000_000],
  ] as const) {
    const account = await keeper.limits.budgetAccount(key);
    assert.ok(account !== null);
    assert.ok(billed <= amount, `the provider bills ${billed} of ${amount}`);
    assert.ok(account.spentNanoUsd >= billed, "nothing that is billed is not charged");
    assert.ok(account.spentNanoUsd <= amount);
    assert.equal(account.heldNanoUsd, 0, "nothing runs, so nothing is held");
    const told = (await keeper.notices.listOf(key, 100)).map(({ percent }) => percent);
    const reached = [10, 50, 90].filter((percent) => account.spentNanoUsd * 100 >= amount * percent);
    assert.deepEqual(
      told.toSorted((a, b) => a - b),
      reached,
      `${key}: each percentage that was reached was told once`,
    );
    assert.ok(reached.length >= 2, key);
  }
  const room = await keeper.limits.budgetAccount("room");
  assert.ok(room !== null && room.freeNanoUsd < 40_000, "it was spent until no request fitted");
  assert.ok(kills >= KILLS);
  await keeper.close();
});
