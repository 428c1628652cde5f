/**
 * What an owner may choose about how things pass between callers and a provider. Whatever is not chosen is the
 * environment's choice, else the provider's own. Knows no provider.
 */

import { isContentEncoding, type ContentEncoding } from "./encoding.ts";

/** Whether headers come down to callers. */
export type HeaderPolicy = "pass" | "drop";

export interface Passing {
  /** The lines in which a provider tells how much of the account's rate limits is left. */
  readonly rateLimitHeaders: HeaderPolicy;
  /**
   * The encodings of a request's body that go up as they came. A body in another one, or in a stack of them, goes
   * up decoded.
   */
  readonly acceptedEncodings: readonly ContentEncoding[];
}

/** What was chosen; a member that is absent was not. */
export type PassingChoice = Partial<Passing>;

/** The first choice that is one, member by member. */
export function choosePassing(choices: readonly PassingChoice[], byDefault: Passing): Passing {
  return Object.assign({}, byDefault, ...choices.toReversed()) as Passing;
}

/** Throws an `Error` whose message ends the sentence "NAME ...". */
export function parseHeaderPolicy(text: string): HeaderPolicy {
  if (text === "pass" || text === "drop") return text;
  throw new Error(`must be pass or drop, not "${text}".`);
}

/** Names with commas, or `none`. Throws as above. */
export function parseEncodings(text: string): readonly ContentEncoding[] {
  if (text === "none") return [];
  const names = text.split(",").map((name) => name.trim());
  const encodings = names.filter(isContentEncoding);
  if (encodings.length === names.length) return [...new Set(encodings)];
  throw new Error(`must be none, or some of gzip, deflate, br and zstd with commas, not "${text}".`);
}

/** What `parseEncodings` reads. */
export function encodingsText(encodings: readonly ContentEncoding[]): string {
  return encodings.length === 0 ? "none" : encodings.join(",");
}
