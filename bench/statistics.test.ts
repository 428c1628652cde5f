import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { median, percentile, ratioOf } from "./statistics.ts";

describe("median", () => {
  it("is the middle of an odd number of values, in any order", () => {
    assert.equal(median([9, 1, 5]), 5);
  });
  it("is the mean of the two in the middle of an even number", () => {
    assert.equal(median([4, 1, 3, 10]), 3.5);
  });
  it("compares numbers, not their text", () => assert.equal(median([100, 9, 20]), 20));
  it("of nothing is no number", () => assert.ok(Number.isNaN(median([]))));
  it("leaves its argument as it is", () => {
    const values = [3, 1, 2];
    median(values);
    assert.deepEqual(values, [3, 1, 2]);
  });
});

describe("percentile", () => {
  const hundred = Float64Array.from({ length: 100 }, (_each, index) => index + 1);
  it("is the value that this share does not exceed", () => {
    assert.equal(percentile(hundred, 0.5), 50);
    assert.equal(percentile(hundred, 0.99), 99);
    assert.equal(percentile(hundred, 1), 100);
  });
  it("of a share of nearly nothing is the smallest", () => assert.equal(percentile(hundred, 0), 1));
  it("of one value is that value", () => assert.equal(percentile([7], 0.99), 7));
  it("of nothing is no number", () => assert.ok(Number.isNaN(percentile([], 0.5))));
});

describe("ratioOf", () => {
  it("compares round with round", () => {
    // The second round ran on a busy machine, which made both three times as dear.
    assert.deepEqual(ratioOf([20, 90, 30], [10, 30, 10]), { median: 3, min: 2, max: 3 });
  });
  it("is none without a reference, or with one that missed a round", () => {
    assert.equal(ratioOf([1, 2], []), null);
    assert.equal(ratioOf([1, 2], [1]), null);
    assert.equal(ratioOf([], []), null);
  });
});
