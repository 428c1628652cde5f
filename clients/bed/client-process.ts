/**
 * Runs a real client as a person would, in a home of its own: an environment from scratch, no terminal, nothing
 * of this machine's own set-up. Keeps what it prints.
 */

import { spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

export interface ClientHome {
  /** The client's HOME, empty at first. */
  readonly home: string;
  /** Where the client is started; an empty folder. */
  readonly workDir: string;
  /** Its own temporary folder: Codex warns when its home is inside the temporary folder. */
  readonly tempDir: string;
  remove(): void;
}

export function makeClientHome(): ClientHome {
  const root = mkdtempSync(join(tmpdir(), "meshagent-client-"));
  const [home, workDir, tempDir] = ["home", "work", "tmp"].map((name) => join(root, name)) as [
    string,
    string,
    string,
  ];
  for (const path of [home, workDir, tempDir]) mkdirSync(path);
  // A client that was just killed may still have a child that writes here.
  const remove = (): void => rmSync(root, { recursive: true, force: true, maxRetries: 10 });
  return { home, workDir, tempDir, remove };
}

export interface ClientRun {
  readonly binary: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly home: ClientHome;
  /** Ends a client that does not end by itself; the run then fails. */
  readonly timeoutMs: number;
}

export interface ClientOutput {
  /** null when a signal ended it. */
  readonly exitCode: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
  /** stdout, then stderr: all that a person gets to see. */
  readonly screen: string;
  readonly durationMs: number;
}

export interface RunningClient {
  /** Rejects when the time is over. */
  readonly output: Promise<ClientOutput>;
  kill(signal: NodeJS.Signals): void;
}

export function startClient(run: ClientRun): RunningClient {
  const startedAtMs = performance.now();
  const child = spawn(run.binary, run.args, {
    cwd: run.home.workDir,
    env: {
      HOME: run.home.home,
      TMPDIR: run.home.tempDir,
      PATH: process.env["PATH"] ?? "/usr/bin:/bin",
      LANG: "C.UTF-8",
      ...run.env,
    },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const [stdout, stderr]: [Buffer[], Buffer[]] = [[], []];
  child.stdout.on("data", (chunk: Buffer) => stdout.push(chunk));
  child.stderr.on("data", (chunk: Buffer) => stderr.push(chunk));
  const output = new Promise<ClientOutput>((resolve, reject) => {
    const timer = setTimeout(() => {
      child.kill("SIGKILL");
      reject(
        new Error(`The client did not end within ${run.timeoutMs} ms. It printed:\n${text(stdout, stderr)}`),
      );
    }, run.timeoutMs);
    child.once("error", reject);
    child.once("close", (exitCode, signal) => {
      clearTimeout(timer);
      resolve({
        exitCode,
        signal,
        stdout: text(stdout),
        stderr: text(stderr),
        screen: text(stdout, stderr),
        durationMs: performance.now() - startedAtMs,
      });
    });
  });
  return { output, kill: (signal) => child.kill(signal) };
}

function text(...outputs: readonly Buffer[][]): string {
  return Buffer.concat(outputs.flat()).toString("utf8");
}
