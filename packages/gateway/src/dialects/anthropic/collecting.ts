/** What message batches of the Anthropic API used, as the lines of their results tell it, one a message. */

import type { MeteredUsage } from "@meshagent/llm-proxy-protocol/usage";
import { type Collecting, readWhole } from "../collecting.ts";
import { isObject, memberOf, textOf } from "../readings.ts";
import { messagesUsage } from "./usage.ts";

function parse(body: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(body).toString("utf8"));
  } catch {
    return null;
  }
}

const messageBatches: Collecting = {
  kind: "message_batch",
  headers: [["anthropic-version", "2023-06-01"]],
  path: (id) => `/messages/batches/${encodeURIComponent(id)}`,
  standing: (body) => {
    const batch = parse(body);
    const id = textOf(memberOf(batch, "id"));
    const status = textOf(memberOf(batch, "processing_status"));
    if (id === null || status === null) return null;
    if (status !== "ended") return { state: "running", made: [] };
    const wasCancelled = textOf(memberOf(batch, "cancel_initiated_at")) !== null;
    return {
      state: "lines",
      outcome: wasCancelled ? "cancelled" : "ok",
      paths: [`/messages/batches/${encodeURIComponent(id)}/results`],
      readLine,
      total: [],
      made: [],
    };
  },
};

/** `{"custom_id","result":{"type":"succeeded","message"}}`; errored, canceled and expired requests bill nothing. */
function readLine(line: Uint8Array): readonly MeteredUsage[] {
  const result = memberOf(parse(line), "result");
  const message = memberOf(result, "message");
  if (memberOf(result, "type") !== "succeeded" || !isObject(message)) return [];
  const { usage } = readWhole(
    messagesUsage,
    Buffer.from(JSON.stringify(message)),
    textOf(message["model"]) ?? "",
  );
  // The results say "batch" themselves; a server that does not is a batch all the same.
  return usage.map((record) => ({ ...record, service_tier: "batch", source: "batch_line" }));
}

export const anthropicCollecting: readonly Collecting[] = [messageBatches];
