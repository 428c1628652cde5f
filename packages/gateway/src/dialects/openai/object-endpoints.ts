/**
 * The endpoints of the OpenAI dialect that make, read, list and delete what the provider keeps, as data. Each
 * says what it refers to and what it makes, so that another room's objects are as if absent.
 */

import type { EndpointPolicy, OfferedEndpoint } from "../dialect.ts";
import {
  responseLeftModels,
  conversationReferences,
  cursors,
  inPath,
  madeAlways,
  noObjects,
  responseReferences,
  showsBatch,
  showsItems,
  showsOutput,
  toolModels,
} from "./object-places.ts";
import { laterUsage } from "../later-usage.ts";

type Row = Pick<OfferedEndpoint, "name" | "method" | "path"> & Partial<OfferedEndpoint>;

const noPolicy: EndpointPolicy = { modelIn: [], isModelRequired: false, fields: [], notOfferedFields: [] };

function row(given: Row): OfferedEndpoint {
  return {
    offer: "offered",
    policy: noPolicy,
    usageReader: null,
    isModelList: false,
    isMedia: false,
    needsIncludeUsage: false,
    ...noObjects,
    ...given,
  };
}

const get = (given: Omit<Row, "method">): OfferedEndpoint => row({ method: "GET", ...given });
const post = (given: Omit<Row, "method">): OfferedEndpoint => row({ method: "POST", ...given });
const remove = (given: Omit<Row, "method">): OfferedEndpoint => row({ method: "DELETE", ...given });

const responses: readonly OfferedEndpoint[] = [
  get({
    name: "responses.retrieve",
    path: "/responses/{response}",
    refersTo: [inPath("response")],
    makes: showsOutput,
  }),
  remove({ name: "responses.delete", path: "/responses/{response}", refersTo: [inPath("response")] }),
  post({
    name: "responses.cancel",
    path: "/responses/{response}/cancel",
    refersTo: [inPath("response")],
    makes: showsOutput,
  }),
  get({
    name: "responses.input_items",
    path: "/responses/{response}/input_items",
    refersTo: [inPath("response")],
    makes: showsItems("response"),
  }),
];

const chat: readonly OfferedEndpoint[] = [
  get({
    name: "chat.completions.list",
    path: "/chat/completions",
    refersTo: cursors("chat_completion"),
    lists: "chat_completion",
  }),
  get({
    name: "chat.completions.retrieve",
    path: "/chat/completions/{chat_completion}",
    refersTo: [inPath("chat_completion")],
  }),
  post({
    name: "chat.completions.update",
    path: "/chat/completions/{chat_completion}",
    refersTo: [inPath("chat_completion")],
  }),
  remove({
    name: "chat.completions.delete",
    path: "/chat/completions/{chat_completion}",
    refersTo: [inPath("chat_completion")],
  }),
  get({
    name: "chat.completions.messages",
    path: "/chat/completions/{chat_completion}/messages",
    refersTo: [inPath("chat_completion")],
  }),
];

const conversations: readonly OfferedEndpoint[] = [
  post({
    name: "conversations",
    path: "/conversations",
    refersTo: conversationReferences,
    makes: madeAlways("conversation"),
  }),
  get({
    name: "conversations.retrieve",
    path: "/conversations/{conversation}",
    refersTo: [inPath("conversation")],
  }),
  post({
    name: "conversations.update",
    path: "/conversations/{conversation}",
    refersTo: [inPath("conversation")],
  }),
  remove({
    name: "conversations.delete",
    path: "/conversations/{conversation}",
    refersTo: [inPath("conversation")],
  }),
  post({
    name: "conversations.items.create",
    path: "/conversations/{conversation}/items",
    refersTo: [inPath("conversation"), ...conversationReferences],
    makes: showsItems("conversation"),
  }),
  get({
    name: "conversations.items",
    path: "/conversations/{conversation}/items",
    refersTo: [inPath("conversation")],
    makes: showsItems("conversation"),
  }),
  // The item itself is the conversation's: who may see the one may see the other.
  get({
    name: "conversations.items.retrieve",
    path: "/conversations/{conversation}/items/{id}",
    refersTo: [inPath("conversation")],
  }),
  remove({
    name: "conversations.items.delete",
    path: "/conversations/{conversation}/items/{id}",
    refersTo: [inPath("conversation")],
  }),
];

