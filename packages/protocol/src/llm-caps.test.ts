import assert from "node:assert/strict";
import { test } from "node:test";
import { parseGrants } from "./grants.ts";
import { type CapName, describeCaps, type LlmCaps, parseCaps, toCapScope } from "./llm-caps.ts";
import { TokenError } from "./token-error.ts";

const none: LlmCaps = {
  maxBudgetNanoUsd: null,
  maxBudgetPerDayNanoUsd: null,
  requestsPerMinute: null,
  tokensPerMinute: null,
  maxConcurrency: null,
};

const llmOf = (llm: unknown): unknown =>
  parseGrants([
    { name: "room", scope: "r" },
    { name: "api", scope: { llm } },
  ]).llm;

test("caps are read beside the models; without any there is no member", () => {
  assert.deepEqual(llmOf({}), { models: null });
  assert.deepEqual(
    llmOf({
      models: ["a/*"],
      max_budget: "10",
      max_budget_per_day: 0.5,
      requests_per_minute: 60,
      tokens_per_minute: 100_000,
      max_concurrency: 4,
    }),
    {
      models: ["a/*"],
      caps: {
        maxBudgetNanoUsd: 10_000_000_000,
        maxBudgetPerDayNanoUsd: 500_000_000,
        requestsPerMinute: 60,
        tokensPerMinute: 100_000,
        maxConcurrency: 4,
      },
    },
  );
  assert.deepEqual(llmOf({ max_budget: 0 }), { models: null, caps: { ...none, maxBudgetNanoUsd: 0 } });
});

const amounts = [
  null,
  undefined,
  "",
  "-1",
  -1,
  "1e3",
  "ten",
  "$10",
  "0.0000000001",
  1e-10,
  5_000_000,
  true,
  [],
  {},
];
const counts = [null, undefined, 0, -1, 1.5, "60", 1e12, Infinity, true, [], {}];
const malformed: [CapName, readonly unknown[], RegExp][] = [
  ["max_budget", amounts, /`llm\.max_budget` in the token's `api` grant is no amount in USD/],
  ["max_budget_per_day", amounts, /`llm\.max_budget_per_day` .* is no amount in USD/],
  ["requests_per_minute", counts, /`llm\.requests_per_minute` .* is no whole number from 1/],
  ["tokens_per_minute", counts, /`llm\.tokens_per_minute` .* is no whole number from 1/],
  ["max_concurrency", counts, /`llm\.max_concurrency` .* is no whole number from 1/],
];
for (const [name, values, message] of malformed) {
  test(`a ${name} that cannot be read is refused, and is never no cap`, () => {
    for (const value of values) {
      assert.throws(
        () => llmOf({ [name]: value }),
        (error) => {
          assert(error instanceof TokenError, String(value));
          assert.equal(error.code, "malformed");
          assert.match(error.message, message);
          return true;
        },
      );
    }
  });
}

test("a cap by a name that this version does not know is refused", () => {
  for (const name of ["max_budget_usd", "maxBudget", "max_budget_per_week", "rpm", "MAX_BUDGET"]) {
    assert.throws(
      () => llmOf({ max_budget: "1", [name]: 1 }),
      /a member ".*"; those that there are are `models`/,
    );
  }
});

test("every problem is told by its name", () => {
  const told: string[] = [];
  const caps = parseCaps({ max_budget: "x", max_concurrency: 0, tokens_per_minute: 7 }, (name) =>
    told.push(name),
  );
  assert.deepEqual(told, ["max_budget", "max_concurrency"]);
  assert.deepEqual(caps, { ...none, tokensPerMinute: 7 });
});

test("caps are written as the shortest texts and read back as what they were", () => {
  const caps: LlmCaps = {
    ...none,
    maxBudgetNanoUsd: 1_500_000_000,
    maxBudgetPerDayNanoUsd: 1,
    maxConcurrency: 2,
  };
  const scope = toCapScope(caps);
  assert.deepEqual(scope, { max_budget: "1.5", max_budget_per_day: "0.000000001", max_concurrency: 2 });
  assert.deepEqual(llmOf(scope), { models: null, caps });
  assert.deepEqual(toCapScope(undefined), {});
});

test("caps are said in words", () => {
  assert.deepEqual(describeCaps({ ...none, maxBudgetNanoUsd: 10_000_000_000, requestsPerMinute: 60 }), [
    "at most $10 over its whole life",
    "at most 60 requests a minute",
  ]);
  assert.deepEqual(describeCaps(undefined), []);
});
