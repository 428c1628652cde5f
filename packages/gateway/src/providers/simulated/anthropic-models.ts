/** Anthropic's model list and single models. */

import type { Ask, SimulatedEndpoint } from "./ask.ts";
import type { JsonObject } from "./json.ts";
import { listedModels } from "./models.ts";
import { errorReply } from "./provider-errors.ts";
import type { EndpointReply } from "./reply.ts";

const PAGE_SIZE = 20;

export const anthropicModels: SimulatedEndpoint = {
  dialect: "anthropic",
  method: "GET",
  path: /^\/models$/,
  readPrompt: null,
  required: [],
  answer: listModels,
};

export const anthropicModel: SimulatedEndpoint = {
  dialect: "anthropic",
  method: "GET",
  path: /^\/models\/[^/]+$/,
  readPrompt: null,
  required: [],
  answer: (ask) => {
    const id = ask.path.slice("/models/".length);
    const model = listedModels("anthropic").find((candidate) => candidate.id === id);
    if (model === undefined)
      return errorReply("anthropic", { status: 404, message: `model: ${id}` }, ask.requestId);
    return plain(modelInfo(model));
  },
};

function listModels(ask: Ask): EndpointReply {
  const all = listedModels("anthropic").map(modelInfo);
  const after = ask.query.get("after_id");
  const from = after === null ? 0 : all.findIndex((model) => model["id"] === after) + 1;
  const limit = Number(ask.query.get("limit") ?? PAGE_SIZE);
  const data = all.slice(from, from + Math.max(1, Number.isSafeInteger(limit) ? limit : PAGE_SIZE));
  return plain({
    data,
    has_more: from + data.length < all.length,
    first_id: data[0]?.["id"] ?? null,
    last_id: data.at(-1)?.["id"] ?? null,
  });
}

function modelInfo(model: {
  readonly id: string;
  readonly displayName: string;
  readonly released: string;
}): JsonObject {
  return {
    type: "model",
    id: model.id,
    display_name: model.displayName,
    created_at: `${model.released}T00:00:00Z`,
    deprecated_at: null,
    lifecycle: "active",
  };
}

function plain(value: JsonObject): EndpointReply {
  return { status: 200, body: { kind: "json", text: JSON.stringify(value) }, bill: null };
}
