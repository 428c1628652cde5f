/**
 * The endpoints of the Anthropic dialect, as data. To offer one more is to add a row here and, when it bills,
 * a usage reader beside this file.
 */

import type { Endpoint } from "../dialect.ts";
import { completeUsage } from "./usage-complete.ts";
import { anthropicObjectEndpoints } from "./object-endpoints.ts";
import { makesContainer, makesThread, messageModels, messageReferences, noObjects } from "./object-places.ts";
import { completeBound, messagesBound } from "./request-bound.ts";
import { messagesUsage } from "./usage.ts";

const offered: readonly Endpoint[] = [
  {
    offer: "offered",
    name: "messages",
    method: "POST",
    path: "/messages",
    policy: {
      modelIn: ["json"],
      isModelRequired: true,
      fields: ["stream", "service_tier", "max_tokens", "thread"],
      notOfferedFields: [],
    },
    usageReader: messagesUsage,
    bound: messagesBound,
    isModelList: false,
    isMedia: false,
    needsIncludeUsage: false,
    makes: makesContainer,
    makesInThread: makesThread,
    refersTo: messageReferences,
    modelRefs: messageModels([]),
    lists: "none",
  },
  {
    offer: "offered",
    name: "messages.count_tokens",
    method: "POST",
    path: "/messages/count_tokens",
    policy: { modelIn: ["json"], isModelRequired: true, fields: [], notOfferedFields: [] },
    usageReader: null,
    isSharedInFlight: true,
    isModelList: false,
    isMedia: false,
    needsIncludeUsage: false,
    ...noObjects,
    refersTo: messageReferences,
    modelRefs: messageModels([]),
  },
  {
    offer: "offered",
    name: "complete",
    method: "POST",
    path: "/complete",
    policy: {
      modelIn: ["json"],
      isModelRequired: true,
      fields: ["stream", "max_tokens_to_sample"],
      notOfferedFields: [],
    },
    usageReader: completeUsage,
    bound: completeBound,
    isModelList: false,
    isMedia: false,
    needsIncludeUsage: false,
    ...noObjects,
  },
  {
    offer: "offered",
    name: "models",
    method: "GET",
    path: "/models",
    policy: { modelIn: [], isModelRequired: false, fields: [], notOfferedFields: [] },
    usageReader: null,
    isModelList: true,
    isMedia: false,
    needsIncludeUsage: false,
    ...noObjects,
  },
  {
    offer: "offered",
    name: "models.retrieve",
    method: "GET",
    path: "/models/{model}",
    policy: { modelIn: ["path"], isModelRequired: true, fields: [], notOfferedFields: [] },
    usageReader: null,
    isModelList: false,
    isMedia: false,
    needsIncludeUsage: false,
    ...noObjects,
  },
  ...anthropicObjectEndpoints,
];

/**
 * Known and refused: what administers the provider's account or makes objects that all rooms would share.
 */
const refused: readonly Endpoint[] = [
  "/messages/batches",
  "/files",
  "/skills",
  "/agents",
  "/sessions",
  "/environments",
  "/organizations",
].map((path) => ({ offer: "not_supported", name: path.slice(1), method: "*", path: `${path}/{rest*}` }));

export const anthropicEndpoints: readonly Endpoint[] = [...offered, ...refused];
