/** Bounds that were wrong, as rows. See `WrongBounds` for what is promised. */

import type { WrongBound, WrongBounds } from "../wrong-bounds.ts";
import { integer, text } from "./columns.ts";
import type { Statements } from "./statements.ts";
import type { WriteQueue } from "./write-queue.ts";

export class SqliteWrongBounds implements WrongBounds {
  readonly #sql: Statements;
  readonly #queue: WriteQueue;

  constructor(sql: Statements, queue: WriteQueue) {
    this.#sql = sql;
    this.#queue = queue;
  }

  note({ subject, kind, seenAtMs, exchangeId }: WrongBound): Promise<void> {
    return this.#queue.enqueue(() => {
      this.#sql(`INSERT INTO wrong_bounds (subject, kind, seen_at, exchange_id) VALUES (?, ?, ?, ?)
        ON CONFLICT (subject, kind) DO UPDATE SET seen_at = excluded.seen_at, exchange_id = excluded.exchange_id
        WHERE excluded.seen_at >= seen_at`).run(subject, kind, seenAtMs, exchangeId);
    });
  }

  async since(atMs: number): Promise<readonly WrongBound[]> {
    return this.#sql("SELECT * FROM wrong_bounds WHERE seen_at >= ? ORDER BY subject, kind")
      .all(atMs)
      .map((row) => ({
        subject: text(row, "subject"),
        kind: text(row, "kind"),
        seenAtMs: integer(row, "seen_at"),
        exchangeId: text(row, "exchange_id"),
      }));
  }
}
