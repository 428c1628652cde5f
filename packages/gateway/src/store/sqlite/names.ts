/**
 * Names by number: the ledger and its rollup keep what repeats from row to row (projects, rooms, sessions,
 * keys, models) as small numbers, which makes rows, indexes and reports about half as large. A name keeps
 * its number for ever, also when retention deleted its last exchange: sums and the serving thread may still hold it.
 */

import type { DatabaseSync, StatementSync } from "node:sqlite";
import { integer, text } from "./columns.ts";

const MAX_KNOWN = 20_000;

/** SQL for the number of a bound name; null, which equals nothing, for a name that no row has. */
export const numberOfName = "(SELECT n FROM names WHERE name = ?)";

/**
 * SQL for the numbers of a bound model name and of its dated snapshots: `gpt-5.5` finds `gpt-5.5-2026-04-23` and
 * `claude-haiku-4-5` finds `claude-haiku-4-5-20251001`. Bind `modelNameValues(model)`. A range on the names' index, so
 * that nothing is scanned.
 */
export const numbersOfModel =
  "(SELECT n FROM names WHERE name = ? OR (name >= ? AND name < ? AND (substr(name, ?) GLOB '-[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]' OR substr(name, ?) GLOB '-[0-9][0-9][0-9][0-9][0-9][0-9][0-9][0-9]')))";

/** The values for the placeholders of `numbersOfModel`. */
export function modelNameValues(model: string): readonly (string | number)[] {
  // SQLite counts code points.
  const tail = Array.from(model).length + 1;
  // Every dated name begins with a hyphen and a digit; ":" is the character after "9".
  return [model, `${model}-0`, `${model}-:`, tail, tail];
}

export class Names {
  readonly #find: StatementSync;
  readonly #insert: StatementSync;
  readonly #findName: StatementSync;
  readonly #known = new Map<string, number>();
  readonly #knownNames = new Map<number, string>();

  constructor(database: DatabaseSync) {
    this.#find = database.prepare("SELECT n FROM names WHERE name = ?");
    this.#findName = database.prepare("SELECT name FROM names WHERE n = ?");
    this.#insert = database.prepare("INSERT INTO names (name) VALUES (?) RETURNING n");
  }

  /** The number of a name, which it is given now if it has none. Call it in a write transaction. */
  numberOf(name: string): number {
    const known = this.#known.get(name);
    if (known !== undefined) return known;
    const row = this.#find.get(name) ?? this.#insert.get(name);
    if (row === undefined) throw new Error(`The name ${name} was given no number.`);
    const number = integer(row, "n");
    if (this.#known.size >= MAX_KNOWN) this.#known.clear();
    this.#known.set(name, number);
    return number;
  }

  /** The name that has a number. */
  nameOf(number: number): string {
    const known = this.#knownNames.get(number);
    if (known !== undefined) return known;
    const row = this.#findName.get(number);
    if (row === undefined) throw new Error(`No name has the number ${number}.`);
    const name = text(row, "name");
    if (this.#knownNames.size >= MAX_KNOWN) this.#knownNames.clear();
    this.#knownNames.set(number, name);
    return name;
  }

  /** After a rollback: numbers given in that transaction are free again. */
  forget(): void {
    this.#known.clear();
    this.#knownNames.clear();
  }
}
