import assert from "node:assert/strict";
import { test } from "node:test";
import type { LlmCaps } from "@meshagent/llm-proxy-protocol/llm-caps";
import type { Principal } from "../exchange.ts";
import { sampleRouted } from "../sample-routed.ts";
import { everything, sampleBudget, sampleCovering } from "./hold-harness.ts";
import { isTokenCap, tokenCaps } from "./token-caps.ts";

const none: LlmCaps = {
  maxBudgetNanoUsd: null,
  maxBudgetPerDayNanoUsd: null,
  requestsPerMinute: null,
  tokensPerMinute: null,
  maxConcurrency: null,
};

function withCaps(caps: Partial<LlmCaps> | null, rest: Partial<Principal> = {}): Principal {
  const { principal } = sampleRouted();
  const llm = { models: null, ...(caps === null ? {} : { caps: { ...none, ...caps } }) };
  return { ...principal, grants: { ...principal.grants, llm }, ...rest };
}

test("each cap is a limit of the token alone: hard, of UTC, without tolerance", () => {
  const caps = tokenCaps(
    withCaps({ maxBudgetNanoUsd: 5, maxBudgetPerDayNanoUsd: 3, requestsPerMinute: 7, maxConcurrency: 2 }),
  );
  const common = { id: "token:project-1:jti-1", projectId: "project-1", scope: everything, createdAtMs: 0 };
  const budget = { ...common, kind: "budget", mode: "hard", timeZone: "UTC", toleranceNanoUsd: 0 };
  assert.deepEqual(caps, [
    { ...budget, amountNanoUsd: 5, period: "total", notifyAtPercent: [] },
    { ...budget, amountNanoUsd: 3, period: "day", notifyAtPercent: [] },
    {
      ...common,
      kind: "rate",
      requestsPerMinute: 7,
      inputTokensPerMinute: null,
      outputTokensPerMinute: null,
      tokensPerMinute: null,
      maxConcurrency: 2,
    },
  ]);
  assert.ok(caps.every(isTokenCap));
  const { budgets, rates } = sampleCovering(...caps);
  assert.ok(budgets.every(({ account }) => account.isBroughtAlong === true));
  assert.equal(new Set([...budgets, ...rates].map(({ account }) => account.key)).size, 3);
});

test("a token without caps, one whose caps are all empty, and an API key have none", () => {
  assert.deepEqual(tokenCaps(withCaps(null)), []);
  assert.deepEqual(tokenCaps(withCaps({})), []);
  assert.deepEqual(tokenCaps(withCaps({ maxConcurrency: 1 }, { tokenId: null })), []);
  const { principal } = sampleRouted();
  assert.deepEqual(tokenCaps({ ...principal, grants: { ...principal.grants, llm: null } }), []);
});

test("a cap of nothing is a cap", () => {
  const [budget] = tokenCaps(withCaps({ maxBudgetNanoUsd: 0 }));
  assert.equal(budget?.kind === "budget" && budget.amountNanoUsd, 0);
});

test("a limit that somebody set is no token's, and tokens of one identity in two projects are two", () => {
  assert.equal(isTokenCap(sampleBudget()), false);
  const [here] = tokenCaps(withCaps({ maxConcurrency: 1 }));
  const [there] = tokenCaps(withCaps({ maxConcurrency: 1 }, { projectId: "project-2" }));
  assert.notEqual(here?.id, there?.id);
});
