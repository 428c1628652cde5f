/** The promises of `Notices` as tests: what makes a notice, that it is made once, and what is kept of telling it. */

import assert from "node:assert/strict";
import { test } from "node:test";
import type { BudgetDefinition } from "../limit-definition.ts";
import type { BudgetAccount } from "../limits.ts";
import type { BudgetNotice } from "../notices.ts";
import { sampleIntent, sampleResult } from "./sample-exchanges.ts";
import { tester, withStore } from "./store-under-test.ts";
import type { OpenStore, StoreUnderTest } from "./store-under-test.ts";

const everything = { room: null, participant: null, apiKeyId: null, sessionId: null, model: null } as const;

/** $0.000001, told at half, at four fifths and at all of it. */
function definition(projectId: string, rest: Partial<BudgetDefinition> = {}): BudgetDefinition {
  return {
    kind: "budget",
    id: "b",
    projectId,
    name: "Team Lab",
    scope: { ...everything, participant: "*" },
    createdAtMs: 5,
    amountNanoUsd: 1_000,
    toleranceNanoUsd: 0,
    period: "day",
    timeZone: "UTC",
    mode: "soft",
    notifyAtPercent: [50, 80, 100],
    ...rest,
  };
}

function accountOf(budget: BudgetDefinition, rest: Partial<BudgetAccount> = {}): BudgetAccount {
  return {
    kind: "budget",
    key: `${budget.id}|day 1|ada`,
    limitId: budget.id,
    amountNanoUsd: budget.amountNanoUsd,
    toleranceNanoUsd: budget.toleranceNanoUsd,
    spentBeforeNanoUsd: 0,
    isEnforced: budget.mode !== "soft",
    notifyAtPercent: budget.notifyAtPercent,
    resetsAtMs: 1_000_000,
    ...rest,
  };
}

interface Told extends StoreUnderTest {
  readonly budget: BudgetDefinition;
  readonly account: BudgetAccount;
}

/** A budget, defined, and nobody has asked for it yet. */
async function withBudget(
  open: OpenStore,
  work: (told: Told) => Promise<void>,
  rest: Partial<BudgetDefinition> = {},
): Promise<void> {
  await withStore(open, async (under) => {
    const { id } = await under.store.directory.as(tester).createProject("p");
    const budget = definition(id, rest);
    await under.store.directory.as(tester).setLimit(budget);
    await work({ ...under, budget, account: accountOf(budget) });
  });
}

async function begin(
  { store, bootId, time, account }: Told,
  id: string,
  amount = 1,
  of: Partial<BudgetAccount> = {},
): Promise<void> {
  const shares = [{ account: { ...account, ...of }, amount }];
  const intent = sampleIntent({ id, bootId });
  assert.equal((await store.limits.reserve({ intent, nowMs: time.nowMs, shares })).kind, "held");
}

async function settle({ store }: StoreUnderTest, id: string, chargeNanoUsd: number | null): Promise<void> {
  await store.ledger.recordResult(sampleResult({ id }), { chargeNanoUsd, used: {} });
}

async function spend(
  told: Told,
  id: string,
  nanoUsd: number,
  of: Partial<BudgetAccount> = {},
): Promise<void> {
  await begin(told, id, 1, of);
  await settle(told, id, nanoUsd);
}

const noticesOf = ({ store }: StoreUnderTest): Promise<readonly BudgetNotice[]> =>
  store.notices.listOf("b", 100);

/** `percent of amount at spent`, oldest first. */
async function tellings(under: StoreUnderTest): Promise<readonly string[]> {
  const notices = await noticesOf(under);
  return notices
    .map(({ percent, amountNanoUsd, spentNanoUsd }) => `${percent}% of ${amountNanoUsd} at ${spentNanoUsd}`)
    .toReversed();
}

export function noticesConformance(name: string, open: OpenStore): void {
  makingTests(name, open);
  changeTests(name, open);
  tellingTests(name, open);
}

