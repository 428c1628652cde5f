/**
 * The endpoints of the OpenAI dialect, as data. To offer one more is to add a row here and, when it bills, a
 * usage reader beside this file.
 */

import type { Endpoint, EndpointPolicy, OfferedEndpoint } from "../dialect.ts";
import { openAiObjectEndpoints } from "./object-endpoints.ts";
import {
  chatReferences,
  responseLeftModels,
  imageReferences,
  makesResponse,
  noObjects,
  responseReferences,
  toolModels,
} from "./object-places.ts";
import { realtimeSocket } from "./socket-realtime.ts";
import { responsesSocket } from "./socket-responses.ts";
import {
  chatBound,
  compactBound,
  completionsBound,
  embeddingsBound,
  responsesBound,
} from "./request-bound.ts";
import {
  chatCompletionsUsage,
  compactUsage,
  completionsUsage,
  embeddingsUsage,
  imagesUsage,
  responsesUsage,
  speechUsage,
  transcriptionUsage,
} from "./usage.ts";

const namesModel: EndpointPolicy = {
  modelIn: ["json"],
  isModelRequired: true,
  fields: ["stream", "service_tier"],
  notOfferedFields: [],
};

const responsesPolicy: EndpointPolicy = {
  ...namesModel,
  fields: ["stream", "service_tier", "max_output_tokens", "store", "background"],
};

const responseRefs = {
  refersTo: responseReferences,
  modelRefs: toolModels,
  leftModels: responseLeftModels,
} as const;

/** A file and its fields. */
const formPolicy: EndpointPolicy = {
  modelIn: ["form"],
  isModelRequired: true,
  fields: [],
  notOfferedFields: [],
};

/** An image may be written as SVG by a second model (openai 7.57.0, images.d.ts: `svg`). */
const svgModel: OfferedEndpoint["modelRefs"] = [["svg", "model"]];

/** OpenAI chooses a model where the request names none. */
const imagesPolicy: EndpointPolicy = {
  modelIn: ["json"],
  isModelRequired: false,
  fields: ["stream"],
  notOfferedFields: [],
};

function post(
  row: Pick<OfferedEndpoint, "name" | "path" | "policy" | "usageReader"> & Partial<OfferedEndpoint>,
): Endpoint {
  return {
    offer: "offered",
    method: "POST",
    isModelList: false,
    isMedia: false,
    needsIncludeUsage: false,
    ...noObjects,
    ...row,
  };
}

/** An endpoint that bills audio or images. */
function media(
  row: Pick<OfferedEndpoint, "name" | "path" | "policy" | "usageReader"> & Partial<OfferedEndpoint>,
): Endpoint {
  return post({ ...row, isMedia: true });
}

function get(row: Pick<OfferedEndpoint, "name" | "path" | "policy"> & Partial<OfferedEndpoint>): Endpoint {
  return {
    offer: "offered",
    method: "GET",
    usageReader: null,
    isModelList: false,
    isMedia: false,
    needsIncludeUsage: false,
    ...noObjects,
    ...row,
  };
}

