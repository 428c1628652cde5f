/**
 * Undoes a reply's content-encoding for the meter, on a copy, piece by piece.
 *
 * It never sees the bytes that go to the caller again, and bounds what a small reply can grow to. A decoder
 * that fails stays failed and says so once; it throws nothing.
 */

import type { Transform } from "node:stream";
import {
  createBrotliDecompress,
  createGunzip,
  createInflate,
  createInflateRaw,
  createZstdDecompress,
} from "node:zlib";

export interface ReplyDecoderOptions {
  /** The `content-encoding` header as it came, such as `gzip` or `gzip, br`. */
  readonly contentEncoding: string;
  /** What comes out at each stage may have so many bytes in all. */
  readonly maxDecodedBytes: number;
  /** Takes what comes out, in order. */
  readonly onBytes: (bytes: Uint8Array) => void;
}

export interface ReplyDecoder {
  /** Settles when all that this chunk decodes to was handed on. Never rejects. */
  push(chunk: Uint8Array): Promise<void>;
  /** Settles when the rest was handed on. Never rejects. Idempotent. */
  end(): Promise<void>;
  /** Settles when what was pushed is handed on, whether or not more was due, and frees the decoder. Never rejects. */
  cut(): Promise<void>;
  /** Why decoding stopped, in words for a person, or null. */
  readonly fault: string | null;
}

/** The encodings of the header in the order in which they were applied, without those that change nothing. */
export function encodingsOf(contentEncoding: string): string[] {
  const names = contentEncoding.split(",").map((name) => name.trim().toLowerCase());
  return names.filter((name) => name !== "" && name !== "identity");
}

/** A decoder, or the reason why there is none. */
export function createReplyDecoder(options: ReplyDecoderOptions): ReplyDecoder | string {
  const names = encodingsOf(options.contentEncoding).toReversed();
  const unknown = names.find((name) => !isKnown(name));
  if (unknown !== undefined)
    return `The reply's content-encoding ${JSON.stringify(unknown.slice(0, 40))} is unknown.`;
  if (names.length > MAX_STAGES) return "The reply has too many content-encodings.";
  return new StagedDecoder(names, options);
}

const MAX_STAGES = 4;

type MakeStage = (firstByte: number) => Transform;

/**
 * `deflate` is zlib data (RFC 9110 section 8.4.1.2), but some servers send it raw. A zlib header has 8 in
 * its low nibble, which no sane raw stream begins with; browsers and Node's fetch tell them apart so.
 */
const stages: Readonly<Record<string, MakeStage>> = {
  gzip: () => createGunzip(),
  "x-gzip": () => createGunzip(),
  deflate: (firstByte) => ((firstByte & 0x0f) === 8 ? createInflate() : createInflateRaw()),
  br: () => createBrotliDecompress(),
  zstd: () => createZstdDecompress(),
};

function isKnown(name: string): boolean {
  return Object.hasOwn(stages, name);
}

class StagedDecoder implements ReplyDecoder {
  readonly #options: ReplyDecoderOptions;
  readonly #stages: Stage[];
  #fault: string | null = null;
  #queue: Promise<void> = Promise.resolve();
  #isOver = false;

  constructor(names: readonly string[], options: ReplyDecoderOptions) {
    this.#options = options;
    this.#stages = names.map((name) => new Stage(name, options.maxDecodedBytes));
  }

  get fault(): string | null {
    return this.#fault;
  }

  push(chunk: Uint8Array): Promise<void> {
    if (this.#isOver) return this.#queue;
    this.#queue = this.#queue.then(() => this.#run([chunk], false));
    return this.#queue;
  }

  end(): Promise<void> {
    if (this.#isOver) return this.#queue;
    this.#isOver = true;
    this.#queue = this.#queue.then(() => this.#run([], true));
    return this.#queue;
  }

  cut(): Promise<void> {
    if (this.#isOver) return this.#queue;
    this.#isOver = true;
    this.#queue = this.#queue.then(() => this.#destroy());
    return this.#queue;
  }

  #destroy(): void {
    for (const stage of this.#stages) stage.destroy();
  }

  async #run(chunks: readonly Uint8Array[], isEnd: boolean): Promise<void> {
    if (this.#fault !== null) return;
    try {
      await this.#feed(0, chunks, isEnd);
    } catch (error) {
      this.#fault = `The reply could not be decoded: ${error instanceof Error ? error.message : String(error)}`;
      this.#destroy();
    }
  }

  async #feed(index: number, chunks: readonly Uint8Array[], isEnd: boolean): Promise<void> {
    const stage = this.#stages[index];
    if (stage === undefined) {
      for (const chunk of chunks) this.#options.onBytes(chunk);
      return;
    }
    // A broken end must not take with it what decoded well.
    let failure: unknown = null;
    const decoded: Uint8Array[] = [];
    try {
      for (const chunk of chunks) await stage.write(chunk, decoded);
      if (isEnd) await stage.end(decoded);
    } catch (error) {
      failure = error;
    }
    await this.#feed(index + 1, decoded, isEnd && failure === null);
    if (failure !== null) throw failure;
  }
}

/** One encoding's decoder, made at the first byte. */
class Stage {
  readonly #name: string;
  readonly #maxBytes: number;
  #stream: Transform | null = null;
  #decodedBytes = 0;
  #output: Uint8Array[] = [];
  #failure: Error | null = null;
  #onFailure: (error: Error) => void = () => undefined;

  constructor(name: string, maxBytes: number) {
    this.#name = name;
    this.#maxBytes = maxBytes;
  }

  /** Decodes one chunk into `output`; rejects when it cannot. */
  write(chunk: Uint8Array, output: Uint8Array[]): Promise<void> {
    if (chunk.length === 0) return Promise.resolve();
    this.#stream ??= this.#open(chunk[0] ?? 0);
    const stream = this.#stream;
    return this.#collect(output, (done) => stream.write(chunk, done));
  }

  /** Says that no more comes; rejects when more was due. */
  end(output: Uint8Array[]): Promise<void> {
    const stream = this.#stream;
    if (stream === null) return Promise.resolve();
    return this.#collect(output, (done) => {
      stream.once("end", () => done());
      stream.end();
    });
  }

  destroy(): void {
    this.#stream?.destroy();
  }

  #open(firstByte: number): Transform {
    const stream = (stages[this.#name] as MakeStage)(firstByte);
    stream.on("data", (bytes: Buffer) => this.#take(bytes));
    stream.on("error", (error) => this.#fail(error));
    return stream;
  }

  async #collect(output: Uint8Array[], start: (done: (error?: Error | null) => void) => void): Promise<void> {
    this.#output = output;
    await new Promise<void>((resolve, reject) => {
      this.#onFailure = reject;
      if (this.#failure !== null) reject(this.#failure);
      else start((error) => (error == null ? resolve() : reject(error)));
    });
    // Reading here hands over what the stream would hand over at a later tick.
    while (this.#stream?.read() != null);
    if (this.#failure !== null) throw this.#failure;
  }

  #take(bytes: Buffer): void {
    this.#decodedBytes += bytes.length;
    if (this.#decodedBytes <= this.#maxBytes) {
      this.#output.push(bytes);
      return;
    }
    this.#fail(new Error(`it decodes to more than ${this.#maxBytes} bytes.`));
    this.#stream?.destroy();
  }

  #fail(error: Error): void {
    this.#failure ??= error;
    this.#onFailure(error);
  }
}
