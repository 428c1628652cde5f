/**
 * The step that takes the body: kept once, as it came, within its bounds, and peeked at while it arrives for the
 * few fields that policy needs. The bytes that go up are the ones that came: nothing is decoded but a copy.
 */

import { DecodeError, decodeChunks, type ContentEncoding, parseContentEncoding } from "../encoding.ts";
import { GatewayError } from "../errors.ts";
import type { Authenticated, KeptBody, Received } from "../exchange.ts";
import type { ObjectReference } from "../provider-objects.ts";
import { type BodyPeek, createBodyPeek, nothingPeeked, type PeekedBody } from "./body-peek.ts";
import type { KeptBytes } from "./kept-bytes.ts";
import { leavesModel, withLeftModels } from "./left-models.ts";
import { parsePolicy } from "./policy.ts";
import type { Slabs } from "../slabs.ts";
import { announcesBody, type ReadBody, readBody, type ReceiveLimits } from "./read-body.ts";
import {
  addressReferences,
  mayReferNested,
  memberReferences,
  namesByObject,
  nestedReferences,
  parsedReferences,
} from "./references.ts";

export interface ReceiveDeps {
  readonly keptBytes: KeptBytes;
  readonly slabs: Slabs;
  readonly limits: ReceiveLimits;
}

/**
 * Rejects with `CallerGone`, or a `GatewayError`: `unsupported_encoding`, `request_too_large`, `request_timeout`,
 * `overloaded`, `invalid_body`, `not_supported`. Nothing is kept then.
 */
export async function receive(deps: ReceiveDeps, authenticated: Authenticated): Promise<Received> {
  const { call, endpoint } = authenticated;
  const { headers } = call.request;
  const address = addressReferences(authenticated);
  if (!announcesBody(call.request)) {
    const policy = parsePolicy(authenticated, nothingPeeked);
    return { ...authenticated, body: null, policy, references: address, batchFile: null };
  }
  const contentEncoding = headers["content-encoding"] ?? "";
  const encodings = parseContentEncoding(contentEncoding);
  if (encodings === null) throw unsupportedEncoding();
  const peek = createBodyPeek(endpoint, call.request.headersDistinct["content-type"] ?? []);
  const isPlain = encodings.length === 0;
  const look = (chunk: Uint8Array): void => peek.push(chunk);
  const read = await readBody({ call, ...deps, onChunk: (chunk) => (isPlain ? look(chunk) : undefined) });
  try {
    const decoding = { encodings, limits: deps.limits };
    if (!isPlain) await eachDecoded(read, decoding, look);
    const first = peek.end();
    const again = peek.again();
    const peeked = again === null ? first : await lookAgain(again, read, decoding);
    const policy = withLeftModels(
      parsePolicy(authenticated, peeked),
      await leavesModelIn(authenticated, read, decoding),
    );
    const body = new Body(read, isPlain ? "" : contentEncoding);
    const batchFile = peek.batchFile();
    const { refersTo } = endpoint;
    const references = [...address, ...memberReferences(refersTo, peeked), ...(batchFile?.references ?? [])];
    const isWhole = namesByObject(refersTo, peeked);
    if (isWhole || mayReferNested(refersTo, peek.seen))
      references.push(...(await nestedIn({ refersTo, seen: isWhole ? null : peek.seen }, read, decoding)));
    return { ...authenticated, body, policy, references, batchFile };
  } catch (error) {
    read.reservation.release();
    throw error;
  }
}

class Body implements KeptBody {
  readonly byteLength: number;
  readonly contentEncoding: string;
  readonly #read: ReadBody;
  #chunks: readonly Uint8Array[];

  constructor(read: ReadBody, contentEncoding: string) {
    this.byteLength = read.byteLength;
    this.contentEncoding = contentEncoding;
    this.#read = read;
    this.#chunks = read.chunks;
  }

  chunks(): Iterable<Uint8Array> {
    return this.#chunks;
  }

  grow(bytes: number): void {
    this.#read.reservation.grow(bytes);
  }

  release(): void {
    this.#chunks = [];
    this.#read.reservation.release();
  }

  giveBack(): void {
    this.release();
    this.#read.giveBack();
  }
}

interface Decoding {
  readonly encodings: readonly ContentEncoding[];
  readonly limits: ReceiveLimits;
}

/** The few bodies that may hold more of interest than was looked for are looked into once more. */
async function lookAgain(again: BodyPeek, read: ReadBody, decoding: Decoding): Promise<PeekedBody> {
  await eachDecoded(read, decoding, (chunk) => again.push(chunk));
  return again.end();
}

/** What the few bodies name that may name an object below their top level. `seen` null: nothing is left out of the look. */
async function nestedIn(
  { refersTo, seen }: Pick<Authenticated["endpoint"], "refersTo"> & Pick<BodyPeek, "seen">,
  read: ReadBody,
  decoding: Decoding,
): Promise<readonly ObjectReference[]> {
  if (refersTo === "none") return [];
  const chunks: Uint8Array[] = [];
  await eachDecoded(read, decoding, (chunk) => {
    read.reservation.grow(chunk.byteLength);
    chunks.push(chunk);
  });
  return seen === null
    ? parsedReferences(refersTo, Buffer.concat(chunks))
    : nestedReferences(refersTo, seen, chunks);
}

/** Asked only for a token that may not use every model. */
async function leavesModelIn(
  { endpoint, principal }: Authenticated,
  read: ReadBody,
  decoding: Decoding,
): Promise<boolean> {
  const { leftModels } = endpoint;
  if (leftModels === undefined || principal.grants.llm?.models == null) return false;
  const chunks: Uint8Array[] = [];
  await eachDecoded(read, decoding, (chunk) => {
    if (decoding.encodings.length > 0) read.reservation.grow(chunk.byteLength);
    chunks.push(chunk);
  });
  return leavesModel(leftModels, chunks);
}

async function eachDecoded(
  read: ReadBody,
  { encodings, limits }: Decoding,
  onChunk: (chunk: Uint8Array) => void,
): Promise<void> {
  try {
    if (encodings.length === 0) read.chunks.forEach(onChunk);
    else for await (const chunk of decodeChunks(read.chunks, encodings, limits)) onChunk(chunk);
  } catch (error) {
    if (!(error instanceof DecodeError)) throw error;
    if (error.fault === "too_large") {
      throw new GatewayError("request_too_large", `The request is too large: ${error.message}. Send less.`, {
        cause: error,
      });
    }
    throw new GatewayError("invalid_body", `The request body cannot be decoded: ${error.message}.`, {
      cause: error,
    });
  }
}

function unsupportedEncoding(): GatewayError {
  return new GatewayError(
    "unsupported_encoding",
    "The request body has a content-encoding that this gateway cannot read. Send it with gzip, deflate, br, zstd or none.",
  );
}
