/** Message batches and files of the simulated Anthropic API. A batch is answered at once. */

import { toRfc3339 } from "../../clock.ts";
import type { Ask, SimulatedEndpoint } from "./ask.ts";
import { isUploadedFile } from "./form.ts";
import { asArray, asObject, asString, type JsonObject } from "./json.ts";
import { json, onKept, pageOf } from "./kept.ts";
import type { EndpointReply } from "./reply.ts";

const anthropic = { dialect: "anthropic", readPrompt: null } as const;
const dayMs = 24 * 3600 * 1000;

const atBatch = { dialect: "anthropic", collection: "/messages/batches", kind: "message_batch" } as const;

const batches: readonly SimulatedEndpoint[] = [
  {
    ...anthropic,
    method: "POST",
    path: /^\/messages\/batches$/,
    required: ["requests"],
    answer: createBatch,
  },
  {
    ...anthropic,
    method: "GET",
    path: /^\/messages\/batches$/,
    required: [],
    answer: (ask) =>
      pageOf(
        ask,
        ask.kept.list("message_batch").map(({ shown }) => shown),
      ),
  },
  onKept({ ...atBatch, method: "GET" }, ({ shown }) => json(shown)),
  onKept({ ...atBatch, method: "POST", rest: "/cancel" }, ({ shown }) => json(shown)),
  onKept({ ...atBatch, method: "DELETE" }, (object, ask) => {
    ask.kept.remove("message_batch", object.id);
    return json({ id: object.id, type: "message_batch_deleted" });
  }),
  onKept({ ...atBatch, method: "GET", rest: "/results" }, ({ parts }) => ({
    status: 200,
    body: {
      kind: "bytes",
      contentType: "application/x-jsonl",
      bytes: Buffer.from(parts.map((part) => `${JSON.stringify(part)}\n`).join("")),
    },
    bill: null,
  })),
];

function createBatch(ask: Ask): EndpointReply {
  const requests = asArray(ask.body["requests"]).map(asObject);
  const results = requests.map((request): JsonObject => {
    const reply = ask.askAgain("/messages", request["params"]);
    const { custom_id } = request;
    if (reply.status !== 200) return { custom_id, result: { type: "errored", error: reply.json } };
    const message = asObject(reply.json);
    const usage = { ...asObject(message["usage"]), service_tier: "batch" };
    return { custom_id, result: { type: "succeeded", message: { ...message, usage } } };
  });
  const succeeded = results.filter(({ result }) => asObject(result)["type"] === "succeeded").length;
  const id = ask.ids.letters("msgbatch_01", 22);
  const begun = {
    id,
    type: "message_batch",
    processing_status: "in_progress",
    request_counts: { processing: requests.length, succeeded: 0, errored: 0, canceled: 0, expired: 0 },
    created_at: toRfc3339(ask.nowMs),
    expires_at: toRfc3339(ask.nowMs + dayMs),
    ended_at: null,
    archived_at: null,
    cancel_initiated_at: null,
    results_url: null,
  };
  const ended = {
    ...begun,
    processing_status: "ended",
    ended_at: toRfc3339(ask.nowMs),
    results_url: `https://api.anthropic.com/v1/messages/batches/${id}/results`,
    request_counts: {
      processing: 0,
      succeeded,
      errored: requests.length - succeeded,
      canceled: 0,
      expired: 0,
    },
  };
  ask.kept.put("message_batch", { id, shown: ended, parts: results });
  return json(begun);
}

const atFile = { dialect: "anthropic", collection: "/files", kind: "file" } as const;

const files: readonly SimulatedEndpoint[] = [
  {
    ...anthropic,
    method: "POST",
    path: /^\/files$/,
    required: ["file"],
    answer: (ask) => {
      const { file } = ask.body;
      const { filename, bytes } = isUploadedFile(file) ? file : { filename: "", bytes: new Uint8Array(0) };
      const id = ask.ids.letters("file_01", 22);
      const shown = {
        id,
        type: "file",
        filename: asString(filename),
        mime_type: "application/octet-stream",
        size_bytes: bytes.byteLength,
        created_at: toRfc3339(ask.nowMs),
        downloadable: false,
      };
      ask.kept.put("file", { id, shown, content: bytes });
      return json(shown);
    },
  },
  {
    ...anthropic,
    method: "GET",
    path: /^\/files$/,
    required: [],
    answer: (ask) =>
      pageOf(
        ask,
        ask.kept.list("file").flatMap(({ shown }) => (shown["type"] === "file" ? [shown] : [])),
      ),
  },
  onKept({ ...atFile, method: "GET" }, ({ shown }) => json(shown)),
  onKept({ ...atFile, method: "GET", rest: "/content" }, ({ content }) => ({
    status: 200,
    body: { kind: "bytes", contentType: "application/octet-stream", bytes: content },
    bill: null,
  })),
  onKept({ ...atFile, method: "DELETE" }, (object, ask) => {
    ask.kept.remove("file", object.id);
    return json({ id: object.id, type: "file_deleted" });
  }),
];

export const anthropicStored: readonly SimulatedEndpoint[] = [...batches, ...files];
