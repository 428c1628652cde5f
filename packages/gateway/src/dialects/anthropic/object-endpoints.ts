/**
 * The endpoints of the Anthropic dialect that make, read, list and delete what the provider keeps, as data:
 * message batches and files.
 */

import type { EndpointPolicy, OfferedEndpoint } from "../dialect.ts";
import { laterUsage } from "../later-usage.ts";
import { cursors, inPath, messageModels, batchReferences, noObjects } from "./object-places.ts";

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

const params = ["requests", "*", "params"] as const;

const batches: readonly OfferedEndpoint[] = [
  row({
    name: "messages.batches",
    ownUrls: [["results_url"]],
    method: "POST",
    path: "/messages/batches",
    refersTo: batchReferences,
    modelRefs: [[...params, "model"], ...messageModels(params)],
    makes: { objects: [{ kind: "message_batch", at: ["id"] }], when: "always", parent: null },
    usageReader: laterUsage,
  }),
  row({
    name: "messages.batches.list",
    ownUrls: [["results_url"]],
    method: "GET",
    path: "/messages/batches",
    refersTo: cursors("message_batch"),
    lists: "message_batch",
  }),
  row({
    name: "messages.batches.retrieve",
    ownUrls: [["results_url"]],
    method: "GET",
    path: "/messages/batches/{message_batch}",
    refersTo: [inPath("message_batch")],
  }),
  row({
    name: "messages.batches.cancel",
    ownUrls: [["results_url"]],
    method: "POST",
    path: "/messages/batches/{message_batch}/cancel",
    refersTo: [inPath("message_batch")],
  }),
  row({
    name: "messages.batches.delete",
    method: "DELETE",
    path: "/messages/batches/{message_batch}",
    refersTo: [inPath("message_batch")],
  }),
  row({
    name: "messages.batches.results",
    method: "GET",
    path: "/messages/batches/{message_batch}/results",
    refersTo: [inPath("message_batch")],
  }),
];

const files: readonly OfferedEndpoint[] = [
  row({
    name: "files",
    method: "POST",
    path: "/files",
    makes: { objects: [{ kind: "file", at: ["id"] }], when: "always", parent: null },
  }),
  row({ name: "files.list", method: "GET", path: "/files", refersTo: cursors("file"), lists: "file" }),
  row({ name: "files.retrieve", method: "GET", path: "/files/{file}", refersTo: [inPath("file")] }),
  row({ name: "files.content", method: "GET", path: "/files/{file}/content", refersTo: [inPath("file")] }),
  row({ name: "files.delete", method: "DELETE", path: "/files/{file}", refersTo: [inPath("file")] }),
];

export const anthropicObjectEndpoints: readonly OfferedEndpoint[] = [...batches, ...files];
