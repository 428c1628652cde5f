import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { sampleRouted } from "../sample-routed.ts";
import type { BudgetDefinition } from "../store/limit-definition.ts";
import type { DirectoryChange } from "../store/store.ts";
import { coveringLimits } from "./accounts.ts";
import { createLimitDefinitions, type LimitDefinitionsOptions } from "./definitions.ts";
import { Calendar } from "./period.ts";

const { principal } = sampleRouted();
const { projectId } = principal;
const budget: BudgetDefinition = {
  kind: "budget",
  id: "b",
  projectId,
  scope: { room: null, participant: null, apiKeyId: null, sessionId: null, model: null },
  createdAtMs: 0,
  amountNanoUsd: 1_000,
  toleranceNanoUsd: 0,
  period: "month",
  timeZone: "UTC",
  mode: "hard",
  notifyAtPercent: [],
};

function definitionsOf(rest: Partial<LimitDefinitionsOptions> = {}): {
  readonly definitions: ReturnType<typeof createLimitDefinitions>;
  readonly change: (change: DirectoryChange) => void;
} {
  let change: (change: DirectoryChange) => void = () => {};
  const definitions = createLimitDefinitions({
    directory: {
      listLimits: async () => [budget],
      onChange: (listener) => {
        change = listener;
        return () => {};
      },
    },
    limits: { peekBudgets: (keys) => keys.map(() => null) },
    reports: { usage: async () => [] },
    ...rest,
  });
  return { definitions, change: (told) => change(told) };
}

const covering = coveringLimits(
  [budget],
  { principal, sessionId: null, model: "openai/gpt-5.5" },
  { nowMs: Date.UTC(2026, 10, 25), calendar: new Calendar() },
);

describe("limit definitions", () => {
  it("an account begins with what its period has cost, however often it is asked for before it is there", async () => {
    let reads = 0;
    const row = { costNanoUsd: 40n, isSimulated: false, key: ["openai", "gpt-5.5"] };
    const { definitions } = definitionsOf({
      reports: {
        usage: async () => {
          reads += 1;
          return [row, { ...row, isSimulated: true }] as never;
        },
      },
    });
    for (let count = 0; count < 3; count++) {
      const seeded = await definitions.seeded(projectId, covering);
      assert.equal(seeded.budgets[0]?.account.spentBeforeNanoUsd, 40);
    }
    assert.equal(reads, 1);
  });

  it("count the changes of limits and projects, and of nothing else", () => {
    const { definitions, change } = definitionsOf();
    assert.equal(definitions.changes, 0);
    change({ kind: "limit", projectId, id: "b" });
    change({ kind: "project", projectId, id: projectId });
    change({ kind: "room", projectId, id: "r" });
    assert.equal(definitions.changes, 2);
  });
});
