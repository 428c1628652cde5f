/**
 * Reads exchanges for reports, newest first. Pages go by the key (received_at, id), so that rows that
 * arrive between two pages neither repeat nor hide one.
 */

import type { DatabaseSync } from "node:sqlite";
import { InvalidCursorError } from "../errors.ts";
import type { Exchange, ExchangeFilter } from "../store.ts";
import { readExchange } from "./exchange-rows.ts";
import { modelNameValues, numbersOfModel } from "./names.ts";
import { filterConditions, where } from "./report-filter.ts";
import type { Conditions } from "./report-filter.ts";

/** The most exchanges in one page. */
export const MAX_PAGE = 1000;

/** The last row of the page before. */
export interface PageKey {
  readonly receivedAtMs: number;
  readonly id: string;
}

/** One page of a list of exchanges. */
export interface PageQuery {
  readonly filter: ExchangeFilter;
  readonly limit: number;
  readonly before: PageKey | null;
}

/** At most `limit` exchanges that are older than `before`. */
export function queryExchanges(database: DatabaseSync, query: PageQuery): readonly Exchange[] {
  const { sql, values } = exchangesSql(query);
  return database
    .prepare(sql)
    .all(...values)
    .map(readExchange);
}

/** The statement of `queryExchanges`, apart, so that a test can ask how it would run. */
export function exchangesSql({ filter, limit, before }: PageQuery): {
  sql: string;
  values: Conditions["values"];
} {
  const conditions = filterConditions(filter);
  if (filter.sinceMs !== undefined) where(conditions, "received_at >= ?", filter.sinceMs);
  if (filter.untilMs !== undefined) where(conditions, "received_at < ?", filter.untilMs);
  if (filter.model !== undefined) {
    const values = modelNameValues(filter.model);
    where(
      conditions,
      `(model_n IN ${numbersOfModel} OR requested_model_n IN ${numbersOfModel})`,
      ...values,
      ...values,
    );
  }
  if (before !== null) where(conditions, "(received_at, id) < (?, ?)", before.receivedAtMs, before.id);
  return {
    sql: `SELECT * FROM named_exchanges WHERE ${conditions.sql.join(" AND ")}
      ORDER BY received_at DESC, id DESC LIMIT ?`,
    values: [...conditions.values, limit],
  };
}

/** One exchange of a project. */
export function queryExchange(database: DatabaseSync, projectId: string, id: string): Exchange | null {
  const row = database
    .prepare("SELECT * FROM named_exchanges WHERE id = ? AND project_id = ?")
    .get(id, projectId);
  return row === undefined ? null : readExchange(row);
}

/** The cursor after a page that ends with `last`. Its form is nobody's business. */
export function writeCursor(last: Exchange): string {
  return Buffer.from(`${last.intent.receivedAtMs} ${last.intent.id}`).toString("base64url");
}

/** Throws `InvalidCursorError` for a text that `writeCursor` never made. */
export function parseCursor(cursor: string): PageKey {
  const bytes = Buffer.from(cursor, "base64url");
  const match = /^(\d{1,16}) (.+)$/s.exec(bytes.toString("utf8"));
  if (match === null || bytes.toString("base64url") !== cursor) throw new InvalidCursorError();
  return { receivedAtMs: Number(match[1]), id: match[2] ?? "" };
}
