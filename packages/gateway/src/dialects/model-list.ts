/**
 * Model lists, which both dialects give as `{"data":[{"id"}]}`: narrowing one to what a token may use. The
 * only reply that the gateway writes anew, by the contract's closed list of exceptions.
 */

/** Keeps the entries of `data` whose `id` passes; every other member stays, so that paging goes on working. */
export function narrowModelList(reply: unknown, isKept: (model: string) => boolean): unknown {
  if (typeof reply !== "object" || reply === null || !("data" in reply) || !Array.isArray(reply.data)) {
    return reply;
  }
  const entries: readonly unknown[] = reply.data;
  return { ...reply, data: entries.filter((entry) => hasId(entry) && isKept(entry.id)) };
}

function hasId(entry: unknown): entry is { readonly id: string } {
  return typeof entry === "object" && entry !== null && "id" in entry && typeof entry.id === "string";
}
