/**
 * What must hold for every usage reader, checked on golden replies: the way in which the bytes come never
 * changes what is read, and a reply that is cut never passes for a whole one.
 */

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { brotliCompressSync, deflateRawSync, deflateSync, gzipSync, zstdCompressSync } from "node:zlib";
import { createMeter } from "../meter/meter.ts";
import type { ReplyContext, ReplyReading, UsageReader, UsageReaderFactory } from "./usage-reader.ts";

/** A reply as a provider sends it, and what must be read from it. */
export interface GoldenReply {
  readonly name: string;
  readonly reader: UsageReaderFactory;
  readonly context: ReplyContext;
  /** A stream has LF line ends here. */
  readonly body: string;
  readonly expected: ReplyReading;
  /** The reply reaches what the forwarder waits for. Plain JSON never does. */
  readonly isTerminal: boolean;
}

/** Registers the tests of one golden reply. `seed` is printed by a failure. */
export function testUsageReader(golden: GoldenReply, seed = 20261124): void {
  const isStream = golden.context.mediaType === "text/event-stream";
  const bytes = Buffer.from(golden.body);
  const expectWhole = (chunks: readonly Uint8Array[], what: string): void => {
    const reader = pushed(golden, chunks);
    assert.equal(reader.isTerminal, golden.isTerminal, `isTerminal, ${what}`);
    assert.deepEqual(reader.read("complete"), golden.expected, what);
    if (golden.isTerminal)
      assert.deepEqual(reader.read("cut"), golden.expected, `cut after the end, ${what}`);
  };

  describe(golden.name, () => {
    it("reads the reply in one piece", () => expectWhole([bytes], "one piece"));

    it("reads it the same byte by byte, and in two pieces wherever split", () => {
      expectWhole(splitEvery(bytes, 1), "byte by byte");
      for (const at of positions(bytes.length, seed)) {
        expectWhole([bytes.subarray(0, at), bytes.subarray(at)], `split at ${at}, seed ${seed}`);
      }
    });

    it("reads it the same in random pieces", () => {
      const random = createRandom(seed);
      for (let round = 0; round < roundsFor(bytes.length); round++) {
        expectWhole(splitRandomly(bytes, random), `round ${round}, seed ${seed}`);
      }
    });

    if (isStream) testLineEnds(golden, expectWhole, seed);
    testEncodings(golden, seed);
    testCuts(golden, seed);

    it("bills nothing when the provider answered with an error", () => {
      const reader = golden.reader({ ...golden.context, status: 529 });
      reader.push(bytes);
      assert.deepEqual(reader.read("complete"), {
        outcome: "upstream_error",
        usage: [],
        responseId: null,
        servedModel: null,
        servedTier: null,
      });
    });
  });
}

function testLineEnds(
  golden: GoldenReply,
  expectWhole: (chunks: readonly Uint8Array[], what: string) => void,
  seed: number,
): void {
  const ends = { CR: "\r", CRLF: "\r\n" };
  for (const [name, end] of Object.entries(ends)) {
    it(`reads it the same with ${name} line ends, wherever split`, () => {
      const body = Buffer.from(golden.body.replaceAll("\n", end));
      expectWhole(splitEvery(body, 1), "byte by byte");
      for (const at of positions(body.length, seed)) {
        expectWhole([body.subarray(0, at), body.subarray(at)], `split at ${at}, seed ${seed}`);
      }
    });
  }

  it("reads it the same with mixed line ends, a byte order mark and comments between events", () => {
    const random = createRandom(seed);
    for (let round = 0; round < roundsFor(golden.body.length); round++) {
      const commented = golden.body.replaceAll("\n\n", "\n\n: keep-alive\n\n");
      const body = Buffer.from(`\uFEFF${withMixedLineEnds(commented, random)}`);
      expectWhole(splitRandomly(body, random), `round ${round}, seed ${seed}`);
    }
  });
}

