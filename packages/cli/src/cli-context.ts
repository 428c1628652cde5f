/** What every command is given: the world around it, and what the profile and the environment settle. */

import { homedir } from "node:os";
import { join, resolve } from "node:path";
import { parseApiKey } from "@meshagent/llm-proxy-protocol/api-key";
import { Secret } from "@meshagent/llm-proxy-protocol/secret";
import { CliFailure } from "./failure.ts";
import { readProfile, writeProfile } from "./profile.ts";
import type { Profile } from "./profile.ts";
import type { Terminal } from "./terminal.ts";

export type Environment = Readonly<Record<string, string | undefined>>;

export interface CliContext {
  readonly env: Environment;
  readonly terminal: Terminal;
  /** Milliseconds since the epoch. */
  readonly nowMs: () => number;
  /** Aborts when the command is interrupted. */
  readonly signal: AbortSignal;
  /** Makes the command end with this exit code, once it has said what it has to say. */
  readonly finish: (exitCode: number) => void;
}

/** A variable of the environment; one that is set to nothing counts as unset. */
export function findVariable(env: Environment, name: string): string | null {
  const value = env[name]?.trim() ?? "";
  return value === "" ? null : value;
}

/** The user's home directory. */
export function userHome(env: Environment): string {
  return findVariable(env, "HOME") ?? homedir();
}

/** Where the profile stands: MESHAGENT_HOME, else `~/.meshagent`. */
export function meshagentHome(env: Environment): string {
  const home = findVariable(env, "MESHAGENT_HOME");
  return home === null ? join(userHome(env), ".meshagent") : resolve(home);
}

/** Where a gateway on this machine keeps its files unless told otherwise. */
export function gatewayDataDir(env: Environment): string {
  const dir = findVariable(env, "MESHAGENT_DATA_DIR");
  return dir === null ? join(userHome(env), ".meshagent", "gateway") : resolve(dir);
}

/** The stored profile. */
export function loadProfile(context: CliContext): Profile {
  return readProfile(meshagentHome(context.env));
}

/** Changes the stored profile; what the change does not name stays. Returns the new one. */
export function updateProfile(context: CliContext, change: Partial<Profile>): Profile {
  const profile = { ...loadProfile(context), ...change };
  writeProfile(meshagentHome(context.env), profile);
  return profile;
}

/**
 * The project that commands are about: the flag, MESHAGENT_PROJECT_ID, that of MESHAGENT_API_KEY, or the
 * active one. Null when none is.
 */
export function findProjectId(context: CliContext, flag?: string): string | null {
  const named = flag ?? findVariable(context.env, "MESHAGENT_PROJECT_ID");
  if (named !== null) return named.toLowerCase();
  const key = findVariable(context.env, "MESHAGENT_API_KEY");
  return key === null ? loadProfile(context).projectId : parseApiKey(key).projectId;
}

/** As `findProjectId`; throws a CliFailure when no project is active. */
export function requireProjectId(context: CliContext, flag?: string): string {
  const projectId = findProjectId(context, flag);
  if (projectId !== null) return projectId;
  throw new CliFailure("No project is active.", {
    hint: "Run: meshagent setup, or: meshagent project list, then: meshagent project activate ID",
  });
}

/** The API key that signs and names: MESHAGENT_API_KEY, or the active one of the active project. */
export function findApiKey(context: CliContext, projectId?: string): Secret | null {
  const fromEnvironment = findVariable(context.env, "MESHAGENT_API_KEY");
  if (fromEnvironment !== null) return new Secret(fromEnvironment);
  const project = projectId ?? findProjectId(context);
  return project === null ? null : (loadProfile(context).apiKeys[project] ?? null);
}
