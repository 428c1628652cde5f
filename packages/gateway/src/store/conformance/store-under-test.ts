/** What the conformance suite is given to test a store, and how it takes and leaves one. */

import type { Author } from "../audit.ts";
import type { Store } from "../store.ts";

/** Who changes the directory in tests. */
export const tester: Author = {
  kind: "owner",
  apiKeyId: null,
  address: "192.0.2.7",
  userAgent: "conformance",
  requestId: "req_1",
};

/** A store with what its tests hold in their hands. */
export interface StoreUnderTest {
  readonly store: Store;
  /** Of the process that the store believes it is in. */
  readonly bootId: string;
  /** The time that the store's clock shows; a test may set it. */
  readonly time: { nowMs: number };
  /** Closes the store and opens its data again, as the next process would. */
  reopen(): Promise<StoreUnderTest>;
  /** Closes the store and removes its data. */
  dispose(): Promise<void>;
}

/** Opens a store without data. */
export type OpenStore = () => Promise<StoreUnderTest>;

/** Runs `work` with a store of its own and removes it afterwards, also after `reopen`s. */
export async function withStore(
  open: OpenStore,
  work: (under: StoreUnderTest) => Promise<void>,
): Promise<void> {
  const opened = await open();
  let latest = opened;
  const tracked = (under: StoreUnderTest): StoreUnderTest => ({
    ...under,
    reopen: async () => tracked((latest = await under.reopen())),
  });
  try {
    await work(tracked(opened));
  } finally {
    await latest.dispose();
  }
}
