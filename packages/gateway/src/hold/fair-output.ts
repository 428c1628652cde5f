/**
 * How long an answer a request gets room for where a hard budget has none for its whole output limit: as long a one as
 * is fair to those who spend beside it, and at least one worth having. Pure; takes nothing from any budget.
 *
 * The figures are chosen by `npm run bench -- limits` (bench/README.md): less room cuts answers short while there is
 * money for them, more lets the first few of many take all there is, and the others wait for them in vain.
 */

/** A budget as one request finds it; of several, the tightest. */
export interface Room {
  readonly freeNanoUsd: number;
  /** Free, or held by what runs: most of that comes free again. */
  readonly unspentNanoUsd: number;
  /** The most of the request without its output. */
  readonly inputNanoUsd: number;
  /** Output tokens beside the input in so much money; not a number below 0 where the input alone is dearer. */
  readonly tokensIn: (nanoUsd: number) => number;
}

/** What sort of answer is asked for. */
export interface Wanted {
  /** Little input and no thinking: it can do with less. */
  readonly isChat: boolean;
  /** It has waited long, or waiting cannot help: a short answer is better than none. */
  readonly isContent: boolean;
}

/** Where money is plenty, of what is free: the input and the output together. */
const shareOfFree = 1 / 6;
/** Of what is unspent, for the output alone, as far as it is free. */
const shareOfUnspent = 1 / 32;

interface Answer {
  /** What it takes of what is free, whatever its share. */
  readonly wished: number;
  /** It waits for this much. */
  readonly least: number;
  /** And is content with this much in the end. */
  readonly last: number;
}

/** Tokens. Nearly all answers of coding agents end before 12k (facts: at most 12k, median 600). */
const turn: Answer = { wished: 12_288, least: 8_192, last: 4_096 };
const chat: Answer = { wished: 2_048, least: 2_048, last: 1_024 };

/** Whether so much free money has room for all that a request can cost: `fairOutput` then gives it the whole output. */
export function hasPlenty(freeNanoUsd: number, mostNanoUsd: number): boolean {
  return mostNanoUsd <= freeNanoUsd * shareOfFree;
}

/** Tokens for one answer; more than what is free where that has no room for the least. */
export function fairOutput(room: Room, { isChat, isContent }: Wanted): number {
  const { freeNanoUsd, unspentNanoUsd, inputNanoUsd, tokensIn } = room;
  const answer = isChat ? chat : turn;
  const wished = Math.max(answer.wished, tokensIn(inputNanoUsd + unspentNanoUsd * shareOfUnspent));
  return Math.max(
    isContent ? answer.last : answer.least,
    Math.min(wished, tokensIn(freeNanoUsd)),
    tokensIn(freeNanoUsd * shareOfFree),
  );
}
