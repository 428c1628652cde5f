/**
 * Preloaded into the gateway for the soak alone: at SIGUSR2 it collects garbage and writes what is left to the file
 * that BENCH_MEMORY_FILE names. Without it nobody could tell a leak from garbage that nobody needed to collect yet.
 */

import { renameSync, writeFileSync } from "node:fs";
import { isMainThread } from "node:worker_threads";

const file = process.env["BENCH_MEMORY_FILE"];

/** As before an out-of-memory error: a milder collection keeps pages for what may come. */
function collect(): void {
  const { gc } = globalThis;
  if (gc === undefined) throw new Error("Start it with --expose-gc.");
  gc({ type: "major", execution: "sync", flavor: "last-resort" });
}

if (isMainThread && file !== undefined) {
  process.on("SIGUSR2", () => {
    // Finalizers of the first collection let go of what the second one takes.
    collect();
    setImmediate(() => {
      collect();
      writeFileSync(`${file}.new`, JSON.stringify(process.memoryUsage()));
      renameSync(`${file}.new`, file);
    });
  });
}
