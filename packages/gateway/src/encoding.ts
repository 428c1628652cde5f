/**
 * Content encodings: their names, and streaming decoders with bounds.
 *
 * Strict where a lenient reader could see another body than the provider does: a cut stream, bytes after its
 * end and an unknown name are errors. It holds no more than a decoder's window and one chunk, and inflates on
 * zlib's threads.
 */

import {
  constants,
  createBrotliDecompress,
  createGunzip,
  createInflate,
  createInflateRaw,
  createZstdDecompress,
} from "node:zlib";

/** A coding of RFC 9110 section 8.4.1 that can be decoded; `x-gzip` is `gzip` there. */
export type ContentEncoding = "gzip" | "deflate" | "br" | "zstd";

export function isContentEncoding(name: string): name is ContentEncoding {
  return name === "gzip" || name === "deflate" || name === "br" || name === "zstd";
}

export type DecodeFault = "too_large" | "malformed" | "truncated" | "trailing_bytes";

/** Why encoded bytes cannot be decoded. The message is for a person. */
export class DecodeError extends Error {
  override readonly name = "DecodeError";
  readonly fault: DecodeFault;

  constructor(fault: DecodeFault, message: string, cause?: unknown) {
    super(message, { cause });
    this.fault = fault;
  }
}

export interface DecodeBounds {
  /** The most that may come out of each decoder of a stack. */
  readonly maxDecodedBytes: number;
}

/** Nobody stacks more, and each costs a window of memory. */
const MAX_STACKED = 4;

/**
 * RFC 9659: a decoder of the `zstd` content coding supports windows of 8 MB, and none larger need be
 * accepted. Without this bound a few bytes can ask for 128 MB.
 */
const ZSTD_MAX_WINDOW_LOG = 23;

/** Each zstd frame in one chunk costs a decoder, and an empty one is nine bytes. */
const MAX_FRAMES = 1000;

/** Bytes of decoded text per step. Node's own 16 KiB would cost four times the trips to its threads. */
const CHUNK_SIZE = 64 * 1024;

/** The chunks come in this form from a kept body and from a socket alike. */
export type ByteChunks = Iterable<Uint8Array> | AsyncIterable<Uint8Array>;

type Decoder = ReturnType<typeof createGunzip | typeof createBrotliDecompress | typeof createZstdDecompress>;

/**
 * The names of a `content-encoding` header in the order they were applied: [] for none or `identity`, null
 * when one of them is unknown or there are too many.
 */
export function parseContentEncoding(header: string): readonly ContentEncoding[] | null {
  const encodings: ContentEncoding[] = [];
  for (const part of header.split(",")) {
    const name = part.trim().toLowerCase();
    if (name === "" || name === "identity") continue;
    if (name === "gzip" || name === "x-gzip") encodings.push("gzip");
    else if (isContentEncoding(name)) encodings.push(name);
    else return null;
  }
  return encodings.length > MAX_STACKED ? null : encodings;
}

/**
 * Decodes what `encodings` were applied to, the last one first. Throws `DecodeError`, at the latest at the
 * end; what came out before it may be wrong. Reads on only as fast as its own chunks are taken.
 */
export function decodeChunks(
  chunks: ByteChunks,
  encodings: readonly ContentEncoding[],
  bounds: DecodeBounds,
): AsyncIterable<Uint8Array> {
  return encodings.reduceRight<AsyncIterable<Uint8Array>>(
    (source, encoding) => decodeOne(source, encoding, bounds),
    eachChunk(chunks),
  );
}

async function* eachChunk(chunks: ByteChunks): AsyncGenerator<Uint8Array> {
  for await (const chunk of chunks) if (chunk.length > 0) yield chunk;
}

