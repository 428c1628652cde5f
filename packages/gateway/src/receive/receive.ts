/**
 * The step that takes the body: kept once, as it came, within its bounds, and peeked at while it arrives for the
 * few fields that policy needs. The bytes that go up are the ones that came: nothing is decoded but a copy.
 */

import { DecodeError, decodeChunks, type ContentEncoding, parseContentEncoding } from "../encoding.ts";
import { GatewayError } from "../errors.ts";
import type { Authenticated, KeptBody, Received } from "../exchange.ts";
import { createBodyPeek, type BodyPeek, nothingPeeked } from "./body-peek.ts";
import type { KeptBytes } from "./kept-bytes.ts";
import { parsePolicy } from "./policy.ts";
import { announcesBody, type ReadBody, readBody, type ReceiveLimits } from "./read-body.ts";

export interface ReceiveDeps {
  readonly keptBytes: KeptBytes;
  readonly limits: ReceiveLimits;
}

/**
 * Rejects with `CallerGone`, or a `GatewayError`: `unsupported_encoding`, `request_too_large`, `request_timeout`,
 * `overloaded`, `invalid_body`, `not_supported`. Nothing is kept then.
 */
export async function receive(deps: ReceiveDeps, authenticated: Authenticated): Promise<Received> {
  const { call, endpoint } = authenticated;
  const { headers } = call.request;
  if (!announcesBody(call.request)) {
    return { ...authenticated, body: null, policy: parsePolicy(authenticated, nothingPeeked) };
  }
  const contentEncoding = headers["content-encoding"] ?? "";
  const encodings = parseContentEncoding(contentEncoding);
  if (encodings === null) throw unsupportedEncoding();
  const peek = createBodyPeek(endpoint, call.request.headersDistinct["content-type"] ?? []);
  const isPlain = encodings.length === 0;
  const read = await readBody({
    call,
    ...deps,
    onChunk: (chunk) => (isPlain ? peek.push(chunk) : undefined),
  });
  try {
    if (!isPlain) await peekDecoded(peek, read, { encodings, limits: deps.limits });
    const policy = parsePolicy(authenticated, peek.end());
    return { ...authenticated, body: new Body(read, isPlain ? "" : contentEncoding), policy };
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
}

interface Decoding {
  readonly encodings: readonly ContentEncoding[];
  readonly limits: ReceiveLimits;
}

async function peekDecoded(peek: BodyPeek, read: ReadBody, { encodings, limits }: Decoding): Promise<void> {
  try {
    for await (const chunk of decodeChunks(read.chunks, encodings, limits)) peek.push(chunk);
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
