/** One finding of `meshagent doctor`. */

export interface Check {
  /** `warn`: it works, and something is odd. `fail`: something will not work, or not as it was meant to. */
  readonly status: "ok" | "warn" | "fail";
  /** What was looked at, in a word or two. */
  readonly area: string;
  readonly found: string;
  /** What to do about it; null when nothing needs to be done. */
  readonly todo: string | null;
}

/** All is well. */
export function ok(area: string, found: string): Check {
  return { status: "ok", area, found, todo: null };
}

/** It works, and something is odd. */
export function warn(area: string, found: string, todo: string): Check {
  return { status: "warn", area, found, todo };
}

/** Something will not work, or not as it was meant to. */
export function fail(area: string, found: string, todo: string): Check {
  return { status: "fail", area, found, todo };
}
