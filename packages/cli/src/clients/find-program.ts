/** Finds a program the way a shell does, and asks it for its version. */

import { execFile } from "node:child_process";
import { accessSync, constants, statSync } from "node:fs";
import { delimiter, join } from "node:path";
import { findVariable } from "../cli-context.ts";
import type { Environment } from "../cli-context.ts";

const VERSION_TIMEOUT_MS = 10_000;

/** The first executable of this name on PATH; null when there is none. */
export function findProgram(name: string, env: Environment): string | null {
  const names = process.platform === "win32" ? [`${name}.exe`, `${name}.cmd`] : [name];
  for (const directory of (findVariable(env, "PATH") ?? "").split(delimiter)) {
    for (const file of names) {
      const path = join(directory === "" ? "." : directory, file);
      if (isExecutable(path)) return path;
    }
  }
  return null;
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

/** The first version number that `program --version` prints; null when it prints none in time. */
export function askVersion(program: string, env: Environment): Promise<string | null> {
  return new Promise((resolve) => {
    execFile(program, ["--version"], { env: { ...env }, timeout: VERSION_TIMEOUT_MS }, (error, stdout) => {
      resolve(error === null ? (/\d+\.\d+(\.\d+)?[\w.-]*/.exec(stdout)?.[0] ?? null) : null);
    });
  });
}
