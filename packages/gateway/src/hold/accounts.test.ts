import assert from "node:assert/strict";
import { test } from "node:test";
import { sampleNowMs, sampleRouted } from "../sample-routed.ts";
import type { LimitDefinition, LimitScope } from "../store/limit-definition.ts";
import { coveringLimits, type CoveringLimits, type Subject, subjectValues } from "./accounts.ts";
import { Calendar } from "./period.ts";
import { everything, sampleBudget, sampleRate, sampleSubject } from "./hold-harness.ts";

const at = { nowMs: sampleNowMs, calendar: new Calendar() };

function cover(definitions: readonly LimitDefinition[], subject: Subject = sampleSubject()): CoveringLimits {
  return coveringLimits(definitions, subject, at);
}

const scope = (rest: Partial<LimitScope>): LimitScope => ({ ...everything, ...rest });

test("a scope covers everything, the one that it names, or each one separately", () => {
  const subject = sampleSubject();
  const cases: readonly (readonly [Partial<LimitScope>, string | null])[] = [
    [{}, ""],
    [{ room: "my-room" }, ""],
    [{ room: "another" }, null],
    [{ room: "*" }, "my-room"],
    [{ participant: "*" }, "cli-agent"],
    [{ apiKeyId: "key-1", participant: "cli-agent" }, ""],
    [{ apiKeyId: "key-2", participant: "cli-agent" }, null],
    [{ sessionId: "*" }, "thread-1"],
    [{ room: "*", participant: "*", apiKeyId: "*", sessionId: "*" }, "my-room|cli-agent|key-1|thread-1"],
    [{ room: "*", participant: "cli-agent", sessionId: "*" }, "my-room|thread-1"],
    [{ model: "openai/*" }, ""],
    [{ model: "openai/gpt-5.5", room: "*" }, "my-room"],
    [{ model: "openai/gpt-5" }, null],
    [{ model: "anthropic/*", room: "*" }, null],
  ];
  for (const [part, values] of cases)
    assert.equal(subjectValues(scope(part), subject), values, JSON.stringify(part));
});

test("a request without a session is covered by no limit on sessions, and by every other", () => {
  const subject = sampleSubject({ sessionId: null });
  assert.equal(subjectValues(scope({ sessionId: "*" }), subject), null);
  assert.equal(subjectValues(scope({ sessionId: "thread-1" }), subject), null);
  assert.equal(subjectValues(scope({ room: "*" }), subject), "my-room");
});

test("no two subjects have the same values, whatever their names hold", () => {
  const { principal } = sampleRouted();
  const valuesOf = (room: string, participant: string): string | null =>
    subjectValues(
      scope({ room: "*", participant: "*" }),
      sampleSubject({ principal: { ...principal, room, participant } }),
    );
  const names = ["a", "a|b", "b|a", "|", "", "%7C", "a%7Cb", "ä"];
  const all = names.flatMap((room) => names.map((participant) => valuesOf(room, participant)));
  assert.equal(new Set(all).size, names.length ** 2);
});

test("a budget's account is of its limit, its period and its subject", () => {
  const { budgets } = cover([
    sampleBudget({ period: "week", timeZone: "Europe/Berlin", scope: scope({ participant: "*" }) }),
    sampleBudget({ id: "soft", mode: "soft", toleranceNanoUsd: 5 }),
  ]);
  const [week, soft] = budgets;
  // 2026-11-23 is a Monday; the week begins at 23:00 UTC of the day before and ends a week later.
  assert.deepEqual(
    [week?.account.key, week?.startsAtMs, week?.resetsAtMs],
    ["b|2026-11-23|cli-agent", Date.UTC(2026, 10, 22, 23), Date.UTC(2026, 10, 29, 23)],
  );
  assert.deepEqual(
    [week?.account.isEnforced, week?.account.amountNanoUsd, week?.account.isBroughtAlong],
    [true, 1_000_000_000, undefined],
  );
  assert.deepEqual(
    [soft?.account.key, soft?.account.isEnforced, soft?.account.toleranceNanoUsd, soft?.resetsAtMs],
    ["soft|total|", false, 5, null],
  );
});

test("a limit has an account for each of its counts, and none for what it does not limit", () => {
  const limits = cover([
    sampleRate({
      requestsPerMinute: 1,
      inputTokensPerMinute: 2,
      outputTokensPerMinute: 3,
      tokensPerMinute: 4,
      maxConcurrency: 5,
      scope: scope({ room: "*" }),
    }),
    sampleRate({ id: "nothing" }),
  ]);
  assert.deepEqual(
    limits.rates.map(({ measure, account }) => [measure, account.key, account.counts, account.perMinute]),
    [
      ["requests", "r|requests|my-room", "requests", 1],
      ["input", "r|input|my-room", "tokens", 2],
      ["output", "r|output|my-room", "tokens", 3],
      ["tokens", "r|tokens|my-room", "tokens", 4],
    ],
  );
  assert.deepEqual(
    limits.concurrency.map(({ account }) => [account.key, account.max]),
    [["r|running|my-room", 5]],
  );
  assert.deepEqual(cover([sampleRate()]), { budgets: [], rates: [], concurrency: [] });
});

test("the order of the definitions stays, and what does not cover leaves no trace", () => {
  const { budgets } = cover([
    sampleBudget({ id: "2" }),
    sampleBudget({ id: "x", scope: scope({ room: "another" }) }),
    sampleBudget({ id: "1" }),
  ]);
  assert.deepEqual(
    budgets.map(({ definition }) => definition.id),
    ["2", "1"],
  );
});
