/**
 * Where OpenAI's requests name objects that the provider keeps, and where its replies show new ones (facts:
 * the `openai` SDK's types, 7.57.0). Data for the endpoint tables; nothing is read here.
 */

import type { Makes, OfferedEndpoint, ReferencePlace, LeftModels } from "../dialect.ts";
import { responsesModels } from "./responses-models.ts";
import type { PickPath } from "../../json-pick.ts";
import type { ObjectKind } from "../../provider-objects.ts";

type Objects = Pick<OfferedEndpoint, "makes" | "refersTo" | "modelRefs" | "lists">;

/** Decided: nothing is kept upstream, nothing kept is named, no other model is. */
export const noObjects: Objects = { makes: "none", refersTo: "none", modelRefs: "none", lists: "none" };

/** The id of an object in the path. */
export function inPath(kind: ObjectKind, name: string = kind): ReferencePlace {
  return { in: "path", kind, name };
}

/** A list's cursors: what comes after, or before, another room's object tells of that object. */
export function cursors(kind: ObjectKind): readonly ReferencePlace[] {
  return ["after", "before"].map((name) => ({ in: "query", kind, name }));
}

/** An object that every 2xx reply of the endpoint shows by its `id`. */
export function madeAlways(kind: ObjectKind, parent: string | null = null): Makes {
  return { objects: [{ kind, at: ["id"] }], when: "always", parent };
}

/**
 * Content parts and tools name files as `file_id` and `file_ids`, wherever they stand (`input_file`,
 * `input_image`, code interpreter, image masks, prompt variables), and code interpreters a `container`.
 */
export const filesAnywhere: readonly ReferencePlace[] = [
  { in: "anywhere", kind: "file", name: "file_id" },
  { in: "anywhere", kind: "file", name: "file_ids" },
  { in: "anywhere", kind: "container", name: "container" },
  { in: "anywhere", kind: "container", name: "container_id" },
];

/** `prompt_cache_options` may name a response to be compared with, which tells of its prompt. */
export const comparedResponses: readonly ReferencePlace[] = [
  { in: "member", kind: "response", name: "prompt_cache_options", idIn: "comparison_response_id" },
];

/** Places of a body that makes a response. */
export const responseReferences: readonly ReferencePlace[] = [
  { in: "member", kind: "response", name: "previous_response_id" },
  { in: "member", kind: "conversation", name: "conversation" },
  { in: "items", kind: "item", name: "input" },
  ...comparedResponses,
  ...filesAnywhere,
];

/** Images to edit, and their mask, may be files that were uploaded before. */
export const imageReferences: readonly ReferencePlace[] = [
  { in: "anywhere", kind: "file", name: "file_id" },
  ...["image[file_id]", "images[file_id]", "images[][file_id]", "images[0][file_id]", "mask[file_id]"].map(
    (name) => ({ in: "form", kind: "file", name }) as const,
  ),
];

export const chatReferences: readonly ReferencePlace[] = filesAnywhere;

/** Items that are put into a conversation may be references themselves. */
export const conversationReferences: readonly ReferencePlace[] = [
  { in: "items", kind: "item", name: "items" },
  ...filesAnywhere,
];

/**
 * An image tool takes a model of the provider's choice (openai 7.57.0: `Tool.ImageGeneration.model` is optional), and a
 * stored prompt brings a model and tools of its own.
 */
export const responseLeftModels: LeftModels = { tools: ["image_generation"], members: ["prompt"] };

/** The models of tools, and of a moderation that goes along. */
export const toolModels: readonly PickPath[] = [...responsesModels, ["moderation", "model"]];

const outputs: Makes["objects"] = [
  { kind: "item", at: ["output", "*", "id"] },
  { kind: "container", at: ["output", "*", "container_id"] },
];

/** A response that is read again shows what it made since. */
export const showsOutput: Makes = { objects: outputs, when: "always", parent: "response" };

/** A response with its output items, and the containers that its code ran in. */
export const makesResponse: Makes = {
  objects: [{ kind: "response", at: ["id"] }, ...outputs],
  when: "unless_store_false",
  parent: null,
};

/** A list of a conversation's or a response's items shows their ids. */
export function showsItems(parent: string): Makes {
  return { objects: [{ kind: "item", at: ["data", "*", "id"] }], when: "always", parent };
}

/** A batch, or each batch of a list, shows the files that it was answered with. */
export const showsBatch: Makes = {
  objects: [
    { kind: "file", at: ["output_file_id"] },
    { kind: "file", at: ["error_file_id"] },
  ],
  when: "always",
  parent: "batch",
};
