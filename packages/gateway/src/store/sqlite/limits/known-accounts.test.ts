import assert from "node:assert/strict";
import { test } from "node:test";
import type { HoldShare, LimitAccount } from "../../limits.ts";
import { KnownAccounts } from "./known-accounts.ts";

function share(kind: LimitAccount["kind"], key: string): HoldShare {
  const rest = { limitId: key, counts: "tokens", perMinute: 1, max: 1, amountNanoUsd: 1 };
  return {
    account: { kind, key, ...rest, toleranceNanoUsd: 0, spentBeforeNanoUsd: 0, isEnforced: true },
    amount: 1,
  } as HoldShare;
}

test("accounts are written once, and read as they were", () => {
  const known = new KnownAccounts();
  const shares = (): HoldShare[] => [share("concurrency", "c"), share("rate", "r"), share("budget", "b")];
  const first = known.of(shares());
  assert.deepEqual([first.budgetKeys, first.concurrencyKeys], [["b"], ["c"]]);
  assert.deepEqual(JSON.parse(first.text), [["b"], ["c"]]);
  assert.equal(known.of(shares()), first, "the same again");
});

test("two lists that end alike are never taken for each other", () => {
  const known = new KnownAccounts();
  const lists = [
    [share("budget", "a"), share("budget", "z")],
    [share("budget", "b"), share("budget", "z")],
    [share("budget", "z")],
    [share("concurrency", "a"), share("budget", "z")],
    [share("rate", "a"), share("concurrency", "z")],
    [share("budget", "a"), share("concurrency", "a"), share("budget", "z")],
    [],
    [share("rate", "a")],
  ];
  for (const shares of [...lists, ...lists.toReversed()]) {
    const keys = (kind: string): string[] =>
      shares.filter(({ account }) => account.kind === kind).map(({ account }) => account.key);
    const { text, budgetKeys, concurrencyKeys } = known.of(shares);
    assert.deepEqual([budgetKeys, concurrencyKeys], [keys("budget"), keys("concurrency")]);
    assert.deepEqual(JSON.parse(text), [keys("budget"), keys("concurrency")]);
  }
});
