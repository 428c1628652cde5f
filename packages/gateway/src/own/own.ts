/**
 * The step that keeps rooms apart at the provider, whose account they share: every stored object that a request
 * names has to belong to the caller's room. Another room's object is as if absent.
 */

import { allowsModel } from "@meshagent/llm-proxy-protocol/grants";
import { quoted } from "@meshagent/llm-proxy-protocol/name";
import type { Clock } from "../clock.ts";
import { GatewayError } from "../errors.ts";
import type { Routed } from "../exchange.ts";
import type { ObjectKind, ObjectReference } from "../provider-objects.ts";
import type { ObjectKey, Objects, ProviderObject } from "../store/objects.ts";
import { upstreamIdentity } from "../upstream-identity.ts";

export interface OwnDeps {
  readonly objects: Objects;
  readonly clock: Clock;
  /** The project lets all its rooms see each other's objects. */
  readonly sharesObjects: (projectId: string) => Promise<boolean>;
  /** Collects, within a bound, what an object used that is about to be deleted. */
  readonly collectBefore: (key: ObjectKey) => Promise<void>;
  /** An object was read: whoever waits for what it used may ask again. */
  readonly wasRead: (key: ObjectKey) => void;
}

/** Throws `object_not_found`, or `model_not_granted` for what an object of the room's own would ask for. */
export async function checkOwnership(deps: OwnDeps, routed: Routed): Promise<void> {
  const { references, endpoint } = routed;
  if (references.length === 0) return;
  const found = await findObjects(deps, routed);
  const sees = await visibility(deps, routed);
  for (const reference of references) {
    const object = found.get(`${reference.kind} ${reference.id}`);
    if (object === undefined || !sees(object)) throw notFound(reference);
    if (endpoint.takesModelsOf === reference.kind) checkModels(routed, object);
  }
  if (endpoint.method === "DELETE") await collectFirst(deps, [...found.values()]);
}

/** What was not collected yet would be gone with the object, or, of a batch, with the file of its answers. */
async function collectFirst(deps: OwnDeps, objects: readonly ProviderObject[]): Promise<void> {
  for (const { projectId, upstream, kind, id, parentId } of objects) {
    await deps.collectBefore({ projectId, upstream, kind, id });
    if (kind === "file" && parentId !== null)
      await deps.collectBefore({ projectId, upstream, kind: "batch", id: parentId });
  }
}

/** Whether the caller may see an object. */
export async function visibility(
  deps: OwnDeps,
  routed: Routed,
): Promise<(object: ProviderObject) => boolean> {
  const { room, projectId } = routed.principal;
  const isShared = await deps.sharesObjects(projectId);
  return (object) => isShared || object.room === room;
}

async function findObjects(deps: OwnDeps, routed: Routed): Promise<ReadonlyMap<string, ProviderObject>> {
  const { projectId } = routed.principal;
  const upstream = upstreamIdentity(routed.upstream);
  const idsByKind = Map.groupBy(routed.references, ({ kind }) => kind);
  const found = await Promise.all(
    Array.from(idsByKind, ([kind, references]) =>
      deps.objects.find(
        { projectId, upstream, kind },
        references.map(({ id }) => id),
      ),
    ),
  );
  return new Map(found.flat().map((object) => [`${object.kind} ${object.id}`, object]));
}

/** What a batch file or a video asks for is asked for again by whoever uses it, maybe with a narrower token. */
function checkModels({ principal, provider }: Routed, object: ProviderObject): void {
  const { llm } = principal.grants;
  const isUnread = object.models === null && object.kind === "file";
  if (isUnread) {
    throw new GatewayError(
      "invalid_body",
      `The gateway has not read what ${quoted(object.id)} asks for. Upload it in one piece to \`/files\`, as JSON lines with \`purpose\` \`batch\`.`,
      { param: "input_file_id" },
    );
  }
  if (llm === null || llm.models === null) return;
  const refused = object.models?.find((model) => !allowsModel(llm, provider.name, model));
  if (object.models !== null && refused === undefined) return;
  const what =
    refused === undefined ? "a model that the gateway does not know" : quoted(`${provider.name}/${refused}`);
  throw new GatewayError(
    "model_not_granted",
    `${quoted(object.id)} asks for ${what}, which the token does not cover. Widen \`api.llm.models\` in the token spec, or ask for other models.`,
    { param: "model" },
  );
}

const nouns: Readonly<Record<ObjectKind, string>> = {
  response: "Response",
  message: "Message",
  item: "Item",
  conversation: "Conversation",
  chat_completion: "Chat completion",
  file: "File",
  upload: "Upload",
  batch: "Batch",
  message_batch: "Message batch",
  video: "Video",
  container: "Container",
};

/** The words do not tell whether another room has one. */
function notFound({ kind, id, param }: ObjectReference): GatewayError {
  return new GatewayError(
    "object_not_found",
    `${nouns[kind]} with id ${quoted(id)} not found. Check the id; it has to be one that this room made.`,
    param === "" ? {} : { param },
  );
}
