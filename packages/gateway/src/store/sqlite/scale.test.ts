/**
 * What a large ledger costs: bytes a row, microseconds a row, and reports whose work does not grow with it.
 * Times are printed and not asserted; STORE_SCALE_ROWS sets the size.
 */

import assert from "node:assert/strict";
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { newExchangeId, newUuid } from "../../ids.ts";
import {
  sampleIntent,
  sampleRecord,
  sampleResult,
  SAMPLE_START_MS,
} from "../conformance/sample-exchanges.ts";
import type { Store } from "../store.ts";
import { newMasterKey } from "../vault.ts";
import { openSqliteStore } from "./sqlite-store.ts";

const ROWS = Number(process.env["STORE_SCALE_ROWS"] ?? 20_000);
const BATCH = 200;
const DAY_MS = 86_400_000;
const DAYS = 90;

const projectId = newUuid();
const apiKeyId = newUuid();

/** Ninety days of 200 sessions in 20 rooms with 3 models; what the provider said is left out of the rows. */
async function fill(store: Store, bootId: string): Promise<void> {
  const sessions = Array.from({ length: 200 }, newUuid);
  for (let first = 0; first < ROWS; first += BATCH) {
    const writes: Promise<void>[] = [];
    for (let index = first; index < first + BATCH; index++) {
      const receivedAtMs = SAMPLE_START_MS + Math.floor((index * DAYS * DAY_MS) / ROWS);
      const id = newExchangeId(receivedAtMs);
      const model = `gpt-5.${index % 3}-2026-04-23`;
      const response = { response_id: `resp_0f${newUuid().replaceAll("-", "")}`, raw: {} };
      const usage = [sampleRecord({ model, ...response })];
      const session = sessions[Math.floor((index * 200) / ROWS)] ?? "";
      const who = {
        bootId,
        projectId,
        apiKeyId,
        tokenId: `token of ${session}`,
        sessionId: session,
        room: `room-${index % 20}`,
        agentId: null,
      };
      writes.push(store.ledger.recordIntent(sampleIntent({ id, receivedAtMs, ...who, estimate: usage })));
      const providerRequestId = `req_${newUuid()}`;
      writes.push(store.ledger.recordResult(sampleResult({ id, model, usage, providerRequestId })));
    }
    await Promise.all(writes);
  }
}

/** The fastest of five: what it costs when nothing else is in the way. */
async function fastestMs(work: () => Promise<unknown>): Promise<number> {
  let fastest = Infinity;
  for (let round = 0; round < 5; round++) {
    const start = performance.now();
    await work();
    fastest = Math.min(fastest, performance.now() - start);
  }
  return Math.round(fastest * 10) / 10;
}

test(`a ledger of ${ROWS} rows`, async (context) => {
  const directory = mkdtempSync(join(tmpdir(), "scale-"));
  const bootId = "boot_01kb4r5n9xq0q3w8e7r6t5y4u3";
  const options = { directory, masterKey: newMasterKey(), clock: { now: () => SAMPLE_START_MS }, bootId };
  const store = await openSqliteStore(options);
  context.after(() => rmSync(directory, { recursive: true }));
  const start = performance.now();
  await fill(store, bootId);
  const perRowUs = Math.round(((performance.now() - start) * 1_000) / ROWS);
  await store.close();
  const bytesPerRow = Math.round(statSync(join(directory, "meshagent.db")).size / ROWS);
  context.diagnostic(`${perRowUs} us and ${bytesPerRow} bytes a row, indexes and rollup included`);
  assert.ok(bytesPerRow < 1_000, `${bytesPerRow} bytes a row`);

  const opening = performance.now();
  const again = await openSqliteStore(options);
  context.diagnostic(`opened in ${Math.round(performance.now() - opening)} ms`);
  context.after(() => again.close());
  const endMs = SAMPLE_START_MS + DAYS * DAY_MS;
  const since30d = { projectId, sinceMs: endMs - 30 * DAY_MS - 1_234_567 };
  const rows = await again.reports.usage(since30d, ["model"]);
  // A third of the rows and those of the 1234.567 s besides, to within one.
  const expected = (ROWS * (30 * DAY_MS + 1_234_567)) / (DAYS * DAY_MS);
  const requests = rows.reduce((sum, row) => sum + row.requests, 0);
  assert.ok(Math.abs(requests - expected) <= 1, `${requests} of ${expected}`);

  const times = {
    "usage 30 days by model": () => again.reports.usage(since30d, ["model"]),
    "usage 30 days by session": () => again.reports.usage({ ...since30d, untilMs: endMs }, ["session"]),
    "usage of one room": () => again.reports.usage({ ...since30d, room: "room-7" }, ["day"]),
    "newest 100": () => again.reports.exchanges({ projectId }, { limit: 100 }),
    "newest 100 of a room": () => again.reports.exchanges({ projectId, room: "room-7" }, { limit: 100 }),
  };
  for (const [title, work] of Object.entries(times)) {
    context.diagnostic(`${title}: ${await fastestMs(work)} ms`);
  }
});
