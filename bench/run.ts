/**
 * `npm run bench`: ours against nginx and another gateway, in one run on one machine. Prints CPU, latency, memory
 * and their ratios; asserts no times, because machines are noisy. `npm run bench -- soak` and `limits` are checks. See README.md.
 */

import { writeFileSync } from "node:fs";
import { aboutRun } from "./about.ts";
import { compare } from "./compare.ts";
import { figuresJson, type WorkloadFigures } from "./figures.ts";
import { helpText, type Options, OptionsError, parseOptions } from "./options.ts";
import { limits } from "./limits/limits.ts";
import { installPeers } from "./peers/install.ts";
import { isWhole, reportLines } from "./report.ts";
import { RequirementError, requireLinux, requireOpenFiles, requireTools } from "./requirements.ts";
import { soak } from "./soak/soak.ts";
import { workloads } from "./workloads.ts";

const print = (line: string): void => void process.stdout.write(`${line}\n`);
const say = (line: string): void => void process.stderr.write(`${line}\n`);

async function main(): Promise<number> {
  const options = parseOptions(process.argv.slice(2), process.env);
  if (options === null) {
    print(helpText);
    return 0;
  }
  if (options.mode === "limits") return runLimits(options);
  requireLinux();
  return options.mode === "soak" ? runSoak(options) : runComparison(options);
}

async function runComparison(options: Options): Promise<number> {
  const chosen = workloads.filter(({ name }) => options.workloads.includes(name));
  const needsWrk = chosen.some(({ kind }) => kind === "requests");
  requireTools([...(options.proxies.includes("nginx") ? ["nginx"] : []), ...(needsWrk ? ["wrk"] : [])]);
  requireOpenFiles(2000);
  if (options.proxies.includes("portkey")) installPeers();
  const about = aboutRun(options);
  print(
    Object.entries(about)
      .map(([name, value]) => `${name}: ${value}`)
      .join(", "),
  );
  const figures: WorkloadFigures[] = [];
  for (const workload of chosen) {
    const measured = await compare(workload, options, say);
    figures.push(measured);
    print(`\n${reportLines(measured).join("\n")}`);
  }
  if (options.jsonFile !== null)
    writeFileSync(options.jsonFile, `${JSON.stringify(figuresJson(about, figures), null, 2)}\n`);
  return isWhole(figures, "ours") ? 0 : 1;
}

async function runSoak(options: Options): Promise<number> {
  const problems = await soak(options, print);
  for (const problem of problems) print(`FAILED: ${problem}`);
  if (problems.length === 0)
    print("passed: every stream whole, a row for each with its exact usage, memory back");
  return problems.length === 0 ? 0 : 1;
}

async function runLimits(options: Options): Promise<number> {
  const problems = await limits(options, print);
  for (const problem of problems) print(`MISSED: ${problem}`);
  return problems.length === 0 ? 0 : 1;
}

try {
  process.exitCode = await main();
} catch (error) {
  if (!(error instanceof OptionsError || error instanceof RequirementError)) throw error;
  say(error.message);
  process.exitCode = 2;
}
