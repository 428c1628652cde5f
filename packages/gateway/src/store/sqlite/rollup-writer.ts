/**
 * Moves `usage_hours` with the ledger: collects what a transaction's results add and take away, and writes
 * one statement per line of the rollup just before the commit. Never reads the ledger.
 */

import type { DatabaseSync } from "node:sqlite";
import { integer, integerOrNull } from "./columns.ts";
import type { Row } from "./columns.ts";
import type { Names } from "./names.ts";
import { addMeasures, isNothing, noMeasures, sharesByModel } from "./rollup.ts";
import type { CountedResult, Measures } from "./rollup.ts";
import { cachedStatements } from "./statements.ts";
import type { Statements } from "./statements.ts";
import type { TransactionPart } from "./write-queue.ts";

/** The length of one line of the rollup. */
export const HOUR_MS = 3_600_000;

/** What the rollup needs to know of an exchange besides its result: columns of `exchanges`. */
export const rollupPlaceColumns: readonly string[] = [
  "project_n",
  "received_at",
  "room_n",
  "participant_n",
  "session_n",
  "agent_n",
  "api_key_n",
  "provider_n",
  "requested_model_n",
  "is_simulated",
];

interface PendingLine {
  readonly key: readonly number[];
  readonly change: Measures;
}

export class RollupWriter implements TransactionPart {
  readonly #sql: Statements;
  readonly #names: Names;
  readonly #pending = new Map<string, PendingLine>();

  constructor(database: DatabaseSync, names: Names) {
    this.#names = names;
    this.#sql = cachedStatements(database);
  }

  /**
   * Takes the exchange's share with `before` away and adds the one with `after`. `place` is its row with
   * `rollupPlaceColumns`.
   */
  replace(place: Row, before: CountedResult | null, after: CountedResult): void {
    if (before !== null) this.#move(place, before, -1);
    this.#move(place, after, 1);
  }

  beforeCommit(): void {
    for (const { key, change } of this.#pending.values()) {
      if (!isNothing(change)) this.#write(key, change);
    }
    this.#pending.clear();
  }

  rolledBack(): void {
    this.#pending.clear();
    this.#names.forget();
  }

  #move(place: Row, result: CountedResult, times: 1 | -1): void {
    const requestedModel = this.#names.nameOf(integer(place, "requested_model_n"));
    for (const [model, share] of sharesByModel({ requestedModel }, result)) {
      const key = [
        integer(place, "project_n"),
        Math.floor(integer(place, "received_at") / HOUR_MS),
        integer(place, "room_n"),
        integer(place, "participant_n"),
        integerOrNull(place, "session_n") ?? this.#names.numberOf(""),
        integerOrNull(place, "agent_n") ?? this.#names.numberOf(""),
        integer(place, "api_key_n"),
        integer(place, "provider_n"),
        this.#names.numberOf(model),
        integer(place, "is_simulated"),
      ];
      const name = key.join();
      const line = this.#pending.get(name) ?? { key, change: noMeasures() };
      this.#pending.set(name, line);
      addMeasures(line.change, share, times);
    }
  }

  #write(key: PendingLine["key"], change: Measures): void {
    this.#sql(`INSERT INTO usage_hours (project_n, hour, room_n, participant_n, session_n, agent_n,
        api_key_n, provider_n, model_n, is_simulated, requests, input_tokens, output_tokens, cache_read_input_tokens,
        cache_write_input_tokens, reasoning_output_tokens, cost_nano_usd, unpriced_requests, inexact_requests)
      VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
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
