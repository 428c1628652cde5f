import assert from "node:assert/strict";
import { test } from "node:test";
import {
  brotliCompressSync,
  constants,
  deflateRawSync,
  deflateSync,
  gzipSync,
  zstdCompressSync,
} from "node:zlib";
import {
  type ContentEncoding,
  DecodeError,
  type DecodeFault,
  decodeChunks,
  parseContentEncoding,
} from "./encoding.ts";

const text = Buffer.from("the same words again and again, ".repeat(200));

const encoders: readonly (readonly [
  name: string,
  encoding: ContentEncoding,
  encode: (bytes: Uint8Array) => Buffer,
])[] = [
  ["gzip", "gzip", gzipSync],
  ["deflate as zlib", "deflate", deflateSync],
  ["deflate as raw", "deflate", deflateRawSync],
  ["br", "br", brotliCompressSync],
  ["zstd", "zstd", zstdCompressSync],
];

async function decode(
  chunks: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
  encodings: readonly ContentEncoding[],
  maxDecodedBytes = 1_000_000,
): Promise<Buffer> {
  const decoded: Uint8Array[] = [];
  for await (const chunk of decodeChunks(chunks, encodings, { maxDecodedBytes })) decoded.push(chunk);
  return Buffer.concat(decoded);
}

function byteByByte(bytes: Uint8Array): Uint8Array[] {
  return Array.from(bytes, (_, at) => bytes.subarray(at, at + 1));
}

async function faultOf(decoding: Promise<unknown>): Promise<DecodeFault | null> {
  return decoding.then(
    () => null,
    (error: unknown) => {
      assert.ok(error instanceof DecodeError, String(error));
      return error.fault;
    },
  );
}

test("reads the names of a header in the order they were applied", () => {
  assert.deepEqual(parseContentEncoding(""), []);
  assert.deepEqual(parseContentEncoding("identity"), []);
  assert.deepEqual(parseContentEncoding(" GZip , identity,zstd,"), ["gzip", "zstd"]);
  assert.deepEqual(parseContentEncoding("x-gzip, deflate, br"), ["gzip", "deflate", "br"]);
});

test("an unknown name, or a pile of known ones, cannot be read", () => {
  assert.equal(parseContentEncoding("compress"), null);
  assert.equal(parseContentEncoding("gzip, snappy"), null);
  assert.equal(parseContentEncoding("gzip;q=1"), null);
  assert.equal(parseContentEncoding("gzip,gzip,gzip,gzip,gzip"), null);
});

for (const [name, encoding, encode] of encoders) {
  const encoded = encode(text);

  test(`${name}: decodes whole and byte by byte`, async () => {
    assert.deepEqual(await decode([encoded], [encoding]), text);
    assert.deepEqual(await decode(byteByByte(encoded), [encoding]), text);
  });

  test(`${name}: a stream cut anywhere is truncated`, async () => {
    for (let length = 1; length < encoded.length; length++) {
      const fault = await faultOf(decode([encoded.subarray(0, length)], [encoding]));
      assert.equal(fault, "truncated", `after ${length} of ${encoded.length} bytes`);
    }
    assert.equal(await faultOf(decode([], [encoding])), "truncated", "empty");
  });

  test(`${name}: bytes after the end are refused, in the same chunk and in the next`, async () => {
    for (const junk of ["junk", "\0", "\0\0\0\0\0\0", "{}", "\x1f\x8b"]) {
      const tail = Buffer.from(junk, "latin1");
      for (const chunks of [
        [Buffer.concat([encoded, tail])],
        [encoded, tail],
        [...byteByByte(encoded), ...byteByByte(tail)],
      ]) {
        const fault = await faultOf(decode(chunks, [encoding]));
        assert.notEqual(fault, null, JSON.stringify(junk));
        assert.notEqual(fault, "too_large", JSON.stringify(junk));
      }
    }
  });

  test(`${name}: another text is malformed`, async () => {
    assert.notEqual(await faultOf(decode([Buffer.from('{"model":"m"}')], [encoding])), null);
  });

  test(`${name}: what is over the bound is refused, what is at it is not`, async () => {
    assert.equal(await faultOf(decode([encoded], [encoding], text.length - 1)), "too_large");
    assert.deepEqual(await decode([encoded], [encoding], text.length), text);
  });
}

