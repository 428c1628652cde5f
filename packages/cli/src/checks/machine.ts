/** Doctor's look at this machine: the command itself and the files that it keeps. */

import type { CliContext } from "../cli-context.ts";
import { meshagentHome } from "../cli-context.ts";
import { messageOf } from "../failure.ts";
import { findMode } from "../private-file.ts";
import { profilePath, readProfile } from "../profile.ts";
import { version } from "../version.ts";
import { fail, ok, warn } from "./check.ts";
import type { Check } from "./check.ts";

/** The command and its profile. */
export function checkMachine(context: CliContext): Check[] {
  return [
    ok("meshagent", `${version()} on Node ${process.versions.node}`),
    checkProfile(meshagentHome(context.env)),
  ];
}

function checkProfile(home: string): Check {
  const path = profilePath(home);
  const mode = findMode(path);
  if (mode === null) return warn("profile", `${path} is not there`, "Run: meshagent setup");
  try {
    readProfile(home);
  } catch (error) {
    return fail("profile", messageOf(error), "Move it away and run: meshagent setup");
  }
  // Windows has no such bits.
  if (process.platform !== "win32" && (mode & 0o077) !== 0) {
    return warn("profile", `${path} can be read by others, and it holds secrets`, `Run: chmod 600 ${path}`);
  }
  return ok("profile", path);
}
