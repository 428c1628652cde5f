/**
 * Why a participant token is not accepted. Every refusal has a message of its own that says what to do; no
 * message holds the token or a secret.
 */

/**
 * `malformed`: the text or its claims are not a participant token. `unsupported`: a JWT of another kind
 * (algorithm, encryption, critical extension, audience). `bad_signature`, `expired`, `not_yet_valid`: what
 * they say.
 */
export type TokenErrorCode = "malformed" | "unsupported" | "bad_signature" | "expired" | "not_yet_valid";

/** A participant token that is not accepted. The message is for a person. */
export class TokenError extends Error {
  override readonly name = "TokenError";
  readonly code: TokenErrorCode;

  constructor(code: TokenErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}
