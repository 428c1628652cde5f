/**
 * Exact decimal arithmetic for money. A charge is built from decimals, rounded once to whole nano-dollars,
 * and from then on is an integer. No binary float ever takes part: numbers enter through their decimal text.
 *
 * Never knows what a price or a model is, and never formats for people (no currency signs, no grouping).
 */

import type { Charge, MeteredUsage } from "@meshagent/llm-proxy-protocol/usage";

/** A decimal that is not negative: `coefficient / 10^scale`. */
export interface Decimal {
  readonly coefficient: bigint;
  /** Digits after the point, not negative. */
  readonly scale: number;
}

/** Nano-dollars in a dollar are 10 to this power. */
const NANO_PLACES = 9;
/** Places to which a quotient that does not end is rounded: a billionth of a nano-dollar. */
const QUOTIENT_PLACES = 18;
/** Larger than any exponent that a finite double prints; keeps hostile text from asking for huge powers. */
const MAX_EXPONENT = 400;
const DECIMAL_TEXT = /^(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d{1,3}))?$/;

export const ZERO: Decimal = { coefficient: 0n, scale: 0 };
export const ONE: Decimal = { coefficient: 1n, scale: 0 };

const smallPowers: readonly bigint[] = Array.from({ length: 40 }, (_, exponent) => 10n ** BigInt(exponent));

function powerOfTen(exponent: number): bigint {
  return smallPowers[exponent] ?? 10n ** BigInt(exponent);
}

/**
 * Reads `12`, `0.25`, `1.5e-7`. Throws a RangeError on anything else, a sign included: prices and counts
 * are not negative.
 */
export function parseDecimal(text: string): Decimal {
  const match = DECIMAL_TEXT.exec(text);
  const exponent = Number(match?.[3] ?? 0);
  if (match === null || Math.abs(exponent) > MAX_EXPONENT)
    throw new RangeError(`not a decimal: ${text.slice(0, 50)}`);
  const fraction = match[2] ?? "";
  const coefficient = BigInt(`${match[1]}${fraction}`);
  const scale = fraction.length - exponent;
  if (scale >= 0) return { coefficient, scale };
  return { coefficient: coefficient * powerOfTen(-scale), scale: 0 };
}

/** A number as the decimal that it prints as: 0.1 is one tenth. Throws a RangeError unless finite and not negative. */
export function decimalOf(value: number): Decimal {
  if (Number.isSafeInteger(value) && value >= 0) return { coefficient: BigInt(value), scale: 0 };
  return parseDecimal(String(value));
}

/** Exact. */
export function add(left: Decimal, right: Decimal): Decimal {
  if (left.scale === right.scale) {
    return { coefficient: left.coefficient + right.coefficient, scale: left.scale };
  }
  if (left.scale < right.scale) return add(right, left);
  const aligned = right.coefficient * powerOfTen(left.scale - right.scale);
  return { coefficient: left.coefficient + aligned, scale: left.scale };
}

/** Exact. */
export function multiply(left: Decimal, right: Decimal): Decimal {
  return { coefficient: left.coefficient * right.coefficient, scale: left.scale + right.scale };
}

/**
 * The quotient, exact where it ends within 18 places and rounded half-up there otherwise. Throws a
 * RangeError when the divisor is zero.
 */
export function divide(dividend: Decimal, divisor: Decimal): Decimal {
  const numerator = dividend.coefficient * powerOfTen(divisor.scale + QUOTIENT_PLACES);
  const denominator = divisor.coefficient * powerOfTen(dividend.scale);
  return { coefficient: halfUpQuotient(numerator, denominator), scale: QUOTIENT_PLACES };
}

/** The quotient by a power of ten, always exact. */
export function shiftRight(value: Decimal, places: number): Decimal {
  return { coefficient: value.coefficient, scale: value.scale + places };
}

/** Neither operand is negative, so adding half the divisor before the cut is half-up. */
function halfUpQuotient(numerator: bigint, denominator: bigint): bigint {
  return (2n * numerator + denominator) / (2n * denominator);
}

/** The shortest plain decimal text: `0.00352`, `2`, never an exponent. */
export function formatDecimal(value: Decimal): string {
  const digits = value.coefficient.toString().padStart(value.scale + 1, "0");
  if (value.scale === 0) return digits;
  const point = digits.length - value.scale;
  let end = digits.length;
  while (end > point && digits.codePointAt(end - 1) === 48) end -= 1;
  return end === point ? digits.slice(0, point) : `${digits.slice(0, point)}.${digits.slice(point, end)}`;
}

/** USD to whole nano-dollars, half-up. The one rounding of a charge. */
export function roundToNanoUsd(usd: Decimal): bigint {
  if (usd.scale <= NANO_PLACES) return usd.coefficient * powerOfTen(NANO_PLACES - usd.scale);
  return halfUpQuotient(usd.coefficient, powerOfTen(usd.scale - NANO_PLACES));
}

/** Nano-dollars as USD with nine places: `1234567` is `0.001234567`. Differences may be negative. */
export function formatNanoUsd(nanoUsd: bigint | number): string {
  const amount = BigInt(nanoUsd);
  const digits = (amount < 0n ? -amount : amount).toString().padStart(NANO_PLACES + 1, "0");
  const point = digits.length - NANO_PLACES;
  return `${amount < 0n ? "-" : ""}${digits.slice(0, point)}.${digits.slice(point)}`;
}

/**
 * What an exchange costs, in nano-dollars: the sum of its records. null when anything billed has no cost,
 * because a sum that leaves it out would be too low. A `lower_bound` record counts with its bound, a record
 * that is not billed with 0, and no records at all sum to 0.
 */
export function sumCharges(
  records: readonly (Pick<MeteredUsage, "billed"> & Pick<Charge, "cost_nano_usd">)[],
): number | null {
  let total = 0;
  for (const record of records) {
    if (!record.billed) continue;
    if (record.cost_nano_usd === null) return null;
    total += record.cost_nano_usd;
  }
  return Number.isSafeInteger(total) ? total : null;
}
