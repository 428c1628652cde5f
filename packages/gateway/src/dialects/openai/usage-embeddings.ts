/**
 * Reads the usage of `/embeddings`: input tokens and nothing else, no id. The vectors may be tens of
 * megabytes and pass by unread.
 */

import type { PickPath } from "../../json-pick.ts";
import {
  isObject,
  isSuccess,
  JsonBodyReader,
  missingReading,
  textOf,
  upstreamErrorReader,
} from "../readings.ts";
import type { Picks } from "../readings.ts";
import type { ReplyContext, ReplyEnd, ReplyReading, UsageReader } from "../usage-reader.ts";
import { completenessOf, openaiCounts } from "./usage-counts.ts";

const MODEL: PickPath = ["model"];
const USAGE: PickPath = ["usage"];
const PATHS: readonly PickPath[] = [MODEL, USAGE];

/** The reader of an embeddings reply. */
export function embeddingsUsage(context: ReplyContext): UsageReader {
  if (!isSuccess(context)) return upstreamErrorReader;
  return new JsonBodyReader(PATHS, (picks, end) => readEmbeddings(context, picks, end));
}

function readEmbeddings(context: ReplyContext, picks: Picks, end: ReplyEnd): ReplyReading {
  const names = { responseId: null, servedModel: textOf(picks.get(MODEL)), servedTier: null };
  const outcome = end === "cut" ? "truncated" : "ok";
  const usage = picks.get(USAGE);
  if (!isObject(usage)) return missingReading(context, outcome, names);
  const counts = openaiCounts(usage);
  const completeness = completenessOf(counts, false);
  const record = {
    kind: "primary" as const,
    model: names.servedModel ?? context.requestedModel,
    response_id: null,
    service_tier: null,
    ...counts,
    source: "body",
    completeness: end === "cut" && completeness === "complete" ? ("partial" as const) : completeness,
    billed: true,
    raw: usage,
  };
  return { outcome, usage: [record], ...names };
}
