/** A hard budget stays usable, and holds: the mixes in their short form. The long one is `npm run bench -- limits`. */

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { figuresOf, missed, targets } from "./scenarios.ts";
import { simulate } from "./simulation.ts";

/** In the second, five cold sessions begin at once: what gave each a long answer refused the others at 20 %. */
const seeds = [1, 18];
/** The targets are means of 20 runs; two may be below by so many points. */
const marginPercent = 10;
/** The dear ones take minutes, and nothing else is in them. */
const mixes = targets.filter(({ scenario }) => scenario.amountUsd <= 10 && scenario.name !== "chat $10");
const adversary = targets.find(({ scenario }) => scenario.traffic.isAdversarial);

describe("a hard budget in virtual time", () => {
  for (const target of mixes) {
    it(`${target.scenario.name} reaches its figures, and no promise is broken`, async () => {
      const outcomes = [];
      for (const seed of seeds) outcomes.push(await simulate(target.scenario, seed));
      const figures = figuresOf(outcomes);
      const firstPercent = (target.firstPercent ?? 0) - marginPercent;
      // A single cut answer among so few weighs a percent.
      assert.deepEqual(missed(figures, { ...target, firstPercent, cutPercent: null }), []);
      assert.ok(figures.admitted > 50, `${figures.admitted} were let in`);
    });
  }

  it("is not overspent by a nano-dollar by who takes all that is held, and loses replies on the way", async () => {
    assert.ok(adversary !== undefined);
    const outcome = await simulate(adversary.scenario, 1);
    assert.equal(outcome.overNanoUsd, 0);
    assert.ok(outcome.finalPercent > 99 && outcome.refused > 64);
  });

  it("is the same again with the same seed, and another with another", async () => {
    const target = targets.find(({ scenario }) => scenario.name === "chat $1");
    assert.ok(target !== undefined);
    const one = await simulate(target.scenario, 7);
    assert.deepEqual(await simulate(target.scenario, 7), one);
    assert.notEqual((await simulate(target.scenario, 8)).finalPercent, one.finalPercent);
  });
});
