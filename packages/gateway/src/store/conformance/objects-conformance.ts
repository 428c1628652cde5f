/** The promises of `Objects` as tests. */

import assert from "node:assert/strict";
import { test } from "node:test";
import type { LaterUsage, ProviderObject } from "../objects.ts";
import { sampleIntent, sampleResult, SAMPLE_START_MS } from "./sample-exchanges.ts";
import { withStore } from "./store-under-test.ts";
import type { OpenStore } from "./store-under-test.ts";

function sampleObject(changes: Partial<ProviderObject> = {}): ProviderObject {
  return {
    projectId: "p1",
    upstream: "openai https://api.openai.com/v1 0123456789abcdef",
    kind: "response",
    id: "resp_1",
    room: "my-room",
    participant: "cli-agent",
    exchangeId: "ex_1",
    parentId: null,
    createdAtMs: SAMPLE_START_MS,
    expiresAtMs: null,
    models: null,
    ...changes,
  };
}

function sampleLater(changes: Partial<LaterUsage> = {}): LaterUsage {
  const { projectId, upstream, kind, id } = sampleObject();
  return { projectId, upstream, kind, id, soFar: sampleResult({ id: "ex_1" }), ...changes };
}

const isNew = { isNew: true };
const isSeen = { isNew: false };

export function objectsConformance(name: string, open: OpenStore): void {
  test(`${name} objects: every field comes back as it was, in the next process too`, () =>
    withStore(open, async ({ store, reopen }) => {
      const full = sampleObject({
        id: "räum 'x\" \u{1f600}",
        parentId: "conv_1",
        expiresAtMs: SAMPLE_START_MS + 1,
        models: ["gpt-5.5", "gpt-5.4"],
      });
      const none = sampleObject({ id: "resp_2", models: [] });
      await store.objects.record([full, none], isNew);
      const { objects } = (await reopen()).store;
      assert.deepEqual(await objects.find(full, [full.id]), [full]);
      assert.deepEqual(await objects.find(none, ["resp_0", "resp_2"]), [none]);
    }));

  test(`${name} objects: an id means something in its project, account and kind alone`, () =>
    withStore(open, async ({ store: { objects } }) => {
      await objects.record([sampleObject()], isNew);
      for (const elsewhere of [
        { projectId: "p2" },
        { upstream: "openai https://api.openai.com/v1 other" },
        { kind: "file" as const },
      ]) {
        assert.deepEqual(
          await objects.find(sampleObject(elsewhere), ["resp_1"]),
          [],
          JSON.stringify(elsewhere),
        );
      }
      assert.deepEqual(await objects.find(sampleObject(), ["RESP_1"]), []);
      assert.deepEqual(await objects.find(sampleObject(), []), []);
    }));

  test(`${name} objects: who makes an object owns it; who only sees it does not`, () =>
    withStore(open, async ({ store: { objects } }) => {
      const owner = async (): Promise<string | undefined> =>
        (await objects.find(sampleObject(), ["resp_1"]))[0]?.room;
      await objects.record([sampleObject({ room: "a" })], isSeen);
      await objects.record([sampleObject({ room: "b" })], isSeen);
      assert.equal(await owner(), "a");
      await objects.record([sampleObject({ room: "c" })], isNew);
      assert.equal(await owner(), "c");
      await objects.record([], isNew);
    }));

  test(`${name} objects: what the provider has forgotten is forgotten, so many at a time`, () =>
    withStore(open, async ({ store: { objects } }) => {
      const ids = ["a", "b", "c", "d"];
      await objects.record(
        ids.map((id, index) =>
          sampleObject({ id, expiresAtMs: index === 3 ? null : SAMPLE_START_MS + index }),
        ),
        isNew,
      );
      assert.equal(await objects.forgetExpired(SAMPLE_START_MS - 1, 10), 0);
      assert.equal(await objects.forgetExpired(SAMPLE_START_MS + 1, 1), 1);
      assert.equal(await objects.forgetExpired(SAMPLE_START_MS + 1, 10), 1);
      assert.deepEqual((await objects.find(sampleObject(), ids)).map(({ id }) => id).toSorted(), ["c", "d"]);
    }));

  test(`${name} objects: an exchange whose usage is told later is no orphan, and is settled once`, () =>
    withStore(open, async ({ store, reopen }) => {
      const intents = ["ex_1", "ex_2"].map((id) => sampleIntent({ id, bootId: "boot_before" }));
      for (const intent of intents) await store.ledger.recordIntent(intent);
      const later = sampleLater();
      await store.objects.awaitUsage(later);
      await store.objects.awaitUsage({ ...later, id: "another" });
      const next = (await reopen()).store;
      assert.equal(await next.ledger.interruptOrphans(SAMPLE_START_MS + 5_000), 1);
      assert.equal((await next.reports.exchange("p1", "ex_2"))?.result?.outcome, "interrupted");
      assert.equal((await next.reports.exchange("p1", "ex_1"))?.result, null);
      assert.deepEqual(await next.reports.usage({ projectId: "p1", room: "nobody" }, []), []);

      const { estimate: _, ...intent } = intents[0] ?? sampleIntent({ id: "" });
      assert.deepEqual(await next.objects.awaited(), [{ ...later, intent }]);
      const result = sampleResult({ id: "ex_1", completedAtMs: SAMPLE_START_MS + 60_000 });
      const settled = await Promise.all([
        next.objects.settleLater(result),
        next.objects.settleLater({ ...result, outcome: "failed" }),
      ]);
      assert.deepEqual(settled, [true, false], "whoever comes first has settled it");
      assert.deepEqual((await next.reports.exchange("p1", "ex_1"))?.result, result);
      const [line] = await next.reports.usage({ projectId: "p1" }, []);
      assert.equal(line?.costNanoUsd, 4_520_000n);
      assert.deepEqual(await next.objects.awaited(), []);
      assert.equal(await next.objects.settleLater(result), false);
      assert.equal(await next.objects.settleLater({ ...result, id: "ex_unknown" }), false);
    }));
}
