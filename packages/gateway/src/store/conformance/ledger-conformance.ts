/** The promises of `Ledger` as tests. */

import assert from "node:assert/strict";
import { test } from "node:test";
import type { UsageReportRow } from "../store.ts";
import { sampleIntent, sampleRecord, sampleResult, SAMPLE_START_MS } from "./sample-exchanges.ts";
import { withStore } from "./store-under-test.ts";
import type { OpenStore, StoreUnderTest } from "./store-under-test.ts";

async function totals({ store }: StoreUnderTest): Promise<UsageReportRow | undefined> {
  return (await store.reports.usage({ projectId: "p1" }, []))[0];
}

export function ledgerConformance(name: string, open: OpenStore): void {
  test(`${name} ledger: an exchange is there, running, once its intent is recorded`, () =>
    withStore(open, async ({ store, bootId }) => {
      const { estimate, ...intent } = sampleIntent({ id: "ex_1", bootId, estimate: [sampleRecord({})] });
      await store.ledger.recordIntent({ ...intent, estimate });
      assert.deepEqual(await store.reports.exchange("p1", "ex_1"), { intent, result: null });
      assert.equal(await store.reports.exchange("p2", "ex_1"), null);
      assert.deepEqual(await store.reports.usage({ projectId: "p1" }, []), []);
    }));

  test(`${name} ledger: every field of intent and result comes back as it was`, () =>
    withStore(open, async ({ store, bootId, reopen }) => {
      const full = sampleIntent({ id: "ex_full", bootId });
      const bare = sampleIntent({
        id: "ex_bare",
        bootId,
        tokenId: null,
        sessionId: null,
        agentId: null,
        client: null,
        requestedTier: null,
        requestedModel: "",
        role: "",
        isSimulated: true,
        room: "räum 'x\" \u{1f600}\0z",
      });
      const fullResult = sampleResult({ id: "ex_full" });
      const bareResult = sampleResult({
        id: "ex_bare",
        outcome: "gateway_error",
        usageSource: "none",
        status: null,
        model: "",
        servedTier: null,
        firstByteAtMs: null,
        providerRequestId: null,
        usage: [],
        costNanoUsd: null,
      });
      await Promise.all([store.ledger.recordIntent(full), store.ledger.recordIntent(bare)]);
      await Promise.all([store.ledger.recordResult(bareResult), store.ledger.recordResult(fullResult)]);
      const { reports } = (await reopen()).store;
      const { estimate: _, ...fullIntent } = full;
      const { estimate: __, ...bareIntent } = bare;
      assert.deepEqual(await reports.exchange("p1", "ex_full"), { intent: fullIntent, result: fullResult });
      assert.deepEqual(await reports.exchange("p1", "ex_bare"), { intent: bareIntent, result: bareResult });
    }));

  test(`${name} ledger: an intent and its result may be recorded in the same turn`, () =>
    withStore(open, async ({ store, bootId }) => {
      const intent = store.ledger.recordIntent(sampleIntent({ id: "ex_1", bootId }));
      const result = store.ledger.recordResult(sampleResult({ id: "ex_1" }));
      await Promise.all([intent, result]);
      assert.equal((await store.reports.exchange("p1", "ex_1"))?.result?.outcome, "ok");
    }));

  test(`${name} ledger: a repeated intent changes nothing, another one under its id is refused`, () =>
    withStore(open, async ({ store, bootId }) => {
      const intent = sampleIntent({ id: "ex_1", bootId });
      await store.ledger.recordIntent(intent);
      await store.ledger.recordIntent(intent);
      await store.ledger.recordResult(sampleResult({ id: "ex_1" }));
      await store.ledger.recordIntent(intent);
      await assert.rejects(store.ledger.recordIntent({ ...intent, room: "other" }), {
        name: "ExchangeIdTakenError",
      });
      const exchange = await store.reports.exchange("p1", "ex_1");
      assert.deepEqual(exchange?.result, sampleResult({ id: "ex_1" }));
      assert.equal(exchange?.intent.room, "my-room");
    }));

  test(`${name} ledger: a result without an intent is refused`, () =>
    withStore(open, async (under) => {
      await assert.rejects(under.store.ledger.recordResult(sampleResult({ id: "ex_none" })), {
        name: "UnknownExchangeError",
        message: /ex_none/,
      });
      assert.equal(await totals(under), undefined);
    }));

  test(`${name} ledger: a write that is refused does not fail its neighbours of the same turn`, () =>
    withStore(open, async (under) => {
      const { ledger, reports } = under.store;
      const settled = await Promise.allSettled([
        ledger.recordIntent(sampleIntent({ id: "ex_1", bootId: under.bootId })),
        ledger.recordResult(sampleResult({ id: "ex_none" })),
        ledger.recordIntent(sampleIntent({ id: "ex_2", bootId: under.bootId, receivedAtMs: Number.NaN })),
        ledger.recordResult(sampleResult({ id: "ex_1" })),
        ledger.recordIntent(sampleIntent({ id: "ex_3", bootId: under.bootId })),
      ]);
      assert.deepEqual(
        settled.map(({ status }) => status),
        ["fulfilled", "rejected", "rejected", "fulfilled", "fulfilled"],
      );
      const page = await reports.exchanges({ projectId: "p1" }, { limit: 10 });
      assert.deepEqual(
        page.exchanges.map(({ intent, result }) => [intent.id, result?.outcome]),
        [
          ["ex_3", undefined],
          ["ex_1", "ok"],
        ],
      );
      assert.equal((await totals(under))?.requests, 1);
      await under.store.checkUsable();
    }));

  test(`${name} ledger: a repeated result counts once`, () =>
    withStore(open, async (under) => {
      const { ledger } = under.store;
      await ledger.recordIntent(sampleIntent({ id: "ex_1", bootId: under.bootId }));
      const result = sampleResult({ id: "ex_1" });
      await Promise.all([ledger.recordResult(result), ledger.recordResult(result)]);
      await ledger.recordResult(result);
      const sums = await totals(under);
      assert.equal(sums?.requests, 1);
      assert.equal(sums?.inputTokens, 1760);
      assert.equal(sums?.costNanoUsd, 4_520_000n);
    }));

  test(`${name} ledger: a different result replaces the one before, and the report moves by the difference`, () =>
    withStore(open, async (under) => {
      const { ledger, reports } = under.store;
      await ledger.recordIntent(sampleIntent({ id: "ex_1", bootId: under.bootId }));
      await ledger.recordResult(
        sampleResult({
          id: "ex_1",
          usageSource: "partial",
          usage: [sampleRecord({ cost_nano_usd: null, cost_usd: null, cost_status: "unpriced" })],
          costNanoUsd: null,
        }),
      );
      const before = await totals(under);
      assert.deepEqual([before?.unpricedRequests, before?.inexactRequests, before?.costNanoUsd], [1, 1, 0n]);
      const image = { kind: "image_gen", model: "gpt-image-2", input_tokens: 5, output_tokens: 6 } as const;
      const later = sampleResult({
        id: "ex_1",
        usage: [sampleRecord({ output_tokens: 90 }), sampleRecord({ ...image, cost_nano_usd: 7 })],
        costNanoUsd: 4_520_007,
      });
      await ledger.recordResult(later);
      const after = await totals(under);
      // 1760 + 5 in, 90 + 6 out, 4520000 + 7 nano-dollars.
      assert.deepEqual(
        [after?.requests, after?.inputTokens, after?.outputTokens, after?.costNanoUsd],
        [1, 1765, 96, 4_520_007n],
      );
      assert.deepEqual([after?.unpricedRequests, after?.inexactRequests], [0, 0]);
      assert.deepEqual((await reports.exchange("p1", "ex_1"))?.result, later);
    }));

  test(`${name} ledger: an open intent of a process that is gone becomes interrupted with its estimate`, () =>
    withStore(open, async (under) => {
      const { ledger } = under.store;
      const { bootId } = under;
      const estimate = [
        sampleRecord({ completeness: "estimated", input_tokens: 10, cost_nano_usd: 100 }),
        sampleRecord({ kind: "advisor", model: "m2", input_tokens: 3, cost_nano_usd: 23 }),
        sampleRecord({ kind: "fallback_declined", billed: false, cost_nano_usd: 1_000 }),
      ];
      const unpriced = [sampleRecord({ cost_nano_usd: null, cost_usd: null, cost_status: "unpriced" })];
      await Promise.all([
        ledger.recordIntent(sampleIntent({ id: "ex_billed", bootId, estimate })),
        ledger.recordIntent(sampleIntent({ id: "ex_free", bootId })),
        ledger.recordIntent(sampleIntent({ id: "ex_unpriced", bootId, estimate: unpriced })),
        ledger.recordIntent(sampleIntent({ id: "ex_done", bootId, estimate })),
      ]);
      await ledger.recordResult(sampleResult({ id: "ex_done" }));
      assert.equal(await ledger.interruptOrphans(1), 0);

      const next = await under.reopen();
      await next.store.ledger.recordIntent(sampleIntent({ id: "ex_new", bootId: next.bootId, estimate }));
      assert.equal(await next.store.ledger.interruptOrphans(SAMPLE_START_MS + 9), 3);
      assert.equal(await next.store.ledger.interruptOrphans(SAMPLE_START_MS + 10), 0);

      const { reports } = next.store;
      assert.deepEqual((await reports.exchange("p1", "ex_billed"))?.result, {
        id: "ex_billed",
        outcome: "interrupted",
        usageSource: "estimated",
        status: null,
        model: "",
        servedTier: null,
        firstByteAtMs: null,
        completedAtMs: SAMPLE_START_MS + 9,
        responseBytes: 0,
        providerRequestId: null,
        attempts: 1,
        usage: estimate,
        costNanoUsd: 123,
      });
      const free = (await reports.exchange("p1", "ex_free"))?.result;
      assert.deepEqual([free?.usageSource, free?.costNanoUsd, free?.usage], ["none", 0, []]);
      const noPrice = (await reports.exchange("p1", "ex_unpriced"))?.result;
      assert.deepEqual([noPrice?.usageSource, noPrice?.costNanoUsd], ["estimated", null]);
      assert.equal((await reports.exchange("p1", "ex_done"))?.result?.outcome, "ok");
      assert.equal((await reports.exchange("p1", "ex_new"))?.result, null);
      const sums = await totals(next);
      // ex_billed 100 + 23, ex_done 4520000; inexact are ex_billed and ex_unpriced.
      assert.deepEqual(
        [sums?.requests, sums?.costNanoUsd, sums?.inexactRequests, sums?.unpricedRequests],
        [4, 4_520_123n, 2, 1],
      );
    }));

  test(`${name} ledger: a late result replaces interrupted, and the report with it`, () =>
    withStore(open, async (under) => {
      const estimate = [sampleRecord({ completeness: "estimated", cost_nano_usd: 100 })];
      const intent = sampleIntent({ id: "ex_1", bootId: under.bootId, estimate });
      await under.store.ledger.recordIntent(intent);
      const next = await under.reopen();
      assert.equal(await next.store.ledger.interruptOrphans(1), 1);
      const late = sampleResult({ id: "ex_1", usageSource: "drained" });
      await next.store.ledger.recordResult(late);
      assert.deepEqual((await next.store.reports.exchange("p1", "ex_1"))?.result, late);
      const sums = await totals(next);
      assert.deepEqual([sums?.requests, sums?.costNanoUsd, sums?.inexactRequests], [1, 4_520_000n, 0]);
    }));

  test(`${name} store: close writes what is pending, is idempotent, and nothing works after it`, () =>
    withStore(open, async (under) => {
      const { store } = under;
      const pending = store.ledger.recordIntent(sampleIntent({ id: "ex_1", bootId: under.bootId }));
      await Promise.all([store.close(), store.close(), pending]);
      await assert.rejects(store.ledger.recordIntent(sampleIntent({ id: "ex_2" })), /closed/);
      await assert.rejects(store.reports.exchange("p1", "ex_1"), /closed/);
      await assert.rejects(store.checkUsable(), { name: "StoreUnusableError", message: /closed/ });
      const next = await under.reopen();
      await next.store.checkUsable();
      assert.equal((await next.store.reports.exchange("p1", "ex_1"))?.intent.id, "ex_1");
    }));
}
