/** Setup's part for the coding clients: finds them, shows what would change in their settings, asks, changes it. */

import type { CliContext, Environment } from "../cli-context.ts";
import type { FileEdit } from "../edit/file-edit.ts";
import { EditRefused } from "../edit/splice.ts";
import type { SettingChange } from "../edit/splice.ts";
import { cleanCell } from "../table.ts";
import { inspectClaude, planClaudeSetup } from "./claude-code.ts";
import { explainLegacyCodex, inspectCodex, planCodexSetup } from "./codex.ts";
import { findProgram } from "./find-program.ts";

interface ClientRow {
  readonly name: "codex" | "claude";
  readonly title: string;
  readonly plan: (env: Environment, apiUrl: string) => readonly FileEdit[];
  /** What else the person should know, one sentence each. */
  readonly remarks: (env: Environment) => readonly string[];
  /** What a change of the settings means. */
  readonly effect: string;
}

const clients: readonly ClientRow[] = [
  {
    name: "codex",
    title: "Codex",
    plan: (env, apiUrl) => planCodexSetup(env, `${apiUrl}/openai/v1`),
    remarks: (env) => {
      const { legacy } = inspectCodex(env);
      return legacy.length === 0 ? [] : [explainLegacyCodex(env, legacy)];
    },
    effect: "codex --profile meshagent will use the gateway; codex alone stays as it is",
  },
  {
    name: "claude",
    title: "Claude Code",
    plan: (env, apiUrl) => planClaudeSetup(env, `${apiUrl}/anthropic`),
    remarks: (env) =>
      inspectClaude(env).hasApiKey
        ? [
            "Claude Code has an ANTHROPIC_API_KEY, which was left alone. The gateway goes by ANTHROPIC_AUTH_TOKEN, but is shown both.",
          ]
        : [],
    effect: "every claude of yours will use the gateway, and needs ANTHROPIC_AUTH_TOKEN in its environment",
  },
];

export interface ConfigureOptions {
  readonly apiUrl: string;
  /** Yes to every question. */
  readonly isYes: boolean;
  /** A client named here is configured (true) or left alone (false) without a question. */
  readonly wishes: Readonly<Record<ClientRow["name"], boolean | undefined>>;
}

/** Configures what is found and wanted. A file that cannot be edited is a warning, not the end. */
export async function configureClients(context: CliContext, options: ConfigureOptions): Promise<void> {
  for (const client of clients) {
    const wish = options.wishes[client.name];
    if (wish === false) continue;
    const program = findProgram(client.name, context.env);
    if (program === null && wish !== true) {
      context.terminal.say(`${client.title}: not found on PATH.`);
      continue;
    }
    await configure(context, client, options);
    for (const remark of client.remarks(context.env)) context.terminal.warn(remark);
  }
}

async function configure(context: CliContext, client: ClientRow, options: ConfigureOptions): Promise<void> {
  const { terminal } = context;
  try {
    const edits = client.plan(context.env, options.apiUrl).filter((edit) => edit.changes.length > 0);
    if (edits.length === 0) return terminal.say(`${client.title}: configured already.`);
    for (const edit of edits) sayEdit(context, edit);
    if (!(await isWanted(context, client, { options, edits })))
      return terminal.say(`${client.title}: left as it is.`);
    for (const edit of edits) {
      const copy = edit.apply(context.nowMs());
      terminal.say(`  wrote ${edit.path}${copy === null ? "" : `; the file as it was: ${copy}`}`);
    }
    terminal.say(`${client.title}: ${client.effect}.`);
  } catch (error) {
    if (!(error instanceof EditRefused)) throw error;
    terminal.warn(
      `${client.title} was not configured. ${error.message}. Change it by hand, or mend it and run setup again.`,
    );
  }
}

function sayEdit({ terminal }: CliContext, edit: FileEdit): void {
  terminal.say(`${edit.path}${edit.exists ? "" : " (new)"}:`);
  for (const change of edit.changes) terminal.say(`  ${describe(change)}`);
}

function describe({ name, from, to }: SettingChange): string {
  if (to === null) return `- ${name}   (was "${cleanCell(from ?? "")}")`;
  return from === null ? `+ ${name} = "${to}"` : `! ${name} = "${to}"   (replaces "${cleanCell(from)}")`;
}

interface Wanted {
  readonly options: ConfigureOptions;
  readonly edits: readonly FileEdit[];
}

async function isWanted(
  context: CliContext,
  client: ClientRow,
  { options, edits }: Wanted,
): Promise<boolean> {
  if (options.wishes[client.name] === true || options.isYes) return true;
  if (!context.terminal.isInteractive) {
    context.terminal.say(`  To have this written: meshagent setup --configure-${client.name}`);
    return false;
  }
  const replaces = edits.some(({ changes }) => changes.some(({ from }) => from !== null));
  return context.terminal.confirm(`Configure ${client.title} (${client.effect})?`, !replaces);
}
