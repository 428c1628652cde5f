/** What edits a reply's body on its way to the caller, by the contract's closed list (`reply-editor.ts`). */

export interface ReplyEditor {
  /** True when `push` takes its time, because the reply came encoded although it was asked for plainly. */
  readonly isSlow: boolean;
  /** The bytes that can go on now, null for none. A promise only of a slow editor. */
  push(chunk: Uint8Array): Uint8Array | null | Promise<Uint8Array | null>;
  /** What is left, once the reply has come to its end. Rejects when the reply cannot be made whole. */
  end(): Uint8Array | null | Promise<Uint8Array | null>;
}
