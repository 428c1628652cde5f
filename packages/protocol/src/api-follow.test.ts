import assert from "node:assert/strict";
import { test } from "node:test";
import type { Exchange, ExchangeList, ExchangesQuery } from "./api.ts";
import { followExchanges } from "./api-follow.ts";
import type { FollowOptions } from "./api-follow.ts";

const START_MS = Date.UTC(2026, 10, 24);

/** A ledger to follow: rows by the second at which they were received, and whether they are complete. */
class FakeLedger {
  readonly rows: { id: string; receivedS: number; isComplete: boolean }[] = [];
  readonly queries: ExchangesQuery[] = [];
  /** Rows per page, however many are asked for. */
  pageSize = 1000;

  add(id: string, receivedS: number, isComplete = true): void {
    this.rows.push({ id, receivedS, isComplete });
  }

  complete(id: string): void {
    for (const row of this.rows) if (row.id === id) row.isComplete = true;
  }

  listExchanges = async (query: { readonly project: string } & ExchangesQuery): Promise<ExchangeList> => {
    this.queries.push(query);
    const matching = this.rows
      .map((row, index) => ({ ...row, index, receivedMs: START_MS + row.receivedS * 1000 }))
      .filter(({ receivedMs }) => receivedMs >= (query.since ?? 0))
      .toSorted((a, b) => b.receivedMs - a.receivedMs || b.index - a.index);
    const start = Number(query.cursor ?? 0);
    const end = start + Math.min(query.limit ?? 100, this.pageSize);
    return {
      exchanges: matching
        .slice(start, end)
        .map(({ id, receivedMs, isComplete }) => exchange(id, receivedMs, isComplete)),
      next_cursor: end < matching.length ? String(end) : null,
    };
  };
}

function exchange(id: string, receivedMs: number, isComplete: boolean): Exchange {
  const received_at = new Date(receivedMs).toISOString();
  return { id, received_at, completed_at: isComplete ? received_at : null } as Exchange;
}

/** Follows through these steps, one between two questions each, and says what was told in each round. */
async function follow(
  ledger: FakeLedger,
  steps: (() => void)[],
  options: FollowOptions & { since?: number } = {},
): Promise<string[][]> {
  const { since, ...rest } = options;
  const stop = new AbortController();
  const rounds: string[][] = [[]];
  const stream = followExchanges(
    ledger,
    { project: "p", since },
    {
      ...rest,
      signal: stop.signal,
      wait: async () => {
        const step = steps[rounds.length - 1];
        if (step === undefined) return stop.abort();
        step();
        rounds.push([]);
      },
    },
  );
  for await (const { id } of stream) rounds.at(-1)?.push(id);
  return rounds;
}

test("the newest ones first, then each as it completes, in the order received", async () => {
  const ledger = new FakeLedger();
  for (let second = 1; second <= 15; second++) ledger.add(`old-${second}`, second);
  const rounds = await follow(
    ledger,
    [() => ledger.add("a", 16), () => undefined, () => (ledger.add("b", 17), ledger.add("c", 18))],
    { recent: 2 },
  );
  assert.deepEqual(rounds, [["old-14", "old-15"], ["a"], [], ["b", "c"]]);
});

test("one that runs is told once it is complete, however long that takes", async () => {
  const ledger = new FakeLedger();
  ledger.add("long", 0, false);
  const rounds = await follow(ledger, [
    () => ledger.add("a", 1000),
    () => ledger.add("b", 5000),
    () => ledger.complete("long"),
    () => ledger.add("c", 9000),
  ]);
  assert.deepEqual(rounds, [[], ["a"], ["b"], ["long"], ["c"]]);
});

test("a row that appears late, because its body took a while, is not missed", async () => {
  const ledger = new FakeLedger();
  ledger.add("a", 100);
  const rounds = await follow(ledger, [() => ledger.add("late", 45), () => ledger.add("later", 41)]);
  assert.deepEqual(rounds, [["a"], ["late"], ["later"]]);
});

test("nothing is told twice while the window moves", async () => {
  const ledger = new FakeLedger();
  const steps = Array.from({ length: 200 }, (_, index) => () => ledger.add(`row-${index}`, index * 7));
  const rounds = await follow(ledger, steps);
  assert.deepEqual(
    rounds.flat(),
    steps.map((_, index) => `row-${index}`),
  );
});

test("the window moves: a long ledger is not read again and again", async () => {
  const ledger = new FakeLedger();
  for (let second = 0; second < 500; second++) ledger.add(`old-${second}`, second);
  await follow(ledger, [() => ledger.add("a", 600), () => undefined], { recent: 0 });
  // 60 s before the newest.
  assert.deepEqual(
    ledger.queries.slice(1).map(({ since }) => ((since ?? 0) - START_MS) / 1000),
    [439, 439, 540],
  );
});

test("what is older than the newest page is never told, however fast they came", async () => {
  const ledger = new FakeLedger();
  ledger.pageSize = 5;
  for (let number = 0; number < 50; number++) ledger.add(`old-${number}`, number / 10);
  assert.deepEqual(await follow(ledger, [() => ledger.add("a", 6)], { recent: 2 }), [
    ["old-48", "old-49"],
    ["a"],
  ]);
});

test("more than a page of new ones", async () => {
  const ledger = new FakeLedger();
  ledger.pageSize = 2;
  const burst = ["a", "b", "c", "d", "e"];
  const rounds = await follow(ledger, [() => burst.forEach((id, index) => ledger.add(id, index))]);
  assert.deepEqual(rounds, [[], burst]);
});

test("the caller's own `since` holds", async () => {
  const ledger = new FakeLedger();
  ledger.add("before", 9);
  ledger.add("after", 10);
  const since = START_MS + 10_000;
  const rounds = await follow(ledger, [() => ledger.add("late", 5), () => ledger.add("new", 11)], { since });
  assert.deepEqual(rounds, [["after"], [], ["new"]]);
});

test("an aborted signal ends it without an error: before, while waiting, while asking", async () => {
  const ledger = new FakeLedger();
  ledger.add("a", 1);
  const aborted = AbortSignal.abort();
  for await (const row of followExchanges(ledger, { project: "p" }, { signal: aborted })) assert.fail(row.id);
  assert.equal(ledger.queries.length, 0);

  const stop = new AbortController();
  const told: string[] = [];
  for await (const { id } of followExchanges(
    ledger,
    { project: "p" },
    { signal: stop.signal, intervalMs: 60_000 },
  )) {
    told.push(id);
    setImmediate(() => stop.abort());
  }
  assert.deepEqual(told, ["a"]);

  const asking = new AbortController();
  const source = {
    listExchanges: (): Promise<ExchangeList> => {
      asking.abort();
      return Promise.reject(new Error("aborted"));
    },
  };
  for await (const row of followExchanges(source, { project: "p" }, { signal: asking.signal }))
    assert.fail(row.id);
});

test("an error of the gateway ends it with that error", async () => {
  const source = { listExchanges: () => Promise.reject(new Error("gone")) };
  await assert.rejects(followExchanges(source, { project: "p" }).next(), /gone/);
});
