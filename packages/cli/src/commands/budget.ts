/** `meshagent budget`: what a project, a room, a participant, a key or a session may spend. */

import { Command, InvalidArgumentError, Option } from "commander";
import { budgetModes, budgetPeriods } from "@meshagent/llm-proxy-protocol/api-budgets";
import type {
  Budget,
  BudgetAccount,
  BudgetDetails,
  BudgetMode,
  BudgetNotice,
  BudgetPeriod,
  SetBudgetBody,
} from "@meshagent/llm-proxy-protocol/api-budgets";
import { listAll } from "@meshagent/llm-proxy-protocol/api-pages";
import type { CliContext } from "../cli-context.ts";
import { exitCodes, UsageFailure } from "../failure.ts";
import type { Column } from "../table.ts";
import type { ScopeFlags } from "./limit-scope.ts";
import { parseScope, scopeCell, withScope } from "./limit-scope.ts";
import type { ProjectFlags } from "./options.ts";
import { connectToProject, withProject } from "./options.ts";

interface SetFlags extends ScopeFlags {
  readonly amount?: string;
  readonly period?: BudgetPeriod;
  readonly timeZone?: string;
  readonly mode?: BudgetMode;
  readonly tolerance?: string;
  readonly notifyAt?: readonly number[];
}

/** See the file comment. */
export function build(context: CliContext): Command {
  const command = new Command("budget").description(
    "Budgets: what may be spent in a day, a week, a month or in all, by whom.",
  );
  const add = (child: Command, about: string): Command => {
    command.addCommand(child.description(about));
    return child;
  };
  add(withScope(withProject(new Command("set"))), "Make a budget, or change the one that --id names.")
    .argument("[name]", "for people: it stands in messages")
    .option("--amount <usd>", "in US dollars, such as 10 or 0.75")
    .addOption(new Option("--period <period>", "default: month").choices([...budgetPeriods]))
    .option("--time-zone <zone>", "whose calendar counts, such as Europe/Berlin (default: UTC)")
    .addOption(
      new Option(
        "--mode <mode>",
        "default: hard; hard-no-edit lowers no output limit, soft refuses nothing",
      ).choices([...budgetModes]),
    )
    .option("--tolerance <usd>", "requests that were let in may go over the amount by this (default: 0)")
    .option(
      "--notify-at <percents>",
      "notify when so many percent are spent, such as 50,80,95",
      parsePercents,
    )
    .action((name: string | undefined, flags: SetFlags) => setBudget(context, name, flags));
  add(withProject(new Command("list")), "List the budgets and what of each is spent in its period.")
    .option("--all", "one line for each room, participant, key or session that a budget counts separately")
    .action((flags: ListFlags) => listBudgets(context, flags));
  add(withProject(new Command("get")), "Show one budget, with everybody that it counts separately.")
    .argument("<id>")
    .action(async (id: string, flags: ProjectFlags) => {
      const { client, project } = connectToProject(context, flags);
      const budget = await client.getBudget({ project, budget: id });
      if (flags.json) return context.terminal.printJson(budget);
      context.terminal.printTable(COLUMNS, linesOf(budget));
      if (budget.notices.length === 0) return;
      context.terminal.print("\n");
      context.terminal.printTable(NOTICE_COLUMNS, budget.notices.map(noticeLine));
    });
  add(withProject(new Command("remove")), "Remove a budget: it limits nothing from now on.")
    .argument("<id>")
    .action(async (id: string, flags: ProjectFlags) => {
      const { client, project } = connectToProject(context, flags);
      await client.deleteBudget({ project, budget: id });
      if (flags.json) return context.terminal.printJson({ removed: id });
      context.terminal.say(`Removed budget ${id}.`);
    });
  add(withProject(new Command("notify-test")), "Post a test to the webhook that notices go to.").action(
    (flags: ProjectFlags) => testWebhook(context, flags),
  );
  return command;
}

async function testWebhook(context: CliContext, flags: ProjectFlags): Promise<void> {
  const { client, project } = connectToProject(context, flags);
  const result = await client.testWebhook({ project });
  if (!result.ok) context.finish(exitCodes.failed);
  if (flags.json) return context.terminal.printJson(result);
  const mark = result.ok ? context.terminal.paint("green", "ok") : context.terminal.paint("red", "fail");
  context.terminal.print(`${mark}  ${result.message}\n`);
}

