/**
 * The words for what a provider keeps on its side: stored responses, conversations, files, batches. All rooms
 * share the provider's account, so each such object belongs to the room that made it. Types alone, for the
 * dialects' tables, the steps and the store.
 */

/** What sort of object it is. One word for both dialects; their ids never meet, because their upstreams differ. */
export type ObjectKind =
  | "response"
  /** Where a thread of Anthropic's goes on: the reply under whose id it keeps the conversation so far. */
  | "message"
  /** An item of a response's output or of a conversation. */
  | "item"
  | "conversation"
  | "chat_completion"
  | "file"
  | "upload"
  | "batch"
  | "message_batch"
  | "video"
  /** Where the provider runs code; made on the way by a response. */
  | "container";

/** A provider-side object that a request names. */
export interface ObjectReference {
  readonly kind: ObjectKind;
  readonly id: string;
  /** What named it, for the refusal: a body's member, or "" for the path and the query. */
  readonly param: string;
}

/** A provider-side object that a reply shows to whoever made it. */
export interface MadeObject {
  readonly kind: ObjectKind;
  readonly id: string;
  /** What it hangs on: an item's response, an output file's batch. */
  readonly parentId: string | null;
}
