/** Files that only their owner may read, replaced as a whole, so that a crash leaves the old one or the new one. */

import { randomBytes } from "node:crypto";
import {
  chmodSync,
  closeSync,
  fsyncSync,
  mkdirSync,
  openSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from "node:fs";
import { basename, dirname, join } from "node:path";

const PRIVATE_FILE = 0o600;
const PRIVATE_DIRECTORY = 0o700;

/** Writes the file with mode 0600 in a directory that is made with mode 0700 when it is not there. */
export function writePrivateFile(path: string, text: string): void {
  mkdirSync(dirname(path), { recursive: true, mode: PRIVATE_DIRECTORY });
  replaceFile(path, text, PRIVATE_FILE);
}

/**
 * Replaces an existing file, keeping its mode, and a link to it a link. A new file gets mode 0600 and, where
 * they are missing, its directories.
 */
export function rewriteFile(path: string, text: string): void {
  const mode = findMode(path);
  if (mode === null) return writePrivateFile(path, text);
  replaceFile(realpathSync(path), text, mode);
}

/** The permission bits of the file; null when there is none. */
export function findMode(path: string): number | null {
  const stats = statSync(path, { throwIfNoEntry: false });
  return stats === undefined ? null : stats.mode & 0o777;
}

function replaceFile(path: string, text: string, mode: number): void {
  const draft = join(dirname(path), `.${basename(path)}.${randomBytes(6).toString("hex")}`);
  try {
    const file = openSync(draft, "wx", PRIVATE_FILE);
    try {
      writeSync(file, text);
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    chmodSync(draft, mode);
    renameSync(draft, path);
  } catch (error) {
    rmSync(draft, { force: true });
    throw error;
  }
}
