/**
 * What the gateway asks of its store about objects that providers keep: who made each, and which of them have
 * still to tell what they used. Ids and names alone; nothing of what an object holds gets here.
 */

import type { ObjectKind } from "../provider-objects.ts";
import type { Settlement } from "./limits.ts";
import type { ExchangeIntent, ExchangeResult } from "./store.ts";

/** Which object it is. Ids alone prove nothing: another account, or another server, may give the same. */
export interface ObjectKey {
  readonly projectId: string;
  /** Provider, origin and a fingerprint of the key: one account. */
  readonly upstream: string;
  readonly kind: ObjectKind;
  readonly id: string;
}

export interface ProviderObject extends ObjectKey {
  readonly room: string;
  readonly participant: string;
  /** The exchange whose reply showed it first. */
  readonly exchangeId: string;
  /** What it hangs on: an item's response, an output file's batch; null for none. */
  readonly parentId: string | null;
  readonly createdAtMs: number;
  /** When the provider will have forgotten it; null when it keeps it until it is deleted. */
  readonly expiresAtMs: number | null;
  /** The models that a batch file or a video asks for; null where that is not known. */
  readonly models: readonly string[] | null;
}

/** An exchange that stays open until the object it made tells what it used. */
export interface LaterUsage extends ObjectKey {
  /** Its result as far as it is known: everything but usage, cost and outcome, which are placeholders. */
  readonly soFar: ExchangeResult;
}

/** `LaterUsage` with the exchange that waits for it. */
export interface AwaitedUsage extends LaterUsage {
  readonly intent: Omit<ExchangeIntent, "estimate">;
}

export interface Objects {
  /**
   * Makes the rows durable against `kill -9`; resolves then. An object that has a row keeps its owner, unless
   * `isNew` says that the upstream has just made it: then whoever made it owns it, because a server that repeats
   * ids has overwritten the old one.
   */
  record(objects: readonly ProviderObject[], options: { readonly isNew: boolean }): Promise<void>;
  /** Those of the ids that have a row, in any order. */
  find(of: Omit<ObjectKey, "id">, ids: readonly string[]): Promise<readonly ProviderObject[]>;
  /**
   * Keeps an exchange open that has an intent and no result: it is no orphan when its process is gone, until
   * `settleLater`. Durable when it resolves. A repeat changes nothing.
   */
  awaitUsage(later: LaterUsage): Promise<void>;
  /** Every exchange that is kept open, oldest first. */
  awaited(): Promise<readonly AwaitedUsage[]>;
  /**
   * Closes an exchange that is kept open, with its result, in one transaction, and moves the rollup. False, and
   * nothing is written, when it is not kept open any more: whoever came first has settled it.
   */
  settleLater(result: ExchangeResult, settlement?: Settlement): Promise<boolean>;
  /** Forgets objects that the provider has forgotten, at most `limit`. Returns how many. */
  forgetExpired(nowMs: number, limit: number): Promise<number>;
}
