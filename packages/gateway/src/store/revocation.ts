/** What a store keeps of revoked participant tokens. Never a token itself. */

/** Which tokens are revoked: one by its identity, or a participant's in one room that were issued before a time. */
export type RevocationTarget =
  | { readonly kind: "token"; readonly tokenId: string }
  | {
      readonly kind: "participant";
      readonly room: string;
      readonly participant: string;
      readonly issuedBeforeMs: number;
    };

export type Revocation = RevocationTarget & {
  readonly id: string;
  readonly projectId: string;
  readonly createdAtMs: number;
};

/** What can have been revoked of a token. */
export interface RevocableToken {
  readonly projectId: string;
  readonly tokenId: string;
  readonly room: string;
  readonly participant: string;
  /** null counts as issued before any time. */
  readonly issuedAtMs: number | null;
}
