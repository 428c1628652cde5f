/**
 * Sets strings in one table of a TOML file and leaves every other byte as it is. What it cannot do safely
 * it refuses. It plans; somebody else writes the file.
 */

import { EditRefused, applySplices, lineBreakOf } from "./splice.ts";
import type { EditPlan, SettingChange, Splice } from "./splice.ts";
import { TomlError, scanToml } from "./toml-scan.ts";
import type { TomlEntry, TomlTable, TomlValue } from "./toml-scan.ts";

export interface TomlSettings {
  /** The table's name; empty for the top of the file. */
  readonly table: readonly string[];
  /** Bare keys and the strings they should have. */
  readonly values: Readonly<Record<string, string>>;
}

/** What it takes for the table to have these values. Throws EditRefused. */
export function planTomlEdit(text: string, settings: TomlSettings): EditPlan {
  const tables = scan(text);
  const target = tables.find((table) => !table.isArrayElement && isSamePath(table.path, settings.table));
  const plan =
    target === undefined ? planNewTable(text, tables, settings) : planInTable(text, target, settings);
  checkResult(text, tables, { plan, settings });
  return plan;
}

/** The string at this path, wherever the file defines it; null where it is absent or no string. */
export function findTomlString(tables: readonly TomlTable[], path: readonly string[]): string | null {
  const found = tables.flatMap(flatEntries).find((entry) => isSamePath(entry.path, path));
  return found !== undefined && found.value.kind === "string" ? found.value.text : null;
}

/** Whether anything is defined at or below this path. */
export function hasTomlPath(tables: readonly TomlTable[], path: readonly string[]): boolean {
  const paths = tables.flatMap((table) => [table.path, ...flatEntries(table).map((entry) => entry.path)]);
  return paths.some((other) => isPrefix(path, other));
}

function scan(text: string): readonly TomlTable[] {
  try {
    return scanToml(text);
  } catch (error) {
    if (error instanceof TomlError)
      throw new EditRefused(`it is not TOML that I can read (${error.message})`, { cause: error });
    throw error;
  }
}

function planNewTable(text: string, tables: readonly TomlTable[], settings: TomlSettings): EditPlan {
  const name = settings.table.join(".");
  const wanted = Object.entries(settings.values);
  if (hasTomlPath(tables, settings.table)) {
    const isAsWanted = wanted.every(
      ([key, value]) => findTomlString(tables, [...settings.table, key]) === value,
    );
    if (isAsWanted) return { splices: [], changes: [] };
    throw new EditRefused(`it defines ${name} without a [${name}] header`);
  }
  const blocked = tables.some(
    (table) =>
      (table.isArrayElement && isPrefix(table.path, settings.table)) ||
      flatEntries(table).some((entry) => isPrefix(entry.path, settings.table)) ||
      table.entries.some((entry) => isPrefix([...table.path, ...entry.path], settings.table)),
  );
  if (blocked)
    throw new EditRefused(
      `a table [${name}] cannot be added to it, because a part of that name is a value there`,
    );
  const newline = lineBreakOf(text);
  const lines = [`[${name}]`, ...wanted.map(([key, value]) => `${key} = ${tomlString(value)}`), ""];
  const body = text.replace(/^\ufeff/, "");
  const gap = body === "" ? "" : body.endsWith("\n") ? newline : newline + newline;
  const splice = { at: text.length, remove: 0, insert: gap + lines.join(newline) };
  return {
    splices: [splice],
    changes: wanted.map(([key, to]) => ({ name: `${name}.${key}`, from: null, to })),
  };
}

function planInTable(text: string, table: TomlTable, settings: TomlSettings): EditPlan {
  const splices: Splice[] = [];
  const changes: SettingChange[] = [];
  const missing: string[] = [];
  for (const [key, to] of Object.entries(settings.values)) {
    const name = [...settings.table, key].join(".");
    const entry = table.entries.find((other) => other.path[0] === key);
    if (entry === undefined) {
      missing.push(`${key} = ${tomlString(to)}`);
      changes.push({ name, from: null, to });
      continue;
    }
    if (entry.path.length > 1 || entry.value.kind !== "string")
      throw new EditRefused(`its ${name} is no string`);
    if (entry.value.text === to) continue;
    splices.push({ at: entry.valueStart, remove: entry.valueEnd - entry.valueStart, insert: tomlString(to) });
    changes.push({ name, from: entry.value.text, to });
  }
  if (missing.length > 0) splices.push(insertLines(text, table, missing));
  return { splices, changes };
}

function insertLines(text: string, table: TomlTable, lines: readonly string[]): Splice {
  const newline = lineBreakOf(text);
  const last: TomlEntry | undefined = table.entries.at(-1);
  if (last !== undefined || table.path.length > 0) {
    const insert = lines.map((line) => newline + line).join("");
    return { at: last?.lineEnd ?? table.headerEnd, remove: 0, insert };
  }
  // The top of a file without top-level keys: before all tables, with a blank line to whatever stands there.
  const gap = text.length > table.headerEnd ? newline : "";
  return { at: table.headerEnd, remove: 0, insert: lines.map((line) => line + newline).join("") + gap };
}

/** The last look before anything is written: the new text says what was there, plus what was wanted, and no more. */
function checkResult(
  text: string,
  before: readonly TomlTable[],
  wish: { readonly plan: EditPlan; readonly settings: TomlSettings },
): void {
  const after = scan(applySplices(text, wish.plan.splices));
  const ours = Object.keys(wish.settings.values).map((key) => [...wish.settings.table, key]);
  const others = (tables: readonly TomlTable[]): string =>
    JSON.stringify(
      tables.flatMap(flatEntries).filter((entry) => !ours.some((path) => isSamePath(path, entry.path))),
    );
  const isComplete = ours.every(
    (path) => findTomlString(after, path) === wish.settings.values[path.at(-1) ?? ""],
  );
  if (!isComplete || others(before) !== others(after)) {
    throw new EditRefused("an edit of it would change more than it should");
  }
}

/** Entries with their full names, inline tables opened. Elements of arrays of tables carry a mark, as they share a name. */
function flatEntries(table: TomlTable): { readonly path: readonly string[]; readonly value: TomlValue }[] {
  const open = (path: readonly string[], value: TomlValue): { path: readonly string[]; value: TomlValue }[] =>
    value.kind === "table"
      ? value.entries.flatMap((entry) => open([...path, ...entry.path], entry.value))
      : [{ path, value }];
  const base = table.isArrayElement ? [...table.path, "[]"] : table.path;
  return table.entries.flatMap((entry) => open([...base, ...entry.path], entry.value));
}

function isPrefix(prefix: readonly string[], path: readonly string[]): boolean {
  return prefix.length <= path.length && prefix.every((part, index) => part === path[index]);
}

function isSamePath(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && isPrefix(a, b);
}

/** A basic string; JSON's escapes are a subset of TOML's, but for DEL, which JSON leaves as it is. */
function tomlString(text: string): string {
  return JSON.stringify(text).replaceAll("\u007f", "\\u007f");
}
