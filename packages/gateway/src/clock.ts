/** Time, as a dependency: whoever needs the time is given a clock, so that tests can hold it. Never reads a time zone. */

export interface Clock {
  /** Milliseconds since the Unix epoch. */
  now(): number;
}

export const systemClock: Clock = { now: () => Date.now() };

/** RFC 3339 in UTC with milliseconds, the form of every time in the API. */
export function toRfc3339(epochMs: number): string {
  return new Date(epochMs).toISOString();
}
