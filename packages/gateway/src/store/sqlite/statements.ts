/** Prepared statements, each prepared once per database. */

import type { DatabaseSync, StatementSync } from "node:sqlite";

/** Finds or prepares the statement of a fixed text. Values are bound, never put into the text. */
export type Statements = (sql: string) => StatementSync;

/** The statements of one database. They end with it. */
export function cachedStatements(database: DatabaseSync): Statements {
  const prepared = new Map<string, StatementSync>();
  return (sql) => {
    const known = prepared.get(sql);
    if (known !== undefined) return known;
    const statement = database.prepare(sql);
    prepared.set(sql, statement);
    return statement;
  };
}
