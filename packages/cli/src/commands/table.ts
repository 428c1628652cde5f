/**
 * Every command of `meshagent`, in the order of the help. A new command is a file beside this one and a row
 * here; it is loaded only when it is asked for.
 */

import type { Command } from "commander";
import type { CliContext } from "../cli-context.ts";

/** Makes a command with its options, arguments and action. Runs nothing. */
export type BuildCommand = (context: CliContext) => Command;

export interface CommandRow {
  readonly name: string;
  /** One line for the list of commands. */
  readonly summary: string;
  readonly load: () => Promise<BuildCommand>;
  /** It handles SIGINT, SIGTERM and the end of its streams itself. */
  readonly ownsProcess?: boolean;
}

/** The table. */
export const commandTable: readonly CommandRow[] = [
  {
    name: "serve",
    summary: "run the gateway",
    load: async () => (await import("./serve.ts")).build,
    ownsProcess: true,
  },
  {
    name: "setup",
    summary: "sign in, pick a project and a key, configure Codex and Claude Code",
    load: async () => (await import("./setup.ts")).build,
  },
  {
    name: "doctor",
    summary: "say what is wrong here and what to do about it",
    load: async () => (await import("./doctor.ts")).build,
  },
  {
    name: "project",
    summary: "create, list and activate projects",
    load: async () => (await import("./project.ts")).build,
  },
  {
    name: "rooms",
    summary: "create, list, disable and delete the rooms of a project",
    load: async () => (await import("./rooms.ts")).build,
  },
  {
    name: "api-key",
    summary: "create, list, activate and delete API keys",
    load: async () => (await import("./api-key.ts")).build,
  },
  {
    name: "token",
    summary: "sign a participant token offline, explain or revoke one",
    load: async () => (await import("./token.ts")).build,
  },
  {
    name: "provider",
    summary: "set the keys and addresses of model providers",
    load: async () => (await import("./provider.ts")).build,
  },
  {
    name: "budget",
    summary: "set what may be spent, and see what is",
    load: async () => (await import("./budget.ts")).build,
  },
  {
    name: "limit",
    summary: "set how many requests and tokens a minute, and how much at once",
    load: async () => (await import("./limit.ts")).build,
  },
  {
    name: "usage",
    summary: "report requests, tokens and cost",
    load: async () => (await import("./usage.ts")).build,
  },
  {
    name: "exchanges",
    summary: "list single exchanges, or follow them",
    load: async () => (await import("./exchanges.ts")).build,
  },
  {
    name: "audit",
    summary: "show who changed what, when and from where",
    load: async () => (await import("./audit.ts")).build,
  },
  {
    name: "backup",
    summary: "copy the ledger of a gateway on this machine, while it runs",
    load: async () => (await import("./backup.ts")).build,
  },
  {
    name: "completion",
    summary: "print the completion script of a shell",
    load: async () => (await import("./completion.ts")).build,
  },
  {
    name: "version",
    summary: "print the version",
    load: async () => (await import("./version.ts")).build,
  },
];
