/** What budgets and limits have in common on the command line: whom they are for, and what they are called. */

import type { Command } from "commander";
import type { LimitScope } from "@meshagent/llm-proxy-protocol/api-budgets";
import type { ProjectFlags } from "./options.ts";

export interface ScopeFlags extends ProjectFlags {
  readonly room?: string;
  readonly participant?: string;
  readonly apiKey?: string;
  readonly session?: string;
  readonly model?: string;
  /** The one to change. */
  readonly id?: string;
}

/** `--room`, `--participant`, `--api-key`, `--session`, `--model`, `--id` */
export function withScope(command: Command): Command {
  return command
    .option("--room <name>", "for this room; * for each room separately")
    .option("--participant <name>", "for this participant; * for each one separately")
    .option("--api-key <id>", "for the tokens of this API key, by its id; * for each one separately")
    .option("--session <id>", "for this session; * for each one separately")
    .option("--model <pattern>", "for these models: provider/model, or provider/*")
    .option("--id <id>", "change this one instead of making another");
}

/** null where the flags name no scope. */
export function parseScope(flags: ScopeFlags): LimitScope | null {
  const { room = null, participant = null, apiKey = null, session = null, model = null } = flags;
  const isNone = [room, participant, apiKey, session, model].every((value) => value === null);
  return isNone ? null : { room, participant, api_key_id: apiKey, session_id: session, model };
}

/** `each room, model openai/*`; the whole project where nothing is named. */
export function scopeCell(scope: LimitScope): string {
  const parts = [
    partOf("room", scope.room),
    partOf("participant", scope.participant),
    partOf("API key", scope.api_key_id),
    partOf("session", scope.session_id),
    scope.model == null ? "" : `model ${scope.model}`,
  ].filter((part) => part !== "");
  return parts.join(", ") || "project";
}

function partOf(kind: string, value: string | null | undefined): string {
  if (value == null) return "";
  return value === "*" ? `each ${kind}` : `${kind} ${value}`;
}
