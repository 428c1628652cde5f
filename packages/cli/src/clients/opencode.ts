/** opencode's settings, as doctor reads them. Setup does not change them. */

import { join } from "node:path";
import { findVariable, userHome } from "../cli-context.ts";
import type { Environment } from "../cli-context.ts";
import { readText } from "../edit/file-edit.ts";
import { EditRefused } from "../edit/splice.ts";

export interface OpencodeProvider {
  /** Its id in the file. */
  readonly id: string;
  readonly baseUrl: string;
  /** The wire protocol that its package speaks. */
  readonly dialect: "openai" | "anthropic";
}

/** OPENCODE_CONFIG, else `opencode/opencode.json` under XDG_CONFIG_HOME or `~/.config`. */
export function opencodeFile(env: Environment): string {
  const config = findVariable(env, "XDG_CONFIG_HOME") ?? join(userHome(env), ".config");
  return findVariable(env, "OPENCODE_CONFIG") ?? join(config, "opencode", "opencode.json");
}

/** The providers that have a base URL. A file that is not there, or that holds comments, tells nothing. */
export function inspectOpencode(env: Environment): readonly OpencodeProvider[] {
  const providers = Object.entries(objectAt(parseFile(opencodeFile(env)), "provider"));
  return providers.flatMap(([id, provider]) => {
    const baseUrl = objectAt(provider, "options")["baseURL"];
    if (typeof baseUrl !== "string" || baseUrl === "") return [];
    const isAnthropic = id === "anthropic" || objectOf(provider)["npm"] === "@ai-sdk/anthropic";
    return [{ id, baseUrl, dialect: isAnthropic ? "anthropic" : "openai" } as const];
  });
}

function parseFile(path: string): unknown {
  try {
    return JSON.parse(readText(path) ?? "null") as unknown;
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof EditRefused) return null;
    throw error;
  }
}

function objectAt(value: unknown, key: string): Readonly<Record<string, unknown>> {
  return objectOf(objectOf(value)[key]);
}

function objectOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null ? { ...value } : {};
}
