/** The promises of `Reports` as tests. */

import assert from "node:assert/strict";
import { test } from "node:test";
import type { Exchange, ExchangeFilter, ExchangeIntent, ExchangeResult, Store } from "../store.ts";
import { sampleIntent, sampleRecord, sampleResult, SAMPLE_START_MS } from "./sample-exchanges.ts";
import { withStore } from "./store-under-test.ts";
import type { OpenStore, StoreUnderTest } from "./store-under-test.ts";

const HOUR_MS = 3_600_000;

type Changes = Partial<Omit<ExchangeIntent, "id"> & Omit<ExchangeResult, "id">>;

/** Records a finished exchange; fields of intent and result share one object. */
async function record({ store, bootId }: StoreUnderTest, id: string, changes: Changes = {}): Promise<void> {
  const intent = sampleIntent({ id, bootId });
  const result = sampleResult({ id });
  const own = <T extends object>(sample: T): T =>
    Object.fromEntries(
      Object.entries(sample).map(([field, value]) => [
        field,
        field in changes ? changes[field as keyof Changes] : value,
      ]),
    ) as T;
  await Promise.all([store.ledger.recordIntent(own(intent)), store.ledger.recordResult(own(result))]);
}

async function ids(store: Store, filter: Omit<ExchangeFilter, "projectId">): Promise<string[]> {
  const page = await store.reports.exchanges({ projectId: "p1", ...filter }, { limit: 100 });
  return page.exchanges.map((exchange) => exchange.intent.id);
}

async function readAll(store: Store, filter: ExchangeFilter, limit: number): Promise<Exchange[][]> {
  const pages: Exchange[][] = [];
  let cursor: string | null = null;
  do {
    const page = await store.reports.exchanges(filter, cursor === null ? { limit } : { limit, cursor });
    pages.push([...page.exchanges]);
    cursor = page.nextCursor;
  } while (cursor !== null);
  return pages;
}

