/**
 * Amounts in US dollars as people write them, and as whole nano-dollars. Exact: what has more than nine places is
 * refused, not rounded. Prices and charges are not read here.
 */

/** The largest amount that is taken, in USD: what a safe integer of nano-dollars holds, with room for a tolerance. */
export const MAX_USD = 4_000_000;

const NANO_PLACES = 9;
const DECIMAL = /^(\d{1,15})(?:\.(\d{1,9})0*)?$/;

/**
 * `"10"`, `"0.75"` or the number `0.75` as whole nano-dollars. null for anything else: a sign, an exponent in a text,
 * more than nine places, more than `MAX_USD`.
 */
export function parseNanoUsd(value: unknown): number | null {
  const match = DECIMAL.exec(textOf(value));
  if (match === null) return null;
  const nanoUsd = Number(`${match[1]}${(match[2] ?? "").padEnd(NANO_PLACES, "0")}`);
  return nanoUsd <= MAX_USD * 10 ** NANO_PLACES ? nanoUsd : null;
}

/** The shortest decimal text: `10`, `0.75`. Of whole nano-dollars, which are below zero where more was spent than there was. */
export function formatUsd(nanoUsd: number): string {
  const digits = Math.abs(nanoUsd)
    .toString()
    .padStart(NANO_PLACES + 1, "0");
  const fraction = digits.slice(-NANO_PLACES).replace(/0+$/, "");
  return `${nanoUsd < 0 ? "-" : ""}${digits.slice(0, -NANO_PLACES)}${fraction === "" ? "" : `.${fraction}`}`;
}

/** A number stands for the decimal that it prints as; one with more places than nine for none. */
function textOf(value: unknown): string {
  if (typeof value === "string") return value;
  if (typeof value !== "number" || !(value >= 0 && value <= MAX_USD)) return "";
  const text = value.toFixed(NANO_PLACES);
  return Number(text) === value ? text : "";
}
