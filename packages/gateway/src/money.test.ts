/** The arithmetic of money: exact, rounded once and half-up, and equal to itself however it is grouped. */

import assert from "node:assert/strict";
import test from "node:test";
import {
  ZERO,
  add,
  decimalOf,
  divide,
  formatDecimal,
  formatNanoUsd,
  multiply,
  parseDecimal,
  roundToNanoUsd,
  shiftRight,
  sumCharges,
} from "./money.ts";

const of = parseDecimal;

test("a decimal is read from its text and written as its shortest plain text", () => {
  const cases: readonly (readonly [string, string])[] = [
    ["0", "0"],
    ["2", "2"],
    ["100", "100"],
    ["0.25", "0.25"],
    ["0.50", "0.5"],
    ["2.0", "2"],
    ["00.007", "0.007"],
    ["1e-7", "0.0000001"],
    ["1.5E+3", "1500"],
    ["123456789012345678901234567890.1", "123456789012345678901234567890.1"],
  ];
  for (const [text, shortest] of cases) assert.equal(formatDecimal(of(text)), shortest, text);
});

test("what is no decimal is refused", () => {
  for (const text of [
    "",
    " 1",
    "1 ",
    "-1",
    "+1",
    ".5",
    "5.",
    "1,5",
    "1e",
    "0x10",
    "NaN",
    "Infinity",
    "1e999999999",
  ]) {
    assert.throws(() => of(text), RangeError, text);
  }
  for (const value of [Number.NaN, Number.POSITIVE_INFINITY, -1, -0.5]) {
    assert.throws(() => decimalOf(value), RangeError, String(value));
  }
});

test("a number enters as the decimal that it prints as", () => {
  // In floats 0.1 + 0.2 is 0.30000000000000004.
  assert.equal(formatDecimal(add(decimalOf(0.1), decimalOf(0.2))), "0.3");
  assert.equal(formatDecimal(decimalOf(1e-7)), "0.0000001");
  assert.equal(formatDecimal(decimalOf(1e21)), "1000000000000000000000");
  assert.equal(formatDecimal(decimalOf(12.34)), "12.34");
  assert.equal(formatDecimal(decimalOf(0)), "0");
});

test("sums and products are exact whatever the scales", () => {
  assert.equal(formatDecimal(add(of("0.1"), of("100"))), "100.1");
  assert.equal(formatDecimal(add(of("100"), of("0.1"))), "100.1");
  assert.equal(formatDecimal(add(ZERO, of("0.000000000000000001"))), "0.000000000000000001");
  // 1.1 x 1.5 x 0.5 = 0.825
  assert.equal(formatDecimal(multiply(multiply(of("1.1"), of("1.5")), of("0.5"))), "0.825");
  // 1760 tokens at 2 USD per million: 1760 x 2 / 10^6 = 0.00352
  assert.equal(formatDecimal(shiftRight(multiply(decimalOf(1760), of("2")), 6)), "0.00352");
});

test("a quotient is exact where it ends, else rounded half-up at 18 places", () => {
  assert.equal(formatDecimal(divide(of("1"), of("8"))), "0.125");
  assert.equal(formatDecimal(divide(of("0.15"), of("1.5"))), "0.1");
  assert.equal(formatDecimal(divide(of("1"), of("3"))), "0.333333333333333333");
  assert.equal(formatDecimal(divide(of("2"), of("3"))), "0.666666666666666667");
  // 0.5 x 10^-18 lies on the half and goes up; 0.4 x 10^-18 goes down.
  assert.equal(formatDecimal(divide(of("5e-19"), of("1"))), "0.000000000000000001");
  assert.equal(formatDecimal(divide(of("4e-19"), of("1"))), "0");
  assert.throws(() => divide(of("1"), ZERO), RangeError);
});

test("a charge is rounded half-up to whole nano-dollars", () => {
  const cases: readonly (readonly [string, bigint])[] = [
    ["0", 0n],
    ["0.001234567", 1_234_567n],
    ["0.0000000004", 0n],
    ["0.0000000005", 1n],
    ["0.00000000049999", 0n],
    ["0.0000000015", 2n],
    ["0.0000000025", 3n],
    ["7", 7_000_000_000n],
    ["123.4", 123_400_000_000n],
  ];
  for (const [usd, nano] of cases) assert.equal(roundToNanoUsd(of(usd)), nano, usd);
});

test("nano-dollars are written with nine places", () => {
  assert.equal(formatNanoUsd(1_234_567), "0.001234567");
  assert.equal(formatNanoUsd(0), "0.000000000");
  assert.equal(formatNanoUsd(1n), "0.000000001");
  assert.equal(formatNanoUsd(12_000_000_001n), "12.000000001");
  assert.equal(formatNanoUsd(-1_500_000_000n), "-1.500000000");
  // More than a double can hold exactly.
  assert.equal(formatNanoUsd(123_456_789_012_345_678_901n), "123456789012.345678901");
});

test("an exchange costs the sum of its billed records", () => {
  // 1,234,567 + 433 = 1,235,000; what is not billed counts nothing, even where it shows a cost.
  const records = [
    { billed: true, cost_nano_usd: 1_234_567 },
    { billed: false, cost_nano_usd: 999 },
    { billed: true, cost_nano_usd: 433 },
  ];
  assert.equal(sumCharges(records), 1_235_000);
  assert.equal(sumCharges([]), 0);
  assert.equal(sumCharges([{ billed: false, cost_nano_usd: null }]), 0);
});

test("an exchange has no cost when something billed has none", () => {
  assert.equal(
    sumCharges([
      { billed: true, cost_nano_usd: 5 },
      { billed: true, cost_nano_usd: null },
    ]),
    null,
  );
});

test("a sum that is no exact number any more is no sum", () => {
  const huge = { billed: true, cost_nano_usd: Number.MAX_SAFE_INTEGER };
  assert.equal(sumCharges([huge]), Number.MAX_SAFE_INTEGER);
  assert.equal(sumCharges([huge, { billed: true, cost_nano_usd: 1 }]), null);
});

test("writing and reading are each other's inverse, and sums do not depend on their order (seeded)", () => {
  let seed = 20_261_123;
  const next = (): number => {
    seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0;
    return seed;
  };
  for (let round = 0; round < 500; round += 1) {
    const [left, right, third] = [0, 1, 2].map(() => ({ coefficient: BigInt(next()), scale: next() % 20 }));
    assert.ok(left && right && third);
    const message = `seed 20261123, round ${round}`;
    assert.equal(formatDecimal(of(formatDecimal(left))), formatDecimal(left), message);
    const oneWay = formatDecimal(add(add(left, right), third));
    assert.equal(formatDecimal(add(left, add(third, right))), oneWay, message);
    const product = formatDecimal(multiply(add(left, right), third));
    assert.equal(formatDecimal(add(multiply(left, third), multiply(right, third))), product, message);
  }
});
