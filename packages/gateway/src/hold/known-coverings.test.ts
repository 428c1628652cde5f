import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { sampleRouted } from "../sample-routed.ts";
import type { BudgetDefinition } from "../store/limit-definition.ts";
import { coveringLimits, type CoveringLimits, type Subject } from "./accounts.ts";
import { KnownCoverings } from "./known-coverings.ts";
import { Calendar } from "./period.ts";

const { principal } = sampleRouted();
const subject: Subject = { principal, sessionId: null, model: "openai/gpt-5.5" };
const noonMs = Date.UTC(2026, 10, 25, 12);
const DAY_MS = 86_400_000;

/** A budget of a day and one of a month, at noon. */
function covering(): CoveringLimits {
  const budget = (period: BudgetDefinition["period"]): BudgetDefinition => ({
    kind: "budget",
    id: period,
    projectId: principal.projectId,
    scope: { room: null, participant: null, apiKeyId: null, sessionId: null, model: null },
    createdAtMs: 0,
    amountNanoUsd: 1,
    toleranceNanoUsd: 0,
    period,
    timeZone: "UTC",
    mode: "hard",
    notifyAtPercent: [],
  });
  return coveringLimits([budget("month"), budget("day")], subject, {
    nowMs: noonMs,
    calendar: new Calendar(),
  });
}

describe("known coverings", () => {
  it("are known until the first period ends, and not before the latest began", () => {
    const known = new KnownCoverings();
    const found = covering();
    known.remember(subject, found, 0);
    const at = (nowMs: number): unknown => known.find(subject, { nowMs, changes: 0 });
    const midnightMs = Date.UTC(2026, 10, 25);
    assert.equal(at(noonMs), found);
    assert.equal(at(midnightMs + DAY_MS - 1), found);
    assert.equal(at(midnightMs + DAY_MS), undefined);
    assert.equal(at(midnightMs), found);
    assert.equal(at(midnightMs - 1), undefined, "a clock that was set back");
  });

  it("are forgotten with any change of a definition, also one that came while they were looked for", () => {
    const known = new KnownCoverings();
    known.remember(subject, covering(), 3);
    assert.equal(known.find(subject, { nowMs: noonMs, changes: 4 }), undefined);
    assert.notEqual(known.find(subject, { nowMs: noonMs, changes: 3 }), undefined);
  });

  it("know who is covered by nothing, for ever", () => {
    const known = new KnownCoverings();
    known.remember(subject, null, 0);
    assert.equal(known.find(subject, { nowMs: noonMs + 1_000 * DAY_MS, changes: 0 }), null);
  });

  it("keep models, sessions and principals apart, whatever these are called", () => {
    const known = new KnownCoverings();
    const at = { nowMs: noonMs, changes: 0 };
    const subjects: readonly Subject[] = [
      subject,
      { ...subject, principal: { ...principal } },
      { ...subject, sessionId: "" },
      { ...subject, sessionId: "1:x" },
      { ...subject, sessionId: "1", model: ":x" },
      { ...subject, model: "0:openai/gpt-5.5" },
      { ...subject, model: "-openai/gpt-5.5" },
    ];
    for (const each of subjects) {
      assert.equal(known.find(each, at), undefined);
      known.remember(each, covering(), 0);
    }
    const found = new Set(subjects.map((each) => known.find(each, at)));
    assert.equal(found.size, subjects.length);
  });

  it("are bounded for each principal", () => {
    const known = new KnownCoverings();
    for (let count = 0; count < 1_000; count++) {
      known.remember({ ...subject, sessionId: `s${count}` }, null, 0);
    }
    const still = Array.from({ length: 1_000 }, (_each, count) =>
      known.find({ ...subject, sessionId: `s${count}` }, { nowMs: noonMs, changes: 0 }),
    ).filter((each) => each !== undefined);
    assert.ok(still.length > 0 && still.length <= 200, String(still.length));
  });
});
