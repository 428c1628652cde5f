/**
 * Codex's settings: what setup adds to them and what doctor reads from them. Two files since Codex moved
 * profiles out of config.toml: the provider block there, the profile in a file of its own.
 */

import { join } from "node:path";
import { findVariable, userHome } from "../cli-context.ts";
import type { Environment } from "../cli-context.ts";
import { planFileEdit, readText } from "../edit/file-edit.ts";
import type { FileEdit } from "../edit/file-edit.ts";
import { EditRefused } from "../edit/splice.ts";
import type { EditPlan } from "../edit/splice.ts";
import { findTomlString, hasTomlPath, planTomlEdit } from "../edit/toml-edit.ts";
import { scanToml, TomlError } from "../edit/toml-scan.ts";
import type { TomlTable } from "../edit/toml-scan.ts";

/** The variable that Codex takes the participant token from. */
export const CODEX_TOKEN_VARIABLE = "MESHAGENT_ROOM_TOKEN";

/** The name of the provider block and of the profile. */
const NAME = "meshagent";
const PROVIDER = ["model_providers", NAME];
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
export function planCodexSetup(env: Environment, openaiBaseUrl: string): readonly FileEdit[] {
  const files = codexFiles(env);
  return [
    planNamed(files.config, (text) =>
      planTomlEdit(text, {
        table: PROVIDER,
        values: { name: "MeshAgent", base_url: openaiBaseUrl, env_key: CODEX_TOKEN_VARIABLE },
      }),
    ),
    planNamed(files.profile, planProfile),
  ];
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
  readonly envKey: string | null;
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
  return {
    baseUrl: findTomlString(config, [...PROVIDER, "base_url"]),
    envKey: findTomlString(config, [...PROVIDER, "env_key"]),
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
