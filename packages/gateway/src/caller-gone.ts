/** The caller left before it could be answered. Not an error of the catalogue: there is nobody to tell. */

/** Ends an exchange without an answer and without a row: nothing was sent to a provider. */
export class CallerGone extends Error {
  override readonly name = "CallerGone";

  constructor(cause?: unknown) {
    super("the caller closed its connection", { cause });
  }
}
