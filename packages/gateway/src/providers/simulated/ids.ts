/**
 * Ids in the providers' own forms, derived from a seed. The same seed gives the same ids in the same order,
 * so that a test can compare whole replies.
 */

import { createHash } from "node:crypto";

/** Makes the ids of one reply. */
export interface Ids {
  /** `prefix` and `length` hexadecimal digits, as OpenAI's ids end. */
  hex(prefix: string, length: number): string;
  /** `prefix` and `length` letters and digits, as Anthropic's ids and OpenAI's call ids end. */
  letters(prefix: string, length: number): string;
  /** Opaque base64 of `byteLength` bytes: signatures, encrypted content. */
  opaque(byteLength: number): string;
}

const LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz0123456789";

/** The ids that follow from `seed`. */
export function createIds(seed: string): Ids {
  let drawn = 0;
  const draw = (byteLength: number): Buffer => {
    const blocks: Buffer[] = [];
    for (let filled = 0; filled < byteLength; filled += 32) {
      blocks.push(createHash("sha256").update(`${seed}:${drawn}`).digest());
      drawn += 1;
    }
    return Buffer.concat(blocks).subarray(0, byteLength);
  };
  return {
    hex: (prefix, length) =>
      prefix +
      draw(Math.ceil(length / 2))
        .toString("hex")
        .slice(0, length),
    letters: (prefix, length) => {
      let text = prefix;
      for (const byte of draw(length)) text += LETTERS.charAt(byte % LETTERS.length);
      return text;
    },
    opaque: (byteLength) => draw(byteLength).toString("base64"),
  };
}
