/** Starts the benchmark's provider in a process of its own. */

import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

export interface Upstream {
  readonly pid: number;
  readonly port: number;
  stop(): void;
}

/** Resolves once it listens, on a free port of the loopback. */
export async function startUpstream(): Promise<Upstream> {
  const child = spawn(process.execPath, [fileURLToPath(new URL("main.ts", import.meta.url))], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const [line] = (await once(createInterface({ input: child.stdout }), "line")) as [string];
  return { pid: child.pid ?? 0, port: Number(line), stop: () => void child.kill("SIGKILL") };
}
