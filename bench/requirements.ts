/** What the machine must have before anything is measured. Each check throws `RequirementError` with what to do. */

import { readFileSync } from "node:fs";
import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";

/** Something is missing on this machine; the message says how to get it. */
export class RequirementError extends Error {
  override readonly name = "RequirementError";
}

/** Throws for programs that are not on the path. */
export function requireTools(names: readonly string[], path: string = process.env["PATH"] ?? ""): void {
  const missing = names.filter(
    (name) => !path.split(delimiter).some((folder) => isProgram(join(folder, name))),
  );
  if (missing.length === 0) return;
  throw new RequirementError(
    `${missing.join(" and ")} is not on the path. On Debian and Ubuntu: apt-get install ${missing.join(" ")}`,
  );
}

function isProgram(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** Throws where costs cannot be read: /proc is Linux's. */
export function requireLinux(platform: string = process.platform): void {
  if (platform !== "linux")
    throw new RequirementError(`The costs are read from /proc: Linux only, not ${platform}.`);
}

/**
 * Throws unless a process may open that many files. Node raises its own limit to the hard one when it starts, and
 * its children inherit that; so what this process may open is what they all may.
 */
export function requireOpenFiles(
  count: number,
  limits: string = readFileSync("/proc/self/limits", "utf8"),
): void {
  const limit = /^Max open files\s+(\d+|unlimited)/m.exec(limits)?.[1];
  if (limit === undefined || limit === "unlimited" || Number(limit) >= count) return;
  throw new RequirementError(
    `A process may open ${limit} files here, and ${count} are needed. Raise the hard limit, for this shell with ` +
      `\`ulimit -n ${count}\` as root, for good in /etc/security/limits.conf; or ask for fewer --streams.`,
  );
}
