/** The figures as a table for a person, with the targets beside them. Measures nothing, judges nothing. */

import {
  cpuRatio,
  type Delay,
  type ProxyFigures,
  summaryOf,
  unitOf,
  type WorkloadFigures,
} from "./figures.ts";
import type { ProxyName } from "./proxies/proxy.ts";
import type { Ratio } from "./statistics.ts";

/** Above this a loader or upstream of one thread was busy enough to be late by itself. */
const saturatedCores = 0.8;

/** Lines for one workload. */
export function reportLines(figures: WorkloadFigures): readonly string[] {
  const { workload, proxies, directDelay } = figures;
  const rounds = proxies[0]?.cpuUs.length ?? 0;
  const concurrency = workload.kind === "requests" ? `, ${workload.concurrency} at once` : "";
  const latency = workload.kind === "requests" ? "added p50, alone" : "delay p50 / p99";
  return [
    `${workload.name}: ${workload.about}${concurrency}; median of ${rounds} rounds`,
    row(["", `CPU/${unitOf(workload)}`, "x nginx (range)", latency, "peak memory"]),
    ...(directDelay === null ? [] : [row(["direct", "-", "-", delayText(directDelay), "-"])]),
    ...proxies.map((proxy) => proxyRow(figures, proxy)),
    ...targetLines(figures),
    ...warningLines(figures),
  ];
}

function proxyRow(figures: WorkloadFigures, proxy: ProxyFigures): string {
  const { cpuUs, addedUs, delay } = summaryOf(proxy);
  return row([
    proxy.name,
    `${number(cpuUs)} us`,
    ratioText(cpuRatio(figures, proxy.name, "nginx")),
    delay === null ? `+${number(addedUs ?? Number.NaN)} us` : delayText(delay),
    `${(proxy.peakRssBytes / 1024 / 1024).toFixed(0)} MB`,
  ]);
}

function targetLines(figures: WorkloadFigures): readonly string[] {
  const { workload } = figures;
  const toNginx = cpuRatio(figures, "ours", "nginx")?.median;
  const lessThan = cpuRatio(figures, "portkey", "ours")?.median;
  const limited = cpuRatio(figures, "ours-limits", "ours");
  const lines: string[] = [];
  if (toNginx !== undefined) {
    const isMet = toNginx <= workload.maxTimesNginx;
    lines.push(
      `  ours is ${number(toNginx)}x nginx; the target is at most ${workload.maxTimesNginx}x: ${verdict(isMet)}`,
    );
  }
  lines.push(...besideNginx(figures));
  if (lessThan !== undefined) {
    const least = workload.minTimesLessThanPortkey;
    const target = least === null ? "" : `; the target is at least ${least}x: ${verdict(lessThan >= least)}`;
    lines.push(`  ours takes ${number(lessThan)}x less CPU than portkey${target}`);
  }
  if (limited !== null) {
    const { maxTimesUnderLimits: most } = workload;
    const target =
      most === null ? "" : `; the target is at most ${most}x: ${verdict(limited.median <= most)}`;
    lines.push(`  under limits ours takes ${ratioText(limited)}x the CPU${target}`);
  }
  return lines;
}

/** What has no target: the medians' ratios of what else each row shows. */
function besideNginx({ proxies }: WorkloadFigures): readonly string[] {
  const [nginx, ours] = ["nginx", "ours"].map((name) => proxies.find((proxy) => proxy.name === name));
  if (nginx === undefined || ours === undefined) return [];
  const [theirs, own] = [summaryOf(nginx), summaryOf(ours)];
  const late = (of: typeof own): number | null => of.addedUs ?? of.delay?.p50Us ?? null;
  const [before, after] = [late(theirs), late(own)];
  const latency = before === null || after === null ? "" : `${number(after / before)}x its latency, `;
  return [`  beside nginx: ${latency}${number(ours.peakRssBytes / nginx.peakRssBytes)}x its peak memory`];
}

function warningLines({ proxies, loaderCores, upstreamCores }: WorkloadFigures): readonly string[] {
  const lines = proxies.flatMap(({ name, unfinished }) =>
    unfinished === 0 ? [] : [`  ${name}: ${unfinished} STREAMS DID NOT FINISH.`],
  );
  if (loaderCores === null || upstreamCores === null) return lines;
  const isSaturated = Math.max(loaderCores, upstreamCores) > saturatedCores;
  const busy = `of a core was busy in the loader at most, ${share(upstreamCores)} in the upstream`;
  return [
    ...lines,
    `  ${share(loaderCores)} ${busy}${isSaturated ? ": THE DELAYS ARE THEIR OWN, TOO." : ""}`,
  ];
}

/** Whether every slow stream of the proxy arrived whole. The one thing here that no noise excuses. */
export function isWhole(figures: readonly WorkloadFigures[], name: ProxyName): boolean {
  return figures.every(({ proxies }) =>
    proxies.every((proxy) => proxy.name !== name || proxy.unfinished === 0),
  );
}

const verdict = (isMet: boolean): string => (isMet ? "met" : "missed");

const share = (cores: number): string => `${(cores * 100).toFixed(0)} %`;

const delayText = ({ p50Us, p99Us }: Delay): string => `${number(p50Us)} / ${number(p99Us)} us`;

function ratioText(ratio: Ratio | null): string {
  return ratio === null ? "-" : `${number(ratio.median)} (${number(ratio.min)}-${number(ratio.max)})`;
}

/** Three digits are more than a noisy machine can tell. */
function number(value: number): string {
  if (!Number.isFinite(value)) return "?";
  const digits = Math.max(0, 2 - Math.floor(Math.log10(Math.max(Math.abs(value), 1))));
  return value.toFixed(digits);
}

const widths = [12, 14, 20, 22, 12];

function row(cells: readonly string[]): string {
  return `  ${cells.map((cell, column) => (column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0))).join("")}`;
}
