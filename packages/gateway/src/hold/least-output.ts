/**
 * How short an answer a request is content with under a hard budget, and how that changes while it waits: room for a
 * comfortable answer at first, for a short one at last. Pure; knows no money.
 */

/** Output that a request wants room for from a share of its wait on. */
export interface LeastOutput {
  /** 0 to 1. */
  readonly fromShareOfWait: number;
  readonly tokens: number;
  /** Of a chat, a request with little input: it can do with less. */
  readonly chatTokens: number;
}

/** What every request asks for first. */
export const comfortable: LeastOutput = { fromShareOfWait: 0, tokens: 24_576, chatTokens: 8_192 };

const later: readonly LeastOutput[] = [
  { fromShareOfWait: 1 / 4, tokens: 8_192, chatTokens: 2_048 },
  { fromShareOfWait: 3 / 4, tokens: 4_096, chatTokens: 1_024 },
];

/** After this share of the wait. It never asks for more again than it has been content with. */
export function leastAfter(shareOfWait: number, before: LeastOutput): LeastOutput {
  const byNow = later.findLast(({ fromShareOfWait }) => shareOfWait >= fromShareOfWait);
  return byNow !== undefined && byNow.tokens < before.tokens ? byNow : before;
}

/** The next smaller one; null where there is none. */
export function lessThan(least: LeastOutput): LeastOutput | null {
  return later.find(({ tokens }) => tokens < least.tokens) ?? null;
}
