import assert from "node:assert/strict";
import { test } from "node:test";
import { formatNanoUsd, parseUsd } from "./money-text.ts";

test("money has six to nine decimals and is never rounded", () => {
  assert.equal(formatNanoUsd(0n), "0.000000");
  assert.equal(formatNanoUsd(1n), "0.000000001");
  assert.equal(formatNanoUsd(1_234_567n), "0.001234567");
  assert.equal(formatNanoUsd(4_520_000n), "0.004520");
  assert.equal(formatNanoUsd(1_500_000_010n), "1.50000001");
  assert.equal(formatNanoUsd(-2_000_000_000n), "-2.000000");
  assert.equal(formatNanoUsd(12_345_678_901_234_567_890n), "12345678901.23456789");
});

test("amounts come in as they went out", () => {
  for (const text of ["0.000000001", "1.5", "12", "-0.25", "9007199254740993.000000001"]) {
    assert.equal(Number(formatNanoUsd(parseUsd(text))), Number(text));
  }
  assert.equal(parseUsd("9007199254740993.000000001"), 9_007_199_254_740_993_000_000_001n);
  for (const text of ["", "1e3", "1.0000000001", ".5", "$1"]) assert.throws(() => parseUsd(text), text);
});
