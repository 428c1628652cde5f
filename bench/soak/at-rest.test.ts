import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { after, describe, it } from "node:test";
import { atRest } from "./at-rest.ts";

const mib = 1024 * 1024;
const directory = mkdtempSync(join(tmpdir(), "bench-at-rest-"));
const memoryFile = join(directory, "memory.json");
const children: ChildProcess[] = [];
after(() => {
  for (const child of children) child.kill("SIGKILL");
  rmSync(directory, { recursive: true, force: true });
});

/** A process that makes 80 MB of garbage and keeps as many megabytes as it is told. */
async function start(keptMb: number): Promise<number> {
  const script = `const make = (megabytes) => Array.from({ length: megabytes * 1024 }, () => "x".repeat(1000).split(""));
    const kept = make(${keptMb} / 8);
    make(10);
    console.log("ready");
    setInterval(() => kept.length, 1000);`;
  const preload = join(import.meta.dirname, "report-memory.ts");
  const child = spawn(process.execPath, ["--expose-gc", "--import", preload, "-e", script], {
    stdio: ["ignore", "pipe", "inherit"],
    env: { BENCH_MEMORY_FILE: memoryFile },
  });
  children.push(child);
  await once(createInterface({ input: child.stdout }), "line");
  return child.pid ?? 0;
}

describe("atRest", { skip: process.platform === "linux" ? false : "reads /proc" }, () => {
  it("counts what is kept, and not the garbage beside it", async () => {
    const little = await atRest({ pid: await start(0), memoryFile }, Infinity);
    const much = await atRest({ pid: await start(64), memoryFile }, Infinity);
    const kept = (much.reachableBytes - little.reachableBytes) / mib;
    assert.ok(kept > 56 && kept < 72, `${kept} MB`);
    assert.ok(little.reachableBytes < 40 * mib, `${little.reachableBytes / mib} MB`);
    assert.ok(much.rssBytes > much.reachableBytes && much.openFiles > 0);
  });
});
