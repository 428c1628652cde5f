import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Dice } from "../store/conformance/dice.ts";
import { addPlainJson, addText, type TextSize } from "./json-size.ts";

function nothing(): TextSize {
  return { bytes: 0, nonAscii: 0 };
}

describe("the size of a text", () => {
  it("is its bytes, and of those that are not ASCII at least all", () => {
    for (const [text, bytes, nonAscii] of [
      ["", 0, 0],
      ["abc", 3, 0],
      // 2 bytes and 1 unit of UTF-16; 3 and 1; 4 and 2.
      ["ä", 2, 2],
      ["a€", 4, 4],
      ["😀", 4, 4],
    ] as const) {
      const size = nothing();
      addText(text, size);
      assert.deepEqual(size, { bytes, nonAscii }, text);
    }
  });
});

describe("the size of JSON", () => {
  const dice = new Dice(20_261_125);

  function randomValue(depth: number): unknown {
    const kind = dice.below(depth > 3 ? 5 : 7);
    if (kind === 0) return dice.pick(["", "text", "ä€😀", "a / b: [c], {d}", "\u2028\u007f"]);
    if (kind === 1) return dice.pick([0, -0, 1, -1.5, 1e21, 1e-7, 1e20, 123_456_789, 5e-324]);
    if (kind === 2) return dice.pick([true, false, null]);
    if (kind === 3) return [];
    if (kind === 4) return {};
    if (kind === 5) return Array.from({ length: dice.below(4) }, () => randomValue(depth + 1));
    const names = dice.pick([["a"], ["a", "ä"], ["__proto__", "constructor"], ["1", "0"]]);
    return Object.fromEntries(names.map((name) => [name, randomValue(depth + 1)]));
  }

  it("is that of what is written, without writing it", () => {
    for (let round = 0; round < 5_000; round++) {
      const text = JSON.stringify(randomValue(0));
      assert.ok(!text.includes("\\"));
      const value: unknown = JSON.parse(text);
      const [counted, written] = [nothing(), nothing()];
      addPlainJson(value, counted);
      addText(JSON.stringify(value), written);
      assert.equal(counted.bytes, written.bytes, text);
      const nonAscii = Buffer.from(text).filter((byte) => byte >= 0x80).byteLength;
      assert.ok(counted.nonAscii >= nonAscii && counted.nonAscii <= written.nonAscii, text);
    }
  });

  it("of a number that is too large, and of members that are undefined, is what is written of them", () => {
    for (const value of [JSON.parse("[1e999,-1e999]"), { a: undefined, b: 1 }, { a: undefined }, [null]]) {
      const size = nothing();
      addPlainJson(value, size);
      assert.equal(size.bytes, JSON.stringify(value).length);
    }
    const none = nothing();
    addPlainJson(undefined, none);
    assert.equal(none.bytes, 0);
  });
});
