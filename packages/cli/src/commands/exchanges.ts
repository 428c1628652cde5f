/** `meshagent exchanges`: single exchanges, newest first, or as they complete. */

import { Command } from "commander";
import type { Exchange, ExchangeList, ExchangesQuery } from "@meshagent/llm-proxy-protocol/api-reports";
import type { Client } from "@meshagent/llm-proxy-protocol/client";
import type { CliContext } from "../cli-context.ts";
import { formatNanoUsd, parseUsd } from "../money-text.ts";
import type { Column } from "../table.ts";
import { renderTable, textWidth } from "../table.ts";
import type { FilterFlags } from "./options.ts";
import { connectToProject, countOption, parseFilter, withFilters } from "./options.ts";
import { UsageFailure } from "../failure.ts";

const DEFAULT_LIMIT = 20;
const DEFAULT_RECENT = 10;
const PAGE_SIZE = 1000;

interface ExchangesFlags extends FilterFlags {
  readonly follow?: true;
  readonly limit?: number;
}

/** See the file comment. */
export function build(context: CliContext): Command {
  return withFilters(new Command("exchanges"))
    .description(
      "List single exchanges, newest first. With --follow: the latest, then new ones as they complete.",
    )
    .option("--follow", "go on until interrupted; with --json one JSON document per line")
    .addOption(
      countOption("--limit <count>", "how many (default 20; with --follow the 10 before now)", 1_000_000),
    )
    .action(async (flags: ExchangesFlags) => {
      const { client, project } = connectToProject(context, flags);
      const filter = { project, ...parseFilter(flags, context.nowMs()) };
      if (flags.follow) return follow(context, client, { filter, flags });
      const list = await fetchExchanges(client, filter, flags.limit ?? DEFAULT_LIMIT);
      if (flags.json) return context.terminal.printJson(list);
      context.terminal.printTable(COLUMNS, list.exchanges.map(cellsOf));
      if (list.next_cursor !== null) context.terminal.say("There are older ones: --limit shows more.");
    });
}

type ProjectFilter = { readonly project: string } & ExchangesQuery;

async function fetchExchanges(client: Client, filter: ProjectFilter, limit: number): Promise<ExchangeList> {
  const exchanges: Exchange[] = [];
  let cursor: string | null = null;
  do {
    const page: ExchangeList = await client.listExchanges({
      ...filter,
      limit: Math.min(PAGE_SIZE, limit - exchanges.length),
      cursor: cursor ?? undefined,
    });
    exchanges.push(...page.exchanges);
    cursor = page.next_cursor;
  } while (cursor !== null && exchanges.length < limit);
  return { exchanges, next_cursor: cursor };
}

interface Following {
  readonly filter: ProjectFilter;
  readonly flags: ExchangesFlags;
}

async function follow(context: CliContext, client: Client, { filter, flags }: Following): Promise<void> {
  const { until, ...rest } = filter;
  if (until !== undefined) throw new UsageFailure("--follow has no end, so it takes no --until.");
  if ((flags.limit ?? 0) > PAGE_SIZE)
    throw new UsageFailure(`With --follow, --limit is at most ${PAGE_SIZE}.`);
  const options = { signal: context.signal, recent: flags.limit ?? DEFAULT_RECENT };
  if (!flags.json) context.terminal.print(fixedLine(COLUMNS.map((column) => column.title)));
  for await (const exchange of client.followExchanges(rest, options)) {
    context.terminal.print(flags.json ? `${JSON.stringify(exchange)}\n` : fixedLine(cellsOf(exchange)));
  }
}

const COLUMNS: readonly Column[] = [
  { title: "RECEIVED" },
  { title: "ROOM" },
  { title: "PARTICIPANT" },
  { title: "MODEL" },
  { title: "STATUS", align: "right" },
  { title: "OUTCOME" },
  { title: "INPUT", align: "right" },
  { title: "OUTPUT", align: "right" },
  { title: "SECONDS", align: "decimal" },
  { title: "COST USD", align: "decimal" },
  { title: "ID" },
];

/** For rows that come one by one, before the widest of them is known. */
const FOLLOW_WIDTHS: readonly number[] = [24, 14, 14, 22, 6, 14, 8, 8, 8, 12, 29];

function fixedLine(cells: readonly string[]): string {
  const padded = cells.map((cell, index) => {
    const blanks = " ".repeat(Math.max(0, (FOLLOW_WIDTHS[index] ?? 0) - textWidth(cell)));
    return (COLUMNS[index]?.align ?? "left") === "left" ? cell + blanks : blanks + cell;
  });
  return renderTable([{ title: padded.join("  ") }], []);
}

function cellsOf(exchange: Exchange): string[] {
  return [
    exchange.received_at,
    exchange.room,
    exchange.participant,
    (exchange.model || exchange.requested_model || "-") + (exchange.simulated ? " (simulated)" : ""),
    exchange.status === null ? "-" : String(exchange.status),
    exchange.outcome ?? "running",
    sumTokens(exchange, "input_tokens"),
    sumTokens(exchange, "output_tokens"),
    seconds(exchange),
    costText(exchange),
    exchange.id,
  ];
}

/** Of billed records; a dash when none of them has the count, because that is not the same as 0. */
function sumTokens(exchange: Exchange, member: "input_tokens" | "output_tokens"): string {
  const counts = exchange.usage.filter((record) => record.billed).map((record) => record[member]);
  const known = counts.filter((count) => count !== undefined);
  return known.length === 0 ? "-" : String(known.reduce((sum, count) => sum + count, 0));
}

function seconds({ received_at, completed_at }: Exchange): string {
  return completed_at === null
    ? "-"
    : ((Date.parse(completed_at) - Date.parse(received_at)) / 1000).toFixed(3);
}

function costText(exchange: Exchange): string {
  if (exchange.completed_at === null) return "-";
  if (exchange.cost_usd === null) return "unknown";
  const cost = formatNanoUsd(parseUsd(exchange.cost_usd));
  return exchange.usage.some((record) => record.cost_status === "lower_bound") ? `>= ${cost}` : cost;
}
