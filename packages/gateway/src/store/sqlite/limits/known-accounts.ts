/**
 * The accounts that holds stand in, as their rows write them: the same few again and again, so that they are written out
 * once. Bounded.
 */

import type { HoldShare } from "../../limits.ts";
import { accountsText, type HoldAccounts } from "./hold-rows.ts";

interface Known extends HoldAccounts {
  readonly text: string;
}

const MAX_KNOWN = 10_000;

export class KnownAccounts {
  /** By the last account: the one of the narrowest limit, as a rule. */
  readonly #known = new Map<string, Known>();

  of(shares: readonly HoldShare[]): Known {
    const last = shares.at(-1)?.account.key ?? "";
    const known = this.#known.get(last);
    if (known !== undefined && isOf(known, shares)) return known;
    const keys = (kind: HoldShare["account"]["kind"]): readonly string[] =>
      shares.filter(({ account }) => account.kind === kind).map(({ account }) => account.key);
    const accounts = { budgetKeys: keys("budget"), concurrencyKeys: keys("concurrency") };
    const made = { ...accounts, text: accountsText(accounts) };
    if (this.#known.size >= MAX_KNOWN) this.#known.clear();
    this.#known.set(last, made);
    return made;
  }
}

function isOf({ budgetKeys, concurrencyKeys }: HoldAccounts, shares: readonly HoldShare[]): boolean {
  let budgets = 0;
  let concurrent = 0;
  for (const { account } of shares) {
    if (account.kind === "budget" && budgetKeys[budgets++] !== account.key) return false;
    if (account.kind === "concurrency" && concurrencyKeys[concurrent++] !== account.key) return false;
  }
  return budgets === budgetKeys.length && concurrent === concurrencyKeys.length;
}
