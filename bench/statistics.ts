/** The few statistics that the benchmark needs. Knows nothing of what is measured. */

/** The middle value; of an even number of values the mean of the two. NaN for none. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length / 2;
  const upper = sorted[Math.floor(middle)] ?? Number.NaN;
  return Number.isInteger(middle) ? (upper + (sorted[middle - 1] ?? Number.NaN)) / 2 : upper;
}

/** The smallest value that `share` (0 to 1) of all values do not exceed. `sorted` ascends. NaN for none. */
export function percentile(sorted: ArrayLike<number>, share: number): number {
  const rank = Math.max(1, Math.ceil(share * sorted.length));
  return sorted[rank - 1] ?? Number.NaN;
}

/** A ratio over several rounds: the median, and how far the rounds lie apart. */
export interface Ratio {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

/**
 * What `own` costs in units of `reference`, round by round: a machine that was slow in one round was slow for
 * both, so the median of ratios says more than the ratio of medians. Null unless both have the same rounds.
 */
export function ratioOf(own: readonly number[], reference: readonly number[]): Ratio | null {
  if (own.length === 0 || own.length !== reference.length) return null;
  const ratios = own.map((value, round) => value / (reference[round] ?? Number.NaN));
  return { median: median(ratios), min: Math.min(...ratios), max: Math.max(...ratios) };
}
