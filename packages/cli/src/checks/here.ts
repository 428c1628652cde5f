/** Doctor's look at what `meshagent serve` needs on this machine. It makes nothing and writes nothing. */

import { accessSync, constants, existsSync, statSync } from "node:fs";
import { dirname } from "node:path";
import type { CliContext } from "../cli-context.ts";
import { gatewayDataDir } from "../cli-context.ts";
import { messageOf } from "../failure.ts";
import { fail, ok, warn } from "./check.ts";
import type { Check } from "./check.ts";

/** For a gateway that runs, or would run, on this machine. `isUp`: one answers, so it has a directory that it can use. */
export function checkDataDir(context: CliContext, isUp: boolean): Check {
  const path = gatewayDataDir(context.env);
  const problem = findProblem(path);
  if (problem === null)
    return ok("data dir", existsSync(path) ? path : `${path}, which the first start makes`);
  const found = `${path} cannot be written: ${problem}`;
  const todo =
    "Give it to the user who runs the gateway (chown, chmod 700), or name another: meshagent serve --data-dir DIR, or MESHAGENT_DATA_DIR.";
  return isUp
    ? warn("data dir", `${found}; the gateway may use another`, todo)
    : fail("data dir", found, todo);
}

/** A directory that is not there yet is made by `serve`, if what is above it lets it. */
function findProblem(path: string): string | null {
  try {
    if (!statSync(path).isDirectory()) return `${path} is a file`;
    accessSync(path, constants.W_OK | constants.X_OK);
    return null;
  } catch (error) {
    const isMissing = error instanceof Error && "code" in error && error.code === "ENOENT";
    if (!isMissing || dirname(path) === path) return messageOf(error);
    return findProblem(dirname(path));
  }
}
