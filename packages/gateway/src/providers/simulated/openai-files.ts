/** Files, uploads, batches and videos of the simulated OpenAI API. A batch is answered at once, line by line. */

import type { Ask, SimulatedEndpoint } from "./ask.ts";
import { isUploadedFile } from "./form.ts";
import { asCount, asObject, asString, type JsonObject } from "./json.ts";
import { createdAt, json, type KeptObject, notFound, onKept, pageOf } from "./kept.ts";
import type { EndpointReply } from "./reply.ts";

const openai = { dialect: "openai", readPrompt: null } as const;

function keepFile(
  ask: Ask,
  file: { readonly filename: string; readonly purpose: string; readonly bytes: Uint8Array },
): KeptObject {
  const id = ask.ids.letters("file-", 22);
  const { filename, purpose, bytes } = file;
  const shown = {
    id,
    object: "file",
    bytes: bytes.byteLength,
    created_at: createdAt(ask),
    expires_at: null,
    filename,
    purpose,
    status: "processed",
    status_details: null,
  };
  return ask.kept.put("file", { id, shown, content: bytes });
}

function listOf(kind: "file" | "batch" | "video", path: RegExp, limit?: number): SimulatedEndpoint {
  return {
    ...openai,
    method: "GET",
    path,
    required: [],
    answer: (ask) =>
      pageOf(
        ask,
        // The other dialect's files are kept beside these.
        ask.kept.list(kind).flatMap(({ shown }) => (shown["object"] === kind ? [shown] : [])),
        limit,
      ),
  };
}

const atFile = { dialect: "openai", collection: "/files", kind: "file" } as const;

const files: readonly SimulatedEndpoint[] = [
  {
    ...openai,
    method: "POST",
    path: /^\/files$/,
    required: ["file", "purpose"],
    answer: (ask) => {
      const { file } = ask.body;
      const { filename, bytes } = isUploadedFile(file) ? file : { filename: "", bytes: new Uint8Array(0) };
      return json(keepFile(ask, { filename, bytes, purpose: asString(ask.body["purpose"]) }).shown);
    },
  },
  listOf("file", /^\/files$/, 10_000),
  onKept({ ...atFile, method: "GET" }, ({ shown }) => json(shown)),
  onKept({ ...atFile, method: "GET", rest: "/content" }, ({ content }) => ({
    status: 200,
    body: { kind: "bytes", contentType: "application/octet-stream", bytes: content },
    bill: null,
  })),
  onKept({ ...atFile, method: "DELETE" }, (object, ask) => {
    ask.kept.remove("file", object.id);
    return json({ id: object.id, object: "file", deleted: true });
  }),
];

const atUpload = { dialect: "openai", collection: "/uploads", kind: "upload" } as const;

const uploads: readonly SimulatedEndpoint[] = [
  {
    ...openai,
    method: "POST",
    path: /^\/uploads$/,
    required: ["filename", "purpose"],
    answer: (ask) => {
      const id = ask.ids.letters("upload_", 24);
      const { filename, purpose, bytes } = ask.body;
      const shown = { id, object: "upload", status: "pending", filename, purpose, bytes };
      ask.kept.put("upload", { id, shown: { ...shown, created_at: createdAt(ask) } });
      return json(shown);
    },
  },
  onKept({ ...atUpload, method: "POST", rest: "/parts" }, (object, ask) => {
    const { data } = ask.body;
    if (isUploadedFile(data)) object.content = Buffer.concat([object.content, data.bytes]);
    return json({ id: ask.ids.letters("part_", 24), object: "upload.part", upload_id: object.id });
  }),
  onKept({ ...atUpload, method: "POST", rest: "/complete" }, (object, ask) => {
    const { filename, purpose } = object.shown;
    const file = keepFile(ask, {
      filename: asString(filename),
      purpose: asString(purpose),
      bytes: object.content,
    });
    object.shown = { ...object.shown, status: "completed", file: file.shown };
    return json(object.shown);
  }),
  onKept({ ...atUpload, method: "POST", rest: "/cancel" }, (object) => {
    object.shown = { ...object.shown, status: "cancelled" };
    return json(object.shown);
  }),
];

const atBatch = { dialect: "openai", collection: "/batches", kind: "batch" } as const;

const batches: readonly SimulatedEndpoint[] = [
  {
    ...openai,
    method: "POST",
    path: /^\/batches$/,
    required: ["input_file_id", "endpoint", "completion_window"],
    answer: createBatch,
  },
  listOf("batch", /^\/batches$/),
  onKept({ ...atBatch, method: "GET" }, ({ shown }) => json(shown)),
  onKept({ ...atBatch, method: "POST", rest: "/cancel" }, ({ shown }) => json(shown)),
];

