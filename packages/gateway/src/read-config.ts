/**
 * The settings of this process: its flags, its environment and the file that `--config` names. The only file that
 * reads the process's environment for them.
 */

import { readFileSync } from "node:fs";
import { parse as parseYaml } from "yaml";
import { ConfigError, parseConfig } from "./config/config.ts";
import type { Config } from "./config/settings.ts";
import { errorText } from "./observe/log.ts";

/** The flags of `meshagent serve`, as text. */
export interface ServeFlags {
  readonly host?: string | undefined;
  readonly port?: string | undefined;
  readonly dataDir?: string | undefined;
  readonly database?: string | undefined;
  readonly config?: string | undefined;
  readonly tlsCert?: string | undefined;
  readonly tlsKey?: string | undefined;
  readonly publicUrl?: string | undefined;
  readonly workers?: string | undefined;
}

/** What settings are made of, besides the environment. Plain data. */
export interface ServeSources {
  readonly flags: Readonly<Record<string, string>>;
  /** The parsed content of the file that `--config` names, or null. */
  readonly file: unknown;
}

/** Reads the file that `--config` names. */
export function readSources(flags: ServeFlags): ServeSources {
  const { config: configFile, ...rest } = flags;
  const given = Object.entries(rest).filter((entry): entry is [string, string] => entry[1] !== undefined);
  return {
    flags: Object.fromEntries(given),
    file: configFile === undefined ? null : readConfigFile(configFile),
  };
}

/** From these and the process's environment. */
export function configOf({ flags, file }: ServeSources): Config {
  return parseConfig({ flags, environment: process.env, file });
}

/** From the flags, the process's environment and the file that `--config` names. */
export function readConfig(flags: ServeFlags): Config {
  return configOf(readSources(flags));
}

function readConfigFile(path: string): unknown {
  const text = readFile("--config", path);
  try {
    return parseYaml(text);
  } catch (cause) {
    throw new ConfigError(`The config file ${path} is no YAML and no JSON: ${errorText(cause)}`, { cause });
  }
}

/** A file that a setting names. Throws a `ConfigError` that says which. */
export function readFile(setting: string, path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (cause) {
    throw new ConfigError(`${setting} names a file that cannot be read: ${errorText(cause)}`, { cause });
  }
}
