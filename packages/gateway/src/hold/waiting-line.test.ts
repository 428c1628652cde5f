import assert from "node:assert/strict";
import { test } from "node:test";
import { type Timers, WaitingLines } from "./waiting-line.ts";

/** Timers that fire when the test says so. */
class HandTimers implements Timers {
  readonly #pending = new Set<{ readonly atMs: number; readonly callback: () => void }>();
  #nowMs = 0;

  after(delayMs: number, callback: () => void): () => void {
    const entry = { atMs: this.#nowMs + delayMs, callback };
    this.#pending.add(entry);
    return () => this.#pending.delete(entry);
  }

  pass(ms: number): void {
    this.#nowMs += ms;
    for (const entry of this.#pending) {
      if (entry.atMs > this.#nowMs) continue;
      this.#pending.delete(entry);
      entry.callback();
    }
  }

  get pending(): number {
    return this.#pending.size;
  }
}

/** Whether a wait is over, after everything that is due has run. */
async function isOver(wait: Promise<void>): Promise<boolean> {
  let over = false;
  void wait.then(() => (over = true));
  await new Promise(setImmediate);
  return over;
}

test("the first of a line is woken when something is freed; who comes after it waits", async () => {
  const timers = new HandTimers();
  const lines = new WaitingLines(timers);
  const [one, two] = [lines.join("b", "ann"), lines.join("b", "ben")];
  assert.deepEqual([one.isFirst(), two.isFirst(), lines.length], [true, false, 2]);
  const [first, second] = [one.wait(500), two.wait(500)];
  lines.freed(["other"]);
  assert.equal(await isOver(first), false);
  lines.freed(["other", "b"]);
  assert.deepEqual([await isOver(first), await isOver(second)], [true, false]);
  one.leave();
  assert.equal(await isOver(second), true, "its turn has come");
  assert.equal(two.isFirst(), true);
  two.leave();
  two.leave();
  assert.deepEqual([lines.length, lines.taken(["b"]), timers.pending], [0, null, 0]);
});

test("a wait ends with its time, and the place stays", async () => {
  const timers = new HandTimers();
  const lines = new WaitingLines(timers);
  const place = lines.join("b", "ann");
  const wait = place.wait(500);
  timers.pass(499);
  assert.equal(await isOver(wait), false);
  timers.pass(1);
  assert.equal(await isOver(wait), true);
  assert.equal(place.isFirst(), true);
  lines.freed(["b"]);
});

test("participants take turns; each one's own are served as they came", () => {
  const lines = new WaitingLines(new HandTimers());
  const names = ["ann 1", "ann 2", "ann 3", "ben 1", "cem 1", "ben 2"];
  const places = new Map(names.map((name) => [name, lines.join("b", name.split(" ")[0] ?? "")]));
  const served: string[] = [];
  while (places.size > 0) {
    for (const [name, place] of places) {
      if (!place.isFirst()) continue;
      served.push(name);
      places.delete(name);
      place.leave();
      break;
    }
  }
  assert.deepEqual(served, ["ann 1", "ben 1", "cem 1", "ann 2", "ben 2", "ann 3"]);
});

test("of those who have one each, the first that came is the first", () => {
  const lines = new WaitingLines(new HandTimers());
  const ann = lines.join("b", "ann");
  const ben = lines.join("b", "ben");
  ann.leave();
  const again = lines.join("b", "ann");
  const cem = lines.join("b", "cem");
  assert.equal(ben.isFirst(), true);
  ben.leave();
  assert.equal(again.isFirst(), true, "it came before the third");
  again.leave();
  assert.equal(cem.isFirst(), true);
});

test("one that gives up in the middle takes nobody's turn and wakes nobody", async () => {
  const lines = new WaitingLines(new HandTimers());
  const [one, two, three] = [lines.join("b", "ann"), lines.join("b", "ann"), lines.join("b", "ben")];
  const wait = one.wait(500);
  two.leave();
  assert.equal(await isOver(wait), false);
  assert.equal(one.isFirst(), true);
  one.leave();
  assert.equal(three.isFirst(), true);
});

test("lines of different accounts know nothing of each other; the first that is waited for is told", () => {
  const lines = new WaitingLines(new HandTimers());
  const a = lines.join("a", "ann");
  const b = lines.join("b", "ann");
  assert.deepEqual([a.isFirst(), b.isFirst(), a.key, b.key], [true, true, "a", "b"]);
  assert.equal(lines.taken(["c", "b", "a"]), "b");
  assert.equal(lines.taken(["c"]), null);
});

test("closed lines wake everybody, and nobody waits in them any more", async () => {
  const timers = new HandTimers();
  const lines = new WaitingLines(timers);
  const places = [lines.join("a", "ann"), lines.join("a", "ben"), lines.join("b", "cem")];
  const waits = places.map((place) => place.wait(60_000));
  assert.equal(lines.isClosed, false);
  lines.close();
  assert.deepEqual(await Promise.all(waits.map(isOver)), [true, true, true]);
  assert.equal(lines.isClosed, true);
  assert.equal(await isOver(lines.join("a", "dan").wait(60_000)), true);
  assert.equal(timers.pending, 0);
});
