/**
 * `npm run bench -- soak`: many slow streams at once through ours, several times over. It is a check, unlike the
 * comparison: whether streams finish and rows are there is no matter of a machine's speed.
 */

import { join } from "node:path";
import { loadStreams } from "../load/streams.ts";
import type { Options } from "../options.ts";
import { processCost } from "../process-cost.ts";
import { type Ours, startOurs } from "../proxies/ours.ts";
import { requireOpenFiles } from "../requirements.ts";
import { startUpstream } from "../upstream/upstream.ts";
import { slowStreamBody } from "../workloads.ts";
import { type AtRest, atRest, type Watched } from "./at-rest.ts";
import { type Expected, mb, restProblems, rowProblems, soakTolerance, streamProblems } from "./verdict.ts";

/** Slow enough that two cores carry thousands of streams: what is soaked is their number. */
const eventsPerSecond = 2;
/** A quarter of a stream's time: then all are open at once for the rest of it. */
const rampShare = 0.25;
const streamGraceMs = 60_000;

/** Resolves with what is wrong; empty when all is well. Throws `RequirementError` where it cannot be tried. */
export async function soak(options: Options, say: (line: string) => void): Promise<readonly string[]> {
  // The gateway has a connection on either side of each stream, and some files of its own.
  requireOpenFiles(options.soakStreams * 2 + 300);
  const upstream = await startUpstream();
  let ours: Ours | null = null;
  try {
    ours = await startOurs(upstream.port, (directory) => ({
      args: ["--expose-gc", "--import", join(import.meta.dirname, "report-memory.ts")],
      env: { BENCH_MEMORY_FILE: memoryFileIn(directory) },
    }));
    return await soakOurs(ours, options, say);
  } finally {
    await ours?.stop();
    upstream.stop();
  }
}

const memoryFileIn = (directory: string): string => join(directory, "memory.json");

async function soakOurs(
  ours: Ours,
  options: Options,
  say: (line: string) => void,
): Promise<readonly string[]> {
  const problems: string[] = [];
  const watched: Watched = { pid: ours.pid, memoryFile: memoryFileIn(ours.directory) };
  const start = await atRest(watched, Infinity);
  say(`start: ${restText(start)}`);
  const rests: AtRest[] = [];
  for (let cycle = 0; cycle < options.soakCycles; cycle++) {
    const expected: Expected = {
      streams: options.soakStreams,
      eventsPerStream: options.streamSeconds * eventsPerSecond,
      firstInputTokens: (cycle + 1) * 100_000,
    };
    const found = await runCycle(ours, expected, options.streamSeconds);
    problems.push(...found.problems.map((problem) => `cycle ${cycle + 1}: ${problem}`));
    const peak = processCost(ours.pid).peakRssBytes;
    const rest = await atRest(watched, start.openFiles + soakTolerance.openFiles);
    rests.push(rest);
    say(
      `cycle ${cycle + 1}: ${found.finished} of ${expected.streams} streams finished, ${found.rows} rows, ` +
        `${mb(peak)} at the peak; at rest ${restText(rest)}`,
    );
  }
  return [...problems, ...restProblems(start, rests)];
}

const restText = ({ reachableBytes, rssBytes, openFiles }: AtRest): string =>
  `${mb(reachableBytes)} reachable, ${mb(rssBytes)} resident, ${openFiles} open files`;

interface Cycle {
  readonly finished: number;
  readonly rows: number;
  readonly problems: readonly string[];
}

async function runCycle(ours: Ours, expected: Expected, streamSeconds: number): Promise<Cycle> {
  const startedAtMs = Date.now();
  const result = await loadStreams({
    target: ours.target,
    streams: expected.streams,
    rampMs: streamSeconds * 1000 * rampShare,
    bodies: Array.from({ length: expected.streams }, (_each, index) =>
      slowStreamBody({
        events: expected.eventsPerStream,
        eventsPerSecond,
        inputTokens: expected.firstInputTokens + index,
      }),
    ),
    eventsPerStream: expected.eventsPerStream,
    timeoutMs: streamSeconds * 1000 + streamGraceMs,
  });
  const rows = await ours.exchangesSince(startedAtMs);
  return {
    finished: result.finished,
    rows: rows.length,
    problems: [...streamProblems(result, expected), ...rowProblems(rows, expected)],
  };
}
