/** The gateway's memory and files once it has come to rest after a cycle. */

import { existsSync, readFileSync, rmSync } from "node:fs";
import { processCost } from "../process-cost.ts";

export interface AtRest {
  /** Reachable objects and buffers of the main thread, after a collection: what leaks shows here first. */
  readonly reachableBytes: number;
  /** Resident, of the whole process: also compiled code, other threads, and what the allocator keeps. */
  readonly rssBytes: number;
  readonly openFiles: number;
}

export interface Watched {
  readonly pid: number;
  /** Where `report-memory.ts` writes to. */
  readonly memoryFile: string;
}

/** Longer than the gateway keeps an idle connection to a provider (30 s). */
const closingMaxMs = 60_000;
const reportMaxMs = 20_000;
const tickMs = 200;

/**
 * Waits until no more than `openFilesMax` files are open, for a bounded time, and collects garbage. What is open
 * after that time is in the result.
 */
export async function atRest({ pid, memoryFile }: Watched, openFilesMax: number): Promise<AtRest> {
  await until(() => processCost(pid).openFiles <= openFilesMax, closingMaxMs);
  rmSync(memoryFile, { force: true });
  process.kill(pid, "SIGUSR2");
  if (!(await until(() => existsSync(memoryFile), reportMaxMs)))
    throw new Error("The gateway did not report its memory.");
  const memory = JSON.parse(readFileSync(memoryFile, "utf8")) as NodeJS.MemoryUsage;
  const { rssBytes, openFiles } = processCost(pid);
  return { reachableBytes: memory.heapUsed + memory.external, rssBytes, openFiles };
}

async function until(isSo: () => boolean, maxMs: number): Promise<boolean> {
  const deadlineMs = performance.now() + maxMs;
  while (!isSo()) {
    if (performance.now() > deadlineMs) return false;
    await new Promise((resolve) => setTimeout(resolve, tickMs));
  }
  return true;
}
