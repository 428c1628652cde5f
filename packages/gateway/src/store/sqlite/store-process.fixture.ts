/**
 * A process with a store, for tests that kill it. Arguments: `hold` or `write`, the data directory, the
 * master key, the boot id. Each line on stdout says what has happened; it is written by then.
 */

import { writeSync } from "node:fs";
import { Secret } from "@meshagent/llm-proxy-protocol/secret";
import { sampleIntent, sampleRecord, sampleResult } from "../conformance/sample-exchanges.ts";
import type { Store } from "../store.ts";
import { openSqliteStore } from "./sqlite-store.ts";

const IN_FLIGHT = 20;

function say(line: string): void {
  const bytes = Buffer.from(`${line}\n`);
  for (let written = 0; written < bytes.length;) {
    try {
      written += writeSync(1, bytes, written);
    } catch (error) {
      // The pipe is full: try again, so that the reader sets the pace.
      if (!(error instanceof Error && "code" in error && error.code === "EAGAIN")) throw error;
    }
  }
}

/** Records exchanges one after another for ever, saying `I id` and `R id` when each part is acknowledged. */
async function write(store: Store, bootId: string, lane: number): Promise<never> {
  for (let count = 0; ; count++) {
    const id = `ex_${bootId}_${lane}_${count}`;
    const receivedAtMs = Date.now();
    await store.ledger.recordIntent(sampleIntent({ id, bootId, receivedAtMs, estimate: [sampleRecord({})] }));
    say(`I ${id}`);
    // Some end in the same turn as others begin, some later, some never.
    if (count % 3 === 0) await new Promise(setImmediate);
    if (count % 10 === 9) continue;
    await store.ledger.recordResult(sampleResult({ id, completedAtMs: Date.now() }));
    say(`R ${id}`);
  }
}

const [mode, directory = "", masterKey = "", bootId = ""] = process.argv.slice(2);
try {
  const store = await openSqliteStore({
    directory,
    masterKey: new Secret(masterKey),
    clock: { now: () => Date.now() },
    bootId,
  });
  say(`open ${await store.ledger.interruptOrphans(Date.now())}`);
  if (mode === "write") {
    await Promise.all(Array.from({ length: IN_FLIGHT }, (_, lane) => write(store, bootId, lane)));
  }
  // Holds the store until it is killed or its stdin ends.
  process.stdin.once("end", () => void store.close().then(() => say("closed"))).resume();
} catch (error) {
  say(error instanceof Error ? `${error.name}: ${error.message}` : String(error));
}