function createBatch(ask: Ask): EndpointReply {
  const inputId = asString(ask.body["input_file_id"]);
  const input = ask.kept.get("file", inputId);
  if (input === null) return notFound(ask, "File", inputId);
  const lines = Buffer.from(input.content)
    .toString()
    .split("\n")
    .filter((line) => line.trim() !== "");
  const answers = lines.map((line, index) => answerLine(ask, line, index));
  const bytes = Buffer.from(answers.map((answer) => `${JSON.stringify(answer)}\n`).join(""));
  const output = keepFile(ask, { filename: "output.jsonl", purpose: "batch_output", bytes });
  const id = ask.ids.hex("batch_", 32);
  const begun = {
    id,
    object: "batch",
    endpoint: ask.body["endpoint"],
    errors: null,
    input_file_id: inputId,
    completion_window: ask.body["completion_window"],
    status: "validating",
    output_file_id: null,
    error_file_id: null,
    created_at: createdAt(ask),
    request_counts: { total: lines.length, completed: 0, failed: 0 },
    metadata: ask.body["metadata"] ?? null,
  };
  const ended = {
    ...begun,
    status: "completed",
    output_file_id: output.id,
    completed_at: createdAt(ask),
    request_counts: { total: lines.length, completed: lines.length, failed: 0 },
    usage: totalOf(answers),
  };
  ask.kept.put("batch", { id, shown: ended });
  return json(begun);
}

function answerLine(ask: Ask, line: string, index: number): JsonObject {
  const request = asObject(JSON.parse(line));
  const reply = ask.askAgain(asString(request["url"]), request["body"]);
  return {
    id: `batch_req_${index}`,
    custom_id: request["custom_id"] ?? null,
    response: { status_code: reply.status, request_id: `req_${index}`, body: reply.json },
    error: null,
  };
}

function totalOf(answers: readonly JsonObject[]): JsonObject {
  const usages = answers.map((answer) => asObject(asObject(asObject(answer["response"])["body"])["usage"]));
  const sum = (...names: string[]): number =>
    usages.reduce(
      (total, usage) => total + (names.map((name) => asCount(usage[name])).find((n) => n !== null) ?? 0),
      0,
    );
  const input = sum("input_tokens", "prompt_tokens");
  const output = sum("output_tokens", "completion_tokens");
  return {
    input_tokens: input,
    input_tokens_details: { cached_tokens: 0 },
    output_tokens: output,
    output_tokens_details: { reasoning_tokens: 0 },
    total_tokens: input + output,
  };
}

const atVideo = { dialect: "openai", collection: "/videos", kind: "video" } as const;

function keepVideo(ask: Ask, members: JsonObject): EndpointReply {
  const id = ask.ids.hex("video_", 40);
  const begun = {
    id,
    object: "video",
    model: "sora-2",
    status: "queued",
    progress: 0,
    created_at: createdAt(ask),
    size: "720x1280",
    seconds: "4",
    ...members,
  };
  ask.kept.put("video", {
    id,
    shown: { ...begun, status: "completed", progress: 100 },
    content: Buffer.from("A simulated video."),
  });
  return json(begun);
}

const videos: readonly SimulatedEndpoint[] = [
  {
    ...openai,
    method: "POST",
    path: /^\/videos$/,
    required: ["prompt"],
    answer: (ask) => {
      const given = ["model", "seconds", "size", "prompt"].filter((name) => ask.body[name] !== undefined);
      return keepVideo(ask, Object.fromEntries(given.map((name) => [name, ask.body[name]])));
    },
  },
  listOf("video", /^\/videos$/),
  onKept({ ...atVideo, method: "GET" }, ({ shown }) => json(shown)),
  onKept({ ...atVideo, method: "GET", rest: "/content" }, ({ content }) => ({
    status: 200,
    body: { kind: "bytes", contentType: "video/mp4", bytes: content },
    bill: null,
  })),
  onKept({ ...atVideo, method: "DELETE" }, (object, ask) => {
    ask.kept.remove("video", object.id);
    return json({ id: object.id, object: "video.deleted", deleted: true });
  }),
  onKept({ ...atVideo, method: "POST", rest: "/remix" }, (object, ask) => {
    const { model, size, seconds } = object.shown;
    return keepVideo(ask, { model, size, seconds, remixed_from_video_id: object.id });
  }),
];

export const openaiFiles: readonly SimulatedEndpoint[] = [...files, ...uploads, ...batches, ...videos];
