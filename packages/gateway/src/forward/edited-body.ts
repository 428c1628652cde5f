/** The body with the edits that may be made to it, decoded first where it came encoded. Copies only then. */

import { decodeChunks, parseContentEncoding } from "../encoding.ts";
import type { BodyEdit, KeptBody } from "../exchange.ts";
import type { UpstreamBody } from "../upstream/client.ts";

/** `plan` sees the decoded body; its edits do not overlap. */
export async function editedBody(
  body: KeptBody,
  plan: (decoded: readonly Uint8Array[]) => readonly BodyEdit[],
): Promise<UpstreamBody> {
  const chunks = await decodedChunks(body);
  // From the last to the first: what stands before an edit keeps its place.
  const edits = plan(chunks).toSorted((left, right) => right.start - left.start);
  let edited = chunks;
  for (const edit of edits) edited = spliceChunks(edited, edit);
  const byteLength = edited.reduce((sum, chunk) => sum + chunk.byteLength, 0);
  return { byteLength, chunks: () => edited };
}

async function decodedChunks(body: KeptBody): Promise<readonly Uint8Array[]> {
  if (body.contentEncoding === "") return [...body.chunks()];
  // The receive step has decoded it once within its bound, so this cannot grow beyond that.
  const encodings = parseContentEncoding(body.contentEncoding) ?? [];
  const decoded: Uint8Array[] = [];
  for await (const chunk of decodeChunks([...body.chunks()], encodings, {
    maxDecodedBytes: Number.MAX_SAFE_INTEGER,
  })) {
    // A few KB can decode to hundreds of MB: what is held is counted, encoded or not.
    body.grow(chunk.byteLength);
    decoded.push(chunk);
  }
  return decoded;
}

/** Replaces bytes `[start, end)` of the whole. Untouched parts are views, not copies. */
export function spliceChunks(chunks: readonly Uint8Array[], edit: BodyEdit): readonly Uint8Array[] {
  const out: Uint8Array[] = [];
  let offset = 0;
  let isInserted = false;
  for (const chunk of chunks) {
    const before = chunk.subarray(0, Math.max(0, edit.start - offset));
    const after = chunk.subarray(Math.max(0, edit.end - offset));
    if (before.byteLength > 0) out.push(before);
    if (!isInserted && offset + chunk.byteLength >= edit.start) {
      out.push(Buffer.from(edit.text));
      isInserted = true;
    }
    if (after.byteLength > 0) out.push(after);
    offset += chunk.byteLength;
  }
  return out;
}
