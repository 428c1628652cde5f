/** Asks a proxy once, before it is measured: what answers wrongly may be fast, and its figures would mean nothing. */

import type { Target } from "./load/streams.ts";
import type { RequestWorkload } from "./workloads.ts";

/** Throws unless the reply is the upstream's, with every event. */
export async function probe(name: string, target: Target, workload: RequestWorkload): Promise<void> {
  const response = await fetch(target.url, {
    method: "POST",
    headers: { ...target.headers, "content-type": "application/json" },
    body: workload.body,
  });
  const text = await response.text();
  const problem = response.status === 200 ? replyProblem(workload.name, text) : `status ${response.status}`;
  if (problem !== null)
    throw new Error(`${name} does not answer ${workload.name}: ${problem}. ${text.slice(0, 500)}`);
}

/** What is wrong with a reply's text; null for a good one. Exported for its test. */
export function replyProblem(workload: string, text: string): string | null {
  if (workload === "W1")
    return text.includes('"usage":{"input_tokens":300,') ? null : "no usage in the reply";
  const events = text.match(/^event: response\.output_text\.delta$/gm)?.length ?? 0;
  if (events !== 300) return `${events} events instead of 300`;
  return text.includes("event: response.completed\n") ? null : "no terminal event";
}
