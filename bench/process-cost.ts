/** What a process and its children have cost, from /proc (Linux). */

import { readdirSync, readFileSync } from "node:fs";

/** Clock ticks per second of /proc/PID/stat; 100 on every Linux that we know of. */
const ticksPerSecond = 100;

export interface ProcessCost {
  /** User and system time, of all processes that still run. */
  readonly cpuUs: number;
  /** Resident now, summed over the tree; pages that processes share count for each. */
  readonly rssBytes: number;
  /** The sum of each process's own peak so far. */
  readonly peakRssBytes: number;
  readonly openFiles: number;
}

/** The cost of the process and all its descendants; nothing for a process that is gone. */
export function processCost(rootPid: number): ProcessCost {
  let ticks = 0;
  let rssBytes = 0;
  let peakRssBytes = 0;
  let openFiles = 0;
  for (const pid of treeOf(rootPid)) {
    const stat = read(pid, "stat", parseStat);
    const memory = read(pid, "status", parseMemory);
    ticks += stat?.ticks ?? 0;
    rssBytes += memory?.rssBytes ?? 0;
    peakRssBytes += memory?.peakRssBytes ?? 0;
    openFiles += openFilesOf(pid);
  }
  return { cpuUs: (ticks * 1_000_000) / ticksPerSecond, rssBytes, peakRssBytes, openFiles };
}

function treeOf(rootPid: number): readonly number[] {
  const children = new Map<number, number[]>();
  for (const entry of readdirSync("/proc")) {
    const stat = /^\d+$/.test(entry) ? read(Number(entry), "stat", parseStat) : null;
    if (stat === null) continue;
    children.set(stat.parentPid, [...(children.get(stat.parentPid) ?? []), Number(entry)]);
  }
  const tree: number[] = [];
  for (const todo = [rootPid]; todo.length > 0;) {
    const pid = todo.pop();
    if (pid === undefined) break;
    tree.push(pid);
    todo.push(...(children.get(pid) ?? []));
  }
  return tree;
}

/** /proc/PID/stat. The command's name stands in parentheses and may itself hold some, and spaces. */
export function parseStat(text: string): { readonly parentPid: number; readonly ticks: number } {
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  return { parentPid: Number(fields[1]), ticks: Number(fields[11]) + Number(fields[12]) };
}

/** /proc/PID/status. A process that is about to be gone has no memory any more. */
export function parseMemory(text: string): { readonly rssBytes: number; readonly peakRssBytes: number } {
  const kibibytes = (name: string): number =>
    Number(new RegExp(`^${name}:\\s+(\\d+) kB`, "m").exec(text)?.[1] ?? 0);
  return { rssBytes: kibibytes("VmRSS") * 1024, peakRssBytes: kibibytes("VmHWM") * 1024 };
}

function read<T>(pid: number, file: string, parse: (text: string) => T): T | null {
  try {
    return parse(readFileSync(`/proc/${pid}/${file}`, "utf8"));
  } catch {
    return null;
  }
}

function openFilesOf(pid: number): number {
  try {
    return readdirSync(`/proc/${pid}/fd`).length;
  } catch {
    return 0;
  }
}
