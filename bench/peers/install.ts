/** Installs the gateways that ours is measured against, at the versions that package.json beside it pins. */

import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** The folder with their package.json and node_modules. */
export const peersDir: string = import.meta.dirname;

/** What is missing or of another version; empty when they can run. */
export function peerProblems(directory: string = peersDir): readonly string[] {
  const pinned = (readJson(join(directory, "package.json")) as { dependencies: Record<string, string> })
    .dependencies;
  return Object.entries(pinned).flatMap(([name, version]) => {
    const path = join(directory, "node_modules", name, "package.json");
    const found = existsSync(path) ? (readJson(path) as { version: string }).version : "none";
    return found === version ? [] : [`${name}: ${version} is pinned, ${found} is installed`];
  });
}

/** Installs them unless they are there. Throws when that fails. */
export function installPeers(): void {
  const problems = peerProblems();
  if (problems.length === 0) return;
  process.stderr.write(`Installing (${problems.join("; ")}).\n`);
  const npm = process.env["npm_execpath"];
  const args = ["ci", "--ignore-scripts"];
  const [command, allArgs] = npm === undefined ? ["npm", args] : [process.execPath, [npm, ...args]];
  const { status } = spawnSync(command, allArgs, { cwd: peersDir, stdio: ["ignore", 2, 2] });
  const left = peerProblems();
  if (status !== 0 || left.length > 0) throw new Error(`npm ci failed in ${peersDir}. ${left.join("; ")}`);
}

function readJson(path: string): unknown {
  return JSON.parse(readFileSync(path, "utf8"));
}
