/**
 * Sets strings and lists of strings in one table of a TOML file, or takes keys out of it, and leaves every other byte as it is. What it cannot do safely
 * it refuses. It plans; somebody else writes the file.
 */

import { EditRefused, applySplices, lineBreakOf } from "./splice.ts";
import type { EditPlan, SettingChange, Splice } from "./splice.ts";
import { TomlError, scanToml } from "./toml-scan.ts";
import type { TomlEntry, TomlTable, TomlValue } from "./toml-scan.ts";

export interface TomlSettings {
  /** The table's name; empty for the top of the file. */
  readonly table: readonly string[];
  /** Bare keys and what they should have. */
  readonly values: Readonly<Record<string, TomlWish>>;
  /** Keys that should not be there. */
  readonly absent?: readonly string[];
}

/** A string, or a list of strings. */
export type TomlWish = string | readonly string[];

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
  const value = findValue(tables, path);
  return value?.kind === "string" ? value.text : null;
}

/** The strings of the list at this path; empty where it is absent or no list. */
export function findTomlStrings(tables: readonly TomlTable[], path: readonly string[]): readonly string[] {
  const value = findValue(tables, path);
  return value?.kind === "array"
    ? value.items.flatMap((item) => (item.kind === "string" ? [item.text] : []))
    : [];
}

function findValue(tables: readonly TomlTable[], path: readonly string[]): TomlValue | undefined {
  return tables.flatMap(flatEntries).find((entry) => isSamePath(entry.path, path))?.value;
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
    if (isAsWished(tables, settings)) return { splices: [], changes: [] };
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
  const lines = [`[${name}]`, ...wanted.map(([key, value]) => `${key} = ${tomlValue(value)}`), ""];
  const body = text.replace(/^\ufeff/, "");
  const gap = body === "" ? "" : body.endsWith("\n") ? newline : newline + newline;
  const splice = { at: text.length, remove: 0, insert: gap + lines.join(newline) };
  return {
    splices: [splice],
    changes: wanted.map(([key, to]) => ({ name: `${name}.${key}`, from: null, to: shown(to) })),
  };
}

function planInTable(text: string, table: TomlTable, settings: TomlSettings): EditPlan {
  const splices: Splice[] = [];
  const changes: SettingChange[] = [];
  const missing: string[] = [];
  const absent = table.entries.filter(({ path }) => settings.absent?.includes(path[0] ?? "") === true);
  for (const [key, to] of Object.entries(settings.values)) {
    const name = [...settings.table, key].join(".");
    const entry = table.entries.find((other) => other.path[0] === key);
    if (entry === undefined) {
      missing.push(`${key} = ${tomlValue(to)}`);
      changes.push({ name, from: null, to: shown(to) });
      continue;
    }
    const from = entry.path.length > 1 ? null : textOf(entry.value, to);
    if (from === null)
      throw new EditRefused(`its ${name} is no ${typeof to === "string" ? "string" : "list"}`);
    if (from === shown(to)) continue;
    splices.push({ at: entry.valueStart, remove: entry.valueEnd - entry.valueStart, insert: tomlValue(to) });
    changes.push({ name, from, to: shown(to) });
  }
  const kept = table.entries.filter((entry) => !absent.includes(entry));
  if (missing.length > 0) splices.push(insertLines(text, { ...table, entries: kept }, missing));
  for (const entry of absent) {
    splices.push(lineOf(text, entry));
    const from = entry.value.kind === "string" ? entry.value.text : "...";
    changes.push({ name: [...settings.table, ...entry.path].join("."), from, to: null });
  }
  return { splices, changes };
}

/** The whole line, or lines, of an entry: a key stands on the line on which its value begins. */
function lineOf(text: string, entry: TomlEntry): Splice {
  const at = text.lastIndexOf("\n", entry.valueStart - 1) + 1;
  const lineBreak = text.indexOf("\n", entry.lineEnd);
  return { at, remove: (lineBreak === -1 ? text.length : lineBreak + 1) - at, insert: "" };
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
  const { table, values, absent = [] } = wish.settings;
  const ours = [...Object.keys(values), ...absent].map((key) => [...table, key]);
  const others = (tables: readonly TomlTable[]): string =>
    JSON.stringify(
      tables.flatMap(flatEntries).filter((entry) => !ours.some((path) => isPrefix(path, entry.path))),
    );
  if (!isAsWished(after, wish.settings) || others(before) !== others(after)) {
    throw new EditRefused("an edit of it would change more than it should");
  }
}

function isAsWished(tables: readonly TomlTable[], { table, values, absent = [] }: TomlSettings): boolean {
  const isSet = Object.entries(values).every(([key, wish]) => {
    const value = findValue(tables, [...table, key]);
    return value !== undefined && textOf(value, wish) === shown(wish);
  });
  return isSet && !absent.some((key) => hasTomlPath(tables, [...table, key]));
}

/** A value as `shown` would show it; null where it is of another kind than the wish. */
function textOf(value: TomlValue, wish: TomlWish): string | null {
  if (typeof wish === "string") return value.kind === "string" ? value.text : null;
  if (value.kind !== "array" || !value.items.every((item) => item.kind === "string")) return null;
  return shown(value.items.map((item) => item.text));
}

/** For people, and to compare. */
function shown(wish: TomlWish): string {
  return typeof wish === "string" ? wish : JSON.stringify(wish);
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

function tomlValue(wish: TomlWish): string {
  return typeof wish === "string" ? tomlString(wish) : `[${wish.map(tomlString).join(", ")}]`;
}

/** A basic string; JSON's escapes are a subset of TOML's, but for DEL, which JSON leaves as it is. */
function tomlString(text: string): string {
  return JSON.stringify(text).replaceAll("\u007f", "\\u007f");
}
