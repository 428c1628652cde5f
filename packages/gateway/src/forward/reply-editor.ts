/**
 * The only ways in which a reply's body differs from the provider's, by the contract's closed list: a stream
 * loses what is in it because the gateway asked for usage, a model list what the token may not use (and one client
 * gets more of it than the provider tells), a list of stored objects those of other rooms, and links back to the
 * provider are turned to the gateway.
 * Every other reply has no editor, and its bytes pass as they came.
 */

import type { UsageFilter } from "../dialects/dialect.ts";
import { parseContentEncoding } from "../encoding.ts";
import { createReplyDecoder, type ReplyDecoder } from "../reply-decoder.ts";
import type { Routed } from "../exchange.ts";
import { joinedHeaderValue, headerValue, mediaTypeOf } from "../headers.ts";
import type { ReplyEditor } from "./editor.ts";
import { createModelListEditor } from "./model-list.ts";
import { OwnUrlEditor } from "./own-urls.ts";
import { ObjectListEditor, type ObjectListDeps } from "./object-list.ts";
import type { UpstreamReply } from "../upstream/client.ts";

export function createReplyEditor(
  routed: Routed,
  reply: UpstreamReply,
  lists: ObjectListDeps,
): ReplyEditor | null {
  if (routed.endpoint.lists !== "none" && reply.status === 200) {
    return new ObjectListEditor({ ...lists, routed, kind: routed.endpoint.lists, reply });
  }
  if (routed.endpoint.isModelList && reply.status === 200) return createModelListEditor(routed, reply);
  const { ownUrls } = routed.endpoint;
  if (ownUrls !== undefined && reply.status === 200) {
    return new OwnUrlEditor({ routed, reply, paths: ownUrls, publicUrl: lists.publicUrl });
  }
  const isStream = mediaTypeOf(headerValue(reply.headers, "content-type")) === "text/event-stream";
  const createFilter = routed.dialect.usageInjection?.createFilter;
  if (routed.policy.includeUsage === null || !isStream || createFilter === undefined) return null;
  const contentEncoding = joinedHeaderValue(reply.headers, "content-encoding");
  const encodings = parseContentEncoding(contentEncoding);
  // What cannot be decoded cannot be edited either: it passes with its name, and the caller may know it.
  if (encodings === null) return null;
  if (encodings.length === 0) return new StreamEditor(createFilter());
  return new EncodedStreamEditor(createFilter(), contentEncoding);
}

export type { ReplyEditor } from "./editor.ts";

class StreamEditor implements ReplyEditor {
  readonly isSlow = false;
  readonly #filter: UsageFilter;

  constructor(filter: UsageFilter) {
    this.#filter = filter;
  }

  push(chunk: Uint8Array): Uint8Array | null {
    return this.#filter.push(chunk);
  }

  end(): Uint8Array | null {
    return this.#filter.end();
  }
}

/** The caller gets it plain, which every caller can read; a reply that cannot be decoded ends where it breaks. */
class EncodedStreamEditor implements ReplyEditor {
  readonly isSlow = true;
  readonly #filter: UsageFilter;
  readonly #decoder: ReplyDecoder;
  #out: Uint8Array[] = [];

  constructor(filter: UsageFilter, contentEncoding: string) {
    this.#filter = filter;
    const decoder = createReplyDecoder({
      contentEncoding,
      maxDecodedBytes: Number.MAX_SAFE_INTEGER,
      onBytes: (bytes) => this.#keep(this.#filter.push(bytes)),
    });
    if (typeof decoder === "string") throw new Error(decoder);
    this.#decoder = decoder;
  }

  async push(chunk: Uint8Array): Promise<Uint8Array | null> {
    await this.#decoder.push(chunk);
    return this.#take();
  }

  async end(): Promise<Uint8Array | null> {
    await this.#decoder.cut();
    this.#keep(this.#filter.end());
    return this.#take();
  }

  /** Copied: the decoder may use its memory again. */
  #keep(bytes: Uint8Array | null): void {
    if (bytes !== null) this.#out.push(Buffer.from(bytes));
  }

  #take(): Uint8Array | null {
    const out = this.#out;
    this.#out = [];
    return out.length === 0 ? null : Buffer.concat(out);
  }
}