const files: readonly OfferedEndpoint[] = [
  post({
    name: "files",
    path: "/files",
    policy: { ...noPolicy, modelIn: ["form"], fields: ["purpose"] },
    makes: madeAlways("file"),
    batchFile: {
      field: "file",
      purpose: ["purpose", "batch"],
      models: [["model"], ...toolModels],
      leftModels: responseLeftModels,
      references: responseReferences,
    },
  }),
  get({ name: "files.list", path: "/files", refersTo: cursors("file"), lists: "file" }),
  get({ name: "files.retrieve", path: "/files/{file}", refersTo: [inPath("file")] }),
  get({ name: "files.content", path: "/files/{file}/content", refersTo: [inPath("file")] }),
  remove({ name: "files.delete", path: "/files/{file}", refersTo: [inPath("file")] }),
  post({ name: "uploads", path: "/uploads", makes: madeAlways("upload") }),
  post({ name: "uploads.parts", path: "/uploads/{upload}/parts", refersTo: [inPath("upload")] }),
  post({
    name: "uploads.complete",
    path: "/uploads/{upload}/complete",
    refersTo: [inPath("upload")],
    makes: { objects: [{ kind: "file", at: ["file", "id"] }], when: "always", parent: "upload" },
  }),
  post({ name: "uploads.cancel", path: "/uploads/{upload}/cancel", refersTo: [inPath("upload")] }),
];

const batches: readonly OfferedEndpoint[] = [
  post({
    name: "batches",
    path: "/batches",
    refersTo: [{ in: "member", kind: "file", name: "input_file_id" }],
    takesModelsOf: "file",
    makes: madeAlways("batch"),
    // The bytes of the request tell nothing of what the file's requests use.
    isMedia: true,
    usageReader: laterUsage,
  }),
  get({
    name: "batches.list",
    path: "/batches",
    refersTo: cursors("batch"),
    lists: "batch",
    makes: showsBatch,
  }),
  get({
    name: "batches.retrieve",
    path: "/batches/{batch}",
    refersTo: [inPath("batch")],
    makes: showsBatch,
  }),
  post({
    name: "batches.cancel",
    path: "/batches/{batch}/cancel",
    refersTo: [inPath("batch")],
    makes: showsBatch,
  }),
];

const videoPolicy: EndpointPolicy = {
  modelIn: ["json", "form"],
  isModelRequired: false,
  fields: [],
  notOfferedFields: [],
};

const videos: readonly OfferedEndpoint[] = [
  post({
    name: "videos",
    path: "/videos",
    policy: videoPolicy,
    isMedia: true,
    refersTo: [
      { in: "anywhere", kind: "file", name: "file_id" },
      { in: "form", kind: "file", name: "input_reference[file_id]" },
    ],
    makes: madeAlways("video"),
    usageReader: laterUsage,
  }),
  get({ name: "videos.list", path: "/videos", refersTo: cursors("video"), lists: "video" }),
  get({ name: "videos.retrieve", path: "/videos/{video}", refersTo: [inPath("video")] }),
  get({ name: "videos.content", path: "/videos/{video}/content", refersTo: [inPath("video")] }),
  remove({ name: "videos.delete", path: "/videos/{video}", refersTo: [inPath("video")] }),
  post({
    name: "videos.remix",
    path: "/videos/{video}/remix",
    isMedia: true,
    refersTo: [inPath("video")],
    takesModelsOf: "video",
    makes: madeAlways("video", "video"),
    usageReader: laterUsage,
  }),
];

/** In an order in which the first match is the right one. */
export const openAiObjectEndpoints: readonly OfferedEndpoint[] = [
  ...responses,
  ...chat,
  ...conversations,
  ...files,
  ...batches,
  ...videos,
];
