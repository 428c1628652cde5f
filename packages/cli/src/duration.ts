/** Spans and instants as people type them on a command line: `90m`, `30d`, `2026-11-20`, RFC 3339. */

import { UsageFailure } from "./failure.ts";

const UNIT_MS: Readonly<Record<string, number>> = {
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
};

/** `90s`, `90m`, `12h`, `30d`, `2w` as milliseconds, more than zero. Throws a UsageFailure that names `what`. */
export function parseDurationMs(text: string, what: string): number {
  const match = /^(\d{1,9})([smhdw])$/.exec(text.trim());
  const spanMs = match === null ? 0 : Number(match[1]) * (UNIT_MS[match[2] ?? ""] ?? 0);
  if (spanMs > 0) return spanMs;
  throw new UsageFailure(
    `${what}: "${text}" is not a span of time.`,
    "Write one such as 90m, 12h, 30d or 2w.",
  );
}

const DATE = /^\d{4}-\d{2}-\d{2}$/;
const RFC_3339 = /^\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}(:\d{2}(\.\d+)?)?([Zz]|[+-]\d{2}:\d{2})$/;

/**
 * An instant: a span back from now (`7d`), a UTC day (`2026-11-20`: its start) or RFC 3339. Milliseconds
 * since the epoch. Throws a UsageFailure that names `what`.
 */
export function parseInstantMs(text: string, what: string, nowMs: number): number {
  const trimmed = text.trim();
  if (/^\d+[smhdw]$/.test(trimmed)) return nowMs - parseDurationMs(trimmed, what);
  if (DATE.test(trimmed) || RFC_3339.test(trimmed)) {
    const instantMs = Date.parse(DATE.test(trimmed) ? `${trimmed}T00:00:00Z` : trimmed);
    if (Number.isFinite(instantMs) && isRealDay(trimmed)) return instantMs;
  }
  throw new UsageFailure(
    `${what}: "${text}" is not a time.`,
    "Write a span back from now (7d, 12h), a UTC day (2026-11-20) or RFC 3339 (2026-11-20T08:00:00Z).",
  );
}

/** Date.parse turns 30 February into 2 March; a report for the wrong day is worse than a refusal. */
function isRealDay(text: string): boolean {
  const day = text.slice(0, 10);
  const parsed = new Date(`${day}T00:00:00Z`);
  return Number.isFinite(parsed.getTime()) && parsed.toISOString().startsWith(day);
}

/** A span in the two largest units that say something: `3d 4h`, `12m`, `45s`. */
export function formatDuration(spanMs: number): string {
  const parts: string[] = [];
  let restS = Math.max(0, Math.round(spanMs / 1000));
  for (const [unit, unitS] of [
    ["d", 86_400],
    ["h", 3600],
    ["m", 60],
    ["s", 1],
  ] as const) {
    const count = Math.floor(restS / unitS);
    restS -= count * unitS;
    if (count > 0) parts.push(`${count}${unit}`);
  }
  return parts.length === 0 ? "0s" : parts.slice(0, 2).join(" ");
}
