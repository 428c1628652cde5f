/** Slow streams as a load: starts the loader's process and hands back what it saw. */

import { spawn } from "node:child_process";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";

/** Where requests go. */
export interface Target {
  /** Of the endpoint itself. */
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
}

export interface StreamJob {
  readonly target: Target;
  readonly streams: number;
  /** The streams start evenly over this time. */
  readonly rampMs: number;
  /** Stream n sends the body at n, counted around. */
  readonly bodies: readonly string[];
  /** What the upstream was asked for; a stream with fewer has not finished. */
  readonly eventsPerStream: number;
  /** A stream that is not over this long after its start counts as unfinished. */
  readonly timeoutMs: number;
}

export interface StreamResult {
  /** Streams with all their events, the terminal one and a proper end. */
  readonly finished: number;
  readonly unfinished: number;
  /** The most streams that were between their first event and their end at one time. */
  readonly peakOpen: number;
  readonly events: number;
  /** From the upstream's write to the loader's read. */
  readonly p50Us: number;
  readonly p99Us: number;
  /** Cores that the loader itself kept busy; near 1 its delays are its own. */
  readonly loaderCores: number;
  /** Why streams did not finish, and how many of each. */
  readonly errors: Readonly<Record<string, number>>;
}

/** Runs the job in a process of its own. Throws when that process fails, not when streams do. */
export async function loadStreams(job: StreamJob): Promise<StreamResult> {
  const child = spawn(process.execPath, [fileURLToPath(new URL("streams-main.ts", import.meta.url))], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  child.stdin.end(JSON.stringify(job));
  const output = await text(child.stdout);
  if (output === "") throw new Error("The loader of slow streams failed.");
  return JSON.parse(output) as StreamResult;
}
