/** What a run's figures belong to: commit, date, machine, versions. */

import { execFileSync } from "node:child_process";
import { cpus, release, totalmem } from "node:os";
import { dirname } from "node:path";
import type { Options } from "./options.ts";

/** For the figures' JSON and the first lines of the report. */
export function aboutRun(options: Options): Readonly<Record<string, string | number>> {
  return {
    commit: git("rev-parse", "--short", "HEAD") + (git("status", "--porcelain") === "" ? "" : " and changes"),
    date: new Date().toISOString(),
    cpu: cpus()[0]?.model.trim() ?? "unknown",
    cores: cpus().length,
    memoryGib: Math.round(totalmem() / 1024 ** 3),
    kernel: release(),
    node: process.version,
    rounds: options.rounds,
    seconds: options.seconds,
    streamSeconds: options.streamSeconds,
    warmUpSeconds: options.warmUpSeconds,
  };
}

/** Empty outside a clone. */
function git(...args: readonly string[]): string {
  try {
    return execFileSync("git", args, {
      cwd: dirname(import.meta.dirname),
      encoding: "utf8",
      stdio: "pipe",
    }).trim();
  } catch {
    return "";
  }
}
