import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { gzipSync } from "node:zlib";
import { sampleBody } from "../sample-routed.ts";
import { Dice } from "../store/conformance/dice.ts";
import { membersWritten, parsedBody } from "./parsed-body.ts";

describe("a parsed body", () => {
  it("is read from one chunk, from many and through its encodings", async () => {
    const text = JSON.stringify({ model: "m", input: ["ä", { deep: { er: null } }] });
    const bytes = Buffer.from(text);
    const whole = sampleBody(text);
    const cut = { ...whole, chunks: () => [bytes.subarray(0, 9), bytes.subarray(9, 23), bytes.subarray(23)] };
    const packed = { ...whole, contentEncoding: "gzip", chunks: () => [gzipSync(bytes)] };
    for (const body of [whole, cut, packed, { ...whole, contentEncoding: "identity" }]) {
      assert.deepEqual(await parsedBody(body), {
        value: JSON.parse(text),
        bytes: bytes.byteLength,
        hasRepeats: false,
        hasEscapes: false,
      });
    }
  });

  it("tells whether any string is written otherwise than it is read", async () => {
    assert.equal((await parsedBody(sampleBody('{"a":"\\u0061"}')))?.hasEscapes, true);
    assert.equal((await parsedBody(sampleBody('{"a":"/ä"}')))?.hasEscapes, false);
  });

  it("is none where there is no JSON object", async () => {
    for (const text of ["", "[]", "1", "{", '"text"', "null"]) {
      assert.equal(await parsedBody(sampleBody(text)), null, text);
    }
  });

  it("tells of a member that is given twice, however deep", async () => {
    for (const [text, hasRepeats] of [
      ['{"a":1,"a":2}', true],
      ['{"a":1,"\\u0061":2}', true],
      ['{"x":[{"a":{"b":1,"b":1}}]}', true],
      ['{"__proto__":1,"a":{"__proto__":{}}}', false],
      ['{"a":"\\"a\\":1","b":"{\\"b\\":1}"}', false],
    ] as const) {
      assert.equal((await parsedBody(sampleBody(text)))?.hasRepeats, hasRepeats, text);
    }
  });
});

describe("members as they are written", () => {
  /** Byte by byte. */
  function plainly(text: Buffer): number {
    let members = 0;
    let isInString = false;
    for (let at = 0; at < text.length; at++) {
      if (isInString && text[at] === 0x5c) at += 1;
      else if (text[at] === 0x22) isInString = !isInString;
      else if (!isInString && text[at] === 0x3a) members += 1;
    }
    return members;
  }

  it("are counted alike in every text, valid or not, with strings of every length", () => {
    const dice = new Dice(20_261_125);
    const pieces = ['"', "\\", ":", "\\\\", '\\"', "ä", "{", "}", "y".repeat(40), "y".repeat(60)];
    for (let round = 0; round < 20_000; round++) {
      const text = Array.from({ length: dice.below(24) }, () => dice.pick(pieces)).join("");
      const bytes = Buffer.from(text);
      assert.equal(membersWritten(bytes), plainly(bytes), text);
    }
  });

  it("of valid JSON are as many as a parser makes of them", () => {
    const dice = new Dice(1);
    const string = (): string => dice.pick(["", "a:b", 'x"', "\\", "\\\\:", "long ".repeat(20), "\n:\t"]);
    for (let round = 0; round < 2_000; round++) {
      const names = Array.from({ length: dice.below(8) }, (_each, index) => `${index}${string()}`);
      const value = Object.fromEntries(names.map((name) => [name, { [string()]: string() }]));
      assert.equal(membersWritten(Buffer.from(JSON.stringify(value, null, dice.below(3)))), 2 * names.length);
    }
  });
});