async function* decodeOne(
  source: AsyncIterable<Uint8Array>,
  encoding: ContentEncoding,
  bounds: DecodeBounds,
): AsyncGenerator<Uint8Array> {
  const iterator = source[Symbol.asyncIterator]();
  let decodedBytes = 0;
  try {
    const first = await iterator.next();
    if (first.done === true) throw new DecodeError("truncated", `the body says ${encoding} and is empty`);
    let rest: Uint8Array | null = first.value;
    for (let streams = 1; rest !== null; streams++) {
      // Node goes on to a next gzip member by itself, and to a next zstd frame only when it begins a chunk.
      if (streams > 1 && (encoding !== "zstd" || streams > MAX_FRAMES)) {
        throw new DecodeError("trailing_bytes", `the body goes on after the end of its ${encoding} stream`);
      }
      const member: Member = { encoding, first: rest, source: iterator, rest: null };
      for await (const chunk of decodeMember(member)) {
        decodedBytes += chunk.length;
        if (decodedBytes > bounds.maxDecodedBytes) throw tooLarge(encoding, bounds);
        yield chunk;
      }
      rest = member.rest;
    }
  } finally {
    // Ends the decoder below in a stack, if this one stops early.
    iterator.return?.().catch(() => undefined);
  }
}

/** One compressed stream in a body, which may have several. */
interface Member {
  readonly encoding: ContentEncoding;
  readonly first: Uint8Array;
  readonly source: AsyncIterator<Uint8Array>;
  /** What follows it in its last chunk, known once it is decoded. */
  rest: Uint8Array | null;
}

async function* decodeMember(member: Member): AsyncGenerator<Uint8Array> {
  const decoder = createDecoder(member.encoding, member.first[0] as number);
  const feeding = feed(decoder, member.first, member.source);
  // Its failure is also the decoder's, and is thrown there.
  feeding.catch(() => undefined);
  try {
    yield* decoder as AsyncIterable<Uint8Array>;
    member.rest = await feeding;
  } catch (error) {
    throw decodeErrorOf(error, member.encoding);
  } finally {
    decoder.destroy();
  }
}

function tooLarge(encoding: ContentEncoding, bounds: DecodeBounds): DecodeError {
  return new DecodeError(
    "too_large",
    `the body is over ${bounds.maxDecodedBytes} bytes after ${encoding} is removed`,
  );
}

/** Writes until the source ends, or the decoder needs no more: then gives what is left of the last chunk. */
async function feed(
  decoder: Decoder,
  first: Uint8Array,
  source: AsyncIterator<Uint8Array>,
): Promise<Uint8Array | null> {
  let fedBytes = 0;
  let chunk = first;
  for (;;) {
    await write(decoder, chunk);
    fedBytes += chunk.length;
    // `bytesWritten` counts what the decoder took in.
    const left = fedBytes - decoder.bytesWritten;
    if (left > 0) return chunk.subarray(chunk.length - left);
    let next: IteratorResult<Uint8Array>;
    try {
      next = await source.next();
    } catch (error) {
      decoder.destroy(error instanceof Error ? error : new Error(String(error)));
      throw error;
    }
    if (next.done === true) break;
    chunk = next.value;
  }
  decoder.end();
  return null;
}

function write(decoder: Decoder, chunk: Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    decoder.write(chunk, (error) => (error == null ? resolve() : reject(error)));
  });
}

function createDecoder(encoding: ContentEncoding, firstByte: number): Decoder {
  if (encoding === "gzip") return createGunzip({ chunkSize: CHUNK_SIZE });
  if (encoding === "br") return createBrotliDecompress({ chunkSize: CHUNK_SIZE });
  if (encoding === "zstd") {
    return createZstdDecompress({
      chunkSize: CHUNK_SIZE,
      params: { [constants.ZSTD_d_windowLogMax]: ZSTD_MAX_WINDOW_LOG },
    });
  }
  // "deflate" is the zlib format, but some senders leave its header out (RFC 9110 section 8.4.1.2): its first
  // byte has 8 in the low half, with which no sensible raw stream begins.
  return (firstByte & 0x0f) === 8
    ? createInflate({ chunkSize: CHUNK_SIZE })
    : createInflateRaw({ chunkSize: CHUNK_SIZE });
}

function decodeErrorOf(error: unknown, encoding: ContentEncoding): unknown {
  if (!(error instanceof Error) || error instanceof DecodeError) return error;
  const code = "code" in error ? String(error.code) : "";
  if (code === "Z_BUF_ERROR")
    return new DecodeError("truncated", `the body ends inside its ${encoding} stream`, error);
  if (
    code.startsWith("Z_") ||
    code.startsWith("ZSTD_") ||
    code.startsWith("ERR_") ||
    code.startsWith("BROTLI_")
  ) {
    return new DecodeError("malformed", `the body is no valid ${encoding} stream (${error.message})`, error);
  }
  return error;
}
