/** What a store keeps of bounds that were wrong: a provider counted more than a request could come to by them. */

export interface WrongBound {
  /** What the bound was for: a model at an address. */
  readonly subject: string;
  /** Which of its bounds. */
  readonly kind: string;
  readonly seenAtMs: number;
  /** The exchange that showed it, the last one that did. */
  readonly exchangeId: string;
}

export interface WrongBounds {
  /** Durable before it resolves. The latest of a subject and kind is kept. */
  note(wrong: WrongBound): Promise<void>;
  /** Those that were seen at or after this, by any process; by subject and kind. */
  since(atMs: number): Promise<readonly WrongBound[]>;
}
