/** OpenAI's endpoints that are no conversation: embeddings, moderations, models. */

import { createHash } from "node:crypto";
import { toEpochSeconds, type Ask, type SimulatedEndpoint } from "./ask.ts";
import { asArray, asCount, asString, type JsonObject } from "./json.ts";
import { listedModels, servedModel } from "./models.ts";
import { readCompletionPrompt } from "./openai-prompt.ts";
import type { Prompt } from "./prompt.ts";
import { errorReply } from "./provider-errors.ts";
import type { EndpointReply } from "./reply.ts";
import { tokensOf } from "./tokens.ts";

const MOST_DIMENSIONS = 4096;

export const embeddings: SimulatedEndpoint = {
  dialect: "openai",
  method: "POST",
  path: /^\/embeddings$/,
  readPrompt: readInputPrompt,
  required: ["model", "input"],
  answer: answerEmbeddings,
};

/** The categories of omni-moderation (openai 7.57.0, moderations.d.ts). */
const CATEGORIES = [
  "harassment",
  "harassment/threatening",
  "hate",
  "hate/threatening",
  "illicit",
  "illicit/violent",
  "self-harm",
  "self-harm/instructions",
  "self-harm/intent",
  "sexual",
  "sexual/minors",
  "violence",
  "violence/graphic",
];
const moderation: JsonObject = {
  flagged: false,
  categories: ofEach(false),
  category_scores: ofEach(0),
  category_applied_input_types: ofEach(["text"]),
};

function ofEach(value: unknown): JsonObject {
  return Object.fromEntries(CATEGORIES.map((category) => [category, value]));
}

/** Free. Flags nothing: the simulated model has no opinion. */
export const moderations: SimulatedEndpoint = {
  dialect: "openai",
  method: "POST",
  path: /^\/moderations$/,
  readPrompt: readInputPrompt,
  required: ["input"],
  answer: (ask) => {
    const results = inputsOf(ask.body).map(() => moderation);
    return plain({
      id: ask.ids.hex("modr-", 32),
      model: ask.prompt.model || "omni-moderation-latest",
      results,
    });
  },
};

export const openaiModels: SimulatedEndpoint = {
  dialect: "openai",
  method: "GET",
  path: /^\/models$/,
  readPrompt: null,
  required: [],
  answer: () => {
    const data = listedModels("openai").map((model) => modelObject(model.id, model.released));
    return plain({ object: "list", data });
  },
};

export const openaiModel: SimulatedEndpoint = {
  dialect: "openai",
  method: "GET",
  path: /^\/models\/[^/]+$/,
  readPrompt: null,
  required: [],
  answer: (ask) => {
    const id = ask.path.slice("/models/".length);
    const model = listedModels("openai").find((candidate) => candidate.id === id);
    if (model !== undefined) return plain(modelObject(model.id, model.released));
    const message = `The model '${id}' does not exist or you do not have access to it.`;
    return errorReply(
      "openai",
      { status: 404, message, code: "model_not_found", param: "model" },
      ask.requestId,
    );
  },
};

function answerEmbeddings(ask: Ask): EndpointReply {
  const isBase64 = ask.body["encoding_format"] === "base64";
  const dimensions = Math.min(
    MOST_DIMENSIONS,
    asCount(ask.body["dimensions"]) || dimensionsOf(ask.prompt.model),
  );
  const inputs = inputsOf(ask.body);
  const data = inputs.map((input, index) => {
    const vector = vectorOf(input, dimensions);
    // Float32 numbers written as they are, so that both encodings hold the same vector.
    const embedding = isBase64 ? Buffer.from(vector.buffer).toString("base64") : Array.from(vector);
    return { object: "embedding", index, embedding };
  });
  const tokens = inputs.reduce((sum, input) => sum + tokensOf(input), 0);
  const usage = { prompt_tokens: tokens, total_tokens: tokens };
  const model = servedModel(ask.prompt.model);
  const shown = ask.directives.hidesUsage ? {} : { usage };
  return {
    status: 200,
    body: { kind: "json", text: JSON.stringify({ object: "list", data, model, ...shown }) },
    bill: { responseId: null, model, usage },
  };
}

function dimensionsOf(model: string): number {
  return model.includes("large") ? 3072 : 1536;
}

/** A unit vector that depends on the text alone. */
function vectorOf(text: string, dimensions: number): Float32Array<ArrayBuffer> {
  const vector = new Float32Array(dimensions);
  let block: Buffer = createHash("sha256").update(text).digest();
  let squares = 0;
  for (let index = 0; index < dimensions; index++) {
    if (index % block.length === 0 && index > 0) block = createHash("sha256").update(block).digest();
    const value = (block[index % block.length] ?? 0) / 127.5 - 1;
    vector[index] = value;
    squares += value * value;
  }
  const norm = Math.sqrt(squares) || 1;
  return vector.map((value) => value / norm);
}

/** The inputs as texts: a string, several, or token numbers, which stand for four bytes each. */
function inputsOf(body: JsonObject): readonly string[] {
  const input = body["input"];
  if (typeof input === "string") return [input];
  const list = asArray(input);
  if (list.every((item) => typeof item === "number")) return [textOfTokens(list)];
  return list.map((item) => (Array.isArray(item) ? textOfTokens(item) : asString(item)));
}

function textOfTokens(tokens: readonly unknown[]): string {
  return tokens.map((token) => String(token).padStart(4, "0").slice(-4)).join("");
}

function readInputPrompt(body: JsonObject): Prompt {
  return {
    ...readCompletionPrompt({ ...body, stream: false }),
    userText: inputsOf(body).at(-1) ?? "",
    segments: [],
  };
}

function modelObject(id: string, released: string): JsonObject {
  return { id, object: "model", created: toEpochSeconds(Date.parse(released)), owned_by: "system" };
}

function plain(value: JsonObject): EndpointReply {
  return { status: 200, body: { kind: "json", text: `${JSON.stringify(value, null, 2)}\n` }, bill: null };
}
