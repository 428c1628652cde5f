import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { describe, it } from "node:test";
import { parseMemory, parseStat, processCost } from "./process-cost.ts";

const busy = `const end = process.cpuUsage().user + 100_000;
  const kept = Buffer.alloc(64 * 1024 * 1024, 1);
  while (process.cpuUsage().user < end);
  console.log(kept.length);
  setInterval(() => {}, 1000);`;

describe("parseStat", () => {
  it("reads past a name with spaces and parentheses", () => {
    const stat = "4242 (a (b) c) S 17 4242 4242 0 -1 4194304 901 0 0 0 250 31 7 9 20 0 11 0 1000 0 0";
    assert.deepEqual(parseStat(stat), { parentPid: 17, ticks: 281 });
  });
});

describe("parseMemory", () => {
  it("reads what is resident and what was", () => {
    const status = "Name:\tnode\nVmPeak:\t 9999 kB\nVmHWM:\t    2048 kB\nVmRSS:\t    1024 kB\n";
    assert.deepEqual(parseMemory(status), { rssBytes: 1_048_576, peakRssBytes: 2_097_152 });
  });
  it("is nothing for a process without memory", () => {
    assert.deepEqual(parseMemory("Name:\tnode\nState:\tZ (zombie)\n"), { rssBytes: 0, peakRssBytes: 0 });
  });
});

describe("processCost", { skip: process.platform === "linux" ? false : "reads /proc" }, () => {
  it("counts a child of a child, too", async () => {
    const parent = `const { spawn } = require("node:child_process");
      spawn(process.execPath, ["-e", ${JSON.stringify(busy)}], { stdio: ["pipe", "inherit", "inherit"] });`;
    const child = spawn(process.execPath, ["-e", parent], {
      stdio: ["ignore", "pipe", "inherit"],
      detached: true,
    });
    try {
      await once(createInterface({ input: child.stdout }), "line");
      const cost = processCost(child.pid ?? 0);
      assert.ok(cost.cpuUs >= 100_000, `${cost.cpuUs} us`);
      assert.ok(cost.peakRssBytes >= 64 * 1024 * 1024, `${cost.peakRssBytes} bytes`);
      assert.ok(cost.peakRssBytes >= cost.rssBytes && cost.rssBytes > 0);
      assert.ok(cost.openFiles > 6, `${cost.openFiles} files`);
    } finally {
      // Its whole group, which holds the grandchild.
      process.kill(-(child.pid ?? 0), "SIGKILL");
    }
  });

  it("is nothing for a process that is gone", async () => {
    const child = spawn(process.execPath, ["-e", ""]);
    await once(child, "exit");
    assert.deepEqual(processCost(child.pid ?? 0), { cpuUs: 0, rssBytes: 0, peakRssBytes: 0, openFiles: 0 });
  });
});
