/**
 * Claude Code's settings: what setup adds to them and what doctor reads from them. The address goes into its
 * settings file; a token never does, because that file is often shared and committed.
 */

import { join } from "node:path";
import { Secret } from "@meshagent/llm-proxy-protocol/secret";
import { findVariable, userHome } from "../cli-context.ts";
import type { Environment } from "../cli-context.ts";
import { planFileEdit, readText } from "../edit/file-edit.ts";
import type { FileEdit } from "../edit/file-edit.ts";
import { findJsonString, planJsonEdit } from "../edit/json-edit.ts";
import { EditRefused } from "../edit/splice.ts";

/** The variable that Claude Code takes the participant token from. */
export const CLAUDE_TOKEN_VARIABLE = "ANTHROPIC_AUTH_TOKEN";

/** Under CLAUDE_CONFIG_DIR, else `~/.claude`. */
export function claudeSettingsFile(env: Environment): string {
  return join(findVariable(env, "CLAUDE_CONFIG_DIR") ?? join(userHome(env), ".claude"), "settings.json");
}

/**
 * The change that makes Claude Code use the gateway. An API key that is set there stays: the gateway takes
 * the credential that is its own, and somebody may have no other copy of the key. Throws EditRefused.
 */
export function planClaudeSetup(env: Environment, anthropicBaseUrl: string): readonly FileEdit[] {
  const path = claudeSettingsFile(env);
  try {
    const edit = planFileEdit(path, (text) => {
      const hasKey = (findJsonString(text, "env", "ANTHROPIC_API_KEY") ?? "") !== "";
      const values = { ANTHROPIC_BASE_URL: anthropicBaseUrl, ...(hasKey ? {} : { ANTHROPIC_API_KEY: "" }) };
      return planJsonEdit(text, { member: "env", values });
    });
    return [edit];
  } catch (error) {
    if (error instanceof EditRefused) throw new EditRefused(`${path}: ${error.message}`, { cause: error });
    throw error;
  }
}

export interface ClaudeState {
  /** The base URL in force: that of the settings file wins over the environment's, as in Claude Code. */
  readonly baseUrl: string | null;
  /** From the settings or the environment, as the base URL. */
  readonly authToken: Secret | null;
  /** It is non-empty in the settings or the environment. */
  readonly hasApiKey: boolean;
  /** Why the settings cannot be read. */
  readonly problems: readonly string[];
}

/** What Claude Code would use. Throws nothing: what cannot be read is in `problems`. */
export function inspectClaude(env: Environment): ClaudeState {
  const path = claudeSettingsFile(env);
  try {
    const text = readText(path) ?? "";
    const find = (name: string): string | null =>
      findJsonString(text, "env", name) ?? findVariable(env, name);
    const authToken = find(CLAUDE_TOKEN_VARIABLE) ?? "";
    return {
      baseUrl: find("ANTHROPIC_BASE_URL") || null,
      authToken: authToken === "" ? null : new Secret(authToken),
      hasApiKey: (find("ANTHROPIC_API_KEY") ?? "") !== "",
      problems: [],
    };
  } catch (error) {
    if (!(error instanceof EditRefused)) throw error;
    return { baseUrl: null, authToken: null, hasApiKey: false, problems: [`${path}: ${error.message}`] };
  }
}
