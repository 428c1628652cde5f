/** The promises of the definitions of limits as tests. */

import assert from "node:assert/strict";
import { test } from "node:test";
import type { BudgetDefinition, RateDefinition } from "../limit-definition.ts";
import type { DirectoryChange } from "../store.ts";
import { sampleIntent } from "./sample-exchanges.ts";
import { tester, withStore } from "./store-under-test.ts";
import type { OpenStore } from "./store-under-test.ts";

const everything = { room: null, participant: null, apiKeyId: null, sessionId: null, model: null } as const;

function sampleBudget(projectId: string, rest: Partial<BudgetDefinition> = {}): BudgetDefinition {
  return {
    kind: "budget",
    id: "b1",
    projectId,
    name: "Team Lab",
    scope: { ...everything, room: "my-room", participant: "*" },
    createdAtMs: 5,
    amountNanoUsd: 10_000_000_000,
    toleranceNanoUsd: 1,
    period: "month",
    timeZone: "Europe/Berlin",
    mode: "hard",
    notifyAtPercent: [50, 90],
    ...rest,
  };
}

function sampleRate(projectId: string): RateDefinition {
  return {
    kind: "rate",
    id: "r1",
    projectId,
    scope: { ...everything, model: "openai/*" },
    createdAtMs: 4,
    requestsPerMinute: 60,
    inputTokensPerMinute: null,
    outputTokensPerMinute: null,
    tokensPerMinute: 1_000_000,
    maxConcurrency: 8,
  };
}

export function limitDefinitionsConformance(name: string, open: OpenStore): void {
  test(`${name} directory: limits come back as they were set, oldest first, also after a restart`, () =>
    withStore(open, async (under) => {
      const { id } = await under.store.directory.as(tester).createProject("p");
      const other = await under.store.directory.as(tester).createProject("other");
      await under.store.directory.as(tester).setLimit(sampleBudget(id));
      await under.store.directory.as(tester).setLimit(sampleRate(id));
      const { directory } = (await under.reopen()).store;
      assert.deepEqual(await directory.listLimits(id), [sampleRate(id), sampleBudget(id)]);
      assert.deepEqual(await directory.listLimits(other.id), []);
    }));

  test(`${name} directory: a limit is replaced and removed in its own project alone, and each change is told`, () =>
    withStore(open, async ({ store }) => {
      const { directory } = store;
      const { id } = await directory.as(tester).createProject("p");
      const other = await directory.as(tester).createProject("other");
      const told: DirectoryChange[] = [];
      directory.onChange((change) => told.push(change));
      await directory.as(tester).setLimit(sampleBudget(id));
      await directory.as(tester).setLimit(sampleBudget(id, { amountNanoUsd: 7, createdAtMs: 99 }));
      await directory.as(tester).setLimit(sampleBudget(other.id, { amountNanoUsd: 1 }));
      assert.deepEqual(await directory.listLimits(id), [sampleBudget(id, { amountNanoUsd: 7 })]);
      assert.equal(await directory.as(tester).removeLimit(other.id, "b1"), false);
      assert.equal(await directory.as(tester).removeLimit(id, "b1"), true);
      assert.equal(await directory.as(tester).removeLimit(id, "b1"), false);
      assert.deepEqual(await directory.listLimits(id), []);
      const own = told.filter(({ projectId }) => projectId === id);
      assert.deepEqual(own, Array(3).fill({ kind: "limit", projectId: id, id: "b1" }));
    }));

  test(`${name} directory: a new amount of a budget holds for its accounts at once`, () =>
    withStore(open, async ({ store, bootId }) => {
      const { id } = await store.directory.as(tester).createProject("p");
      await store.directory
        .as(tester)
        .setLimit(sampleBudget(id, { amountNanoUsd: 100, toleranceNanoUsd: 0 }));
      const account = {
        kind: "budget",
        key: "b1|2026-11|",
        limitId: "b1",
        amountNanoUsd: 100,
        toleranceNanoUsd: 0,
        spentBeforeNanoUsd: 0,
        isEnforced: true,
      } as const;
      const shares = [{ account, amount: 80 }];
      assert.equal(
        (await store.limits.reserve({ intent: sampleIntent({ id: "ex_1", bootId }), nowMs: 0, shares })).kind,
        "held",
      );
      await store.directory
        .as(tester)
        .setLimit(sampleBudget(id, { amountNanoUsd: 170, toleranceNanoUsd: 0 }));
      assert.equal(
        (await store.limits.reserve({ intent: sampleIntent({ id: "ex_2", bootId }), nowMs: 0, shares })).kind,
        "held",
      );
      await store.directory.as(tester).setLimit(sampleBudget(id, { amountNanoUsd: 10, toleranceNanoUsd: 3 }));
      assert.equal((await store.limits.budgetAccount("b1|2026-11|"))?.freeNanoUsd, 10 + 3 - 160);
    }));
}
