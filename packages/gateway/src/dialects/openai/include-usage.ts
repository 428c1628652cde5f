/**
 * Makes a streamed chat or legacy completion tell its usage where the caller did not ask for it, and keeps
 * the caller from noticing: one small edit of the request, and its undoing in the reply.
 */

import type { BodyEdit } from "../../exchange.ts";
import type { Picked, PickPath } from "../../json-pick.ts";
import { isObject, memberOf } from "../readings.ts";

export { createUsageFilter } from "./include-usage-filter.ts";

/** What `planIncludeUsage` wants to see of a request body. */
export const includeUsagePaths: readonly PickPath[] = [
  ["stream"],
  ["stream_options"],
  ["stream_options", "include_usage"],
];

/**
 * The edit that sets `stream_options.include_usage`; null when the request does not stream, asks itself, or
 * has a `stream_options` that no provider takes. Other options stay as they are. `picks` may hold more than
 * the paths above; without the third, a `stream_options` that says false is written anew from its value.
 */
export function planIncludeUsage(picks: readonly Picked[]): BodyEdit | null {
  const stream = lastAt(picks, ["stream"]);
  if (stream?.value !== true) return null;
  const options = lastAt(picks, ["stream_options"]);
  if (options === undefined) {
    return { start: stream.keyStart, end: stream.keyStart, text: '"stream_options":{"include_usage":true},' };
  }
  if (options.value === null) {
    return { start: options.valueStart, end: options.valueEnd, text: '{"include_usage":true}' };
  }
  // A value too long to be given is taken for the object that it should be.
  if (options.value !== undefined && !isObject(options.value)) return null;
  const asked = lastAt(picks, ["stream_options", "include_usage"]);
  if (asked !== undefined) return isRefusal(asked.value) ? replacement(asked, "true") : null;
  if (isObject(options.value) && Object.hasOwn(options.value, "include_usage")) {
    if (!isRefusal(memberOf(options.value, "include_usage"))) return null;
    return replacement(options, JSON.stringify({ ...options.value, include_usage: true }));
  }
  const isEmpty = isObject(options.value) && Object.keys(options.value).length === 0;
  const start = options.valueStart + 1;
  return { start, end: start, text: isEmpty ? '"include_usage":true' : '"include_usage":true,' };
}

/** False and null are a "no"; true is a "yes"; anything else is the provider's to judge. */
function isRefusal(value: unknown): boolean {
  return value === false || value === null;
}

function replacement(picked: Picked, text: string): BodyEdit {
  return { start: picked.valueStart, end: picked.valueEnd, text };
}

/** Of a member given twice, parsers take the last. */
function lastAt(picks: readonly Picked[], path: PickPath): Picked | undefined {
  return picks.findLast(
    (picked) => picked.path.length === path.length && path.every((name, i) => picked.path[i] === name),
  );
}
