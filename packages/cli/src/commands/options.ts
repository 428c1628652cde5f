/** Options that several commands take, so that they are spelt and explained alike. */

import type { Command } from "commander";
import { InvalidArgumentError, Option } from "commander";
import type { LedgerFilter } from "@meshagent/llm-proxy-protocol/api-reports";
import { requireProjectId } from "../cli-context.ts";
import type { CliContext } from "../cli-context.ts";
import { connect } from "../connection.ts";
import { parseInstantMs } from "../duration.ts";

export interface JsonFlags {
  readonly json?: true;
}

/** `--json` */
export function withJson(command: Command): Command {
  return command.option("--json", "print one JSON document instead of a table");
}

export interface GatewayFlags extends JsonFlags {
  readonly apiUrl?: string;
}

/** `--api-url`, `--json` */
export function withGateway(command: Command): Command {
  return withJson(command).option(
    "--api-url <url>",
    "the gateway (default: MESHAGENT_API_URL, or the one set up)",
  );
}

export interface ProjectFlags extends GatewayFlags {
  readonly projectId?: string;
}

/** `--project-id`, `--api-url`, `--json` */
export function withProject(command: Command): Command {
  return withGateway(command).option(
    "--project-id <id>",
    "the project (default: MESHAGENT_PROJECT_ID, or the active one)",
  );
}

export interface ProjectConnection {
  readonly client: ReturnType<typeof connect>;
  readonly project: string;
}

/** The client and the project that the flags, the environment and the profile name. */
export function connectToProject(context: CliContext, flags: ProjectFlags): ProjectConnection {
  return { project: requireProjectId(context, flags.projectId), client: connect(context, flags) };
}

export interface FilterFlags extends ProjectFlags {
  readonly since?: string;
  readonly until?: string;
  readonly room?: string;
  readonly participant?: string;
  readonly model?: string;
  readonly provider?: string;
  readonly session?: string;
  readonly apiKey?: string;
}

/** The filters of the ledger, with those of `withProject`. */
export function withFilters(command: Command): Command {
  return withProject(command)
    .option("--since <time>", "received at or after: 7d, 12h, 2026-11-20 or RFC 3339")
    .option("--until <time>", "received before; forms as above")
    .option("--room <name>", "of this room")
    .option("--participant <name>", "of this participant")
    .option("--model <name>", "of this model")
    .option("--provider <name>", "of this provider")
    .option("--session <id>", "of this session")
    .option("--api-key <id>", "of tokens that this API key signed; its id, not its text");
}

/** The filter that the flags ask for. */
export function parseFilter(flags: FilterFlags, nowMs: number): LedgerFilter {
  return {
    since: flags.since === undefined ? undefined : parseInstantMs(flags.since, "--since", nowMs),
    until: flags.until === undefined ? undefined : parseInstantMs(flags.until, "--until", nowMs),
    room: flags.room,
    participant: flags.participant,
    model: flags.model,
    provider: flags.provider,
    session_id: flags.session,
    api_key_id: flags.apiKey,
  };
}

/** An option whose value is a whole number from 1 up to `max`. */
export function countOption(flags: string, about: string, max: number): Option {
  return new Option(flags, about).argParser((text: string): number => {
    const count = /^\d{1,9}$/.test(text) ? Number(text) : 0;
    if (count >= 1 && count <= max) return count;
    throw new InvalidArgumentError(`It is a whole number from 1 to ${max}.`);
  });
}
