/**
 * What is sent: W1, a small JSON request; W2, a coding agent's turn of 400 KB with tools and escaped code; W3, many
 * slow streams at once. Beside each what ours may cost at most, in units of nginx.
 */

import { type StreamOrder, streamOrderText } from "./upstream/replies.ts";

export const workloadNames = ["W1", "W2", "W3"] as const;
export type WorkloadName = (typeof workloadNames)[number];

interface WorkloadBase {
  readonly name: WorkloadName;
  readonly about: string;
  /** CPU of ours in units of nginx. A target, not a check: machines are noisy. */
  readonly maxTimesNginx: number;
  /** How many times less CPU than Portkey ours should take; null where nothing is asked for. */
  readonly minTimesLessThanPortkey: number | null;
  /** CPU of ours under limits in units of ours without; null where nothing is asked for. */
  readonly maxTimesUnderLimits: number | null;
}

/** As many whole requests as fit into the time. */
export interface RequestWorkload extends WorkloadBase {
  readonly kind: "requests";
  readonly concurrency: number;
  readonly body: string;
}

/** A fixed number of streams, each with its events at a fixed pace. */
export interface StreamWorkload extends WorkloadBase {
  readonly kind: "streams";
  readonly streams: number;
  readonly eventsPerSecond: number;
  readonly rampMs: number;
}

export type Workload = RequestWorkload | StreamWorkload;

/** The body that orders one slow stream from the benchmark's upstream. */
export function slowStreamBody(order: StreamOrder): string {
  return JSON.stringify({ model: "gpt-5.5", stream: true, store: false, input: streamOrderText(order) });
}

function agentTurn(): string {
  const tools = Array.from({ length: 24 }, (_each, index) => ({
    type: "function",
    name: `tool_${index}`,
    description: 'Runs a command. Quotes "like this" and \\backslashes\\ come with it.'.repeat(8),
    parameters: {
      type: "object",
      properties: { model: { type: "string" }, cmd: { type: "string" }, usage: { type: "number" } },
    },
  }));
  const code = 'export function f(a: string): string {\n\treturn a.replace(/"/g, "\\\\\\"");\n}\n'.repeat(40);
  const input: object[] = [];
  for (let size = 0; size < 324_000; size += code.length) {
    input.push({ type: "message", role: "user", content: [{ type: "input_text", text: code }] });
  }
  // The fields that policy needs come last: no proxy gets away with reading the beginning.
  return JSON.stringify({
    input,
    tools,
    parallel_tool_calls: true,
    store: false,
    model: "gpt-5.5",
    stream: true,
  });
}

export const workloads: readonly Workload[] = [
  {
    kind: "requests",
    name: "W1",
    about: "1 KB up, 1.5 KB of JSON down",
    concurrency: 64,
    body: JSON.stringify({ model: "gpt-5.5", input: "y".repeat(960) }),
    maxTimesNginx: 6,
    minTimesLessThanPortkey: null,
    maxTimesUnderLimits: 1.15,
  },
  {
    kind: "requests",
    name: "W2",
    about: "400 KB up, 300 events down",
    concurrency: 8,
    body: agentTurn(),
    maxTimesNginx: 4,
    minTimesLessThanPortkey: 10,
    maxTimesUnderLimits: null,
  },
  {
    kind: "streams",
    name: "W3",
    about: "500 streams at once, 20 events/s each",
    streams: 500,
    eventsPerSecond: 20,
    rampMs: 2000,
    maxTimesNginx: 2.5,
    minTimesLessThanPortkey: null,
    maxTimesUnderLimits: null,
  },
];
