import assert from "node:assert/strict";
import { test } from "node:test";
import type { TestContext } from "node:test";
import type { AuditEvent, Author } from "../store/audit.ts";
import { RefusedCalls } from "./refused-calls.ts";
import type { RefusedCall } from "./refused-calls.ts";

const stranger: Author = {
  kind: "unknown",
  apiKeyId: null,
  address: "192.0.2.9",
  userAgent: null,
  requestId: null,
};
const key: Author = { ...stranger, kind: "api_key", apiKeyId: "k1" };
const MINUTE_MS = 60_000;

interface Bench {
  readonly entries: { readonly author: Author; readonly event: AuditEvent }[];
  /** How often what an entry needs was looked up. */
  readonly lookUps: number;
  knock(times: number, author?: Author): Promise<void>;
  after(ms: number): Promise<void>;
  readonly refused: RefusedCalls;
}

function setUp(context: TestContext, failure: Error | null = null): Bench & { readonly failures: unknown[] } {
  context.mock.timers.enable({ apis: ["setTimeout"] });
  const entries: { author: Author; event: AuditEvent }[] = [];
  const failures: unknown[] = [];
  let lookUps = 0;
  const record = async (author: Author, event: AuditEvent): Promise<void> => {
    if (failure !== null) throw failure;
    entries.push({ author, event });
  };
  const refused = new RefusedCalls({ record }, (error) => failures.push(error));
  const complete = async (): Promise<RefusedCall> => {
    lookUps += 1;
    const route = { name: "createRoom", method: "POST", path: "/rooms" };
    return { route, projectId: "p", status: 401, code: "invalid_credential" };
  };
  return {
    entries,
    failures,
    refused,
    get lookUps() {
      return lookUps;
    },
    knock: async (times, author = stranger) => {
      for (let time = 0; time < times; time++) await refused.tell(author, complete);
    },
    after: async (ms) => {
      context.mock.timers.tick(ms);
      await new Promise(setImmediate);
    },
  };
}

const summaries = ({ entries }: Bench): unknown[] =>
  entries.filter(({ author }) => author.kind === "system").map(({ event }) => event.after);

test("ten in a minute have an entry each, and the rest has a count when the minute is over", async (context) => {
  const bench = setUp(context);
  await bench.knock(1_000);
  assert.equal(bench.entries.length, 10);
  assert.equal(bench.lookUps, 10, "what is left out costs no look-up");
  assert.deepEqual(bench.entries[0], {
    author: stranger,
    event: {
      action: "call.refuse",
      projectId: "p",
      target: { kind: "route", id: "createRoom", name: "POST /rooms" },
      before: null,
      after: { status: 401, code: "invalid_credential" },
    },
  });
  await bench.after(MINUTE_MS - 1);
  assert.deepEqual(summaries(bench), []);
  await bench.after(1);
  assert.deepEqual(summaries(bench), [{ left_out: 990, of: "unknown", within_seconds: 60 }]);
});

test("whoever knocks all day gets less and less room; a quiet window makes it a minute again", async (context) => {
  const bench = setUp(context);
  const windows = [1, 2, 4, 8, 16, 32, 60, 60];
  for (const minutes of windows) {
    await bench.knock(11);
    await bench.after(minutes * MINUTE_MS);
  }
  assert.deepEqual(
    summaries(bench),
    windows.map((minutes) => ({ left_out: 1, of: "unknown", within_seconds: minutes * 60 })),
  );
  assert.equal(bench.entries.length, windows.length * 11);
  await bench.knock(10);
  await bench.after(60 * MINUTE_MS);
  await bench.knock(11);
  await bench.after(MINUTE_MS);
  assert.deepEqual(summaries(bench).at(-1), { left_out: 1, of: "unknown", within_seconds: 60 });
});

test("a few refusals leave no count, also when the minute is over or the gateway stops", async (context) => {
  const bench = setUp(context);
  await bench.knock(10);
  await bench.after(MINUTE_MS);
  await bench.knock(10);
  await bench.refused.close();
  assert.equal(bench.entries.length, 20);
  assert.deepEqual(summaries(bench), []);
});

test("a stranger cannot crowd out what a key is refused", async (context) => {
  const bench = setUp(context);
  await bench.knock(500);
  await bench.knock(2, key);
  assert.deepEqual(
    bench.entries.slice(10).map(({ author }) => author),
    [key, key],
  );
});

test("what was left out is told when the gateway stops", async (context) => {
  const bench = setUp(context);
  await bench.knock(15);
  await bench.knock(12, key);
  await bench.refused.close();
  assert.deepEqual(summaries(bench), [
    { left_out: 5, of: "unknown", within_seconds: 60 },
    { left_out: 2, of: "api_key", within_seconds: 60 },
  ]);
  await bench.after(MINUTE_MS);
  assert.equal(summaries(bench).length, 2);
});

test("an entry that cannot be written is reported, and the refusal stands", async (context) => {
  const bench = setUp(context, new Error("the disk is full"));
  await bench.knock(2);
  assert.equal(bench.failures.length, 2);
});

test("what an entry needs and cannot be looked up is reported, and the refusal stands", async (context) => {
  const bench = setUp(context);
  await bench.refused.tell(stranger, () => Promise.reject(new Error("the store is closed")));
  assert.equal(bench.failures.length, 1);
  assert.deepEqual(bench.entries, []);
});
