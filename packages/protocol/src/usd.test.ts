import assert from "node:assert/strict";
import { test } from "node:test";
import { formatUsd, MAX_USD, parseNanoUsd } from "./usd.ts";

test("decimals are read exactly, as texts and as numbers", () => {
  const cases: [unknown, number][] = [
    ["10", 10_000_000_000],
    ["0.75", 750_000_000],
    ["0.000000001", 1],
    ["0.1", 100_000_000],
    ["1.500000000000", 1_500_000_000],
    ["0", 0],
    [10, 10_000_000_000],
    [0.1, 100_000_000],
    [0.3, 300_000_000],
    [1e-7, 100],
    [1e-9, 1],
    [1234.567891234, 1_234_567_891_234],
    [String(MAX_USD), 4_000_000_000_000_000],
    [MAX_USD, 4_000_000_000_000_000],
  ];
  for (const [value, nanoUsd] of cases) assert.equal(parseNanoUsd(value), nanoUsd, JSON.stringify(value));
});

test("whatever is no amount is refused, not rounded", () => {
  const texts = [
    "",
    " 1",
    "1 ",
    "-1",
    "+1",
    "1e3",
    ".5",
    "1.",
    "1,5",
    "$1",
    "0x1",
    "NaN",
    "Infinity",
    "1.2.3",
  ];
  const values = [
    ...texts,
    "0.0000000001",
    "4000000.000000001",
    "99999999999999999999",
    -1,
    NaN,
    Infinity,
    1e-10,
    0.1234567891,
    4_000_001,
    null,
    undefined,
    true,
    [],
    {},
    10n,
  ];
  for (const value of values) assert.equal(parseNanoUsd(value), null);
});

test("amounts are written as short as they are exact, and read back", () => {
  const cases: [number, string][] = [
    [0, "0"],
    [1, "0.000000001"],
    [750_000_000, "0.75"],
    [10_000_000_000, "10"],
    [1_234_567_891_234, "1234.567891234"],
    [-1_500_000_000, "-1.5"],
  ];
  for (const [nanoUsd, text] of cases) {
    assert.equal(formatUsd(nanoUsd), text);
    if (nanoUsd >= 0) assert.equal(parseNanoUsd(text), nanoUsd);
  }
});
