/**
 * Model lists, which both dialects give as `{"data":[{"id"}]}`: reading one, and narrowing it to what a token may
 * use. The only reply that the gateway writes anew, by the contract's closed list of exceptions.
 */

/**
 * Keeps the entries of `data` whose `id` passes. Every other member stays, but for Anthropic's `first_id` and
 * `last_id`, which would name a model that is left out; `last_id` stays while a next page hangs on it.
 */
export function narrowModelList(reply: unknown, isKept: (model: string) => boolean): unknown {
  if (typeof reply !== "object" || reply === null || !("data" in reply) || !Array.isArray(reply.data)) {
    return reply;
  }
  const kept = listEntries(reply).filter((entry) => isKept(entry.id));
  const narrowed: Record<string, unknown> = { ...reply, data: kept };
  const hasMore = "has_more" in reply && reply.has_more === true;
  if ("first_id" in narrowed) narrowed["first_id"] = kept[0]?.id ?? null;
  if ("last_id" in narrowed && !hasMore) narrowed["last_id"] = kept.at(-1)?.id ?? null;
  return narrowed;
}

/** The entries of a model list that name a model. */
export function listEntries(list: object): readonly { readonly id: string }[] {
  if (!("data" in list) || !Array.isArray(list.data)) return [];
  const entries: readonly unknown[] = list.data;
  return entries.filter((entry) => hasId(entry));
}

function hasId(entry: unknown): entry is { readonly id: string } {
  return typeof entry === "object" && entry !== null && "id" in entry && typeof entry.id === "string";
}
