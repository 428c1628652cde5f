/**
 * Prometheus metrics of the gateway: counts of what the spine did. Labels are few and bounded: no model, room or
 * participant, which the ledger answers better.
 */

import type { ErrorCode } from "../errors.ts";
import type { ExchangeResult } from "../store/store.ts";

export interface Metrics {
  refused(code: ErrorCode, dialect: string): void;
  finished(exchange: FinishedExchange, result: ExchangeResult): void;
  /** A budget reached so many percent of its amount. */
  noticed(percent: number): void;
  /** One attempt to deliver a notice, or the end of them. */
  webhookTried(outcome: WebhookOutcome): void;
  /** The text format 0.0.4. */
  render(): string;
}

/** `given_up` is said once for a notice, after its last attempt. */
export type WebhookOutcome = "delivered" | "failed" | "given_up";

/** What the labels of an exchange are made of. */
export interface FinishedExchange {
  readonly dialect: string;
  /** Its tokens and cost are of the list and of nobody's bill, so they are kept apart. */
  readonly isSimulated: boolean;
}

export interface Gauges {
  readonly runningExchanges: () => number;
  readonly keptBytes: () => number;
  readonly drains: () => number;
  readonly sockets: () => number;
  readonly waiting: () => number;
  readonly droppedLogLines: () => number;
}

export function createMetrics(gauges: Gauges): Metrics {
  const refusals = new Map<string, number>();
  const exchanges = new Map<string, number>();
  const tokens = new Map<string, number>();
  const notices = new Map<string, number>();
  const webhooks = new Map<string, number>();
  let costNanoUsd = 0n;
  let unpriced = 0;

  return {
    refused: (code, dialect) => add(refusals, `dialect="${dialect}",code="${code}"`, 1),
    finished: ({ dialect, isSimulated }, result) => {
      const exchange = `dialect="${dialect}",simulated="${isSimulated}"`;
      add(exchanges, `${exchange},outcome="${result.outcome}",usage_source="${result.usageSource}"`, 1);
      for (const record of result.usage.filter((each) => each.billed)) {
        add(tokens, `${exchange},type="input"`, record.input_tokens ?? 0);
        add(tokens, `${exchange},type="output"`, record.output_tokens ?? 0);
      }
      if (isSimulated) return;
      if (result.costNanoUsd === null) unpriced += 1;
      else costNanoUsd += BigInt(result.costNanoUsd);
    },
    noticed: (percent) => add(notices, `percent="${percent}"`, 1),
    webhookTried: (outcome) => add(webhooks, `outcome="${outcome}"`, 1),
    render: () =>
      [
        ...family(
          "meshagent_exchanges_total",
          "counter",
          "Exchanges with a row, by how they ended.",
          exchanges,
        ),
        ...family(
          "meshagent_refused_total",
          "counter",
          "Requests answered with the gateway's own error.",
          refusals,
        ),
        ...family(
          "meshagent_tokens_total",
          "counter",
          "Billed tokens as the providers counted them.",
          tokens,
        ),
        ...single(
          "meshagent_cost_nano_usd_total",
          "counter",
          "Known cost of real exchanges in nano-dollars.",
          costNanoUsd,
        ),
        ...single(
          "meshagent_unpriced_exchanges_total",
          "counter",
          "Real exchanges whose cost is not known.",
          unpriced,
        ),
        ...family(
          "meshagent_budget_notices_total",
          "counter",
          "Percentages of their amounts that budgets reached.",
          notices,
        ),
        ...family(
          "meshagent_webhook_deliveries_total",
          "counter",
          "Attempts to deliver a notice, and notices that were given up.",
          webhooks,
        ),
        ...gaugeLines(gauges),
        ...single(
          "meshagent_log_lines_dropped_total",
          "counter",
          "Lines of the log that could not be written: nobody reads them, or too slowly.",
          gauges.droppedLogLines(),
        ),
        ...single("process_resident_memory_bytes", "gauge", "Resident memory.", process.memoryUsage.rss()),
        "",
      ].join("\n"),
  };
}

function gaugeLines(gauges: Gauges): readonly string[] {
  return [
    ...single(
      "meshagent_running_exchanges",
      "gauge",
      "Exchanges between caller and provider now.",
      gauges.runningExchanges(),
    ),
    ...single("meshagent_kept_bytes", "gauge", "Request bodies in memory now, in bytes.", gauges.keptBytes()),
    ...single("meshagent_drains", "gauge", "Replies read on after their callers left, now.", gauges.drains()),
    ...single(
      "meshagent_waiting_requests",
      "gauge",
      "Requests that wait for money of their budget, now.",
      gauges.waiting(),
    ),
    ...single("meshagent_sockets", "gauge", "WebSockets open now.", gauges.sockets()),
  ];
}

function add(counts: Map<string, number>, labels: string, by: number): void {
  counts.set(labels, (counts.get(labels) ?? 0) + by);
}

function family(
  name: string,
  type: string,
  about: string,
  counts: ReadonlyMap<string, number>,
): readonly string[] {
  const lines = [...counts].map(([labels, count]) => `${name}{${labels}} ${count}`);
  return [`# HELP ${name} ${about}`, `# TYPE ${name} ${type}`, ...lines];
}

function single(name: string, type: string, about: string, value: number | bigint): readonly string[] {
  return [`# HELP ${name} ${about}`, `# TYPE ${name} ${type}`, `${name} ${value}`];
}
