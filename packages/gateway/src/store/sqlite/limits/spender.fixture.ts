/**
 * One of several processes that spend one budget, for the test that kills them. Arguments: data directory, master key,
 * boot id, the provider's books. A line on stdout: `open`, then `held` or a refusal's reason for each try; it
 * ends when what is left is less than a request. The provider's books are a file that every process appends to: what is in it was billed, whatever happens here after.
 */

import { appendFileSync } from "node:fs";
import { Secret } from "@meshagent/llm-proxy-protocol/secret";
import { sampleIntent, sampleResult } from "../../conformance/sample-exchanges.ts";
import type { BudgetAccount } from "../../limits.ts";
import type { Store } from "../../store.ts";
import { openSqliteStore } from "../sqlite-store.ts";

const LANES = 16;

const accounts: readonly BudgetAccount[] = ["project", "room"].map((key) => ({
  kind: "budget",
  key,
  limitId: key,
  amountNanoUsd: key === "project" ? 40_000_000 : 30_000_000,
  toleranceNanoUsd: 0,
  spentBeforeNanoUsd: 0,
  isEnforced: true,
  notifyAtPercent: [10, 50, 90],
}));

/** The provider bills the whole hold every other time, and goes on billing for callers that die. */
async function spend(store: Store, { bootId, books }: { bootId: string; books: string }): Promise<void> {
  for (let count = 0; ; count++) {
    const id = `ex_${bootId}_${Math.random().toString(36).slice(2)}`;
    const amount = 1 + Math.floor(Math.random() * 40_000);
    const shares = accounts.map((account) => ({ account, amount }));
    const intent = sampleIntent({ id, bootId, receivedAtMs: Date.now() });
    const reply = await store.limits.reserve({ intent, nowMs: Date.now(), shares });
    process.stdout.write(`${reply.kind === "held" ? "held" : reply.reason}\n`);
    if (reply.kind === "refused") {
      if (reply.reason !== "busy") return;
      await new Promise(setImmediate);
      continue;
    }
    const billed = Math.random() < 0.5 ? amount : Math.floor(Math.random() * amount);
    appendFileSync(books, `${id} ${billed}\n`);
    await new Promise(setImmediate);
    // Of some the usage is never seen.
    const chargeNanoUsd = Math.random() < 0.9 ? billed : null;
    await store.ledger.recordResult(sampleResult({ id, costNanoUsd: chargeNanoUsd }), {
      chargeNanoUsd,
      used: {},
    });
  }
}

const [directory = "", masterKey = "", bootId = "", books = ""] = process.argv.slice(2);
const store = await openSqliteStore({
  directory,
  masterKey: new Secret(masterKey),
  clock: { now: () => Date.now() },
  bootId,
  sharing: "member",
});
process.stdout.write("open\n");
await Promise.all(Array.from({ length: LANES }, () => spend(store, { bootId, books })));
await store.close();
