/**
 * The other processes that have the same store open. What one of them changes in the directory, the others must know
 * before the change counts as made: a deleted key works nowhere once its deletion is answered.
 */

import type { DirectoryChange } from "./store.ts";

export interface Peers {
  /**
   * Resolves when every other process has dropped what rests on the change, or is gone. Rejects when they cannot be
   * reached: the change is made then, and the others may not know of it.
   */
  tell(change: DirectoryChange): Promise<void>;
  /** Calls back, for as long as the process lives, when another process has made a change. */
  onTold(listener: (change: DirectoryChange) => void): void;
}
