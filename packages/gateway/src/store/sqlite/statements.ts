/** Prepared statements, each prepared once per database and place in the source. */

import type { DatabaseSync, StatementSync } from "node:sqlite";

/**
 * A template tag that takes no substitutions, so that no value can get into a statement's text:
 * sql`SELECT 1 FROM projects WHERE id = ?`.get(id).
 */
export type Statements = (sql: TemplateStringsArray) => StatementSync;

/** The statements of one database. They end with it. */
export function cachedStatements(database: DatabaseSync): Statements {
  const prepared = new Map<TemplateStringsArray, StatementSync>();
  return (sql) => {
    const known = prepared.get(sql);
    if (known !== undefined) return known;
    const statement = database.prepare(sql.join(""));
    prepared.set(sql, statement);
    return statement;
  };
}