function makingTests(name: string, open: OpenStore): void {
  test(`${name} notices: reaching a percentage makes one, with all there is to tell`, () =>
    withBudget(open, async (told) => {
      told.time.nowMs = 777;
      await spend(told, "ex_1", 499);
      assert.deepEqual(await noticesOf(told), []);
      await spend(told, "ex_2", 1);
      const [notice, ...others] = await noticesOf(told);
      assert.deepEqual(others, []);
      assert.match(notice?.id ?? "", /^bn_[0-9a-z]{26}$/);
      assert.deepEqual(
        { ...notice, id: "" },
        {
          id: "",
          budget: told.budget,
          accountKey: "b|day 1|ada",
          percent: 50,
          amountNanoUsd: 1_000,
          spentNanoUsd: 500,
          resetsAtMs: 1_000_000,
          madeAtMs: 777,
          state: "new",
          attempts: 0,
        },
      );
    }));

  test(`${name} notices: one charge may reach several percentages; each is told, and none twice`, () =>
    withBudget(open, async (told) => {
      await spend(told, "ex_1", 810);
      await spend(told, "ex_2", 20);
      const reopened = { ...told, ...(await told.reopen()) };
      await spend(reopened, "ex_3", 20);
      await spend(reopened, "ex_4", 150);
      assert.deepEqual(await tellings(reopened), [
        "50% of 1000 at 810",
        "80% of 1000 at 810",
        "100% of 1000 at 1000",
      ]);
    }));

  test(`${name} notices: a percentage of an amount that it does not divide is reached when it is, not before`, () =>
    withBudget(
      open,
      async (told) => {
        // 33 % of 101 is 33.33.
        await spend(told, "ex_1", 33);
        assert.deepEqual(await tellings(told), []);
        await spend(told, "ex_2", 1);
        assert.deepEqual(await tellings(told), ["33% of 101 at 34"]);
      },
      { amountNanoUsd: 101, notifyAtPercent: [33] },
    ));

  test(`${name} notices: money that is only held tells nothing; a forfeited hold and a lease tell`, () =>
    withBudget(open, async (told) => {
      await begin(told, "ex_1", 600);
      await told.store.limits.grant({
        id: "l1",
        bootId: told.bootId,
        account: told.account,
        amountNanoUsd: 300,
      });
      assert.deepEqual(await tellings(told), []);
      await told.store.limits.returnLease("l1", { spentNanoUsd: 10, keptNanoUsd: 300 });
      assert.deepEqual(await tellings(told), []);
      await told.store.ledger.interruptOrphans(9_000, () => false);
      // 600 of the hold, all 300 of the lease.
      assert.deepEqual(await tellings(told), ["50% of 1000 at 900", "80% of 1000 at 900"]);
      await settle(told, "ex_1", 100);
      await told.store.limits.returnLease("l1", { spentNanoUsd: 10, keptNanoUsd: 0 });
      assert.equal((await told.store.limits.budgetAccount(told.account.key))?.spentNanoUsd, 110);
      await spend(told, "ex_2", 800);
      assert.equal((await tellings(told)).length, 2, "what fell and rose again is no news");
    }));

  test(`${name} notices: every account tells for itself, in its own period`, () =>
    withBudget(open, async (told) => {
      for (const [index, key] of ["b|day 1|ada", "b|day 1|bob", "b|day 2|ada"].entries()) {
        await spend(told, `ex_${index}`, 500, { key });
      }
      const keys = (await noticesOf(told)).map(({ accountKey }) => accountKey);
      assert.deepEqual(keys.toSorted(), ["b|day 1|ada", "b|day 1|bob", "b|day 2|ada"]);
    }));

  test(`${name} notices: an account that begins over a percentage tells it with its first request`, () =>
    withBudget(open, async (told) => {
      await begin(told, "ex_1", 1, { spentBeforeNanoUsd: 850 });
      assert.deepEqual(await tellings(told), ["50% of 1000 at 850", "80% of 1000 at 850"]);
    }));

  test(`${name} notices: settlements that race tell a percentage once`, () =>
    withBudget(open, async (told) => {
      const ids = Array.from({ length: 40 }, (_, index) => `ex_${index}`);
      await Promise.all(ids.map((id) => begin(told, id)));
      await Promise.all(ids.map((id) => settle(told, id, 25)));
      assert.deepEqual(
        (await noticesOf(told)).map(({ percent }) => percent).toSorted((a, b) => a - b),
        [50, 80, 100],
      );
    }));

  test(`${name} notices: a budget without percentages, and one that was removed, tell nothing`, () =>
    withBudget(open, async (told) => {
      await spend(told, "ex_1", 900, { key: "c|day 1|", limitId: "c", notifyAtPercent: [] });
      await told.store.directory.as(tester).removeLimit(told.budget.projectId, "b");
      await spend(told, "ex_2", 900);
      assert.deepEqual(await told.store.notices.due("new", told.time.nowMs, 10), []);
    }));
}

