/**
 * A secret that cannot be printed by accident. Its text comes out of `reveal()` alone, which is called
 * only where the secret goes on a wire or through a cipher.
 */

/** `util.inspect.custom`, which isolated declarations cannot name through its import. */
const nodeInspect: unique symbol = Symbol.for("nodejs.util.inspect.custom") as never;

const REDACTED = "[redacted]";

export class Secret {
  readonly #text: string;

  constructor(text: string) {
    this.#text = text;
  }

  /** The clear text. Keep the result in no variable that outlives the statement. */
  reveal(): string {
    return this.#text;
  }

  toString(): string {
    return REDACTED;
  }

  toJSON(): string {
    return REDACTED;
  }

  /** What `console.log` and `util.inspect` print. */
  [nodeInspect](): string {
    return REDACTED;
  }
}
