import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Roster } from "./roster.ts";

describe("a roster", () => {
  it("has who came and has not left, as a set of them would", () => {
    const roster = new Roster<number>();
    const set = new Set<number>();
    let state = 7;
    const random = (below: number): number => {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      return (state >>> 8) % below;
    };
    for (let step = 0; step < 5000; step++) {
      const member = random(40);
      if (set.has(member)) {
        roster.delete(member);
        set.delete(member);
      } else {
        roster.add(member);
        set.add(member);
      }
      if (step % 7 === 0) roster.delete(1000);
      assert.equal(roster.size, set.size);
      assert.deepEqual(
        [...roster].toSorted((one, other) => one - other),
        [...set].toSorted((one, other) => one - other),
      );
    }
  });

  it("takes several of one value for members of their own", () => {
    const roster = new Roster<string>();
    roster.add("a");
    roster.add("b");
    roster.delete("b");
    roster.delete("b");
    assert.deepEqual([...roster], ["a"]);
    roster.delete("a");
    assert.equal(roster.size, 0);
  });
});
