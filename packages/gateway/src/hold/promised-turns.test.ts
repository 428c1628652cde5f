import assert from "node:assert/strict";
import { test } from "node:test";
import { type Asker, PromisedTurns } from "./promised-turns.ts";

const inASecond = { amount: 1, nowMs: 1_000, inMs: 1_000 };
let requests = 0;
/** Another request of this one. */
const by = (who: string): Asker => ({ who, requestId: `ex_${requests++}` });

test("what was promised to others comes first, in the order of the promises", () => {
  const turns = new PromisedTurns();
  assert.equal(turns.before("r", by("ann"), 1_000), 0);
  turns.promise("r", "ann", { ...inASecond, amount: 10 });
  turns.promise("r", "ben", { ...inASecond, amount: 5 });
  assert.deepEqual(
    ["ann", "ben", "cem"].map((who) => turns.before("r", by(who), 1_500)),
    [0, 10, 15],
  );
  assert.equal(turns.before("another", by("cem"), 1_500), 0);
});

test("who asks again before its time keeps its place, and has one turn however often it asks", () => {
  const turns = new PromisedTurns();
  turns.promise("r", "ann", inASecond);
  turns.promise("r", "ben", inASecond);
  turns.promise("r", "ann", inASecond);
  turns.promise("r", "ann", { ...inASecond, nowMs: 1_500 });
  assert.deepEqual([turns.before("r", by("ann"), 1_600), turns.before("r", by("ben"), 1_600)], [0, 1]);
});

test("of many requests of one at once, the first has the turn, and the others stand behind everybody", () => {
  const turns = new PromisedTurns();
  turns.promise("r", "ann", inASecond);
  turns.promise("r", "ben", inASecond);
  const [one, two] = [by("ann"), by("ann")];
  assert.deepEqual([turns.before("r", one, 1_500), turns.before("r", two, 1_500)], [0, 1]);
  assert.equal(turns.before("r", one, 1_500), 0, "it may ask again, such as for less");
  turns.left("r", two);
  assert.equal(turns.before("r", two, 1_500), 1);
  turns.left("r", one);
  assert.equal(turns.before("r", two, 1_500), 0, "the first was refused elsewhere");
  turns.came("r", one);
  assert.equal(turns.before("r", by("cem"), 1_500), 2, "and has no turn to end any more");
  turns.came("r", two);
  assert.equal(turns.before("r", by("cem"), 1_500), 1);
});

test("a turn ends when it was taken, and after its time", () => {
  const turns = new PromisedTurns();
  turns.promise("r", "ann", inASecond);
  turns.promise("r", "ben", { ...inASecond, inMs: 5_000 });
  const ann = by("ann");
  assert.equal(turns.before("r", ann, 1_500), 0);
  turns.came("r", ann);
  turns.came("r", by("cem"));
  assert.equal(turns.before("r", by("cem"), 1_500), 1);
  turns.promise("r", "ann", inASecond);
  assert.equal(turns.before("r", by("ann"), 1_500), 1, "at the end again");
  // Told to come back at 2,000, and awaited two seconds longer.
  assert.equal(turns.before("r", by("cem"), 3_999), 2);
  assert.equal(turns.before("r", by("cem"), 4_000), 1);
  assert.equal(turns.before("r", by("cem"), 8_000), 0);
});
