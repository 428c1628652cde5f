/**
 * Where Anthropic's requests name objects that the provider keeps, and other models than `model` (facts: the
 * SDK's types, 1.12). Data for the endpoint table; nothing is read here.
 */

import type { Makes, OfferedEndpoint, ReferencePlace } from "../dialect.ts";
import type { PickPath } from "../../json-pick.ts";
import type { ObjectKind } from "../../provider-objects.ts";

type Objects = Pick<OfferedEndpoint, "makes" | "refersTo" | "modelRefs" | "lists">;

/** Decided: nothing is kept upstream, nothing kept is named, no other model is. */
export const noObjects: Objects = { makes: "none", refersTo: "none", modelRefs: "none", lists: "none" };

export function inPath(kind: ObjectKind): ReferencePlace {
  return { in: "path", kind, name: kind };
}

/** A list's cursors: what comes after, or before, another room's object tells of that object. */
export function cursors(kind: ObjectKind): readonly ReferencePlace[] {
  return ["after_id", "before_id"].map((name) => ({ in: "query", kind, name }));
}

/** File sources and container uploads, wherever they stand, and the container that code runs in. */
const filesAnywhere: readonly ReferencePlace[] = [
  { in: "anywhere", kind: "file", name: "file_id" },
  { in: "anywhere", kind: "file", name: "file_ids" },
  { in: "anywhere", kind: "container", name: "container" },
];

const thread = { kind: "message", name: "thread", idIn: "previous_message_id" } as const;

/** A message, which may go on from one that the provider keeps. */
export const messageReferences: readonly ReferencePlace[] = [{ in: "member", ...thread }, ...filesAnywhere];

/** The same of each message in a batch. */
export const batchReferences: readonly ReferencePlace[] = [{ in: "anywhere", ...thread }, ...filesAnywhere];

/**
 * Models of a message besides its own: an advisor tool's, and the fallbacks. `fallbacks: "default"` names
 * models that only the provider knows.
 */
export function messageModels(base: PickPath): readonly PickPath[] {
  return [
    [...base, "tools", "*", "model"],
    [...base, "fallbacks"],
    [...base, "fallbacks", "*", "model"],
  ];
}

/** A message whose code ran shows its container, and the files that it wrote; the message itself is not kept. */
export const makesContainer: Makes = {
  objects: [
    { kind: "container", at: ["container", "id"] },
    { kind: "file", at: ["content", "*", "content", "content", "*", "file_id"] },
  ],
  when: "always",
  parent: null,
};

/** A thread goes on from the id of its last reply. */
export const makesThread: Makes = {
  ...makesContainer,
  objects: [{ kind: "message", at: ["id"] }, ...makesContainer.objects],
};
