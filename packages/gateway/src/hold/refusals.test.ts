import assert from "node:assert/strict";
import { test } from "node:test";
import type { GatewayError } from "../errors.ts";
import { sampleNowMs } from "../sample-routed.ts";
import type { BudgetDefinition } from "../store/limit-definition.ts";
import type { BudgetState, HoldReply } from "../store/limits.ts";
import type { CoveringLimits } from "./accounts.ts";
import { budgetHeld, budgetTooSmall, draining, limitReached, noWebSocket, unboundable } from "./refusals.ts";
import { everything, sampleBudget, sampleCovering, sampleRate } from "./hold-harness.ts";

type Refused = HoldReply & { readonly kind: "refused" };

const token = "token:project-1:jti-1";

function state(rest: Partial<BudgetState> = {}): BudgetState {
  const of = { amountNanoUsd: 10e9, toleranceNanoUsd: 0, spentNanoUsd: 0, heldNanoUsd: 0, leasedNanoUsd: 0 };
  return { ...of, freeNanoUsd: 0, ...rest };
}

function refusedBy(
  covering: CoveringLimits,
  reason: Refused["reason"],
  budget: Partial<BudgetState> | null,
  retryAfterMs: number | null = null,
): Refused {
  const [first] = [...covering.budgets, ...covering.rates, ...covering.concurrency];
  if (first === undefined) throw new Error("Nothing covers.");
  return {
    kind: "refused",
    account: first.account,
    reason,
    budget: budget === null ? null : state(budget),
    retryAfterMs,
  };
}

function tooSmall(
  definition: Partial<BudgetDefinition>,
  reason: Refused["reason"],
  budget: Partial<BudgetState>,
): GatewayError {
  const covering = sampleCovering(sampleBudget({ amountNanoUsd: 10e9, ...definition }));
  const offer = { outputTokens: 1, nanoUsd: 2_345_678_901 };
  return budgetTooSmall(covering, refusedBy(covering, reason, budget), { offer, nowMs: sampleNowMs });
}

function told({ code, retryAfterS, isRetryable, message }: GatewayError): readonly unknown[] {
  return [code, retryAfterS, isRetryable, message];
}

// sampleNowMs is 2026-11-23T10:00:00Z.
test("a budget that is spent is named: its name, amount, period, part, and when it begins anew", () => {
  const spent = { spentNanoUsd: 10_000_000_001 };
  assert.deepEqual(told(tooSmall({ name: "Team Lab", period: "month" }, "spent", spent)), [
    "budget_exceeded",
    null,
    false,
    'The budget "Team Lab" of $10 a month of the project is spent ($10.000000001). ' +
      "It begins anew at 2026-12-01T00:00Z (in 8 days); until then ask its owner to raise it.",
  ]);
  const scope = { ...everything, room: "my-room", participant: "*", model: "openai/*" };
  assert.equal(
    tooSmall({ period: "day", timeZone: "Europe/Berlin", scope }, "spent", spent).message,
    'The budget of $10 a day for room "my-room", each participant, model "openai/*" is spent ($10.000000001). ' +
      "It begins anew at 2026-11-23T23:00Z; until then ask its owner to raise it.",
  );
  assert.equal(
    tooSmall({ period: "total" }, "spent", { spentNanoUsd: 10e9 }).message,
    "The budget of $10 in all of the project is spent ($10). Ask its owner to raise it.",
  );
});

test("a request that is too large is told what is left and what it could cost", () => {
  assert.deepEqual(
    told(tooSmall({ toleranceNanoUsd: 1e9 }, "too_large", { spentNanoUsd: 9.25e9, toleranceNanoUsd: 1e9 })),
    [
      "budget_exceeded",
      null,
      false,
      "The budget of $10 in all of the project has $1.75 left, and this request could cost up to $2.345678901. " +
        "Send less, or set a lower output limit. Ask its owner to raise it.",
    ],
  );
});

