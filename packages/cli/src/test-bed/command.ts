/** For tests only: runs `meshagent` as a process of its own, with a home directory of its own. */

import { spawn } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const COMPILE_CACHE = join(tmpdir(), "meshagent-test-compile-cache");
const BIN = join(import.meta.dirname, "..", "..", "bin", "meshagent.js");

export interface Outcome {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  readonly env?: Readonly<Record<string, string>>;
  /** Default: nothing. */
  readonly stdin?: string;
  /** Whom it runs as; only root can say so. */
  readonly uid?: number;
  readonly gid?: number;
  /** Called with all of stdout so far; returns a signal to send then. */
  readonly onStdout?: (stdout: string) => NodeJS.Signals | null;
}

/** A machine: a home directory, and programs on its PATH. */
export class Machine {
  readonly home: string = mkdtempSync(join(tmpdir(), "meshagent-cli-"));
  readonly programs: string = join(this.home, "programs");

  constructor() {
    mkdirSync(this.programs);
  }

  /** Puts a program on PATH that prints this version. */
  install(name: string, version: string): void {
    const path = join(this.programs, name);
    writeFileSync(path, `#!/bin/sh\necho "${name} ${version}"\n`);
    chmodSync(path, 0o755);
  }

  /** Runs one command to its end. */
  run(args: readonly string[], options: RunOptions = {}): Promise<Outcome> {
    const child = spawn(process.execPath, [BIN, ...args], {
      cwd: this.home,
      // The cache saves half of each start; it is no part of what is tested.
      env: { HOME: this.home, PATH: this.programs, NODE_COMPILE_CACHE: COMPILE_CACHE, ...options.env },
      ...(options.uid === undefined ? {} : { uid: options.uid, gid: options.gid }),
    });
    let stdout = "";
    let stderr = "";
    child.stdout.setEncoding("utf8").on("data", (chunk: string) => {
      stdout += chunk;
      const signal = options.onStdout?.(stdout) ?? null;
      if (signal !== null) child.kill(signal);
    });
    child.stderr.setEncoding("utf8").on("data", (chunk: string) => {
      stderr += chunk;
    });
    child.stdin.end(options.stdin ?? "");
    return new Promise((resolve, reject) => {
      child.on("error", reject);
      child.on("close", (code, signal) => resolve({ code, signal, stdout, stderr }));
    });
  }

  remove(): void {
    rmSync(this.home, { recursive: true, force: true });
  }
}
