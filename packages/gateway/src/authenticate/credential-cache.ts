/**
 * Credentials that were verified, so that a client's next request costs one hash. Bounded, keyed by a hash
 * of the credential, never by its text. Only what was verified gets in: a wrong credential leaves no trace
 * here, so nobody can fill it without a key. It does not look at the time; whoever reads an entry does.
 */

import type { Principal } from "../exchange.ts";
import type { Directory, DirectoryChange } from "../store/store.ts";

/** What a credential turned out to be, with what can end it. */
export interface VerifiedCredential {
  readonly principal: Principal;
  /** Seconds since the epoch, checked at every use. Both null for an API key. */
  readonly times: { readonly exp: number | null; readonly nbf: number | null };
}

export class CredentialCache {
  // In order of use, the oldest first.
  readonly #entries = new Map<string, VerifiedCredential>();
  readonly #maxEntries: number;
  #changes = 0;

  constructor(maxEntries: number) {
    this.#maxEntries = maxEntries;
  }

  /** How many credentials it holds. */
  get size(): number {
    return this.#entries.size;
  }

  /** Counts the changes seen. Read it before a verification and give it to `put`. */
  get changes(): number {
    return this.#changes;
  }

  /** The entry of this hash; it becomes the one used last. */
  find(hash: string): VerifiedCredential | null {
    const entry = this.#entries.get(hash);
    if (entry === undefined) return null;
    this.#entries.delete(hash);
    this.#entries.set(hash, entry);
    return entry;
  }

  /**
   * Keeps what was verified, unless something changed since `changesBefore`: then it may rest on a key or a
   * room that is gone by now, and the next request verifies again.
   */
  put(hash: string, entry: VerifiedCredential, changesBefore: number): void {
    if (changesBefore !== this.#changes) return;
    this.#entries.set(hash, entry);
    if (this.#entries.size <= this.#maxEntries) return;
    for (const oldest of this.#entries.keys()) {
      this.#entries.delete(oldest);
      return;
    }
  }

  /** Forgets an entry that has come to its end. */
  forget(hash: string): void {
    this.#entries.delete(hash);
  }

  /** Follows the directory from now on. Returns the unsubscribe function. */
  follow(directory: Pick<Directory, "onChange">): () => void {
    return directory.onChange((change) => {
      if (change.kind === "provider" || change.kind === "limit") return;
      this.#changes++;
      for (const [hash, entry] of this.#entries) {
        if (restsOn(entry.principal, change)) this.#entries.delete(hash);
      }
    });
  }
}

/** True when the change may have ended the credential of this principal. */
export function restsOn(principal: Principal, change: DirectoryChange): boolean {
  switch (change.kind) {
    case "api_key":
      return principal.apiKeyId === change.id;
    case "room":
      return principal.projectId === change.projectId && principal.room === change.id;
    case "token":
      return principal.projectId === change.projectId && principal.tokenId === change.id;
    case "participant":
      return principal.projectId === change.projectId && principal.participant === change.id;
    case "project":
      return principal.projectId === change.projectId;
    case "provider":
    case "limit":
      return false;
  }
}
