/**
 * Memory for request bodies that is used again and again. A body of 400 KB would else be garbage after a few
 * milliseconds, and what collecting it costs was a third of its request's CPU (measured). It hands out memory and takes
 * it back; whether something still reads it is for its user to know.
 */

/** Of one slab: what a connection gives at most in one read. */
export const slabBytes: number = 64 * 1024;

export interface Slabs {
  /** Memory with anything in it. */
  take(): Uint8Array;
  /** Of `take`; nothing may read or write it any more. */
  give(slabs: readonly Uint8Array[]): void;
}

/** `maxKept`: how many wait for the next body; more are left to the collector. */
export function createSlabs(maxKept = 512): Slabs {
  const kept: Uint8Array[] = [];
  return {
    take: () => kept.pop() ?? Buffer.allocUnsafeSlow(slabBytes),
    give: (slabs) => {
      for (const slab of slabs) if (kept.length < maxKept) kept.push(slab);
    },
  };
}
