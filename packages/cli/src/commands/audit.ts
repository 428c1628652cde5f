/** `meshagent audit`: who changed what, when and from where. Reads it and verifies it; nothing writes it. */

import { Command } from "commander";
import type { AuditEntry, AuditList, AuditQuery } from "@meshagent/llm-proxy-protocol/api-audit";
import type { Client } from "@meshagent/llm-proxy-protocol/client";
import type { CliContext } from "../cli-context.ts";
import { connect } from "../connection.ts";
import { parseInstantMs } from "../duration.ts";
import { CliFailure, exitCodes } from "../failure.ts";
import type { GatewayFlags } from "./options.ts";
import { countOption, withGateway } from "./options.ts";

const DEFAULT_LIMIT = 20;
const PAGE_SIZE = 1000;

interface AuditFlags extends GatewayFlags {
  readonly projectId?: string;
  readonly since?: string;
  readonly until?: string;
  readonly action?: string;
  readonly author?: string;
  readonly limit?: number;
}

interface VerifyFlags extends GatewayFlags {
  readonly anchor?: string;
}

/** See the file comment. */
export function build(context: CliContext): Command {
  return withGateway(new Command("audit"))
    .description(
      "Show the audit log, newest first: who changed what, when and from where. Of the whole gateway, unless a " +
        "project is named. It takes the owner's token.",
    )
    .option("--project-id <id>", "only what is this project's")
    .option("--since <time>", "at or after: 7d, 12h, 2026-11-20 or RFC 3339")
    .option("--until <time>", "before; forms as above")
    .option("--action <name>", "only this, such as api_key.delete; or its beginning: room.*")
    .option("--author <who>", "only by: owner, api_key, system, unknown, or the id of an API key")
    .addOption(countOption("--limit <count>", `how many (default ${DEFAULT_LIMIT})`, 1_000_000))
    .action(async (flags: AuditFlags) => {
      const list = await fetchEntries(connect(context, flags), flags, queryOf(flags, context.nowMs()));
      if (flags.json) return context.terminal.printJson(list);
      printEntries(context, list.entries);
      if (list.next_cursor !== null) context.terminal.say("There are older ones: --limit shows more.");
    })
    .addCommand(buildVerify(context));
}

function buildVerify(context: CliContext): Command {
  return withGateway(new Command("verify"))
    .description(
      "Read the whole log, and say whether each entry is as it was written. Exit code 1 when one is not. Note the head " +
        "that it prints down elsewhere: with it, a later run finds also a log that was replaced by an older one.",
    )
    .option("--anchor <head>", "a head that an earlier run printed")
    .action(async (_own: VerifyFlags, command: Command) => {
      // `audit` itself has these options, and takes them first.
      const flags = command.optsWithGlobals<VerifyFlags>();
      const verdict = await connect(context, flags).verifyAudit({ anchor: flags.anchor });
      if (flags.json) context.terminal.printJson(verdict);
      const { broken, entries, head } = verdict;
      if (broken !== null && flags.json) return context.finish(exitCodes.failed);
      if (broken !== null) {
        throw new CliFailure(broken.message, {
          hint:
            "Somebody wrote the database by other means than the gateway, or restored a backup. " +
            "Compare it with your backups: docs/operations.md.",
        });
      }
      if (flags.json) return;
      context.terminal.say(
        `${entries} ${entries === 1 ? "entry" : "entries"}, each as it was written. The head:`,
      );
      context.terminal.print(`${head ?? ""}\n`);
    });
}

function queryOf(flags: AuditFlags, nowMs: number): AuditQuery {
  return {
    since: flags.since === undefined ? undefined : parseInstantMs(flags.since, "--since", nowMs),
    until: flags.until === undefined ? undefined : parseInstantMs(flags.until, "--until", nowMs),
    action: flags.action,
    author: flags.author,
  };
}

async function fetchEntries(
  client: Client,
  { projectId, limit = DEFAULT_LIMIT }: AuditFlags,
  query: AuditQuery,
): Promise<AuditList> {
  const entries: AuditEntry[] = [];
  let cursor: string | null = null;
  do {
    const page: AuditQuery = {
      ...query,
      limit: Math.min(PAGE_SIZE, limit - entries.length),
      cursor: cursor ?? undefined,
    };
    const list: AuditList =
      projectId === undefined
        ? await client.listAudit(page)
        : await client.listProjectAudit({ project: projectId.toLowerCase(), ...page });
    entries.push(...list.entries);
    cursor = list.next_cursor;
  } while (cursor !== null && entries.length < limit);
  return { entries, next_cursor: cursor };
}

function printEntries(context: CliContext, entries: readonly AuditEntry[]): void {
  context.terminal.printTable(
    [
      { title: "NO", align: "right" },
      { title: "AT" },
      { title: "WHO" },
      { title: "FROM" },
      { title: "ACTION" },
      { title: "TARGET" },
      { title: "CHANGE" },
    ],
    entries.map((entry) => [
      String(entry.seq),
      entry.at,
      entry.author.api_key_id === null
        ? entry.author.kind
        : `${entry.author.kind} ${entry.author.api_key_id}`,
      entry.author.address ?? "-",
      entry.action,
      entry.target.name ?? entry.target.id ?? "-",
      changeCell(entry),
    ]),
  );
}

const MAX_CHANGE_LENGTH = 100;

/** `disabled: false -> true`; of what came or went only what it was. */
function changeCell({ before, after }: AuditEntry): string {
  const names = [...new Set([...Object.keys(before ?? {}), ...Object.keys(after ?? {})])];
  const parts = names.map((name) => {
    const [was, is] = [textOf(before?.[name]), textOf(after?.[name])];
    return before === null || after === null
      ? `${name}: ${was ?? is}`
      : `${name}: ${was ?? "-"} -> ${is ?? "-"}`;
  });
  const text = parts.join(", ");
  return text.length > MAX_CHANGE_LENGTH ? `${text.slice(0, MAX_CHANGE_LENGTH)}...` : text;
}

function textOf(value: unknown): string | undefined {
  if (value === undefined) return undefined;
  return typeof value === "string" ? value : JSON.stringify(value);
}
