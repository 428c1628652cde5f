/** The gateway as users run it: the `meshagent serve` command in a process of its own, to be killed for real. */

import { type ChildProcess, type ChildProcessByStdio, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { fileURLToPath } from "node:url";

export interface GatewayProcessOptions {
  readonly dataDir: string;
  /** On top of a bare environment: no variable of the test's own gets in. */
  readonly env?: Readonly<Record<string, string>>;
  readonly flags?: readonly string[];
}

export interface GatewayProcess {
  readonly url: string;
  readonly pid: number;
  /** Every line of its log so far. */
  readonly logs: readonly string[];
  readonly stderr: () => string;
  /** Nobody reads its stdout and stderr any more. */
  closeOutput(): void;
  /** `kill -9`. Resolves when the process is gone. */
  kill(): Promise<void>;
  /** SIGTERM. Resolves with the exit code. */
  terminate(): Promise<number | null>;
}

/** The file that npm links as `meshagent`. */
export const meshagentBin: string = fileURLToPath(
  new URL("../../packages/cli/bin/meshagent.js", import.meta.url),
);

/** A start that failed, with what the process said. */
export class GatewayStartError extends Error {
  override readonly name = "GatewayStartError";
  readonly exitCode: number | null;

  constructor(exitCode: number | null, stderr: string) {
    super(stderr);
    this.exitCode = exitCode;
  }
}

const spawned = new Set<ChildProcess>();

/** For an `after` hook: a test that failed half way must not leave a process that holds the run up. */
export function killSpawnedGateways(): void {
  for (const child of spawned) child.kill("SIGKILL");
}

/** Resolves once the gateway listens; rejects with `GatewayStartError` when it ends before that. */
export async function spawnGateway(options: GatewayProcessOptions): Promise<GatewayProcess> {
  const flags = ["serve", "--port", "0", "--data-dir", options.dataDir, ...(options.flags ?? [])];
  const child = spawn(process.execPath, [meshagentBin, ...flags], {
    stdio: ["ignore", "pipe", "pipe"],
    env: { PATH: process.env["PATH"] ?? "", HOME: options.dataDir, ...options.env },
  });
  spawned.add(child);
  child.once("exit", () => spawned.delete(child));
  const logs: string[] = [];
  let stderr = "";
  child.stderr.on("data", (bytes: Buffer) => {
    stderr += bytes.toString();
  });
  const exited = once(child, "exit");
  const url = await Promise.race([
    listeningUrl(child, logs),
    exited.then(() => {
      throw new GatewayStartError(child.exitCode, stderr);
    }),
  ]);
  const end = async (signal: NodeJS.Signals): Promise<number | null> => {
    child.kill(signal);
    await exited;
    return child.exitCode;
  };
  return {
    url,
    pid: child.pid ?? 0,
    logs,
    stderr: () => stderr,
    closeOutput: () => {
      child.stdout.destroy();
      child.stderr.destroy();
    },
    kill: async () => {
      await end("SIGKILL");
    },
    terminate: () => end("SIGTERM"),
  };
}

function listeningUrl(child: ChildProcessByStdio<null, Readable, Readable>, logs: string[]): Promise<string> {
  return new Promise((resolve) => {
    createInterface({ input: child.stdout }).on("line", (line) => {
      logs.push(line);
      const entry: unknown = JSON.parse(line);
      const isListening =
        typeof entry === "object" && entry !== null && "message" in entry && entry.message === "listening";
      if (isListening && "url" in entry && typeof entry.url === "string") resolve(entry.url);
    });
  });
}
