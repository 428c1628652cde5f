/**
 * Moves `usage_hours` with the ledger: collects what a transaction's results add and take away, and writes
 * one statement per line of the rollup just before the commit. Never reads the ledger.
 */

import type { DatabaseSync } from "node:sqlite";
import type { Exchange } from "../store.ts";
import { addMeasures, isNothing, noMeasures, sharesByModel } from "./rollup.ts";
import type { CountedResult, Measures } from "./rollup.ts";
import { cachedStatements } from "./statements.ts";
import type { Statements } from "./statements.ts";
import type { TransactionPart } from "./write-queue.ts";

/** The length of one line of the rollup. */
export const HOUR_MS = 3_600_000;

interface PendingLine {
  readonly key: readonly (string | number)[];
  readonly change: Measures;
}

export class RollupWriter implements TransactionPart {
  readonly #sql: Statements;
  readonly #pending = new Map<string, PendingLine>();

  constructor(database: DatabaseSync) {
    this.#sql = cachedStatements(database);
  }

  begin(): void {
    this.#pending.clear();
  }

  /** Takes the exchange's share with `before` away and adds the one with `after`. */
  replace(intent: Exchange["intent"], before: CountedResult | null, after: CountedResult): void {
    if (before !== null) this.#move(intent, before, -1);
    this.#move(intent, after, 1);
  }

  beforeCommit(): void {
    for (const { key, change } of this.#pending.values()) {
      if (!isNothing(change)) this.#write(key, change);
    }
  }

  #move(intent: Exchange["intent"], result: CountedResult, times: 1 | -1): void {
    for (const [model, share] of sharesByModel(intent, result)) {
      const key = [
        intent.projectId,
        Math.floor(intent.receivedAtMs / HOUR_MS),
        intent.room,
        intent.participant,
        intent.sessionId ?? "",
        intent.apiKeyId,
        intent.provider,
        model,
        intent.isSimulated ? 1 : 0,
      ];
      const name = JSON.stringify(key);
      const line = this.#pending.get(name) ?? { key, change: noMeasures() };
      this.#pending.set(name, line);
      addMeasures(line.change, share, times);
    }
  }

  #write(key: PendingLine["key"], change: Measures): void {
    this.#sql(`INSERT INTO usage_hours (project_id, hour, room, participant, session_id, api_key_id, provider,
        model, is_simulated, requests, input_tokens, output_tokens, cache_read_input_tokens,
        cache_write_input_tokens, reasoning_output_tokens, cost_nano_usd, unpriced_requests, inexact_requests)
      VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
      ON CONFLICT DO UPDATE SET
        requests = requests + excluded.requests,
        input_tokens = input_tokens + excluded.input_tokens,
        output_tokens = output_tokens + excluded.output_tokens,
        cache_read_input_tokens = cache_read_input_tokens + excluded.cache_read_input_tokens,
        cache_write_input_tokens = cache_write_input_tokens + excluded.cache_write_input_tokens,
        reasoning_output_tokens = reasoning_output_tokens + excluded.reasoning_output_tokens,
        cost_nano_usd = cost_nano_usd + excluded.cost_nano_usd,
        unpriced_requests = unpriced_requests + excluded.unpriced_requests,
        inexact_requests = inexact_requests + excluded.inexact_requests`).run(
      ...key,
      change.requests,
      change.inputTokens,
      change.outputTokens,
      change.cacheReadInputTokens,
      change.cacheWriteInputTokens,
      change.reasoningOutputTokens,
      change.costNanoUsd,
      change.unpricedRequests,
      change.inexactRequests,
    );
  }
}
