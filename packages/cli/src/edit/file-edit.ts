/** Makes a planned change of a settings file: reads it, keeps a copy of what was there, replaces it as a whole. */

import { constants, copyFileSync, readFileSync } from "node:fs";
import { messageOf } from "../failure.ts";
import { findMode, rewriteFile } from "../private-file.ts";
import { applySplices, EditRefused } from "./splice.ts";
import type { EditPlan, SettingChange } from "./splice.ts";

export interface FileEdit {
  readonly path: string;
  /** False: the file is not there yet and will be made. */
  readonly exists: boolean;
  /** Nothing to change: empty. */
  readonly changes: readonly SettingChange[];
  /** Makes the change; returns where the copy of the old file is, null when there was no old file or nothing changed. */
  readonly apply: (nowMs: number) => string | null;
}

/** Plans the change of one file. A missing file counts as empty. Throws EditRefused. */
export function planFileEdit(path: string, plan: (text: string) => EditPlan): FileEdit {
  const text = readText(path);
  const { changes, splices } = plan(text ?? "");
  return {
    path,
    exists: text !== null,
    changes,
    apply: (nowMs) => {
      if (splices.length === 0) return null;
      // Somebody may have changed it while the question was on the screen.
      if (readText(path) !== text)
        throw new EditRefused("it has changed in the meantime; nothing was written");
      const copy = text === null ? null : keepCopy(path, nowMs);
      rewriteFile(path, applySplices(text ?? "", splices));
      return copy;
    },
  };
}

/** The file's text; null when there is none. Throws EditRefused for bytes that are not UTF-8: writing would change them. */
export function readText(path: string): string | null {
  if (findMode(path) === null) return null;
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(readFileSync(path));
  } catch (cause) {
    throw new EditRefused(`it cannot be read (${messageOf(cause)})`, { cause });
  }
}

function keepCopy(path: string, nowMs: number): string {
  const time = new Date(nowMs).toISOString().replace(/[-:]/g, "").replace(/\..*/, "");
  for (let attempt = 1; ; attempt++) {
    const copy = `${path}.before-meshagent-${time}${attempt === 1 ? "" : `-${attempt}`}`;
    try {
      copyFileSync(path, copy, constants.COPYFILE_EXCL);
      return copy;
    } catch (error) {
      if (!(error instanceof Error && "code" in error && error.code === "EEXIST")) throw error;
    }
  }
}
