/**
 * Sets strings in one object member of a JSON file and leaves every other byte as it is. What it cannot do
 * safely it refuses. It plans; somebody else writes the file.
 */

import { findMember, JsonScanError, scanJson } from "./json-scan.ts";
import type { JsonNode } from "./json-scan.ts";
import { applySplices, EditRefused, lineBreakOf } from "./splice.ts";
import type { EditPlan, SettingChange, Splice } from "./splice.ts";

export interface JsonSettings {
  /** The member of the top object that holds the settings, such as `env`. Made when it is not there. */
  readonly member: string;
  readonly values: Readonly<Record<string, string>>;
}

/** What it takes for the member to have these values. An empty text counts as `{}`. Throws EditRefused. */
export function planJsonEdit(text: string, settings: JsonSettings): EditPlan {
  if (text.replace(/^\ufeff/, "").trim() === "") return planNewFile(text, settings);
  const plan = refusing(() => planInFile(text, settings));
  checkResult(text, plan, settings);
  return plan;
}

/** The string at `member.key`; null where it is absent or no string. Throws EditRefused for a text that is no JSON. */
export function findJsonString(text: string, member: string, key: string): string | null {
  if (text.replace(/^\ufeff/, "").trim() === "") return null;
  return refusing(() => {
    const parent = findMember(scanJson(text), member)?.value;
    return parent === undefined ? null : (findMember(parent, key)?.value.text ?? null);
  });
}

function refusing<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (error instanceof JsonScanError)
      throw new EditRefused(`it is not JSON that I can read (${error.message})`, { cause: error });
    throw error;
  }
}

function planNewFile(text: string, { member, values }: JsonSettings): EditPlan {
  const insert = `${JSON.stringify({ [member]: values }, null, 2)}\n`;
  return {
    splices: [{ at: text.length, remove: 0, insert }],
    changes: additions(member, Object.entries(values)),
  };
}

function planInFile(text: string, { member, values }: JsonSettings): EditPlan {
  const root = scanJson(text);
  if (root.members === null) throw new EditRefused("it is no JSON object");
  const parent = findMember(root, member)?.value;
  if (parent === undefined) {
    const splice = insertMembers(text, root, [[member, values]]);
    return { splices: [splice], changes: additions(member, Object.entries(values)) };
  }
  if (parent.members === null) throw new EditRefused(`its "${member}" is no object`);
  const splices: Splice[] = [];
  const changes: SettingChange[] = [];
  const missing: [string, string][] = [];
  for (const [key, to] of Object.entries(values)) {
    const value = findMember(parent, key)?.value;
    if (value === undefined) {
      missing.push([key, to]);
      continue;
    }
    if (value.text === to) continue;
    if (value.text === null) throw new EditRefused(`its "${member}.${key}" is no string`);
    splices.push({ at: value.start, remove: value.end - value.start, insert: JSON.stringify(to) });
    changes.push({ name: `${member}.${key}`, from: value.text, to });
  }
  if (missing.length > 0) splices.push(insertMembers(text, parent, missing));
  return { splices, changes: [...changes, ...additions(member, missing)] };
}

function additions(member: string, values: readonly [string, string][]): SettingChange[] {
  return values.map(([key, to]) => ({ name: `${member}.${key}`, from: null, to }));
}

/** Behind the last member, laid out as the members before it are. A trailing comma there stays and then follows ours. */
function insertMembers(text: string, parent: JsonNode, members: readonly [string, unknown][]): Splice {
  const newline = lineBreakOf(text);
  const last = parent.members?.at(-1);
  const outer = indentAt(text, parent.start);
  if (last === undefined) {
    const unit = outer === "" || outer.startsWith(" ") ? "  " : "\t";
    const lines = members.map(
      ([key, value]) => `${outer}${unit}${memberText(key, value, { unit, outer: outer + unit, newline })}`,
    );
    const closing = /^[ \t]*[\r\n]/.test(text.slice(parent.start + 1)) ? "" : newline + outer;
    return { at: parent.start + 1, remove: 0, insert: newline + lines.join(`,${newline}`) + closing };
  }
  const isOnOneLine = !text.slice(parent.start, parent.end).includes("\n");
  const indent = indentAt(text, last.value.start);
  const unit = indent.startsWith(outer) && indent.length > outer.length ? indent.slice(outer.length) : "  ";
  const gap = isOnOneLine ? " " : newline + indent;
  const insert = members.map(
    ([key, value]) =>
      `,${gap}${isOnOneLine ? `${JSON.stringify(key)}: ${JSON.stringify(value)}` : memberText(key, value, { unit, outer: indent, newline })}`,
  );
  return { at: last.value.end, remove: 0, insert: insert.join("") };
}

interface Layout {
  readonly unit: string;
  readonly outer: string;
  readonly newline: string;
}

function memberText(key: string, value: unknown, { unit, outer, newline }: Layout): string {
  return `${JSON.stringify(key)}: ${JSON.stringify(value, null, unit).replaceAll("\n", newline + outer)}`;
}

/** The blanks at the beginning of the line that this offset is on. */
function indentAt(text: string, offset: number): string {
  const lineStart = text.lastIndexOf("\n", offset - 1) + 1;
  return /^[ \t]*/.exec(text.slice(lineStart, offset))?.[0] ?? "";
}

/** The last look before anything is written: the new text says what was there, plus what was wanted, and no more. */
function checkResult(text: string, plan: EditPlan, settings: JsonSettings): void {
  const after = applySplices(text, plan.splices);
  const isComplete = Object.entries(settings.values).every(
    ([key, value]) => findJsonString(after, settings.member, key) === value,
  );
  if (!isComplete || otherParts(text, settings) !== otherParts(after, settings)) {
    throw new EditRefused("an edit of it would change more than it should");
  }
}

function otherParts(text: string, { member, values }: JsonSettings): string {
  const parts: [string, string][] = [];
  for (const top of scanJson(text).members ?? []) {
    if (top.key !== member || top.value.members === null)
      parts.push([top.key, text.slice(top.value.start, top.value.end)]);
    else {
      for (const { key, value } of top.value.members) {
        if (!Object.hasOwn(values, key)) parts.push([`${member}.${key}`, text.slice(value.start, value.end)]);
      }
    }
  }
  return JSON.stringify(parts);
}
