/** What the counters in memory do when a transaction does not come to its end. */

import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { test, type TestContext } from "node:test";
import type { BudgetAccount } from "../../limits.ts";
import { migrate } from "../schema.ts";
import { WriteQueue } from "../write-queue.ts";
import { Counters } from "./counters.ts";
import { SqliteLimits } from "./sqlite-limits.ts";

const account: BudgetAccount = {
  kind: "budget",
  key: "b",
  limitId: "b",
  amountNanoUsd: 1_000,
  toleranceNanoUsd: 0,
  spentBeforeNanoUsd: 0,
  isEnforced: true,
};

function open(context: TestContext): {
  database: DatabaseSync;
  other: DatabaseSync;
  queue: WriteQueue;
  limits: SqliteLimits;
} {
  const directory = mkdtempSync(join(tmpdir(), "counters-"));
  context.after(() => rmSync(directory, { recursive: true, force: true }));
  const file = join(directory, "test.db");
  const database = new DatabaseSync(file, { timeout: 20 });
  migrate(database);
  database.exec("PRAGMA journal_mode = WAL");
  const counters = new Counters({ database, isShared: false });
  const queue = new WriteQueue(database, { busyTimeoutMs: 20, parts: [counters] });
  const limits = new SqliteLimits({ database, queue, counters, clock: { now: () => 1 } });
  return { database, other: new DatabaseSync(file), queue, limits };
}

const reserve = (limits: SqliteLimits, id: string, amount: number): ReturnType<SqliteLimits["reserve"]> =>
  limits.reserve({ id, bootId: "boot", nowMs: 1, shares: [{ account, amount }] });

test("a transaction that could not begin takes nothing back of the one before it", async (context) => {
  const { other, limits } = open(context);
  await reserve(limits, "ex_0", 100);
  await reserve(limits, "ex_1", 600);
  other.exec("BEGIN IMMEDIATE");
  await assert.rejects(reserve(limits, "ex_2", 300), /locked/);
  other.exec("COMMIT");
  assert.equal((await limits.budgetAccount("b"))?.heldNanoUsd, 700);
  assert.equal((await reserve(limits, "ex_3", 400)).kind, "refused");
});

test("a transaction that fails takes back what it took, and no more", async (context) => {
  const { queue, limits } = open(context);
  await reserve(limits, "ex_1", 600);
  const failing = queue.enqueue(() => {
    throw new Error("this write is broken");
  });
  const held = reserve(limits, "ex_2", 300);
  await assert.rejects(failing, /broken/);
  assert.equal((await held).kind, "held", "its neighbour is written by itself");
  assert.equal((await limits.budgetAccount("b"))?.heldNanoUsd, 900);
  assert.throws(() =>
    queue.runNow(() => {
      limits.settle("ex_1", { chargeNanoUsd: 1, used: {} });
      throw new Error("no");
    }),
  );
  assert.equal((await limits.budgetAccount("b"))?.heldNanoUsd, 900);
  queue.runNow(() => limits.settle("ex_1", { chargeNanoUsd: 1, used: {} }));
  const { heldNanoUsd, spentNanoUsd } = (await limits.budgetAccount("b")) ?? {};
  assert.deepEqual([heldNanoUsd, spentNanoUsd], [300, 1]);
});
