import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { brotliCompressSync, gzipSync, zstdCompressSync } from "node:zlib";
import type { BodyEdit, KeptBody } from "../exchange.ts";
import { editedBody, spliceChunks } from "./edited-body.ts";

/** A body in chunks that end at these offsets. */
function kept(bytes: Buffer, cuts: readonly number[], contentEncoding = ""): KeptBody {
  const bounds = [0, ...cuts, bytes.length];
  const chunks = bounds.slice(1).map((end, index) => bytes.subarray(bounds[index], end));
  return {
    byteLength: bytes.length,
    contentEncoding,
    chunks: () => chunks,
    grow: () => {},
    release: () => {},
    giveBack: () => {},
  };
}

const splice = (text: string, edit: BodyEdit): string =>
  text.slice(0, edit.start) + edit.text + text.slice(edit.end);

describe("splicing", () => {
  const text = "0123456789";
  const edits: readonly BodyEdit[] = [
    { start: 0, end: 0, text: "<>" },
    { start: 10, end: 10, text: "<>" },
    { start: 3, end: 3, text: "<>" },
    { start: 3, end: 8, text: "<>" },
    { start: 0, end: 10, text: "<>" },
    { start: 4, end: 5, text: "" },
    { start: 5, end: 6, text: "é" },
  ];

  it("replaces exactly the range, wherever the chunks end", () => {
    for (const edit of edits) {
      for (let first = 0; first <= 10; first++) {
        for (let second = first; second <= 10; second++) {
          const chunks = kept(Buffer.from(text), [first, second]).chunks();
          const out = Buffer.concat([...spliceChunks([...chunks], edit)]).toString();
          assert.equal(out, splice(text, edit), `${JSON.stringify(edit)} at ${first}, ${second}`);
        }
      }
    }
  });

  it("copies nothing that it does not touch", () => {
    const [one, two, three] = [Buffer.from("aaaa"), Buffer.from("bbbb"), Buffer.from("cccc")];
    const out = spliceChunks([one, two, three], { start: 6, end: 6, text: "-" });
    assert.deepEqual(
      out.map((chunk) => chunk.buffer === one.buffer || chunk.byteLength === 1),
      [true, true, true, true, true],
    );
    assert.equal(out[0]?.byteOffset, one.byteOffset);
    assert.equal(out.at(-1)?.byteOffset, three.byteOffset);
  });
});

describe("the edited body", () => {
  const text = '{"stream":true,"messages":["é"]}';
  const edit = { start: 1, end: 1, text: '"stream_options":{"include_usage":true},' };

  it("can be sent again, and knows its length in bytes", async () => {
    const body = await editedBody(kept(Buffer.from(text), [1, 7]), () => [edit]);
    for (let time = 0; time < 2; time++) {
      const bytes = Buffer.concat([...body.chunks()]);
      assert.equal(bytes.toString(), splice(text, edit));
      assert.equal(body.byteLength, bytes.length);
    }
  });

  const encoded = {
    gzip: gzipSync(text),
    "x-gzip": gzipSync(text),
    br: brotliCompressSync(text),
    zstd: zstdCompressSync(Buffer.from(text)),
    "gzip, zstd": zstdCompressSync(gzipSync(text)),
  };
  for (const [name, bytes] of Object.entries(encoded)) {
    it(`is decoded from ${name} first`, async () => {
      const body = await editedBody(kept(bytes, [3, 9], name), () => [edit]);
      assert.equal(Buffer.concat([...body.chunks()]).toString(), splice(text, edit));
    });
  }
});

it("counts a decoded copy against the memory bound", async () => {
  const edit = { start: 0, end: 0, text: "" };
  const bomb = kept(gzipSync(Buffer.alloc(1024 * 1024, 32)), [], "gzip");
  let grown = 0;
  await editedBody({ ...bomb, grow: (bytes) => (grown += bytes) }, () => [edit]);
  assert.equal(grown, 1024 * 1024);
  const full = new Error("no room");
  const refusing = {
    ...bomb,
    grow: () => {
      throw full;
    },
  };
  await assert.rejects(
    editedBody(refusing, () => [edit]),
    full,
  );
  grown = 0;
  await editedBody({ ...kept(Buffer.from("{}"), []), grow: (bytes) => (grown += bytes) }, () => [edit]);
  assert.equal(grown, 0, "what came plain is held once");
});