async function setBudget(context: CliContext, name: string | undefined, flags: SetFlags): Promise<void> {
  if (flags.id === undefined && flags.amount === undefined) {
    throw new UsageFailure(
      "--amount is missing.",
      "For example: meshagent budget set --amount 10 --period day",
    );
  }
  const { client, project } = connectToProject(context, flags);
  const before = flags.id === undefined ? null : await client.getBudget({ project, budget: flags.id });
  const body: SetBudgetBody = {
    name: name ?? before?.name,
    amount_usd: flags.amount ?? before?.amount_usd ?? "",
    tolerance_usd: flags.tolerance ?? before?.tolerance_usd,
    period: flags.period ?? before?.period,
    time_zone: flags.timeZone ?? before?.time_zone,
    mode: flags.mode ?? before?.mode,
    scope: parseScope(flags) ?? before?.scope,
    notify_at_percent: flags.notifyAt ?? before?.notify_at_percent,
  };
  const budget =
    before === null
      ? await client.createBudget({ project, ...body })
      : await client.replaceBudget({ project, budget: before.id, ...body });
  if (flags.json) return context.terminal.printJson(budget);
  const verb = before === null ? "Made" : "Changed";
  context.terminal.say(
    `${verb} the budget of $${budget.amount_usd} ${periodCell(budget)}, ${scopeCell(budget.scope)}.`,
  );
  context.terminal.print(`${budget.id}\n`);
}

interface ListFlags extends ProjectFlags {
  readonly all?: true;
}

async function listBudgets(context: CliContext, flags: ListFlags): Promise<void> {
  const { client, project } = connectToProject(context, flags);
  const list = await listAll("budgets", (page) => client.listBudgets({ project, ...page }));
  if (!flags.all) {
    if (flags.json) return context.terminal.printJson(list);
    return context.terminal.printTable(
      COLUMNS,
      list.budgets.map((each) => lineOf(each, each.fullest)),
    );
  }
  const detailed: BudgetDetails[] = [];
  for (const { id } of list.budgets) detailed.push(await client.getBudget({ project, budget: id }));
  if (flags.json) return context.terminal.printJson({ ...list, budgets: detailed });
  context.terminal.printTable(COLUMNS, detailed.flatMap(linesOf));
}

const COLUMNS: readonly Column[] = [
  { title: "ID" },
  { title: "NAME" },
  { title: "AMOUNT", align: "decimal" },
  { title: "PERIOD" },
  { title: "SCOPE" },
  { title: "MODE" },
  { title: "SPENT", align: "decimal" },
  { title: "HELD", align: "decimal" },
  { title: "FREE", align: "decimal" },
  { title: "%", align: "right" },
  { title: "RESETS" },
  { title: "BY" },
];

const NOTICE_COLUMNS: readonly Column[] = [
  { title: "NOTICE" },
  { title: "%", align: "right" },
  { title: "OF", align: "decimal" },
  { title: "SPENT", align: "decimal" },
  { title: "WEBHOOK" },
  { title: "ATTEMPTS", align: "right" },
  { title: "BY" },
];

function noticeLine(notice: BudgetNotice): readonly string[] {
  return [
    notice.made_at,
    String(notice.percent),
    notice.amount_usd,
    notice.spent_usd,
    notice.delivery.replace("_", " "),
    String(notice.attempts),
    Object.values(notice.subject).join(", "),
  ];
}

/** A line for each subject; one of zeros where nobody has spent yet. */
function linesOf(budget: BudgetDetails): readonly (readonly string[])[] {
  const accounts = budget.accounts.length === 0 ? [budget.fullest] : budget.accounts;
  return accounts.map((account) => lineOf(budget, account));
}

function lineOf(budget: Budget, account: BudgetAccount): readonly string[] {
  return [
    budget.id,
    budget.name ?? "",
    budget.amount_usd,
    budget.period,
    scopeCell(budget.scope),
    budget.mode,
    account.spent_usd,
    account.held_usd,
    account.free_usd,
    String(account.spent_percent),
    budget.resets_at ?? "never",
    Object.values(account.subject).join(", "),
  ];
}

/** `a month`; `in all`. */
export function periodCell({ period }: Pick<Budget, "period">): string {
  return period === "total" ? "in all" : `a ${period}`;
}

function parsePercents(text: string): readonly number[] {
  const percents = text.split(",").map((part) => (/^\d{1,4}$/.test(part.trim()) ? Number(part) : 0));
  if (percents.every((percent) => percent >= 1)) return percents;
  throw new InvalidArgumentError("It is a list of whole percents with commas, such as 50,80,95.");
}
