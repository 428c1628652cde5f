/**
 * What background responses, batches and videos of the OpenAI API used, as told when they are asked later.
 *
 * A batch's `usage` sums up all its requests, which a price that depends on the size of one request cannot be
 * applied to: the lines of its output file are read, and the sum stands in only where they are gone.
 */

import type { MeteredUsage } from "@meshagent/llm-proxy-protocol/usage";
import { type CollectedObjects, type Collecting, readWhole, type Standing } from "../collecting.ts";
import { isObject, memberOf, textOf, unbilledReading } from "../readings.ts";
import type { ReplyOutcome, ReplyReading, UsageReaderFactory } from "../usage-reader.ts";
import { completenessOf, openaiCounts } from "./usage-counts.ts";
import { chatCompletionsUsage, embeddingsUsage, responsesUsage } from "./usage.ts";

function parse(body: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(body).toString("utf8"));
  } catch {
    return null;
  }
}

const responses: Collecting = {
  kind: "response",
  headers: [],
  path: (id) => `/responses/${encodeURIComponent(id)}`,
  standing: (body, requestedModel) => {
    const reading = readWhole(responsesUsage, body, requestedModel);
    if (reading.responseId === null) return null;
    const made = reading.made ?? [];
    return reading.isRunning === true ? { state: "running", made } : { state: "done", reading, made };
  },
};

const batchOutcomes: Readonly<Record<string, ReplyOutcome>> = {
  completed: "ok",
  expired: "incomplete",
  cancelled: "cancelled",
  failed: "failed",
};

const batches: Collecting = {
  kind: "batch",
  headers: [],
  path: (id) => `/batches/${encodeURIComponent(id)}`,
  standing: (body) => {
    const batch = parse(body);
    const status = textOf(memberOf(batch, "status"));
    if (status === null) return null;
    const outcome = batchOutcomes[status];
    const outputFile = textOf(memberOf(batch, "output_file_id"));
    const made = filesOf(batch);
    if (outcome === undefined) return { state: "running", made };
    // Without an output file no request was answered.
    if (outputFile === null) return { state: "done", reading: unbilledReading(outcome), made };
    return {
      state: "lines",
      outcome,
      paths: [`/files/${encodeURIComponent(outputFile)}/content`],
      readLine: (line) => readLine(line, textOf(memberOf(batch, "endpoint")) ?? ""),
      madeBy: storedBy,
      total: batchTotal(batch),
      made,
    };
  },
};

function filesOf(batch: unknown): CollectedObjects {
  return ["output_file_id", "error_file_id"].flatMap((name) => {
    const id = textOf(memberOf(batch, name));
    return id === null ? [] : [{ kind: "file" as const, id }];
  });
}

const lineReaders: Readonly<Record<string, UsageReaderFactory>> = {
  "/v1/responses": responsesUsage,
  "/v1/chat/completions": chatCompletionsUsage,
  "/v1/completions": chatCompletionsUsage,
  "/v1/embeddings": embeddingsUsage,
};

/** `{"custom_id","response":{"status_code","body"},"error"}`; only an answered request bills. */
function readLine(line: Uint8Array, endpoint: string): readonly MeteredUsage[] {
  const response = memberOf(parse(line), "response");
  const reply = memberOf(response, "body");
  const reader = lineReaders[endpoint];
  if (memberOf(response, "status_code") !== 200 || !isObject(reply)) return [];
  // Moderations bill nothing, and of media the lines do not tell enough.
  if (reader === undefined) return endpoint.endsWith("/moderations") ? [] : [unknownLine(reply)];
  const { usage } = readWhole(reader, Buffer.from(JSON.stringify(reply)), textOf(reply["model"]) ?? "");
  return usage.map((record) => ({ ...record, service_tier: "batch", source: "batch_line" }));
}

/** A response of a batch is stored like any other, unless it says that it is not. */
function storedBy(line: Uint8Array): CollectedObjects {
  const reply = memberOf(memberOf(parse(line), "response"), "body");
  const id = textOf(memberOf(reply, "id"));
  const isStored = memberOf(reply, "object") === "response" && memberOf(reply, "store") !== false;
  return id === null || !isStored ? [] : [{ kind: "response", id }];
}

function unknownLine(reply: Readonly<Record<string, unknown>>): MeteredUsage {
  return {
    kind: "primary",
    model: textOf(reply["model"]) ?? "",
    response_id: textOf(reply["id"]),
    service_tier: "batch",
    source: "batch_line",
    completeness: "missing",
    billed: true,
    raw: isObject(reply["usage"]) ? reply["usage"] : null,
  };
}

function batchTotal(batch: unknown): readonly MeteredUsage[] {
  const usage = memberOf(batch, "usage");
  if (!isObject(usage)) return [];
  const counts = openaiCounts(usage);
  return [
    {
      kind: "primary",
      model: textOf(memberOf(batch, "model")) ?? "",
      response_id: textOf(memberOf(batch, "id")),
      service_tier: "batch",
      ...counts,
      source: "batch",
      completeness: completenessOf(counts, true),
      billed: true,
      raw: usage,
    },
  ];
}

const videos: Collecting = {
  kind: "video",
  headers: [],
  path: (id) => `/videos/${encodeURIComponent(id)}`,
  standing: (body, requestedModel): Standing | null => {
    const video = parse(body);
    const status = textOf(memberOf(video, "status"));
    const id = textOf(memberOf(video, "id"));
    if (status === null || id === null) return null;
    if (status === "failed") return { state: "done", reading: unbilledReading("failed"), made: [] };
    if (status !== "completed") return { state: "running", made: [] };
    return { state: "done", reading: videoReading(video, { id, requestedModel }), made: [] };
  },
};

function videoReading(
  video: unknown,
  names: { readonly id: string; readonly requestedModel: string },
): ReplyReading {
  const model = textOf(memberOf(video, "model")) ?? names.requestedModel;
  const seconds = Number(memberOf(video, "seconds"));
  const isTold = Number.isFinite(seconds) && seconds > 0;
  const record: MeteredUsage = {
    kind: "primary",
    model,
    response_id: names.id,
    service_tier: null,
    ...(isTold ? { output_video_seconds: seconds } : {}),
    source: "video",
    completeness: isTold ? "complete" : "missing",
    billed: true,
    raw: { seconds: memberOf(video, "seconds") ?? null, size: memberOf(video, "size") ?? null },
  };
  return { outcome: "ok", usage: [record], responseId: names.id, servedModel: model, servedTier: null };
}

export const openAiCollecting: readonly Collecting[] = [responses, batches, videos];
