/**
 * What forwarding is given to know of ownership: which listed objects the caller's room may see, and a place to
 * say that a reply shows new ones. How that is kept is the business of `own/`.
 */

import type { OfferedEndpoint } from "./dialects/dialect.ts";
import type { ReplyReading, UsageReader } from "./dialects/usage-reader.ts";
import type { MadeObject, ObjectKind } from "./provider-objects.ts";

/** Watches a reply for the ids of objects that it makes, on its way through the meter. */
export interface Claim extends UsageReader {
  /** An id has passed that is not recorded: the bytes that hold it wait for `record`. */
  readonly isDue: boolean;
  /** Makes what was found durable. Rejects when it cannot be written. */
  record(): Promise<void>;
}

/** What of a reply's head tells how its body is to be read. */
export interface ReplyForm {
  readonly status: number;
  readonly isStream: boolean;
}

export interface Ownership {
  /** The reader to use in the place of `reader`; null when the reply makes nothing and `reader` will do. */
  claim(form: ReplyForm, reader: UsageReader | null): Claim | null;
  /** Records what the whole reply turned out to show. Rejects when it cannot be written. */
  recordShown(status: number | null, reading: ReplyReading | null): Promise<void>;
  /** Records what a kept entry of a list shows. Rejects when it cannot be written. */
  recordListed(made: readonly MadeObject[]): Promise<void>;
  /** Those of the ids that the caller's room may see. */
  visible(kind: ObjectKind, ids: readonly string[]): Promise<ReadonlySet<string>>;
}

/** What an entry of a list shows, by the same table. */
export function madeByEntry(endpoint: OfferedEndpoint, entry: unknown, id: string): readonly MadeObject[] {
  if (endpoint.makes === "none" || typeof entry !== "object" || entry === null) return [];
  return endpoint.makes.objects.flatMap(({ kind, at: [name = ""] }) => {
    const value: unknown = (entry as Record<string, unknown>)[name];
    return typeof value === "string" && value !== "" ? [{ kind, id: value, parentId: id }] : [];
  });
}
