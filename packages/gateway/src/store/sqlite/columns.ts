/**
 * Reads typed values out of SQLite rows. The tables are STRICT, so a value of another type means that a
 * query and its reader have come apart, and throws. Knows no table.
 */

import type { SQLOutputValue } from "node:sqlite";

/** A row as `node:sqlite` gives it. */
export type Row = Readonly<Record<string, SQLOutputValue>>;

/** A TEXT NOT NULL column. */
export function text(row: Row, column: string): string {
  const value = row[column];
  if (typeof value !== "string") throw mismatch(column, "text");
  return value;
}

/** A TEXT column. */
export function textOrNull(row: Row, column: string): string | null {
  return row[column] === null ? null : text(row, column);
}

/** An INTEGER NOT NULL column whose values are safe integers. */
export function integer(row: Row, column: string): number {
  const value = row[column];
  if (typeof value === "number") return value;
  if (typeof value === "bigint") return Number(value);
  throw mismatch(column, "an integer");
}

/** An INTEGER column. */
export function integerOrNull(row: Row, column: string): number | null {
  return row[column] === null ? null : integer(row, column);
}

/** An INTEGER NOT NULL column, read by a statement with `setReadBigInts(true)`. */
export function bigint(row: Row, column: string): bigint {
  const value = row[column];
  if (typeof value !== "bigint") throw mismatch(column, "a big integer");
  return value;
}

/** A BLOB NOT NULL column. */
export function blob(row: Row, column: string): Uint8Array {
  const value = row[column];
  if (!(value instanceof Uint8Array)) throw mismatch(column, "a blob");
  return value;
}

/** A BLOB column. */
export function blobOrNull(row: Row, column: string): Uint8Array | null {
  return row[column] === null ? null : blob(row, column);
}

function mismatch(column: string, wanted: string): TypeError {
  return new TypeError(`The column ${column} does not hold ${wanted}.`);
}
