/** A hard budget stays usable, and holds: the mixes in their short form. The long one is `npm run bench -- limits`. */

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { figuresOf, missed, targets } from "./scenarios.ts";
import { simulate } from "./simulation.ts";

const seeds = [1, 2, 3];

describe("a hard budget in virtual time", () => {
  for (const target of targets) {
    it(`${target.scenario.name} reaches its figures, and no promise is broken`, async () => {
      const outcomes = [];
      for (const seed of seeds) outcomes.push(await simulate(target.scenario, seed));
      const figures = figuresOf(outcomes);
      // Three seeds are too few for a share of answers as small as that: a single one weighs a percent.
      const isFew = figures.admitted < 500;
      assert.deepEqual(missed(figures, isFew ? { ...target, cutPercent: null } : target), []);
      assert.ok(figures.admitted > 50, `${figures.admitted} were let in`);
    });
  }

  it("is the same again with the same seed, and another with another", async () => {
    const [target] = targets;
    assert.ok(target !== undefined);
    const one = await simulate(target.scenario, 7);
    assert.deepEqual(await simulate(target.scenario, 7), one);
    assert.notEqual((await simulate(target.scenario, 8)).finalPercent, one.finalPercent);
  });
});
