import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { GrowingBytes } from "./growing-bytes.ts";

describe("GrowingBytes", () => {
  it("collects pieces, and copies them", () => {
    const bytes = new GrowingBytes();
    const piece = Buffer.from("ab");
    for (let i = 0; i < 1000; i++) bytes.append(piece);
    piece.fill(0);
    assert.equal(bytes.length, 2000);
    assert.equal(bytes.borrow().toString(), "ab".repeat(1000));
    assert.equal(bytes.length, 0);
  });

  it("gives bytes away for good, or lends them", () => {
    const bytes = new GrowingBytes();
    bytes.append(Buffer.from("first"));
    const taken = bytes.take();
    bytes.append(Buffer.from("other"));
    assert.equal(taken.toString(), "first");
    const lent = bytes.borrow();
    assert.equal(lent.toString(), "other");
    bytes.append(Buffer.from("third"));
    assert.equal(lent.toString(), "third");
  });

  it("does not keep much memory after a large one", () => {
    const bytes = new GrowingBytes();
    bytes.append(Buffer.alloc(1024 * 1024));
    const large = bytes.borrow();
    bytes.append(Buffer.from("x"));
    assert.notEqual(bytes.borrow().buffer, large.buffer);
  });
});