function changeTests(name: string, open: OpenStore): void {
  /** A moment later, so that the order of what it tells is certain. */
  const change = ({ store, budget, time }: Told, rest: Partial<BudgetDefinition>): Promise<void> => {
    time.nowMs += 1;
    return store.directory.as(tester).setLimit({ ...budget, ...rest });
  };

  test(`${name} notices: a raised amount is told anew, and each amount once`, () =>
    withBudget(open, async (told) => {
      await spend(told, "ex_1", 500);
      await change(told, { amountNanoUsd: 2_000 });
      assert.deepEqual(await tellings(told), ["50% of 1000 at 500"]);
      await spend(told, "ex_2", 500);
      await change(told, { amountNanoUsd: 1_500 });
      await change(told, { amountNanoUsd: 2_000 });
      await change(told, { amountNanoUsd: 1_500 });
      assert.deepEqual(await tellings(told), [
        "50% of 1000 at 500",
        "50% of 2000 at 1000",
        "50% of 1500 at 1000",
      ]);
    }));

  test(`${name} notices: an amount that is lowered under what is spent, and a percentage that is added, tell at once`, () =>
    withBudget(open, async (told) => {
      await spend(told, "ex_1", 400);
      await change(told, { notifyAtPercent: [30, 50] });
      assert.deepEqual(await tellings(told), ["30% of 1000 at 400"]);
      await change(told, { notifyAtPercent: [30, 50], amountNanoUsd: 800 });
      assert.deepEqual((await tellings(told)).toSorted(), [
        "30% of 1000 at 400",
        "30% of 800 at 400",
        "50% of 800 at 400",
      ]);
      await change(told, { notifyAtPercent: [], amountNanoUsd: 800 });
      const reopened = { ...told, ...(await told.reopen()) };
      await spend(reopened, "ex_2", 400, { notifyAtPercent: [100] });
      assert.equal((await tellings(reopened)).length, 3, "a percentage that was taken away tells nothing");
    }));

  test(`${name} notices: an account that is made by who knows an older definition goes by the one that is set`, () =>
    withBudget(open, async (told) => {
      await change(told, { amountNanoUsd: 100, toleranceNanoUsd: 7, notifyAtPercent: [30] });
      // Both in one turn: the request was on its way when the operator changed its budget.
      await Promise.all([begin(told, "ex_1"), change(told, { amountNanoUsd: 90, notifyAtPercent: [30] })]);
      await settle(told, "ex_1", 60);
      const account = await told.store.limits.budgetAccount(told.account.key);
      assert.deepEqual([account?.amountNanoUsd, account?.toleranceNanoUsd], [90, 0]);
      assert.deepEqual(await tellings(told), ["30% of 90 at 60"]);
    }));

  test(`${name} notices: a change is no news of a period that has ended, a late charge is`, () =>
    withBudget(open, async (told) => {
      await spend(told, "ex_1", 400, { resetsAtMs: 1_000 });
      await begin(told, "ex_late", 1, { resetsAtMs: 1_000 });
      told.time.nowMs = 5_000;
      await settle(told, "ex_late", 100);
      assert.deepEqual(await tellings(told), ["50% of 1000 at 500"]);
      await change(told, { amountNanoUsd: 500 });
      assert.deepEqual(await tellings(told), ["50% of 1000 at 500"]);
    }));
}

function tellingTests(name: string, open: OpenStore): void {
  test(`${name} notices: what is due comes oldest first, and what was recorded holds over a restart`, () =>
    withBudget(open, async (told) => {
      told.time.nowMs = 100;
      await spend(told, "ex_1", 1_000);
      const due = await told.store.notices.due("new", 100, 2);
      assert.deepEqual(
        due.map(({ percent }) => percent),
        [50, 80],
      );
      assert.deepEqual(await told.store.notices.due("new", 99, 10), []);
      const [first, second] = due;
      assert.ok(first !== undefined && second !== undefined);
      await told.store.notices.record(first.id, { state: "delivered", attempts: 1, dueAtMs: null });
      await told.store.notices.record(second.id, { state: "waiting", attempts: 3, dueAtMs: 900 });
      await told.store.notices.record("bn_none", { state: "waiting", attempts: 1, dueAtMs: 0 });

      const { notices } = (await told.reopen()).store;
      assert.equal(await notices.countWaiting(), 1);
      assert.deepEqual(
        (await notices.due("new", 900, 10)).map(({ percent }) => percent),
        [100],
      );
      assert.deepEqual(await notices.due("waiting", 899, 10), []);
      assert.deepEqual(
        (await notices.due("waiting", 900, 10)).map(({ percent, state, attempts }) => [
          percent,
          state,
          attempts,
        ]),
        [[80, "waiting", 3]],
      );
      assert.deepEqual(
        (await notices.listOf("b", 2)).map(({ percent, state }) => `${percent} ${state}`),
        ["100 new", "80 waiting"],
      );
    }));
}
