/** Money as a person reads it. Exact: it shortens by dropping zeros, never by rounding. */

const NANO_PER_USD = 1_000_000_000n;
/** Below a cent most requests live; six places keep them apart and line columns up. */
const MIN_DECIMALS = 6;

/** Whole nano-dollars as USD with six to nine decimals: `0.001234567`, `12.500000`. */
export function formatNanoUsd(nanoUsd: bigint): string {
  const sign = nanoUsd < 0n ? "-" : "";
  const absolute = nanoUsd < 0n ? -nanoUsd : nanoUsd;
  const fraction = (absolute % NANO_PER_USD).toString().padStart(9, "0");
  let decimals = 9;
  while (decimals > MIN_DECIMALS && fraction[decimals - 1] === "0") decimals--;
  return `${sign}${absolute / NANO_PER_USD}.${fraction.slice(0, decimals)}`;
}

/** A decimal string in USD, of at most nine places, as whole nano-dollars. Throws on anything else. */
export function parseUsd(text: string): bigint {
  const match = /^(-?)(\d+)(?:\.(\d{1,9}))?$/.exec(text);
  if (match === null) throw new Error(`"${text}" is not an amount in USD.`);
  const nanoUsd = BigInt(match[2] ?? "0") * NANO_PER_USD + BigInt((match[3] ?? "").padEnd(9, "0"));
  return match[1] === "-" ? -nanoUsd : nanoUsd;
}
