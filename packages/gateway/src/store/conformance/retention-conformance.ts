/** The promises of `Store.deleteExchangesBefore` as tests: what goes, what stays, and what reports say after. */

import assert from "node:assert/strict";
import { test } from "node:test";
import type { ExchangeFilter, Store, UsageReportRow } from "../store.ts";
import { sampleIntent, sampleResult, SAMPLE_START_MS } from "./sample-exchanges.ts";
import { withStore } from "./store-under-test.ts";
import type { OpenStore, StoreUnderTest } from "./store-under-test.ts";

const HOUR_MS = 3_600_000;
const HALF_MS = HOUR_MS / 2;

/** Two exchanges in each of the first `hours` hours: at its first moment and at its half. */
async function fill({ store, bootId }: StoreUnderTest, hours: number, projectId = "p1"): Promise<void> {
  for (let half = 0; half < 2 * hours; half++) {
    const id = `ex_${projectId}_${String(half).padStart(2, "0")}`;
    const receivedAtMs = SAMPLE_START_MS + half * HALF_MS;
    await store.ledger.recordIntent(
      sampleIntent({
        id,
        bootId,
        projectId,
        receivedAtMs,
        sessionId: `s${half % 3}`,
        agentId: half % 5 === 0 ? null : `a${half % 5}`,
      }),
    );
    await store.ledger.recordResult(sampleResult({ id }));
  }
}

async function ids(store: Store, projectId = "p1"): Promise<string[]> {
  const { exchanges } = await store.reports.exchanges({ projectId }, { limit: 1000 });
  return exchanges.map(({ intent }) => intent.id).toReversed();
}

async function requests(store: Store, filter: Omit<ExchangeFilter, "projectId">): Promise<number> {
  const [row] = await store.reports.usage({ projectId: "p1", ...filter }, []);
  return row?.requests ?? 0;
}

export function retentionConformance(name: string, open: OpenStore): void {
  test(`${name} retention: the oldest go first, in batches, of every project; what is newer stays`, () =>
    withStore(open, async (under) => {
      const { store } = under;
      await fill(under, 4);
      await fill(under, 1, "p2");
      const beforeMs = SAMPLE_START_MS + 2 * HOUR_MS;
      assert.equal(await store.deleteExchangesBefore(beforeMs, 3), 3);
      assert.deepEqual(await ids(store), ["ex_p1_03", "ex_p1_04", "ex_p1_05", "ex_p1_06", "ex_p1_07"]);
      assert.deepEqual(await ids(store, "p2"), ["ex_p2_00", "ex_p2_01"]);
      assert.equal(await store.deleteExchangesBefore(beforeMs, 100), 3);
      assert.deepEqual(await ids(store), ["ex_p1_04", "ex_p1_05", "ex_p1_06", "ex_p1_07"]);
      assert.deepEqual(await ids(store, "p2"), []);
      assert.equal(await store.deleteExchangesBefore(beforeMs, 100), 0);
      assert.equal(await store.reports.exchange("p1", "ex_p1_00"), null);
    }));

  test(`${name} retention: every sum is as it was, by every dimension, also in the next process`, () =>
    withStore(open, async (under) => {
      await fill(under, 30);
      const read = async (store: Store): Promise<readonly UsageReportRow[][]> =>
        Promise.all([
          store.reports.usage({ projectId: "p1" }, []).then((rows) => [...rows]),
          store.reports.usage({ projectId: "p1" }, ["day", "model"]).then((rows) => [...rows]),
          store.reports.usage({ projectId: "p1", sessionId: "s1" }, ["session"]).then((rows) => [...rows]),
          store.reports.usage({ projectId: "p1" }, ["session", "agent"]).then((rows) => [...rows]),
        ]);
      const before = await read(under.store);
      assert.equal(before[0]?.[0]?.requests, 60);
      // Three sessions of five agents each: each pair has 60 / 15 exchanges.
      assert.deepEqual(new Set(before[3]?.map((row) => row.requests)), new Set([4]));
      assert.equal(before[3]?.length, 15);
      assert.equal(await under.store.deleteExchangesBefore(SAMPLE_START_MS + 25 * HOUR_MS, 1000), 50);
      assert.deepEqual(await read(under.store), before);
      const next = await under.reopen();
      assert.deepEqual(await read(next.store), before);
      assert.equal((await ids(next.store)).length, 10);
    }));

  test(`${name} retention: a running exchange stays, finishes, is counted, and goes then`, () =>
    withStore(open, async (under) => {
      const { store, bootId } = under;
      await fill(under, 1);
      await store.ledger.recordIntent(
        sampleIntent({ id: "ex_running", bootId, receivedAtMs: SAMPLE_START_MS + 1 }),
      );
      const beforeMs = SAMPLE_START_MS + HOUR_MS;
      assert.equal(await store.deleteExchangesBefore(beforeMs, 100), 2);
      assert.deepEqual(await ids(store), ["ex_running"]);
      await store.ledger.recordResult(sampleResult({ id: "ex_running" }));
      assert.equal(await requests(store, {}), 3);
      assert.equal(await store.deleteExchangesBefore(beforeMs, 100), 1);
      assert.equal(await requests(store, {}), 3);
    }));

  test(`${name} retention: before the line an hour counts where its first moment is asked for`, () =>
    withStore(open, async (under) => {
      const { store } = under;
      await fill(under, 6);
      const at = (hours: number): number => SAMPLE_START_MS + hours * HOUR_MS;
      const ranges: readonly (readonly [since: number, until: number, before: number, after: number])[] = [
        // Whole hours, and what ends after the line, are as they were.
        [0, 3, 6, 6],
        [1, 2, 2, 2],
        [4.5, 5.25, 2, 2],
        [0, 4.25, 9, 9],
        // The second half of hour 1 is half an hour of which nothing is known any more.
        [1.5, 3, 3, 2],
        [1, 1.5, 1, 2],
        [1.25, 1.75, 1, 0],
        [0, 0.25, 1, 2],
      ];
      const count = ([since, until]: (typeof ranges)[number]): Promise<number> =>
        requests(store, { sinceMs: at(since), untilMs: at(until) });
      for (const range of ranges) assert.equal(await count(range), range[2], `before: ${range.join()}`);
      assert.equal(await store.deleteExchangesBefore(at(4), 100), 8);
      for (const range of ranges) assert.equal(await count(range), range[3], `after: ${range.join()}`);
      // Wherever a range is cut in two, the parts make up the whole.
      for (let cut = 0; cut <= 6; cut += 0.25) {
        const parts =
          (await requests(store, { untilMs: at(cut) })) + (await requests(store, { sinceMs: at(cut) }));
        assert.equal(parts, 12, `cut at ${cut}`);
      }
    }));

  test(`${name} retention: a report that ends before the line is right when every exchange is gone`, () =>
    withStore(open, async (under) => {
      const { store } = under;
      await fill(under, 4);
      assert.equal(await store.deleteExchangesBefore(SAMPLE_START_MS + 10 * HOUR_MS, 100), 8);
      assert.deepEqual(await ids(store), []);
      assert.equal(await requests(store, { untilMs: SAMPLE_START_MS + HOUR_MS }), 2);
      assert.equal(await requests(store, { untilMs: SAMPLE_START_MS + 9 * HOUR_MS }), 8);
      assert.equal(await requests(store, { untilMs: SAMPLE_START_MS + 20 * HOUR_MS }), 8);
    }));
}
