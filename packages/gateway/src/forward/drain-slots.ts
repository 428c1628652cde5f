/** How many replies may be read on at once after their callers left. A plain counter: who gets none does not wait. */

export interface DrainSlots {
  /** True when a slot was free; give it back with `release()`. */
  take(): boolean;
  release(): void;
  readonly inUse: number;
}

export function createDrainSlots(max: number): DrainSlots {
  let inUse = 0;
  return {
    take: () => {
      if (inUse >= max) return false;
      inUse += 1;
      return true;
    },
    release: () => {
      inUse -= 1;
    },
    get inUse() {
      return inUse;
    },
  };
}
