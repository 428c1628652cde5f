/** What the counters in memory do when a transaction does not come to its end. */

import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { test, type TestContext } from "node:test";
import type { BudgetAccount } from "../../limits.ts";
import { sampleIntent } from "../../conformance/sample-exchanges.ts";
import { IntentRows } from "../intent-rows.ts";
import { Names } from "../names.ts";
import { migrate } from "../schema.ts";
import { type TransactionPart, WriteQueue } from "../write-queue.ts";
import { Counters, type CountersOptions } from "./counters.ts";
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

function open(
  context: TestContext,
  { onCrossed, parts = [] }: Pick<CountersOptions, "onCrossed"> & { parts?: TransactionPart[] } = {},
): {
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
  const counters = new Counters({
    database,
    isShared: false,
    ...(onCrossed === undefined ? {} : { onCrossed }),
  });
  const queue = new WriteQueue(database, { busyTimeoutMs: 20, parts: [counters, ...parts] });
  const intents = new IntentRows(database, new Names(database));
  const limits = new SqliteLimits({ database, queue, counters, intents, clock: { now: () => 1 } });
  return { database, other: new DatabaseSync(file), queue, limits };
}

const reserve = (limits: SqliteLimits, id: string, amount: number): ReturnType<SqliteLimits["reserve"]> =>
  limits.reserve({ intent: sampleIntent({ id, bootId: "boot" }), nowMs: 1, shares: [{ account, amount }] });

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

test("a percentage that a failed transaction reached is told by the one that commits", async (context) => {
  const crossed: string[] = [];
  let isFull = false;
  const { limits, queue } = open(context, {
    onCrossed: ({ spent }, percents) => crossed.push(`${percents.join(" ")} at ${spent}`),
    parts: [
      {
        beforeCommit: () => {
          if (isFull) throw new Error("the disk is full");
        },
        rolledBack: () => {},
      },
    ],
  });
  const told = { ...account, notifyAtPercent: [50, 80] };
  const shares = [{ account: told, amount: 900 }];
  await limits.reserve({ intent: sampleIntent({ id: "ex_1", bootId: "boot" }), nowMs: 1, shares });
  assert.deepEqual(crossed, []);
  const settle = (chargeNanoUsd: number): void =>
    queue.runNow(() => limits.keepCharge("ex_1", limits.settle("ex_1", { chargeNanoUsd, used: {} }) ?? 0));
  isFull = true;
  assert.throws(() => settle(500), /disk is full/);
  isFull = false;
  settle(500);
  assert.deepEqual(crossed, ["50 at 500", "50 at 500"], "once each time, and once committed");
  settle(799);
  assert.equal(crossed.length, 2, "nothing is looked for between two percentages");
});

test("an account of an older version tells from its next request on, what it has spent included", async (context) => {
  const crossed: string[] = [];
  const { database, limits } = open(context, {
    onCrossed: (_, percents) => crossed.push(percents.join(" ")),
  });
  database.exec(
    "INSERT INTO budget_accounts (key, limit_id, amount, tolerance, spent, held, leased) VALUES ('b', 'b', 1000, 0, 600, 0, 0)",
  );
  const terms = { amountNanoUsd: 1_000, toleranceNanoUsd: 0, notifyAtPercent: [50, 80] };
  limits.inTransaction((setTerms) => setTerms("b", terms));
  assert.deepEqual(crossed, [], "nobody knows whether its period has ended");
  const told = { ...account, notifyAtPercent: [50, 80], resetsAtMs: 9 };
  await limits.reserve({
    intent: sampleIntent({ id: "ex_1", bootId: "boot" }),
    nowMs: 1,
    shares: [{ account: told, amount: 1 }],
  });
  assert.deepEqual(crossed, ["50"]);
  assert.deepEqual(
    { ...database.prepare("SELECT notify_at, ends_at FROM budget_accounts").get() },
    { notify_at: "[50,80]", ends_at: 9 },
  );
});
