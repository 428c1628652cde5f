/** A proxy under measurement: a process tree of its own in front of the benchmark's upstream. */

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Target } from "../load/streams.ts";

export const proxyNames = ["nginx", "portkey", "ours", "ours-limits"] as const;
export type ProxyName = (typeof proxyNames)[number];

export interface Proxy {
  readonly name: ProxyName;
  /** The root of its process tree. */
  readonly pid: number;
  /** Its `responses` endpoint, with what the caller must send. */
  readonly target: Target;
  stop(): Promise<void>;
}

export interface ProxyProcess {
  readonly pid: number;
  /** `http://127.0.0.1:12345` */
  readonly url: string;
  /** Its own, removed when it stops. */
  readonly directory: string;
  stop(): Promise<void>;
}

export interface ProxyCommand {
  readonly file: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

/** Starts a proxy on a free port and resolves once it answers anything at all. Throws when it ends before that. */
export async function startProcess(
  name: ProxyName,
  command: (port: number, directory: string) => ProxyCommand,
): Promise<ProxyProcess> {
  const directory = mkdtempSync(join(tmpdir(), `bench-${name}-`));
  const port = await freePort();
  const { file, args, env } = command(port, directory);
  const child = spawn(file, args, {
    stdio: ["ignore", "ignore", "pipe"],
    env: { PATH: process.env["PATH"] ?? "", HOME: directory, ...env },
  });
  let stderr = "";
  child.stderr.on("data", (bytes: Buffer) => {
    stderr = (stderr + bytes.toString()).slice(-2000);
  });
  const url = `http://127.0.0.1:${port}`;
  const stop = async (): Promise<void> => {
    await end(child);
    rmSync(directory, { recursive: true, force: true });
  };
  try {
    await answering(url, child);
  } catch (error) {
    await stop();
    throw new Error(`${name} did not start. ${stderr}`, { cause: error });
  }
  return { pid: child.pid ?? 0, url, directory, stop };
}

async function answering(url: string, child: ChildProcess): Promise<void> {
  let startError: Error | null = null;
  child.once("error", (error) => {
    startError = error;
  });
  const deadline = Date.now() + 20_000;
  for (;;) {
    try {
      await (await fetch(`${url}/healthz`)).arrayBuffer();
      return;
    } catch (error) {
      if (startError !== null) throw startError;
      if (Date.now() > deadline || child.exitCode !== null) throw error;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}

async function end(child: ChildProcess): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, "exit");
  child.kill("SIGTERM");
  const killing = setTimeout(() => child.kill("SIGKILL"), 10_000);
  await exited;
  clearTimeout(killing);
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
