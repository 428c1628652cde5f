import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { brotliCompressSync, deflateRawSync, gzipSync, zstdCompressSync } from "node:zlib";
import { createMeter } from "./meter.ts";
import { missingReading, unbilledReading } from "../dialects/readings.ts";
import type { ReplyEnd, ReplyReading, UsageReader } from "../dialects/usage-reader.ts";

const context = {
  requestedModel: "m",
  status: 200,
  mediaType: "application/json",
  isStreamRequested: false,
  inputCharacters: null,
};
const missing = missingReading(context, "truncated");

/** A reader that keeps what it is shown, and is terminal once that holds "END". */
function textReader(): UsageReader & { text: string } {
  return {
    text: "",
    push(chunk) {
      this.text += Buffer.from(chunk).toString("latin1");
    },
    get isTerminal() {
      return this.text.includes("END");
    },
    read(end): ReplyReading {
      if (this.isTerminal) return unbilledReading("ok");
      return end === "complete" ? { ...missing, outcome: "ok", responseId: this.text } : missing;
    },
  };
}

describe("createMeter", () => {
  it("reads a plain reply on the caller's tick", () => {
    for (const contentEncoding of ["", "identity", " Identity , "]) {
      const reader = textReader();
      const meter = createMeter({ reader, contentEncoding });
      assert.equal(meter.observe(Buffer.from("a")), undefined);
      assert.equal(meter.isTerminal, false);
      assert.equal(meter.observe(Buffer.from("END")), undefined);
      assert.equal(meter.isTerminal, true);
      assert.equal(reader.text, "aEND");
      assert.deepEqual(meter.finish("cut"), unbilledReading("ok"));
      assert.equal(meter.fault, null);
    }
  });

  it("has read all of an encoded chunk when its promise settles, for streams flushed event by event", async () => {
    const { createGzip, createBrotliCompress, createZstdCompress, createDeflate, constants } =
      await import("node:zlib");
    const encoders = {
      gzip: [createGzip(), constants.Z_SYNC_FLUSH],
      deflate: [createDeflate(), constants.Z_SYNC_FLUSH],
      br: [createBrotliCompress(), constants.BROTLI_OPERATION_FLUSH],
      zstd: [createZstdCompress(), constants.ZSTD_e_flush],
    } as const;
    for (const [contentEncoding, [encoder, flush]] of Object.entries(encoders)) {
      const reader = textReader();
      const meter = createMeter({ reader, contentEncoding });
      let expected = "";
      for (const event of ["data: 1\n\n", `data: ${"x".repeat(100_000)}\n\n`, "data: END\n\n"]) {
        encoder.write(event);
        await new Promise<void>((resolve) => {
          encoder.flush(flush, () => resolve());
        });
        await meter.observe(encoder.read() as Buffer);
        expected += event;
        assert.equal(reader.text.length, expected.length, contentEncoding);
        assert.equal(meter.isTerminal, expected.includes("END"), contentEncoding);
      }
      assert.equal(reader.text, expected);
      encoder.destroy();
      assert.deepEqual(await meter.finish("cut"), unbilledReading("ok"));
      assert.equal(meter.fault, null);
    }
  });

  it("keeps the order of chunks that are observed without waiting", async () => {
    const reader = textReader();
    const meter = createMeter({ reader, contentEncoding: "gzip, br" });
    const body = Array.from({ length: 5000 }, (_, i) => `${i},`).join("");
    const bytes = brotliCompressSync(gzipSync(body));
    for (let at = 0; at < bytes.length; at += 50) void meter.observe(bytes.subarray(at, at + 50));
    await meter.finish("complete");
    assert.equal(reader.text, body);
  });

  it("can be finished again, and read before", async () => {
    const reader = textReader();
    const meter = createMeter({ reader, contentEncoding: "zstd" });
    await meter.observe(zstdCompressSync("abc"));
    assert.equal(meter.read("complete").responseId, "abc");
    const first = await meter.finish("complete");
    assert.deepEqual(await meter.finish("complete"), first);
    assert.deepEqual(await meter.finish("cut"), missing);
    await meter.observe(Buffer.from("late"));
    assert.equal(reader.text, "abc");
  });

  it("takes an encoded reply without a byte for one that says nothing", async () => {
    const meter = createMeter({ reader: textReader(), contentEncoding: "gzip" });
    assert.equal((await meter.finish("complete")).usage[0]?.completeness, "missing");
    assert.equal(meter.fault, null);
  });

  it("reports what cannot be decoded as a fault, not as an error, and the reply as whole", async () => {
    const cases: readonly (readonly [string, Buffer, RegExp])[] = [
      ["gzip", Buffer.from("this is no gzip"), /decoded/],
      ["deflate", Buffer.from("\x78this is no deflate"), /decoded/],
      ["br", Buffer.from("this is no brotli at all"), /decoded/],
      ["zstd", Buffer.from("this is no zstd"), /decoded/],
      ["gzip, br", brotliCompressSync("no gzip inside"), /decoded/],
      ["gzip", gzipSync("abc").subarray(0, -4), /decoded/],
      ["compress", Buffer.from("abc"), /"compress" is unknown/],
      ["toString", Buffer.from("abc"), /is unknown/],
      ["gzip,gzip,gzip,gzip,gzip", Buffer.from("abc"), /too many/],
    ];
    for (const [contentEncoding, bytes, fault] of cases) {
      const meter = createMeter({ reader: textReader(), contentEncoding });
      await meter.observe(bytes);
      await meter.observe(Buffer.from("more"));
      const reading = await meter.finish("complete");
      assert.equal(reading.outcome, "ok", contentEncoding);
      assert.equal(reading.usage[0]?.completeness, "missing", contentEncoding);
      assert.match(meter.fault ?? "", fault);
      assert.equal(meter.read("cut").outcome, "truncated", contentEncoding);
    }
  });

  it("takes a cut in the encoding for a cut, not for a fault", async () => {
    const bytes = deflateRawSync("abc".repeat(1000));
    for (let at = 0; at < bytes.length; at++) {
      const meter = createMeter({ reader: textReader(), contentEncoding: "deflate" });
      await meter.observe(bytes.subarray(0, at));
      assert.deepEqual(await meter.finish("cut"), missing);
      assert.equal(meter.fault, null);
    }
  });

  it("keeps what was read before the encoding broke", async () => {
    const reader = textReader();
    const meter = createMeter({ reader, contentEncoding: "gzip" });
    const bytes = gzipSync("the END");
    await meter.observe(bytes.subarray(0, -8));
    await meter.observe(Buffer.alloc(8, 0xff));
    assert.match(meter.fault ?? "", /decoded/);
    assert.equal(meter.isTerminal, true);
    assert.deepEqual(await meter.finish("complete"), unbilledReading("ok"));
  });

  it("does not read on when a small reply grows too large", async () => {
    const bomb = brotliCompressSync(Buffer.alloc(64 * 1024 * 1024));
    assert.ok(bomb.length < 1000);
    const reader = textReader();
    const meter = createMeter({ reader, contentEncoding: "br", maxDecodedBytes: 100_000 });
    await meter.observe(bomb);
    assert.match(meter.fault ?? "", /more than 100000 bytes/);
    assert.ok(reader.text.length <= 100_000);
    assert.equal((await meter.finish("complete")).usage[0]?.completeness, "missing");
  });

  it("survives a reader that throws, and then trusts it no more", async () => {
    const broken = (at: "push" | "read"): UsageReader => {
      let isFresh = true;
      return {
        isTerminal: true,
        push() {
          isFresh = false;
          if (at === "push") throw new Error("no");
        },
        read(_end: ReplyEnd) {
          if (isFresh) return missing;
          throw new Error("no");
        },
      };
    };
    for (const at of ["push", "read"] as const) {
      for (const contentEncoding of ["", "gzip"]) {
        const meter = createMeter({ reader: broken(at), contentEncoding });
        await meter.observe(contentEncoding === "" ? Buffer.from("a") : gzipSync("a"));
        assert.deepEqual(await meter.finish("complete"), { ...missing, outcome: "ok" });
        assert.deepEqual(meter.read("cut"), missing);
        assert.equal(meter.fault, "The usage reader failed: no");
        assert.equal(meter.isTerminal, false);
      }
    }
  });
});