test("several gzip members and several zstd frames are one body", async () => {
  for (const [encoding, encode] of [
    ["gzip", gzipSync],
    ["zstd", zstdCompressSync],
  ] as const) {
    const [one, two] = [encode(Buffer.from("one ")), encode(Buffer.from("two"))];
    for (const chunks of [[Buffer.concat([one, two])], [one, two], byteByByte(Buffer.concat([one, two]))]) {
      assert.equal((await decode(chunks, [encoding])).toString(), "one two", encoding);
    }
    const three = Buffer.concat([one, two, one]);
    assert.equal(
      await faultOf(decode([three], [encoding], 10)),
      "too_large",
      `the bound of ${encoding} holds over all of them`,
    );
    assert.equal((await decode([three], [encoding], 11)).toString(), "one twoone ");
  }
});

test("more zstd frames than anybody sends are refused", async () => {
  const empty = zstdCompressSync(Buffer.alloc(0));
  assert.equal(
    await faultOf(decode([Buffer.concat(Array.from({ length: 1100 }, () => empty))], ["zstd"])),
    "trailing_bytes",
  );
});

test("a second deflate or brotli stream is not one", async () => {
  for (const [encoding, encode] of [
    ["deflate", deflateSync],
    ["br", brotliCompressSync],
  ] as const) {
    assert.equal(await faultOf(decode([encode(text), encode(text)], [encoding])), "trailing_bytes");
  }
});

test("stacked encodings come off the last one first, and each is bounded", async () => {
  const stacked = zstdCompressSync(gzipSync(text));
  assert.deepEqual(await decode(byteByByte(stacked), ["gzip", "zstd"]), text);
  assert.notEqual(await faultOf(decode([stacked], ["zstd", "gzip"])), null);
  const bomb = gzipSync(gzipSync(Buffer.alloc(50_000_000)));
  assert.ok(bomb.length < 1000);
  assert.equal(await faultOf(decode([bomb], ["gzip", "gzip"])), "too_large");
  const cut = zstdCompressSync(gzipSync(text).subarray(0, -4));
  assert.equal(await faultOf(decode([cut], ["gzip", "zstd"])), "truncated");
});

test("a zstd frame that asks for more window than RFC 9659 allows is refused", async () => {
  const wide = zstdCompressSync(Buffer.alloc(20_000_000, "0123456789abcdef"), {
    params: { [constants.ZSTD_c_windowLog]: 25, [constants.ZSTD_c_contentSizeFlag]: 0 },
  });
  assert.equal(await faultOf(decode([wide], ["zstd"], 100_000_000)), "malformed");
});

test("no encoding passes the chunks on as they are", async () => {
  const chunks = [Buffer.from("a"), Buffer.alloc(0), Buffer.from("b")];
  const passed: Uint8Array[] = [];
  for await (const chunk of decodeChunks(chunks, [], { maxDecodedBytes: 10 })) passed.push(chunk);
  assert.equal(passed[0], chunks[0]);
  assert.equal(passed.length, 2);
});

test("reads its source only as fast as its chunks are taken", async () => {
  let given = 0;
  const noise = Buffer.from(Array.from({ length: 100_000 }, (_, at) => Math.imul(at, 2_654_435_761) >>> 24));
  async function* source(): AsyncGenerator<Uint8Array> {
    for (let times = 0; times < 100; times++) {
      given++;
      yield gzipSync(noise);
    }
  }
  const decoded = decodeChunks(source(), ["gzip"], { maxDecodedBytes: 100_000_000 })[Symbol.asyncIterator]();
  await decoded.next();
  for (let turns = 0; turns < 50; turns++) await new Promise((resolve) => setImmediate(resolve));
  assert.ok(given < 20, `${given} of 100 chunks were read for the first one taken`);
  await decoded.return?.();
});

test("a failing source fails the decoding with its own error", async () => {
  const broken = new Error("socket gone");
  async function* source(): AsyncGenerator<Uint8Array> {
    yield gzipSync(text).subarray(0, 10);
    throw broken;
  }
  await assert.rejects(decode(source(), ["gzip"]), broken);
  await assert.rejects(decode(source(), ["gzip", "gzip"]), broken);
});
