import assert from "node:assert/strict";
import { test } from "node:test";
import { RateWindow } from "./rate-window.ts";

test("counts what the last sixty seconds hold, slot by slot", () => {
  const window = new RateWindow();
  window.add(10_500, 3);
  window.add(11_000, 4);
  assert.equal(window.usedAt(11_000), 7);
  // The slot of second 10 leaves when it is a minute old as a whole: at 71.000.
  assert.equal(window.usedAt(70_999), 7);
  assert.equal(window.usedAt(71_000), 4);
  assert.equal(window.usedAt(72_000), 0);
});

test("no sixty seconds hold more than the limit, wherever they begin", () => {
  const limit = 10;
  const admitted: number[] = [];
  const window = new RateWindow();
  let state = 7;
  for (let nowMs = 0; nowMs < 300_000; nowMs += 37) {
    state = (state * 1_103_515_245 + 12_345) % 2 ** 31;
    if (state % 5 !== 0 || window.usedAt(nowMs) + 1 > limit) continue;
    window.add(nowMs, 1);
    admitted.push(nowMs);
  }
  for (const [index, atMs] of admitted.entries()) {
    const inWindow = admitted.slice(index).filter((other) => other < atMs + 60_000).length;
    assert.ok(inWindow <= limit, `${inWindow} within a minute of ${atMs}`);
  }
  assert.ok(admitted.length >= 45, `${admitted.length} of at most 50 were let in`);
});

test("the time it names is the first at which the amount fits", () => {
  const window = new RateWindow();
  window.add(1_000, 6);
  window.add(5_000, 4);
  assert.equal(window.retryAfterMs(6_000, 1, 10), 62_000 - 6_000);
  assert.equal(window.retryAfterMs(6_000, 7, 10), 66_000 - 6_000, "both slots have to leave");
  assert.equal(window.retryAfterMs(6_000, 11, 10), null, "more than the limit never fits");
  assert.equal(window.usedAt(61_999) + 1 > 10, true);
  assert.equal(window.usedAt(62_000) + 1 > 10, false);
  assert.equal(window.retryAfterMs(62_000, 6, 10), 0);
});

test("a correction moves what was added, in its own second, and never below nothing", () => {
  const window = new RateWindow();
  window.add(1_000, 100);
  window.correct(1_000, 9_000, -60);
  assert.equal(window.usedAt(9_000), 40);
  window.correct(1_000, 9_000, -60);
  assert.equal(window.usedAt(9_000), 0);
  window.correct(1_000, 9_000, 25);
  assert.equal(window.usedAt(61_999), 25);
  assert.equal(window.usedAt(62_000), 0);
  window.correct(1_000, 63_000, -5);
  assert.equal(window.usedAt(63_000), 0, "what has left needs no giving back");
  window.correct(1_000, 63_000, 5);
  assert.equal(window.usedAt(63_000), 5, "what came late counts from when it is known");
});

test("kept slots make an equal window", () => {
  const window = new RateWindow();
  window.add(1_000, 1);
  window.add(3_000, 2);
  const again = new RateWindow(window.slots());
  assert.equal(again.usedAt(3_000), 3);
  assert.equal(again.usedAt(62_000), 2);
});

test("what leaves the window leaves it also when nobody looked for long", () => {
  const window = new RateWindow();
  window.add(1_000, 1);
  window.add(61_999, 2);
  assert.equal(window.usedAt(61_999), 3);
  assert.equal(window.usedAt(62_000), 2);
  assert.equal(window.usedAt(1_000_000), 0);
  // A clock that is set back finds what it left.
  window.add(500_000, 4);
  assert.equal(window.usedAt(500_000), 4);
});
