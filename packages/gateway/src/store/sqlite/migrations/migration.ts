/** One step from a schema to the next. Once released it is never edited: a change is a new migration. */

export interface Migration {
  /** What it does, for the log: ends the sentence "schema 2 ...". */
  readonly about: string;
  /**
   * SQL, run in one transaction. A statement that rewrites every row of a large table calls `migrated_row()` once
   * for each, for example by `WHERE migrated_row()`: it is always true, and counts for the log.
   */
  readonly statements: string;
}