test("a token's budget is called the token's, and whoever signed it is who to ask", () => {
  assert.equal(
    tooSmall({ id: token, period: "total" }, "spent", { spentNanoUsd: 10e9 }).message,
    "This token's budget of $10 over its whole life is spent ($10). Ask who signed the token for one with more.",
  );
  assert.equal(
    tooSmall({ id: token, period: "day", amountNanoUsd: 250_000_000 }, "spent", { spentNanoUsd: 1e9 })
      .message,
    "This token's budget of $0.25 a day (UTC) is spent ($1). " +
      "It begins anew at 2026-11-24T00:00Z; until then ask who signed the token for one with more.",
  );
});

test("a budget that is held says by how much, and that it comes back", () => {
  const covering = sampleCovering(sampleBudget({ name: "Lab", amountNanoUsd: 10e9 }));
  assert.deepEqual(told(budgetHeld(covering, refusedBy(covering, "busy", { heldNanoUsd: 4.5e9 }))), [
    "budget_held",
    2,
    true,
    'The budget "Lab" of $10 in all of the project is not spent, but running requests hold what is left of it ' +
      "($4.50). Try again shortly.",
  ]);
  assert.match(budgetHeld(covering, null).message, /^The budget "Lab" of \$10 .* what is left of it\. Try/);
});

test("a limit says what it allows, for whom, and truly when", () => {
  const rate = (
    definition: Parameters<typeof sampleRate>[0],
    retryAfterMs: number | null,
  ): readonly unknown[] => {
    const covering = sampleCovering(sampleRate(definition));
    return told(limitReached(covering, refusedBy(covering, "busy", null, retryAfterMs)));
  };
  const each = { ...everything, participant: "*" };
  assert.deepEqual(rate({ name: "Agents", requestsPerMinute: 60, scope: each }, 11_001), [
    "rate_limit_exceeded",
    12,
    true,
    'The limit "Agents" of 60 requests a minute for each participant is reached. Try again in 12 s.',
  ]);
  assert.deepEqual(rate({ inputTokensPerMinute: 7 }, 0).slice(1), [
    1,
    true,
    "The limit of 7 input tokens a minute of the project is reached. Try again in 1 s.",
  ]);
  assert.match(
    String(rate({ outputTokensPerMinute: 7 }, 1)[3]),
    /of 7 output tokens a minute of the project/,
  );
  assert.match(
    String(rate({ id: token, tokensPerMinute: 7 }, 1)[3]),
    /^This token's limit of 7 tokens a minute is/,
  );
  assert.deepEqual(rate({ maxConcurrency: 4, scope: each }, null).slice(1), [
    1,
    true,
    "The limit of 4 requests at once for each participant is reached. Try again when one has ended.",
  ]);
});

test("what has no bound is refused by the budget's name, with a way out", () => {
  assert.deepEqual(
    told(unboundable(sampleBudget({ name: "Lab" }), "a request with `background`", "Do so.")),
    [
      "budget_unboundable",
      null,
      false,
      'The hard budget "Lab" of $1 in all of the project takes only requests whose cost has a bound, which a request ' +
        "with `background` has not. Do so. Leave that out, bound it, or ask the budget's owner for a soft one.",
    ],
  );
  assert.match(
    unboundable(sampleBudget({ id: token }), "it").message,
    /^This token's budget of \$1 over its whole life takes .* or use a token without a cap of money\.$/,
  );
  assert.match(unboundable(undefined, "it").message, /^A hard budget takes only/);
});

test("a WebSocket and a stop", () => {
  assert.deepEqual(told(noWebSocket(sampleBudget())), [
    "websocket_not_offered",
    null,
    false,
    "The hard budget of $1 in all of the project takes no WebSockets. Use plain HTTP.",
  ]);
  assert.deepEqual(told(draining()).slice(0, 3), ["draining", 2, true]);
});
