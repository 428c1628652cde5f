/**
 * A secret that cannot be printed by accident. Its text comes out of `reveal()` alone, which is called
 * only where the secret goes on a wire or through a cipher.
 */

/** `util.inspect.custom` of Node, which is a registered symbol: known everywhere, imported from nowhere. */
const inspectCustom = Symbol.for("nodejs.util.inspect.custom");

const REDACTED = "[redacted]";

export class Secret {
  // What `console.log` prints. Set here, because isolated declarations cannot name a symbol's method.
  static {
    Object.defineProperty(Secret.prototype, inspectCustom, { value: () => REDACTED });
  }

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
}
