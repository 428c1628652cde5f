/**
 * A secret that cannot be printed by accident. Its text comes out of `reveal()` alone, which is called
 * only where the secret goes on a wire or through a cipher.
 */

import { inspect } from "node:util";

const REDACTED = "[redacted]";

export class Secret {
  // What `console.log` prints. Set here, because isolated declarations cannot name a symbol's method.
  static {
    Object.defineProperty(Secret.prototype, inspect.custom, { value: () => REDACTED });
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
