/**
 * Codex's settings: what setup adds to them and what doctor reads from them. Two files since Codex moved
 * profiles out of config.toml: the provider block there, the profile in a file of its own.
 *
 * Setup gives Codex its token by a command and not by `env_key`, because only then Codex asks the gateway for the
 * models. With `env_key` it warns of every model that it does not bring along, and works with fewer tools
 * (Codex 0.169.0). It refuses a block that has both.
 */

import { join } from "node:path";
import { findVariable, userHome } from "../cli-context.ts";
import type { Environment } from "../cli-context.ts";
import { planFileEdit, readText } from "../edit/file-edit.ts";
import type { FileEdit } from "../edit/file-edit.ts";
import { chainPlans, EditRefused } from "../edit/splice.ts";
import type { EditPlan } from "../edit/splice.ts";
import { findTomlString, findTomlStrings, hasTomlPath, planTomlEdit } from "../edit/toml-edit.ts";
import { scanToml, TomlError } from "../edit/toml-scan.ts";
import type { TomlTable } from "../edit/toml-scan.ts";

/** The variable that Codex takes the participant token from. */
export const CODEX_TOKEN_VARIABLE = "MESHAGENT_ROOM_TOKEN";

/** The name of the provider block and of the profile. */
const NAME = "meshagent";
const PROVIDER = ["model_providers", NAME];
const AUTH = [...PROVIDER, "auth"];
/** POSIX has it say the variable and the text on stderr, which Codex shows, when there is no token. */
const TOKEN_COMMAND = {
  command: "sh",
  args: ["-c", `echo \${${CODEX_TOKEN_VARIABLE}:?is not set. Export a participant token}`],
};
/** In a profile that does not name one yet. */
const DEFAULT_MODEL = "gpt-5.5";

export interface CodexFiles {
  readonly config: string;
  readonly profile: string;
}

/** Under CODEX_HOME, else `~/.codex`. */
export function codexFiles(env: Environment): CodexFiles {
  const home = findVariable(env, "CODEX_HOME") ?? join(userHome(env), ".codex");
  return { config: join(home, "config.toml"), profile: join(home, `${NAME}.config.toml`) };
}

/** The changes that make `codex --profile meshagent` use the gateway. Throws EditRefused. */
export function planCodexSetup(
  env: Environment,
  openaiBaseUrl: string,
  platform: NodeJS.Platform = process.platform,
): readonly FileEdit[] {
  const files = codexFiles(env);
  return [
    planNamed(files.config, (text) => planProvider(text, openaiBaseUrl, platform)),
    planNamed(files.profile, planProfile),
  ];
}

/** A command that somebody chose stays. Windows has no `sh`. */
function planProvider(text: string, openaiBaseUrl: string, platform: NodeJS.Platform): EditPlan {
  const values = { name: "MeshAgent", base_url: openaiBaseUrl };
  const planBlock = (before: string): EditPlan =>
    planTomlEdit(before, { table: PROVIDER, values, absent: ["env_key"] });
  // Refuses what is no TOML, so that it can be read below.
  const block = planBlock(text);
  if (hasTomlPath(scanToml(text), AUTH)) return block;
  if (platform === "win32")
    return planTomlEdit(text, { table: PROVIDER, values: { ...values, env_key: CODEX_TOKEN_VARIABLE } });
  return chainPlans(text, [
    planBlock,
    (before) => planTomlEdit(before, { table: AUTH, values: TOKEN_COMMAND }),
  ]);
}

function planNamed(path: string, plan: (text: string) => EditPlan): FileEdit {
  try {
    return planFileEdit(path, plan);
  } catch (error) {
    if (error instanceof EditRefused) throw new EditRefused(`${path}: ${error.message}`, { cause: error });
    throw error;
  }
}

/** A model that somebody chose stays. */
function planProfile(text: string): EditPlan {
  const provider = { model_provider: NAME };
  const plan = planTomlEdit(text, { table: [], values: provider });
  if (hasTomlPath(scanToml(text), ["model"])) return plan;
  return planTomlEdit(text, { table: [], values: { ...provider, model: DEFAULT_MODEL } });
}

export interface CodexState {
  /** Where the provider block points; null when there is none. */
  readonly baseUrl: string | null;
  /** The variable that has the token; null when a command of somebody's own gives it. */
  readonly tokenVariable: string | null;
  /** It has both `env_key` and `auth`, with which Codex does not start. */
  readonly hasTwoTokens: boolean;
  /** The profile file selects our provider. */
  readonly hasProfile: boolean;
  /** What is left of the old form, such as `[profiles.meshagent]`. Codex then refuses `--profile meshagent`. */
  readonly legacy: readonly string[];
  /** Why a file cannot be read, one sentence each. */
  readonly problems: readonly string[];
}

/** What Codex's files say. Throws nothing: what cannot be read is in `problems`. */
export function inspectCodex(env: Environment): CodexState {
  const files = codexFiles(env);
  const problems: string[] = [];
  const read = (path: string): readonly TomlTable[] => {
    try {
      return scanToml(readText(path) ?? "");
    } catch (error) {
      if (!(error instanceof TomlError || error instanceof EditRefused)) throw error;
      problems.push(`${path}: ${error.message}`);
      return [];
    }
  };
  const config = read(files.config);
  const legacy: string[] = [];
  if (findTomlString(config, ["profile"]) === NAME) legacy.push(`profile = "${NAME}"`);
  if (hasTomlPath(config, ["profiles", NAME])) legacy.push(`[profiles.${NAME}]`);
  const envKey = findTomlString(config, [...PROVIDER, "env_key"]);
  const args = findTomlStrings(config, [...AUTH, "args"]);
  const hasCommand = hasTomlPath(config, AUTH);
  const isOwnCommand = hasCommand && !args.some((arg) => arg.includes(CODEX_TOKEN_VARIABLE));
  return {
    baseUrl: findTomlString(config, [...PROVIDER, "base_url"]),
    tokenVariable: isOwnCommand ? null : (envKey ?? CODEX_TOKEN_VARIABLE),
    hasTwoTokens: hasCommand && envKey !== null,
    hasProfile: findTomlString(read(files.profile), ["model_provider"]) === NAME,
    legacy,
    problems,
  };
}

/** What to do about the old form, for a person. */
export function explainLegacyCodex(env: Environment, legacy: readonly string[]): string {
  return (
    `${codexFiles(env).config} still has ${legacy.join(" and ")}. With that, Codex refuses --profile ${NAME}: ` +
    `move what it sets to ${codexFiles(env).profile} and remove it. An older Codex needs it instead; update Codex.`
  );
}
