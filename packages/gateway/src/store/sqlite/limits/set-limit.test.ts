/** A budget's definition and what its accounts go by are changed together, or not at all. */

import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { test } from "node:test";
import { sampleBudget } from "../../conformance/sample-budget.ts";
import { sampleIntent } from "../../conformance/sample-exchanges.ts";
import { tester } from "../../conformance/store-under-test.ts";
import { newMasterKey } from "../../vault.ts";
import { databaseFileIn, openSqliteStore } from "../sqlite-store.ts";

test("an amount that the accounts cannot take is not the definition's either", async (context) => {
  const directory = mkdtempSync(join(tmpdir(), "set-limit-"));
  context.after(() => rmSync(directory, { recursive: true, force: true }));
  const store = await openSqliteStore({
    directory,
    masterKey: newMasterKey(),
    clock: { now: () => 1_000 },
    bootId: "boot_1",
  });
  context.after(() => store.close());
  const { id: projectId } = await store.directory.as(tester).createProject("p");
  const amounts = async (): Promise<readonly (number | null | undefined)[]> => {
    const [limit] = await store.directory.listLimits(projectId);
    const account = await store.limits.budgetAccount("b");
    return [limit?.kind === "budget" ? limit.amountNanoUsd : null, account?.amountNanoUsd];
  };
  await store.directory.as(tester).setLimit(sampleBudget({ id: "b", projectId, amountNanoUsd: 1000 }));
  await store.limits.reserve({
    intent: sampleIntent({ id: "ex_1", bootId: "boot_1" }),
    nowMs: 1,
    shares: [
      {
        amount: 10,
        account: {
          kind: "budget",
          key: "b",
          limitId: "b",
          amountNanoUsd: 1000,
          toleranceNanoUsd: 0,
          spentBeforeNanoUsd: 0,
          isEnforced: true,
        },
      },
    ],
  });
  assert.deepEqual(await amounts(), [1000, 1000]);

  const shell = new DatabaseSync(databaseFileIn(directory));
  context.after(() => shell.close());
  shell.exec("CREATE TRIGGER no BEFORE UPDATE ON budget_accounts BEGIN SELECT RAISE(ABORT, 'no'); END");
  await assert.rejects(
    store.directory.as(tester).setLimit(sampleBudget({ id: "b", projectId, amountNanoUsd: 500 })),
    /no/,
  );
  assert.deepEqual(await amounts(), [1000, 1000]);

  shell.exec("DROP TRIGGER no");
  await store.directory.as(tester).setLimit(sampleBudget({ id: "b", projectId, amountNanoUsd: 500 }));
  assert.deepEqual(await amounts(), [500, 500]);
});