export function reportsConformance(name: string, open: OpenStore): void {
  test(`${name} exchanges: newest first, ties by id, in pages that neither repeat nor leave out`, () =>
    withStore(open, async (under) => {
      const { store } = under;
      const expected: string[] = [];
      for (let index = 0; index < 25; index++) {
        const id = `ex_${String(index).padStart(2, "0")}`;
        // Three share each millisecond.
        await record(under, id, { receivedAtMs: SAMPLE_START_MS + Math.floor(index / 3) });
        expected.unshift(id);
      }
      await record(under, "ex_other", { projectId: "p2" });
      for (const limit of [1, 2, 5, 24, 25, 26]) {
        const pages = await readAll(store, { projectId: "p1" }, limit);
        assert.deepEqual(
          pages.flat().map((exchange) => exchange.intent.id),
          expected,
          `limit ${limit}`,
        );
        assert.equal(pages.length, Math.ceil(25 / limit), `limit ${limit}`);
      }
    }));

  test(`${name} exchanges: rows that arrive between two pages change neither`, () =>
    withStore(open, async (under) => {
      const { reports } = under.store;
      for (const index of [1, 2, 3, 4]) {
        await record(under, `ex_${index}`, { receivedAtMs: SAMPLE_START_MS + index });
      }
      const first = await reports.exchanges({ projectId: "p1" }, { limit: 2 });
      await record(under, "ex_5", { receivedAtMs: SAMPLE_START_MS + 5 });
      const second = await reports.exchanges(
        { projectId: "p1" },
        { limit: 2, cursor: first.nextCursor ?? "" },
      );
      const seen = [...first.exchanges, ...second.exchanges].map((exchange) => exchange.intent.id);
      assert.deepEqual(seen, ["ex_4", "ex_3", "ex_2", "ex_1"]);
      assert.equal(second.nextCursor, null);
    }));

  test(`${name} exchanges: a limit below one gives one, a text that is no cursor is refused`, () =>
    withStore(open, async (under) => {
      const { reports } = under.store;
      await record(under, "ex_1");
      await record(under, "ex_2");
      assert.equal((await reports.exchanges({ projectId: "p1" }, { limit: 0 })).exchanges.length, 1);
      for (const cursor of ["", "x", "MTIz", "123 ex_1", "%00"]) {
        await assert.rejects(reports.exchanges({ projectId: "p1" }, { limit: 1, cursor }), {
          name: "InvalidCursorError",
        });
      }
    }));

  test(`${name} exchanges: a page holds a thousand at most`, () =>
    withStore(open, async (under) => {
      const { ledger } = under.store;
      const all = Array.from({ length: 1_001 }, (_, index) =>
        ledger.recordIntent(sampleIntent({ id: `ex_${index}`, bootId: under.bootId })),
      );
      await Promise.all(all);
      const pages = await readAll(under.store, { projectId: "p1" }, 100_000);
      assert.deepEqual(
        pages.map((page) => page.length),
        [1_000, 1],
      );
    }));

  test(`${name} exchanges: every filter narrows, since includes and until excludes`, () =>
    withStore(open, async (under) => {
      const { store } = under;
      await record(under, "ex_1", { receivedAtMs: SAMPLE_START_MS + 1, room: "r2", sessionId: "s2" });
      await record(under, "ex_2", {
        receivedAtMs: SAMPLE_START_MS + 2,
        participant: "other",
        sessionId: null,
      });
      await record(under, "ex_3", {
        receivedAtMs: SAMPLE_START_MS + 3,
        provider: "anthropic",
        apiKeyId: "k2",
      });
      await record(under, "ex_4", {
        receivedAtMs: SAMPLE_START_MS + 4,
        requestedModel: "m4",
        model: "m4-dated",
      });
      assert.deepEqual(await ids(store, { room: "r2" }), ["ex_1"]);
      assert.deepEqual(await ids(store, { sessionId: "s2" }), ["ex_1"]);
      assert.deepEqual(await ids(store, { sessionId: "session-1" }), ["ex_4", "ex_3"]);
      assert.deepEqual(await ids(store, { participant: "other" }), ["ex_2"]);
      assert.deepEqual(await ids(store, { provider: "anthropic" }), ["ex_3"]);
      assert.deepEqual(await ids(store, { apiKeyId: "k2" }), ["ex_3"]);
      assert.deepEqual(await ids(store, { model: "m4" }), ["ex_4"]);
      assert.deepEqual(await ids(store, { model: "m4-dated" }), ["ex_4"]);
      assert.deepEqual(await ids(store, { model: "gpt-5.5", room: "r2" }), ["ex_1"]);
      assert.deepEqual(await ids(store, { model: "m4", room: "r2" }), []);
      const [sinceMs, untilMs] = [SAMPLE_START_MS + 2, SAMPLE_START_MS + 4];
      assert.deepEqual(await ids(store, { sinceMs }), ["ex_4", "ex_3", "ex_2"]);
      assert.deepEqual(await ids(store, { untilMs }), ["ex_3", "ex_2", "ex_1"]);
      assert.deepEqual(await ids(store, { sinceMs, untilMs }), ["ex_3", "ex_2"]);
    }));

  test(`${name} usage: nothing recorded, nothing reported`, () =>
    withStore(open, async ({ store }) => {
      assert.deepEqual(await store.reports.usage({ projectId: "p1" }, []), []);
      assert.deepEqual(await store.reports.usage({ projectId: "p1", untilMs: 5 }, ["day", "model"]), []);
    }));

  test(`${name} usage: a line holds the sums of its exchanges`, () =>
    withStore(open, async (under) => {
      await record(under, "ex_1");
      await record(under, "ex_2", { receivedAtMs: SAMPLE_START_MS + 5 * HOUR_MS });
      assert.deepEqual(await under.store.reports.usage({ projectId: "p1" }, ["room", "model"]), [
        {
          key: ["my-room", "gpt-5.5-2026-04-23"],
          isSimulated: false,
          requests: 2,
          inputTokens: 3_520,
          outputTokens: 200,
          cacheReadInputTokens: 2_000,
          cacheWriteInputTokens: 80,
          reasoningOutputTokens: 128,
          costNanoUsd: 9_040_000n,
          unpricedRequests: 0,
          inexactRequests: 0,
        },
      ]);
    }));

  test(`${name} usage: every dimension, null where an exchange has none, days in UTC`, () =>
    withStore(open, async (under) => {
      await record(under, "ex_1", { receivedAtMs: SAMPLE_START_MS - 1, sessionId: null });
      await record(under, "ex_2", { room: "r2", participant: "b", provider: "anthropic", apiKeyId: "k2" });
      await record(under, "ex_3", {
        agentId: null,
        usage: [],
        model: "",
        requestedModel: "",
        costNanoUsd: 0,
      });
      const keys = async (by: Parameters<Store["reports"]["usage"]>[1]): Promise<unknown> =>
        (await under.store.reports.usage({ projectId: "p1" }, by)).map((row) => [...row.key, row.requests]);
      assert.deepEqual(await keys(["day"]), [
        ["2026-11-19", 1],
        ["2026-11-20", 2],
      ]);
      assert.deepEqual(await keys(["session"]), [
        [null, 1],
        ["session-1", 2],
      ]);
      assert.deepEqual(await keys(["agent", "session"]), [
        [null, "session-1", 1],
        ["agent-1", null, 1],
        ["agent-1", "session-1", 1],
      ]);
      assert.deepEqual(await keys(["model"]), [
        [null, 1],
        ["gpt-5.5-2026-04-23", 2],
      ]);
      assert.deepEqual(await keys(["provider", "api-key", "room", "participant"]), [
        ["anthropic", "k2", "r2", "b", 1],
        ["openai", "key-1", "my-room", "cli-agent", 2],
      ]);
      assert.deepEqual(await keys([]), [[3]]);
    }));

  test(`${name} usage: records count for their own model, the exchange counts once`, () =>
    withStore(open, async (under) => {
      const usage = [
        sampleRecord({ kind: "fallback_declined", model: "m0", billed: false, cost_nano_usd: 0 }),
        sampleRecord({ kind: "advisor", model: "m1", input_tokens: 10, output_tokens: 1, cost_nano_usd: 5 }),
        sampleRecord({ model: "m2", input_tokens: 20, output_tokens: 2, cost_nano_usd: 7 }),
        sampleRecord({ kind: "svg", model: "m3", input_tokens: 40, output_tokens: 4, cost_nano_usd: null }),
      ];
      await record(under, "ex_1", { usage, costNanoUsd: null, usageSource: "partial" });
      const rows = await under.store.reports.usage({ projectId: "p1" }, ["model"]);
      assert.deepEqual(
        rows.map((row) => [
          row.key[0],
          row.requests,
          row.inputTokens,
          row.outputTokens,
          row.costNanoUsd,
          row.unpricedRequests,
          row.inexactRequests,
        ]),
        [
          ["m1", 0, 10, 1, 5n, 0, 0],
          ["m2", 1, 20, 2, 7n, 0, 1],
          ["m3", 0, 40, 4, 0n, 1, 0],
        ],
      );
    }));

  test(`${name} usage: simulated use has lines of its own, what is not metered has none`, () =>
    withStore(open, async (under) => {
      await record(under, "ex_1");
      await record(under, "ex_2", { isSimulated: true });
      await record(under, "ex_3", { outcome: "not_metered", usage: [], costNanoUsd: 0, usageSource: "none" });
      await record(under, "ex_4", {
        outcome: "upstream_error",
        usage: [],
        costNanoUsd: 0,
        usageSource: "none",
      });
      const rows = await under.store.reports.usage({ projectId: "p1" }, []);
      assert.deepEqual(
        rows.map((row) => [row.isSimulated, row.requests, row.costNanoUsd]),
        [
          [false, 2, 4_520_000n],
          [true, 1, 4_520_000n],
        ],
      );
    }));

  test(`${name} usage: exact to the millisecond at both edges, inside one hour and over many`, () =>
    withStore(open, async (under) => {
      const offsets = [0, 1, HOUR_MS - 1, HOUR_MS, HOUR_MS + 1, 26 * HOUR_MS - 1, 26 * HOUR_MS];
      for (const [index, offset] of offsets.entries()) {
        await record(under, `ex_${index}`, { receivedAtMs: SAMPLE_START_MS + offset });
      }
      const edges = [...new Set(offsets.flatMap((offset) => [offset - 1, offset, offset + 1]))];
      for (const from of [...edges, -Infinity]) {
        for (const to of [...edges, Infinity]) {
          const expected = offsets.filter((offset) => offset >= from && offset < to).length;
          const rows = await under.store.reports.usage(
            {
              projectId: "p1",
              ...(from === -Infinity ? {} : { sinceMs: SAMPLE_START_MS + from }),
              ...(to === Infinity ? {} : { untilMs: SAMPLE_START_MS + to }),
            },
            [],
          );
          assert.equal(rows[0]?.requests ?? 0, expected, `[${from}, ${to})`);
        }
      }
    }));

  test(`${name} usage: sums beyond what a double holds stay exact`, () =>
    withStore(open, async (under) => {
      const most = Number.MAX_SAFE_INTEGER;
      const usage = [sampleRecord({ cost_nano_usd: most })];
      for (const id of ["ex_1", "ex_2", "ex_3"]) await record(under, id, { usage, costNanoUsd: most });
      const whole = await under.store.reports.usage({ projectId: "p1" }, []);
      assert.equal(whole[0]?.costNanoUsd, 3n * BigInt(most));
      const edge = { projectId: "p1", sinceMs: SAMPLE_START_MS, untilMs: SAMPLE_START_MS + 1 };
      await record(under, "ex_4", { receivedAtMs: SAMPLE_START_MS + 2 });
      assert.equal((await under.store.reports.usage(edge, []))[0]?.costNanoUsd, 3n * BigInt(most));
    }));
}
