/**
 * What the simulated provider keeps for later, in memory and for as long as the process lives: responses,
 * conversations, files, batches. Bounded: the oldest goes when there are too many.
 */

import { toEpochSeconds, type Ask, type SimulatedEndpoint } from "./ask.ts";
import type { JsonObject } from "./json.ts";
import { errorReply } from "./provider-errors.ts";
import type { EndpointReply } from "./reply.ts";

export type KeptKind =
  | "response"
  | "chat_completion"
  | "conversation"
  | "file"
  | "upload"
  | "batch"
  | "message_batch"
  | "video";

export interface KeptObject {
  readonly id: string;
  /** As it is shown. */
  shown: JsonObject;
  /** What hangs on it and is listed apart: input items, messages, results. */
  parts: readonly JsonObject[];
  /** A file's content. */
  content: Uint8Array;
  /** Events of a stream that can be read again. */
  events: readonly string[];
}

export interface Kept {
  put(kind: KeptKind, object: Partial<KeptObject> & Pick<KeptObject, "id" | "shown">): KeptObject;
  get(kind: KeptKind, id: string): KeptObject | null;
  remove(kind: KeptKind, id: string): boolean;
  /** Newest first. */
  list(kind: KeptKind): readonly KeptObject[];
}

const MOST_OBJECTS = 5_000;

export function createKept(): Kept {
  const objects = new Map<string, { readonly kind: KeptKind; readonly object: KeptObject }>();
  const keyOf = (kind: KeptKind, id: string): string => `${kind} ${id}`;
  return {
    put: (kind, given) => {
      const object = { parts: [], content: new Uint8Array(0), events: [], ...given };
      objects.set(keyOf(kind, given.id), { kind, object });
      const [oldest] = objects.keys();
      if (objects.size > MOST_OBJECTS && oldest !== undefined) objects.delete(oldest);
      return object;
    },
    get: (kind, id) => objects.get(keyOf(kind, id))?.object ?? null,
    remove: (kind, id) => objects.delete(keyOf(kind, id)),
    list: (kind) =>
      [...objects.values()].flatMap((each) => (each.kind === kind ? [each.object] : [])).toReversed(),
  };
}

export function json(body: unknown): EndpointReply {
  return { status: 200, body: { kind: "json", text: `${JSON.stringify(body, null, 2)}\n` }, bill: null };
}

export function notFound(ask: Ask, what: string, id: string): EndpointReply {
  const message = `${what} with id '${id}' not found.`;
  return errorReply(ask.dialect, { status: 404, message }, ask.requestId);
}

/** The id after `collection` in the path, and what follows it. */
export function idIn(ask: Ask, collection: string): string {
  return decodeURIComponent(ask.path.slice(collection.length + 1).split("/")[0] ?? "");
}

/** An endpoint on one kept object; 404 where there is none. */
export function onKept(
  of: {
    readonly dialect: "openai" | "anthropic";
    readonly method: SimulatedEndpoint["method"];
    readonly collection: string;
    /** What follows the id, such as `/cancel`. */
    readonly rest?: string;
    readonly kind: KeptKind;
  },
  answer: (object: KeptObject, ask: Ask) => EndpointReply,
): SimulatedEndpoint {
  return {
    dialect: of.dialect,
    method: of.method,
    path: new RegExp(`^${of.collection}/[^/]+${of.rest ?? ""}$`),
    readPrompt: null,
    required: [],
    answer: (ask) => {
      const id = idIn(ask, of.collection);
      const object = ask.kept.get(of.kind, id);
      return object === null ? notFound(ask, of.kind, id) : answer(object, ask);
    },
  };
}

/** A page of a list in the dialect's form: `after`/`before` (or `after_id`/`before_id`), `limit`, `order`. */
export function pageOf(ask: Ask, entries: readonly JsonObject[], defaultLimit = 20): EndpointReply {
  const ordered = ask.query.get("order") === "asc" ? entries.toReversed() : entries;
  const limit = Math.max(1, Number(ask.query.get("limit") ?? defaultLimit));
  const after = ask.query.get("after") ?? ask.query.get("after_id");
  const before = ask.query.get("before") ?? ask.query.get("before_id");
  const indexOf = (id: string): number => ordered.findIndex((entry) => entry["id"] === id);
  let from = after === null ? 0 : indexOf(after) + 1;
  let to = from + limit;
  if (before !== null) {
    to = Math.max(0, indexOf(before));
    from = Math.max(0, to - limit);
  }
  const data = ordered.slice(from, to);
  return json({
    ...(ask.dialect === "openai" ? { object: "list" } : {}),
    data,
    first_id: data[0]?.["id"] ?? null,
    last_id: data.at(-1)?.["id"] ?? null,
    has_more: before === null ? to < ordered.length : from > 0,
  });
}

/** Seconds, for OpenAI's `created_at`. */
export function createdAt(ask: Ask): number {
  return toEpochSeconds(ask.nowMs);
}
