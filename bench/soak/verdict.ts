/** What a soak must show: every stream whole, a row for each with its exact usage, memory back where it was. */

import type { Exchange } from "@meshagent/llm-proxy-protocol/api-reports";
import type { StreamResult } from "../load/streams.ts";
import type { AtRest } from "./at-rest.ts";

/** What the streams of one cycle were. */
export interface Expected {
  readonly streams: number;
  readonly eventsPerStream: number;
  /** Stream n must be billed this and n more input tokens, so that a missing row and a double one show. */
  readonly firstInputTokens: number;
}

/** What is wrong with a cycle's streams; empty when all arrived whole and all were open at one time. */
export function streamProblems(result: StreamResult, expected: Expected): readonly string[] {
  const problems: string[] = [];
  const { streams, eventsPerStream } = expected;
  const reasons = Object.entries(result.errors).map(([reason, count]) => `${count} of them: ${reason}`);
  if (result.finished !== streams)
    problems.push(`${result.finished} of ${streams} streams finished. ${reasons.join("; ")}`);
  if (result.events !== streams * eventsPerStream)
    problems.push(`${result.events} of ${streams * eventsPerStream} events arrived`);
  if (result.peakOpen !== streams)
    problems.push(`${result.peakOpen} of ${streams} streams were open at one time: make them longer`);
  return problems;
}

/** What is wrong with a cycle's rows; empty when each stream has one, finished, with its exact usage. */
export function rowProblems(rows: readonly Exchange[], expected: Expected): readonly string[] {
  const problems: string[] = [];
  const { streams, eventsPerStream, firstInputTokens } = expected;
  if (rows.length !== streams) problems.push(`${rows.length} rows for ${streams} streams`);
  const inexact = rows.filter((row) => row.outcome !== "ok" || row.usage_source !== "exact");
  if (inexact.length > 0) {
    const [first] = inexact;
    problems.push(`${inexact.length} rows are not exact, such as ${first?.outcome}, ${first?.usage_source}`);
  }
  const usage = rows.map(({ usage: [record] }) => `${record?.input_tokens} in, ${record?.output_tokens} out`);
  const unseen = new Set(usage);
  const missing = Array.from(
    { length: streams },
    (_each, index) => `${firstInputTokens + index} in, ${eventsPerStream} out`,
  ).filter((each) => !unseen.delete(each));
  if (missing.length > 0) problems.push(`${missing.length} streams have no row, such as ${missing[0]}`);
  if (unseen.size > 0) problems.push(`${unseen.size} rows are no stream's, such as ${[...unseen][0]}`);
  if (new Set(usage).size !== usage.length)
    problems.push(`${usage.length - new Set(usage).size} streams are billed twice`);
  return problems;
}

/**
 * What may stay. The first cycle leaves compiled code, grown tables and the allocator's arenas behind, and those are
 * bounded; what leaks grows with every cycle. So between the last two cycles next to nothing may stay.
 */
export const soakTolerance = {
  /** Reachable, from the last cycle but one to the last. 2000 streams that leave 1 KB each would be over it. */
  reachableBytes: 1.5 * 1024 * 1024,
  /** Resident, over the start. */
  rssBytes: 96 * 1024 * 1024,
  /** Resident, from the last cycle but one to the last. */
  lastRssBytes: 16 * 1024 * 1024,
  /** The connection of the soak's own questions, and files that SQLite opens when they are first needed. */
  openFiles: 8,
} as const;

/** What is wrong with how the gateway came to rest: `start`, then after each cycle (two at least). */
export function restProblems(start: AtRest, cycles: readonly AtRest[]): readonly string[] {
  const last = cycles.at(-1);
  const before = cycles.at(-2);
  if (last === undefined || before === undefined) return ["too few cycles to tell"];
  const problems: string[] = [];
  const atMost = (what: string, bytes: number, tolerated: number): void => {
    if (bytes > tolerated) problems.push(`${what}: ${mb(bytes)}; ${mb(tolerated)} are tolerated`);
  };
  const { reachableBytes, rssBytes, lastRssBytes, openFiles } = soakTolerance;
  atMost("left reachable by the last cycle", last.reachableBytes - before.reachableBytes, reachableBytes);
  atMost("resident memory of the last cycle", last.rssBytes - before.rssBytes, lastRssBytes);
  atMost("resident memory over the start", last.rssBytes - start.rssBytes, rssBytes);
  if (last.openFiles > start.openFiles + openFiles)
    problems.push(`${last.openFiles} open files, ${start.openFiles} at the start`);
  return problems;
}

/** `12.3 MB` */
export function mb(bytes: number): string {
  return `${(bytes / 1024 / 1024).toFixed(1)} MB`;
}
