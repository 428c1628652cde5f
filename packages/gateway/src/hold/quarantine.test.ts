import assert from "node:assert/strict";
import { test } from "node:test";
import type { WrongBound, WrongBounds } from "../store/wrong-bounds.ts";
import { type BoundKind, Quarantine, quarantineMs } from "./quarantine.ts";

/** A store in memory that several quarantines share. */
function notesOf(rows: WrongBound[] = []): WrongBounds & { readonly rows: WrongBound[]; reads: number } {
  return {
    rows,
    reads: 0,
    async note(wrong) {
      rows.push(wrong);
    },
    async since(atMs) {
      this.reads += 1;
      return rows.filter(({ seenAtMs }) => seenAtMs >= atMs);
    },
  };
}

function open(
  notes: WrongBounds,
  time: { nowMs: number },
): { readonly quarantine: Quarantine; readonly errors: string[] } {
  const errors: string[] = [];
  const log = { error: (message: string) => void errors.push(message) };
  return { quarantine: new Quarantine({ notes, clock: { now: () => time.nowMs }, log }), errors };
}

const kindsOf = async (quarantine: Quarantine, subject: string): Promise<readonly BoundKind[]> =>
  [...(await quarantine.of(subject))].toSorted();

test("a bound that was wrong is not believed for its subject, from now on", async () => {
  const { quarantine } = open(notesOf(), { nowMs: 1_000 });
  assert.deepEqual(await kindsOf(quarantine, "a"), []);
  quarantine.add("a", "prefix", "ex_1");
  quarantine.add("a", "output", "ex_1");
  quarantine.add("a", "prefix", "ex_2");
  assert.deepEqual(await kindsOf(quarantine, "a"), ["output", "prefix"]);
  assert.deepEqual(await kindsOf(quarantine, "b"), []);
});

test("another process and the next start know of it, within a minute", async () => {
  const notes = notesOf();
  const time = { nowMs: 1_000_000 };
  const [one, other] = [open(notes, time).quarantine, open(notes, time).quarantine];
  assert.deepEqual(await kindsOf(other, "a"), []);
  one.add("a", "bytes", "ex_1");
  time.nowMs += 59_999;
  assert.deepEqual(await kindsOf(other, "a"), []);
  time.nowMs += 1;
  assert.deepEqual(await kindsOf(other, "a"), ["bytes"]);
  assert.deepEqual(await kindsOf(open(notes, time).quarantine, "a"), ["bytes"]);
});

test("is read once for all who ask at once, and at most once a minute", async () => {
  const notes = notesOf();
  const time = { nowMs: 5_000 };
  const { quarantine } = open(notes, time);
  await Promise.all([quarantine.of("a"), quarantine.of("b"), quarantine.of("c")]);
  await quarantine.of("a");
  assert.equal(notes.reads, 1);
  time.nowMs += 60_000;
  await quarantine.of("a");
  assert.equal(notes.reads, 2);
});

test("after its time a bound has another chance, and a new fault counts anew", async () => {
  const time = { nowMs: 1_000 };
  const { quarantine } = open(notesOf(), time);
  quarantine.add("a", "bytes", "ex_1");
  time.nowMs += quarantineMs;
  assert.deepEqual(await kindsOf(quarantine, "a"), ["bytes"]);
  time.nowMs += 1;
  assert.deepEqual(await kindsOf(quarantine, "a"), []);
  quarantine.add("a", "bytes", "ex_2");
  assert.deepEqual(await kindsOf(quarantine, "a"), ["bytes"]);
});

test("a kind that this version does not know says nothing", async () => {
  const notes = notesOf([{ subject: "a", kind: "of tomorrow", seenAtMs: 1_000, exchangeId: "ex_1" }]);
  assert.deepEqual(await kindsOf(open(notes, { nowMs: 1_000 }).quarantine, "a"), []);
});

test("a store that fails leaves what is known, and is told in the log", async () => {
  const time = { nowMs: 1_000 };
  const fails = (): Promise<never> => Promise.reject(new Error("disk full"));
  const { quarantine, errors } = open({ note: fails, since: fails }, time);
  assert.deepEqual(await kindsOf(quarantine, "a"), []);
  quarantine.add("a", "prefix", "ex_1");
  time.nowMs += 60_000;
  assert.deepEqual(await kindsOf(quarantine, "a"), ["prefix"]);
  assert.deepEqual(errors, [
    "bounds that were wrong could not be read",
    "a bound that was wrong could not be written down",
    "bounds that were wrong could not be read",
  ]);
});
