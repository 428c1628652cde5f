/** "Did you mean": the known name that is closest to what somebody wrote. */

/**
 * The candidate that the fewest single-character edits lead to, or null when none is near: at most a third
 * of the longer text may differ.
 */
export function findNearestName(written: string, candidates: readonly string[]): string | null {
  if (written.length > 64) return null;
  let nearest: string | null = null;
  let fewest = Number.POSITIVE_INFINITY;
  for (const candidate of candidates) {
    const edits = countEdits(written.toLowerCase(), candidate.toLowerCase());
    if (edits >= fewest || edits > Math.max(written.length, candidate.length) / 3) continue;
    nearest = candidate;
    fewest = edits;
  }
  return nearest;
}

/** Levenshtein distance with swaps of neighbours as one edit (optimal string alignment). */
function countEdits(from: string, to: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: to.length + 1 }, (_, index) => index);
  for (let row = 1; row <= from.length; row++) {
    const current = [row];
    for (let column = 1; column <= to.length; column++) {
      const isSame = from[row - 1] === to[column - 1];
      let edits = Math.min(
        at(last, column) + 1,
        at(current, column - 1) + 1,
        at(last, column - 1) + (isSame ? 0 : 1),
      );
      if (row > 1 && column > 1 && from[row - 1] === to[column - 2] && from[row - 2] === to[column - 1]) {
        edits = Math.min(edits, at(beforeLast, column - 2) + 1);
      }
      current.push(edits);
    }
    beforeLast = last;
    last = current;
  }
  return at(last, to.length);
}

function at(row: readonly number[], column: number): number {
  return row[column] ?? Number.POSITIVE_INFINITY;
}