function testEncodings(golden: GoldenReply, seed: number): void {
  const body = Buffer.from(golden.body);
  const encoded: Readonly<Record<string, Buffer>> = {
    "": body,
    identity: body,
    gzip: gzipSync(body),
    "X-GZIP": gzipSync(body),
    deflate: deflateSync(body),
    "deflate ": deflateRawSync(body),
    br: brotliCompressSync(body),
    zstd: zstdCompressSync(body),
    "gzip, br": brotliCompressSync(gzipSync(body)),
    "identity, zstd, gzip": gzipSync(zstdCompressSync(body)),
  };
  for (const [contentEncoding, bytes] of Object.entries(encoded)) {
    it(`reads it the same through the meter with content-encoding "${contentEncoding}"`, async () => {
      const random = createRandom(seed);
      for (const chunks of [[bytes], splitEvery(bytes, 100), splitRandomly(bytes, random)]) {
        const meter = createMeter({ reader: golden.reader(golden.context), contentEncoding });
        for (const chunk of chunks) await meter.observe(chunk);
        assert.equal(meter.isTerminal, golden.isTerminal);
        assert.deepEqual(await meter.finish("complete"), golden.expected, `seed ${seed}`);
        assert.equal(meter.fault, null);
      }
    });
  }
}

const ranks: Readonly<Record<string, number>> = {
  none: 0,
  missing: 0,
  partial: 1,
  derived: 2,
  complete: 2,
};

function testCuts(golden: GoldenReply, seed: number): void {
  it("never takes a cut reply for a whole one, and never knows less than before", () => {
    const bytes = Buffer.from(golden.body);
    let best = { rank: 0, outputTokens: 0 };
    for (const at of positions(bytes.length, seed)) {
      const reader = pushed(golden, [bytes.subarray(0, at)]);
      const reading = reader.read("cut");
      const what = `cut at ${at}, seed ${seed}`;
      if (reader.isTerminal) {
        assert.equal(reading.outcome, golden.expected.outcome, what);
      } else {
        assert.ok(["truncated", "stream_error"].includes(reading.outcome), `${reading.outcome}, ${what}`);
        assert.ok(!reading.usage.some(({ completeness }) => completeness === "complete"), what);
      }
      const first = reading.usage[0];
      if (first === undefined) {
        assert.deepEqual(golden.expected.usage, [], what);
        continue;
      }
      const now = { rank: ranks[first.completeness] ?? -1, outputTokens: first.output_tokens ?? 0 };
      assert.ok(now.rank >= best.rank, `from ${best.rank} to ${now.rank}, ${what}`);
      assert.ok(now.outputTokens >= best.outputTokens, `${now.outputTokens} output tokens, ${what}`);
      best = now;
    }
  });
}

function pushed(golden: GoldenReply, chunks: readonly Uint8Array[]): UsageReader {
  const reader = golden.reader(golden.context);
  for (const chunk of chunks) {
    // A reader may keep no reference to a chunk: it is overwritten after each push.
    const passing = Buffer.from(chunk);
    reader.push(passing);
    passing.fill(0x20);
  }
  return reader;
}

/** A generator of numbers in [0, 1) that a seed repeats (mulberry32). */
export function createRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}

/** Pieces of `size` bytes. */
export function splitEvery(bytes: Uint8Array, size: number): Uint8Array[] {
  const pieces: Uint8Array[] = [];
  for (let at = 0; at < bytes.length; at += size) pieces.push(bytes.subarray(at, at + size));
  return pieces;
}

/** Pieces of 1 to 200 bytes, mostly small. */
export function splitRandomly(bytes: Uint8Array, random: () => number): Uint8Array[] {
  const pieces: Uint8Array[] = [];
  for (let at = 0; at < bytes.length; at += pieces.at(-1)?.length ?? 1) {
    pieces.push(bytes.subarray(at, at + 1 + Math.floor(random() ** 3 * 200)));
  }
  return pieces;
}

/** Each LF as LF, CR or CRLF, so that no two line ends become one. */
export function withMixedLineEnds(text: string, random: () => number): string {
  let mixed = "";
  for (const character of text) {
    if (character !== "\n") mixed += character;
    else if (random() < 0.5) mixed += random() < 0.5 ? "\r" : "\r\n";
    else mixed += mixed.endsWith("\r") ? "\r" : "\n";
  }
  return mixed;
}

function roundsFor(length: number): number {
  return length <= 65_536 ? 100 : 4;
}

/** Every position of a small text, some of a large one; in order. */
function positions(length: number, seed: number): number[] {
  if (length <= 4096) return Array.from({ length: length + 1 }, (_, index) => index);
  const random = createRandom(seed);
  const some = Array.from({ length: length <= 65_536 ? 400 : 20 }, () => Math.floor(random() * length));
  return [0, ...some, length].toSorted((one, other) => one - other);
}
