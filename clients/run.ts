/**
 * `npm run test:clients`: runs the real coding agents against the gateway. Installs them first, at the versions
 * that package.json beside this file pins, unless they are there. Exits as the tests do.
 */

import { spawnSync } from "node:child_process";
import { globSync } from "node:fs";
import { clientsDir, installProblems } from "./bed/installed.ts";

/** Above the slowest file by far: a client that hangs must not hold a build for an hour. */
const testTimeoutMs = 180_000;

function install(): number {
  // Without scripts: Claude Code's would only copy its binary to where its wrapper looks, and we start the binary.
  const npm = process.env["npm_execpath"];
  const args = ["ci", "--ignore-scripts", "--no-audit", "--no-fund"];
  const [command, allArgs] = npm === undefined ? ["npm", args] : [process.execPath, [npm, ...args]];
  return spawnSync(command, allArgs, { cwd: clientsDir, stdio: "inherit" }).status ?? 1;
}

function runTests(): number {
  const files = globSync("*.test.ts", { cwd: clientsDir }).toSorted();
  if (files.length === 0) throw new Error("There are no client tests.");
  const args = ["--test", "--test-concurrency=1", `--test-timeout=${testTimeoutMs}`, ...files];
  return spawnSync(process.execPath, args, { cwd: clientsDir, stdio: "inherit" }).status ?? 1;
}

function main(): number {
  const problems = installProblems();
  if (problems.length > 0) {
    console.error(`Installing the clients (${problems.join("; ")}).`);
    const status = install();
    if (status !== 0) return status;
    const left = installProblems();
    if (left.length > 0) {
      console.error(`The clients are not as pinned after npm ci: ${left.join("; ")}.`);
      return 1;
    }
  }
  return runTests();
}

process.exitCode = main();
