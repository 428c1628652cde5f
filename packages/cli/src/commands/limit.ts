/** `meshagent limit`: how many requests and tokens a minute, and how much at once, by whom. */

import { Command } from "commander";
import { limitCounts } from "@meshagent/llm-proxy-protocol/api-budgets";
import type { Limit, SetLimitBody } from "@meshagent/llm-proxy-protocol/api-budgets";
import { listAll } from "@meshagent/llm-proxy-protocol/api-pages";
import { MAX_COUNT } from "@meshagent/llm-proxy-protocol/llm-caps";
import type { CliContext } from "../cli-context.ts";
import { UsageFailure } from "../failure.ts";
import type { ScopeFlags } from "./limit-scope.ts";
import { parseScope, scopeCell, withScope } from "./limit-scope.ts";
import type { ProjectFlags } from "./options.ts";
import { connectToProject, countOption, withProject } from "./options.ts";

interface SetFlags extends ScopeFlags {
  readonly requestsPerMinute?: number;
  readonly inputTokensPerMinute?: number;
  readonly outputTokensPerMinute?: number;
  readonly tokensPerMinute?: number;
  readonly maxConcurrency?: number;
}

/** See the file comment. */
export function build(context: CliContext): Command {
  const command = new Command("limit").description(
    "Limits: requests and tokens in any minute, and requests at once, by whom.",
  );
  const add = (child: Command, about: string): Command => {
    command.addCommand(child.description(about));
    return child;
  };
  add(withScope(withProject(new Command("set"))), "Make a limit, or change the one that --id names.")
    .argument("[name]", "for people")
    .addOption(countOption("--requests-per-minute <n>", "requests in any 60 seconds", MAX_COUNT - 1))
    .addOption(countOption("--input-tokens-per-minute <n>", "input tokens in any 60 seconds", MAX_COUNT - 1))
    .addOption(
      countOption("--output-tokens-per-minute <n>", "output tokens in any 60 seconds", MAX_COUNT - 1),
    )
    .addOption(countOption("--tokens-per-minute <n>", "input and output in any 60 seconds", MAX_COUNT - 1))
    .addOption(countOption("--max-concurrency <n>", "requests at once", MAX_COUNT - 1))
    .action((name: string | undefined, flags: SetFlags) => setLimit(context, name, flags));
  add(withProject(new Command("list")), "List the limits.").action(async (flags: ProjectFlags) => {
    const { client, project } = connectToProject(context, flags);
    const list = await listAll("limits", (page) => client.listLimits({ project, ...page }));
    if (flags.json) return context.terminal.printJson(list);
    printLimits(context, list.limits);
  });
  add(withProject(new Command("get")), "Show one limit.")
    .argument("<id>")
    .action(async (id: string, flags: ProjectFlags) => {
      const { client, project } = connectToProject(context, flags);
      const limit = await client.getLimit({ project, limit: id });
      if (flags.json) return context.terminal.printJson(limit);
      printLimits(context, [limit]);
    });
  add(withProject(new Command("remove")), "Remove a limit: it limits nothing from now on.")
    .argument("<id>")
    .action(async (id: string, flags: ProjectFlags) => {
      const { client, project } = connectToProject(context, flags);
      await client.deleteLimit({ project, limit: id });
      if (flags.json) return context.terminal.printJson({ removed: id });
      context.terminal.say(`Removed limit ${id}.`);
    });
  return command;
}

async function setLimit(context: CliContext, name: string | undefined, flags: SetFlags): Promise<void> {
  const given = {
    requests_per_minute: flags.requestsPerMinute,
    input_tokens_per_minute: flags.inputTokensPerMinute,
    output_tokens_per_minute: flags.outputTokensPerMinute,
    tokens_per_minute: flags.tokensPerMinute,
    max_concurrency: flags.maxConcurrency,
  };
  if (flags.id === undefined && Object.values(given).every((count) => count === undefined)) {
    throw new UsageFailure("Nothing to limit.", "For example: meshagent limit set --requests-per-minute 60");
  }
  const { client, project } = connectToProject(context, flags);
  const before = flags.id === undefined ? null : await client.getLimit({ project, limit: flags.id });
  const counts = Object.fromEntries(limitCounts.map((count) => [count, given[count] ?? before?.[count]]));
  const body: SetLimitBody = {
    name: name ?? before?.name,
    scope: parseScope(flags) ?? before?.scope,
    ...counts,
  };
  const limit =
    before === null
      ? await client.createLimit({ project, ...body })
      : await client.replaceLimit({ project, limit: before.id, ...body });
  if (flags.json) return context.terminal.printJson(limit);
  context.terminal.say(`${before === null ? "Made" : "Changed"} the limit for ${scopeCell(limit.scope)}.`);
  context.terminal.print(`${limit.id}\n`);
}

function printLimits(context: CliContext, limits: readonly Limit[]): void {
  context.terminal.printTable(
    [
      { title: "ID" },
      { title: "NAME" },
      { title: "SCOPE" },
      { title: "REQUESTS/MIN", align: "right" },
      { title: "INPUT/MIN", align: "right" },
      { title: "OUTPUT/MIN", align: "right" },
      { title: "TOKENS/MIN", align: "right" },
      { title: "AT ONCE", align: "right" },
    ],
    limits.map((limit) => [
      limit.id,
      limit.name ?? "",
      scopeCell(limit.scope),
      ...limitCounts.map((count) => String(limit[count] ?? "-")),
    ]),
  );
}
