/** Retention beside a ledger that is written: nothing is lost, nothing waits long, and old rows are found by index. */

import assert from "node:assert/strict";
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { test } from "node:test";
import {
  sampleIntent,
  sampleRecord,
  sampleResult,
  SAMPLE_START_MS,
} from "../conformance/sample-exchanges.ts";
import { newMasterKey } from "../vault.ts";
import { oldSql } from "./retention.ts";
import { migrate } from "./schema.ts";
import { openSqliteStore } from "./sqlite-store.ts";

const OLD = 3_000;
const DAY_MS = 86_400_000;

test("old rows are found by the index, without a sort", () => {
  const database = new DatabaseSync(":memory:");
  migrate(database);
  const plan = database
    .prepare(`EXPLAIN QUERY PLAN ${oldSql}`)
    .all(1, 2, 3)
    .map((row) => row["detail"])
    .join("\n");
  assert.match(plan, /SEARCH exchanges USING INDEX exchanges_by_time \(project_n=\? AND received_at<\?\)/);
  assert.doesNotMatch(plan, /SCAN|TEMP B-TREE/);
});

test("while the ledger is written, batch after batch goes, every new row stays, and freed pages are used again", async (context) => {
  const directory = mkdtempSync(join(tmpdir(), "retention-"));
  context.after(() => rmSync(directory, { recursive: true, force: true }));
  const clock = { now: () => SAMPLE_START_MS };
  const store = await openSqliteStore({ directory, masterKey: newMasterKey(), clock, bootId: "boot_1" });
  context.after(() => store.close());
  const write = async (prefix: string, count: number, receivedAtMs: number): Promise<number> => {
    let slowestMs = 0;
    for (let first = 0; first < count; first += 10) {
      const beganMs = performance.now();
      await Promise.all(
        Array.from({ length: 10 }, async (_, index) => {
          const id = `ex_${prefix}_${String(first + index).padStart(6, "0")}`;
          await store.ledger.recordIntent(sampleIntent({ id, receivedAtMs, estimate: [sampleRecord({})] }));
          await store.ledger.recordResult(sampleResult({ id }));
        }),
      );
      slowestMs = Math.max(slowestMs, performance.now() - beganMs);
    }
    return slowestMs;
  };
  const alone = await write("old", OLD, SAMPLE_START_MS - 40 * DAY_MS);
  const pagesOf = (): number => {
    const database = new DatabaseSync(join(directory, "meshagent.db"), { readOnly: true });
    const row = database.prepare("PRAGMA page_count").get();
    database.close();
    return Number(row?.["page_count"]);
  };
  const pagesBefore = pagesOf();

  let deleted = 0;
  const deleting = (async () => {
    for (let count = 100; count === 100;)
      deleted += count = await store.deleteExchangesBefore(SAMPLE_START_MS - 30 * DAY_MS, 100);
  })();
  const beside = await write("new", OLD, SAMPLE_START_MS);
  await deleting;
  context.diagnostic(`slowest ten exchanges: ${alone.toFixed(1)} ms alone, ${beside.toFixed(1)} ms beside`);

  assert.equal(deleted, OLD);
  const [row] = await store.reports.usage({ projectId: "p1" }, []);
  assert.equal(row?.requests, 2 * OLD);
  assert.equal(row?.costNanoUsd, BigInt(2 * OLD) * 4_520_000n);
  const [recent] = await store.reports.usage({ projectId: "p1", sinceMs: SAMPLE_START_MS }, []);
  assert.equal(recent?.requests, OLD);
  await write("newer", OLD / 2, SAMPLE_START_MS);
  assert.ok(pagesOf() < pagesBefore * 2, `${pagesBefore} pages of ${OLD} rows became ${pagesOf()}`);
  assert.ok(statSync(join(directory, "meshagent.db")).size > 0);
});
