/** What a process and its children have cost, from /proc (Linux). */

import { readdirSync, readFileSync } from "node:fs";

/** Clock ticks per second of /proc/PID/stat; 100 on every Linux that we know of. */
const ticksPerSecond = 100;

export interface ProcessCost {
  readonly cpuUs: number;
  /** The largest resident size so far, summed over the tree. */
  readonly peakRssBytes: number;
}

export function processCost(rootPid: number): ProcessCost {
  let ticks = 0;
  let peakRssBytes = 0;
  for (const pid of treeOf(rootPid)) {
    const fields = statOf(pid);
    if (fields === null) continue;
    ticks += Number(fields[11]) + Number(fields[12]);
    peakRssBytes += peakRssOf(pid);
  }
  return { cpuUs: (ticks * 1_000_000) / ticksPerSecond, peakRssBytes };
}

function treeOf(rootPid: number): readonly number[] {
  const children = new Map<number, number[]>();
  for (const entry of readdirSync("/proc")) {
    const fields = /^\d+$/.test(entry) ? statOf(Number(entry)) : null;
    if (fields === null) continue;
    const parent = Number(fields[1]);
    children.set(parent, [...(children.get(parent) ?? []), Number(entry)]);
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

/** The fields after the command's name, which may hold spaces: state is 0, parent 1, utime 11, stime 12. */
function statOf(pid: number): readonly string[] | null {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, "utf8");
    return text.slice(text.lastIndexOf(")") + 2).split(" ");
  } catch {
    return null;
  }
}

function peakRssOf(pid: number): number {
  try {
    const match = /^VmHWM:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"));
    return Number(match?.[1] ?? 0) * 1024;
  } catch {
    return 0;
  }
}
