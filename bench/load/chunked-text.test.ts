import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { ChunkedText } from "./chunked-text.ts";

const framed = "5\r\nhello\r\n10;ext=1\r\n, 16 characters.\r\n0\r\n\r\n";
const plain = "hello, 16 characters.";

describe("ChunkedText", () => {
  it("takes the framing off", () => {
    const reader = new ChunkedText();
    assert.equal(reader.feed(framed), plain);
    assert.ok(reader.isEnded);
  });

  it("does so wherever the bytes are cut", () => {
    for (let first = 0; first < framed.length; first++) {
      for (let second = first; second < framed.length; second++) {
        const reader = new ChunkedText();
        const pieces = [framed.slice(0, first), framed.slice(first, second), framed.slice(second)];
        assert.equal(
          pieces.map((piece) => reader.feed(piece)).join(""),
          plain,
          `cut at ${first} and ${second}`,
        );
        assert.ok(reader.isEnded);
      }
    }
  });

  it("hands text on before its chunk is complete", () => {
    const reader = new ChunkedText();
    assert.equal(reader.feed("a\r\nhalf"), "half");
    assert.equal(reader.feed(" done!"), " done!");
    assert.equal(reader.isEnded, false);
  });

  it("has no end while the last chunk is missing", () => {
    const reader = new ChunkedText();
    reader.feed("5\r\nhello\r\n");
    assert.equal(reader.isEnded, false);
  });

  it("throws for a size that is none", () => {
    assert.throws(() => new ChunkedText().feed("HTTP/1.1\r\n"), /no chunk size/);
    assert.throws(() => new ChunkedText().feed("\r\n"), /no chunk size/);
  });
});
