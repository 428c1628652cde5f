import assert from "node:assert/strict";
import { test } from "node:test";
import { createLog } from "./observe/log.ts";
import { startRetention } from "./retention.ts";

const HOUR_MS = 3_600_000;
const nowMs = Date.UTC(2026, 10, 20, 10, 30);

function bench(answers: readonly (number | Error | Promise<number>)[]): {
  calls: [beforeMs: number, limit: number][];
  lines: string[];
  retention: ReturnType<typeof startRetention>;
} {
  const calls: [number, number][] = [];
  const lines: string[] = [];
  const clock = { now: () => nowMs };
  const retention = startRetention({
    clock,
    days: 30,
    log: createLog({ clock, minLevel: "debug", form: "json", write: (line) => lines.push(line) }),
    store: {
      deleteExchangesBefore: async (beforeMs, limit) => {
        calls.push([beforeMs, limit]);
        const answer = answers[calls.length - 1] ?? 0;
        if (answer instanceof Error) throw answer;
        return answer;
      },
    },
  });
  return { calls, lines, retention };
}

test("a pass deletes in batches until there is no more, up to a whole hour, and says how many", async () => {
  const { calls, lines, retention } = bench([100, 100, 17]);
  assert.equal(await retention.pass(), 217);
  // 10:30 less thirty days is in the hour of 10:00.
  const beforeMs = Date.UTC(2026, 9, 21, 10);
  assert.equal(beforeMs % HOUR_MS, 0);
  assert.deepEqual(calls, [
    [beforeMs, 100],
    [beforeMs, 100],
    [beforeMs, 100],
  ]);
  assert.equal(lines.length, 1);
  assert.match(lines[0] ?? "", /"deleted":217,"received_before":"2026-10-21T10:00:00.000Z"/);
  await retention.stop();
});

test("nothing to delete is nothing to say", async () => {
  const { lines, retention } = bench([0]);
  assert.equal(await retention.pass(), 0);
  assert.deepEqual(lines, []);
  await retention.stop();
});

test("a batch that fails is said, and the next pass tries again", async () => {
  const { calls, lines, retention } = bench([100, new Error("database is locked"), 5]);
  assert.equal(await retention.pass(), 100);
  assert.match(lines[0] ?? "", /"level":"error".*could not be deleted.*database is locked/);
  assert.equal(await retention.pass(), 5);
  assert.equal(calls.length, 3);
  await retention.stop();
});

test("a stop waits for the batch under way and begins no other", async () => {
  const batch = Promise.withResolvers<number>();
  const { calls, retention } = bench([batch.promise, 100]);
  const passing = retention.pass();
  assert.equal(retention.pass(), passing, "one pass at a time");
  const stopped = retention.stop();
  batch.resolve(100);
  await stopped;
  assert.equal(await passing, 100);
  assert.equal(calls.length, 1);
});