const offered: readonly Endpoint[] = [
  post({
    name: "responses",
    path: "/responses",
    policy: responsesPolicy,
    usageReader: responsesUsage,
    ...responseRefs,
    makes: makesResponse,
    bound: responsesBound,
  }),
  post({
    name: "responses.compact",
    path: "/responses/compact",
    policy: responsesPolicy,
    usageReader: compactUsage,
    ...responseRefs,
    bound: compactBound,
  }),
  post({
    name: "responses.input_tokens",
    path: "/responses/input_tokens",
    policy: { ...responsesPolicy, isModelRequired: false },
    usageReader: null,
    isSharedInFlight: true,
    ...responseRefs,
  }),
  post({
    name: "chat.completions",
    path: "/chat/completions",
    policy: {
      ...namesModel,
      fields: ["stream", "stream_options", "service_tier", "max_tokens", "max_completion_tokens", "store"],
    },
    usageReader: chatCompletionsUsage,
    refersTo: chatReferences,
    makes: { objects: [{ kind: "chat_completion", at: ["id"] }], when: "if_store_true", parent: null },
    bound: chatBound,
    needsIncludeUsage: true,
  }),
  post({
    name: "completions",
    path: "/completions",
    policy: { ...namesModel, fields: ["stream", "stream_options", "service_tier", "max_tokens"] },
    usageReader: completionsUsage,
    bound: completionsBound,
    needsIncludeUsage: true,
  }),
  post({
    name: "embeddings",
    path: "/embeddings",
    policy: namesModel,
    usageReader: embeddingsUsage,
    bound: embeddingsBound,
  }),
  post({
    name: "moderations",
    path: "/moderations",
    policy: { ...namesModel, isModelRequired: false, fields: [] },
    usageReader: null,
  }),
  media({
    name: "audio.speech",
    path: "/audio/speech",
    policy: { ...namesModel, fields: ["stream_format"], billedText: "input" },
    usageReader: speechUsage,
  }),
  media({
    name: "audio.transcriptions",
    path: "/audio/transcriptions",
    policy: { ...formPolicy, fields: ["stream"] },
    usageReader: transcriptionUsage,
  }),
  media({
    name: "audio.translations",
    path: "/audio/translations",
    policy: formPolicy,
    usageReader: transcriptionUsage,
  }),
  media({
    name: "images.generations",
    path: "/images/generations",
    policy: imagesPolicy,
    usageReader: imagesUsage,
    modelRefs: svgModel,
  }),
  media({
    name: "images.edits",
    path: "/images/edits",
    policy: { ...imagesPolicy, modelIn: ["form", "json"] },
    usageReader: imagesUsage,
    modelRefs: svgModel,
    refersTo: imageReferences,
  }),
  get({
    name: "models",
    path: "/models",
    policy: { modelIn: [], isModelRequired: false, fields: [], notOfferedFields: [] },
    isModelList: true,
  }),
  get({
    name: "models.retrieve",
    path: "/models/{model}",
    policy: { modelIn: ["path"], isModelRequired: true, fields: [], notOfferedFields: [] },
  }),
  ...openAiObjectEndpoints,
];

const sockets: readonly Endpoint[] = [
  get({
    name: "responses",
    path: "/responses",
    policy: { modelIn: [], isModelRequired: false, fields: [], notOfferedFields: [] },
    socket: responsesSocket,
  }),
  get({
    name: "realtime",
    path: "/realtime",
    policy: {
      modelIn: ["query"],
      isModelRequired: false,
      fields: [],
      notOfferedFields: [],
      // It would open a call of another room's.
      notOfferedQuery: ["call_id"],
    },
    socket: realtimeSocket,
  }),
  // Answered 426 to an upgrade until it is relayed, too.
  { offer: "websocket", name: "live/sessions", method: "GET", path: "/live/sessions" },
];

/**
 * Known and refused. `images/variations` is retired; `realtime/...` would hand out a provider
 * credential, and the rest administers the provider's account or makes objects that all rooms would share.
 */
const refused: readonly Endpoint[] = [
  "/audio",
  "/images",
  "/decisions",
  "/responses",
  "/chat/completions",
  "/conversations",
  "/files",
  "/uploads",
  "/batches",
  "/videos",
  "/realtime",
  "/live",
  "/assistants",
  "/threads",
  "/vector_stores",
  "/containers",
  "/evals",
  "/fine_tuning",
  "/skills",
  "/chatkit",
  "/organization",
  "/projects",
  "/models/{model}",
].map((path) => ({ offer: "not_supported", name: path.slice(1), method: "*", path: `${path}/{rest*}` }));

export const openAiEndpoints: readonly Endpoint[] = [...offered, ...sockets, ...refused];
