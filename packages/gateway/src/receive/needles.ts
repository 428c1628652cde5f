/**
 * Decides, while a body passes, whether it can hold a member of one of some names at all. Nearly no body does,
 * and then nothing of it is parsed for that; a plain request pays a search for a few bytes.
 */

/** `\u00` and two hex digits spell an ASCII character; only letters, digits and `_` stand in the names looked for. */
const ESCAPE = Buffer.from("\\u00");

export class Needles {
  readonly #needles: readonly Buffer[];
  /** So many bytes may stand at the end of one chunk and belong to a needle in the next. */
  readonly #overlap: number;
  #tail: Buffer = Buffer.alloc(0);
  #isHit = false;

  /** `names` as they stand in a text without escapes, quotes included. */
  constructor(names: readonly string[]) {
    this.#needles = names.map((name) => Buffer.from(name));
    this.#overlap = Math.max(ESCAPE.length + 2, ...this.#needles.map((needle) => needle.length)) - 1;
  }

  /** True once a name, or an escape that could spell one, has passed. */
  get isHit(): boolean {
    return this.#isHit;
  }

  push(chunk: Uint8Array): void {
    if (this.#isHit) return;
    const view = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length);
    const seam =
      this.#tail.length === 0 ? null : Buffer.concat([this.#tail, view.subarray(0, this.#overlap)]);
    this.#isHit = this.#isIn(view) || (seam !== null && this.#isIn(seam));
    const last = view.length >= this.#overlap ? view : Buffer.concat([this.#tail, view]);
    this.#tail = Buffer.from(last.subarray(Math.max(0, last.length - this.#overlap)));
  }

  #isIn(bytes: Buffer): boolean {
    return this.#needles.some((needle) => bytes.includes(needle)) || hasSpellingEscape(bytes);
  }
}

/** Terminals' colours (`\u001b`) and signs that some encoders escape (`\u003c`) spell no name. */
function hasSpellingEscape(bytes: Buffer): boolean {
  for (let at = bytes.indexOf(ESCAPE); at !== -1; at = bytes.indexOf(ESCAPE, at + 1)) {
    const digits = bytes.toString("latin1", at + ESCAPE.length, at + ESCAPE.length + 2);
    if (/^[0-9a-f]{2}$/i.test(digits) && /\w/.test(String.fromCharCode(Number.parseInt(digits, 16))))
      return true;
  }
  return false;
}
