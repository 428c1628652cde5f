/** `meshagent usage`: the usage report as a table. It adds nothing up itself: all sums come from the gateway. */

import { Command, InvalidArgumentError } from "commander";
import type { Budget } from "@meshagent/llm-proxy-protocol/api-budgets";
import { usageDimensionMembers, usageDimensions } from "@meshagent/llm-proxy-protocol/api-usage";
import type {
  UsageDimension,
  UsageReport,
  UsageRow,
  UsageTotals,
} from "@meshagent/llm-proxy-protocol/api-usage";
import type { CliContext } from "../cli-context.ts";
import { formatNanoUsd, parseUsd } from "../money-text.ts";
import { cleanCell } from "../table.ts";
import type { Column } from "../table.ts";
import { periodCell } from "./budget.ts";
import { scopeCell } from "./limit-scope.ts";
import type { FilterFlags } from "./options.ts";
import { connectToProject, parseFilter, withFilters } from "./options.ts";

interface UsageFlags extends FilterFlags {
  readonly by?: readonly UsageDimension[];
}

/** See the file comment. */
export function build(context: CliContext): Command {
  return withFilters(new Command("usage"))
    .description("Report requests, tokens by kind and cost in USD.")
    .option(
      "--by <dimensions>",
      `split by one or more of ${usageDimensions.join(",")}; under each session its agents`,
      parseDimensions,
    )
    .action(async (flags: UsageFlags) => {
      const { client, project } = connectToProject(context, flags);
      const report = await client.getUsage({
        project,
        by: flags.by ?? ["model"],
        ...parseFilter(flags, context.nowMs()),
      });
      if (flags.json) return context.terminal.printJson(report);
      printReport(context, report);
    });
}

function parseDimensions(text: string): readonly UsageDimension[] {
  const names = text.split(",").map((name) => name.trim());
  const dimensions = names.map((name) => usageDimensions.find((dimension) => dimension === name));
  const known = dimensions.filter((dimension) => dimension !== undefined);
  if (known.length < names.length || new Set(known).size < known.length) {
    throw new InvalidArgumentError(`Name each once, with commas: ${usageDimensions.join(",")}.`);
  }
  return known;
}

const COUNT_COLUMNS: readonly Column[] = [
  { title: "REQUESTS", align: "right" },
  { title: "INPUT", align: "right" },
  { title: "CACHED", align: "right" },
  { title: "OUTPUT", align: "right" },
  { title: "COST USD", align: "decimal" },
];

function printReport(context: CliContext, report: UsageReport): void {
  const real = report.usage.filter((row) => !row.simulated);
  const simulated = report.usage.filter((row) => row.simulated);
  printSection(context, { report, rows: real, total: report.total });
  for (const budget of report.budgets) context.terminal.print(`${budgetNote(budget)}\n`);
  if (report.simulated_total === null) return;
  context.terminal.print(
    `\n${context.terminal.paint("bold", "Simulated")} (list prices; nothing was paid, and nothing here is in the totals above)\n`,
  );
  printSection(context, { report, rows: simulated, total: report.simulated_total });
}

interface Section {
  readonly report: UsageReport;
  readonly rows: readonly UsageRow[];
  readonly total: UsageTotals;
}

function printSection(context: CliContext, { report, rows, total }: Section): void {
  const titles = report.by.map((dimension) => ({ title: dimension.toUpperCase() }));
  const lines = rows.flatMap((row) => [
    [...report.by.map((dimension) => row[usageDimensionMembers[dimension]] ?? "-"), ...countCells(row)],
    ...agentLines(report.by, row),
  ]);
  lines.push(["TOTAL", ...report.by.slice(1).map(() => ""), ...countCells(total)]);
  context.terminal.printTable([...titles, ...COUNT_COLUMNS], lines);
  for (const note of notesOf(total)) context.terminal.print(`${note}\n`);
}

/** The agents of a session that has more than one, indented in its column. */
function agentLines(by: UsageReport["by"], { agents = [] }: UsageRow): string[][] {
  if (agents.length < 2) return [];
  return agents.map((agent) => [
    ...by.map((dimension) => (dimension === "session" ? `  ${agent.agent_id ?? "(main agent)"}` : "")),
    ...countCells(agent),
  ]);
}

function countCells(totals: UsageTotals): string[] {
  return [
    // With exact numbers people copy; thousands separators would only look like decimals to half of them.
    ...[totals.requests, totals.input_tokens, totals.cache_read_input_tokens, totals.output_tokens].map(
      String,
    ),
    costCell(totals),
  ];
}

/** A sum that lacks something is a lower bound, and says so. */
function costCell(totals: UsageTotals): string {
  const cost = formatNanoUsd(parseUsd(totals.cost_usd));
  if (totals.unpriced_requests === 0) return cost;
  return totals.unpriced_requests >= totals.requests && parseUsd(totals.cost_usd) === 0n
    ? "unknown"
    : `>= ${cost}`;
}

/** What stands now, whatever the report's span: `Budget Team Lab: 8.2 of 10 USD a day (82 %), resets ...`. */
function budgetNote({ name, fullest, subjects, ...budget }: Budget): string {
  const who = Object.values(fullest.subject).join(", ");
  const most = subjects > 1 ? ` by ${who}, the most of ${subjects}` : who === "" ? "" : ` by ${who}`;
  const reset = budget.resets_at === null ? "" : `, resets ${budget.resets_at}`;
  return (
    `Budget ${cleanCell(name ?? budget.id)} (${cleanCell(scopeCell(budget.scope))}): ${fullest.spent_usd} of ` +
    `${budget.amount_usd} USD ${periodCell(budget)} spent${cleanCell(most)} (${fullest.spent_percent} %)${reset}.`
  );
}

function notesOf(totals: UsageTotals): string[] {
  const notes: string[] = [];
  if (totals.unpriced_requests > 0) {
    notes.push(
      `${requests(totals.unpriced_requests)} of unknown cost: no price, or no usage. The cost above lacks them.`,
    );
  }
  if (totals.inexact_requests > 0) {
    notes.push(`${requests(totals.inexact_requests)} with estimated or partial usage.`);
  }
  return notes;
}

function requests(count: number): string {
  return count === 1 ? "1 request" : `${count} requests`;
}
