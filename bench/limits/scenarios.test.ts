import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { figuresOf, missed, type Target, targets } from "./scenarios.ts";
import type { Outcome } from "./simulation.ts";

const outcome: Outcome = {
  seed: 1,
  firstPercent: 70,
  finalPercent: 96,
  overNanoUsd: 0,
  admitted: 100,
  refused: 3,
  cut: 1,
  virtualMinutes: 4,
};
const [agents] = targets as readonly [Target];

describe("the figures of several runs", () => {
  it("are means, with the worst beside them; cut answers are a share of all", () => {
    const other = { ...outcome, firstPercent: 60, finalPercent: 90, overNanoUsd: 5e8, admitted: 300 };
    assert.deepEqual(figuresOf([outcome, other]), {
      firstPercent: 65,
      finalPercent: 93,
      leastFirstPercent: 60,
      leastFinalPercent: 90,
      // 2 of 400.
      cutPercent: 0.5,
      mostOverUsd: 0.5,
      admitted: 400,
      virtualMinutes: 4,
    });
  });

  it("miss nothing at the target, and are named where they are below it", () => {
    const figures = figuresOf([{ ...outcome, firstPercent: 65, finalPercent: 92, cut: 0 }]);
    assert.deepEqual(missed(figures, agents), []);
    assert.deepEqual(missed({ ...figures, firstPercent: 64.9 }, agents), [
      "the first refusal came at 64.9 %, not at 65 %",
    ]);
    assert.deepEqual(missed({ ...figures, finalPercent: 91 }, agents), ["91.0 % could be spent, not 92 %"]);
    assert.match(missed({ ...figures, cutPercent: 0.6 }, agents)[0] ?? "", /0\.60 % of the answers/);
  });

  it("may be over by nothing, to the nano-dollar", () => {
    const figures = figuresOf([{ ...outcome, cut: 0, overNanoUsd: 1 }]);
    assert.match(missed(figures, agents)[0] ?? "", /with \$0 allowed/);
  });
});
