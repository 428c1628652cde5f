/** The promises of `Limits` as tests: what is atomic, what a repeat does, and the sum that holds after every call. */

import assert from "node:assert/strict";
import { test } from "node:test";
import type {
  BudgetAccount,
  ConcurrencyAccount,
  HoldReply,
  LimitAccount,
  RateAccount,
  Settlement,
} from "../limits.ts";
import { ExchangeIdTakenError, UnknownExchangeError } from "../errors.ts";
import { sampleIntent, sampleRecord, sampleResult } from "./sample-exchanges.ts";
import { sampleBudget } from "./sample-budget.ts";
import { tester, withStore } from "./store-under-test.ts";
import type { OpenStore, StoreUnderTest } from "./store-under-test.ts";

function budget(key: string, amountNanoUsd: number, rest: Partial<BudgetAccount> = {}): BudgetAccount {
  const limitId = key.split("|")[0] ?? key;
  const soft = { toleranceNanoUsd: 0, spentBeforeNanoUsd: 0, isEnforced: true };
  return { kind: "budget", key, limitId, amountNanoUsd, ...soft, ...rest };
}

function rate(key: string, perMinute: number, counts: RateAccount["counts"] = "tokens"): RateAccount {
  return { kind: "rate", key, limitId: key, counts, perMinute };
}

function running(key: string, max: number): ConcurrencyAccount {
  return { kind: "concurrency", key, limitId: key, max };
}

interface Ask {
  readonly id: string;
  readonly amount: number;
  readonly accounts: readonly LimitAccount[];
  readonly nowMs?: number;
}

function reserve({ store, bootId, time }: StoreUnderTest, ask: Ask): Promise<HoldReply> {
  const shares = ask.accounts.map((account) => ({
    account,
    amount: account.kind === "concurrency" ? 1 : ask.amount,
  }));
  const intent = sampleIntent({ id: ask.id, bootId });
  return store.limits.reserve({ intent, nowMs: ask.nowMs ?? time.nowMs, shares });
}

async function settle({ store }: StoreUnderTest, id: string, settlement: Partial<Settlement>): Promise<void> {
  await store.ledger.recordResult(sampleResult({ id }), { chargeNanoUsd: null, used: {}, ...settlement });
}

/** Counters against their own rows: what the sum in `limits.ts` says. */
async function checkSum({ store }: StoreUnderTest, key: string): Promise<void> {
  const account = await store.limits.budgetAccount(key);
  assert.ok(account !== null, key);
  const { holds, leases } = await store.limits.openOf(key);
  const held = holds.reduce((sum, hold) => sum + hold.amountNanoUsd, 0);
  const leased = leases.reduce((sum, lease) => sum + lease.amountNanoUsd - lease.spentNanoUsd, 0);
  assert.equal(account.heldNanoUsd, held, `${key}: held is the sum of the open holds`);
  assert.equal(account.leasedNanoUsd, leased, `${key}: leased is what open leases have not spent`);
  const { spentNanoUsd, heldNanoUsd, leasedNanoUsd, freeNanoUsd } = account;
  assert.equal(
    spentNanoUsd + heldNanoUsd + leasedNanoUsd + freeNanoUsd,
    account.amountNanoUsd + account.toleranceNanoUsd,
    `${key}: spent + held + leased + free = amount + tolerance`,
  );
}

/** `spent held leased free` of an account, checked. */
async function stateOf(under: StoreUnderTest, key: string): Promise<readonly number[]> {
  await checkSum(under, key);
  const account = await under.store.limits.budgetAccount(key);
  if (account === null) return [];
  return [account.spentNanoUsd, account.heldNanoUsd, account.leasedNanoUsd, account.freeNanoUsd];
}

function reasonOf(reply: HoldReply): string {
  return reply.kind === "held" ? "held" : `${reply.reason} ${reply.account.key}`;
}

export function limitsConformance(name: string, open: OpenStore): void {
  holdTests(name, open);
  rateTests(name, open);
  orphanTests(name, open);
  leaseTests(name, open);
}

function holdTests(name: string, open: OpenStore): void {
  test(`${name} limits: a hold takes its share, and its charge takes the hold's place`, () =>
    withStore(open, async (under) => {
      const b = budget("b", 1_000);
      assert.deepEqual(await reserve(under, { id: "ex_1", amount: 600, accounts: [b] }), { kind: "held" });
      assert.deepEqual(await stateOf(under, "b"), [0, 600, 0, 400]);
      await settle(under, "ex_1", { chargeNanoUsd: 150 });
      assert.deepEqual(await stateOf(under, "b"), [150, 0, 0, 850]);
      assert.deepEqual(await under.store.limits.findHold("ex_1"), {
        id: "ex_1",
        bootId: under.bootId,
        amountNanoUsd: 600,
        chargeNanoUsd: 150,
        budgetKeys: ["b"],
      });
    }));

  test(`${name} limits: what is not known is charged as it was held`, () =>
    withStore(open, async (under) => {
      await reserve(under, { id: "ex_1", amount: 600, accounts: [budget("b", 1_000)] });
      await settle(under, "ex_1", { chargeNanoUsd: null });
      assert.deepEqual(await stateOf(under, "b"), [600, 0, 0, 400]);
      // A later reading knows: the charge follows by the difference, and null after it takes nothing back.
      await settle(under, "ex_1", { chargeNanoUsd: 90 });
      await settle(under, "ex_1", { chargeNanoUsd: null });
      assert.deepEqual(await stateOf(under, "b"), [90, 0, 0, 910]);
    }));

  test(`${name} limits: a charge over its hold is booked as it is`, () =>
    withStore(open, async (under) => {
      await reserve(under, { id: "ex_1", amount: 900, accounts: [budget("b", 1_000)] });
      await settle(under, "ex_1", { chargeNanoUsd: 1_100 });
      assert.deepEqual(await stateOf(under, "b"), [1_100, 0, 0, -100]);
      const next = await reserve(under, { id: "ex_2", amount: 0, accounts: [budget("b", 1_000)] });
      assert.equal(reasonOf(next), "spent b");
    }));

  test(`${name} limits: several accounts are taken all or nothing, and the refusal names the one`, () =>
    withStore(open, async (under) => {
      const [wide, narrow] = [budget("wide", 1_000), budget("narrow", 100)];
      assert.equal(
        reasonOf(await reserve(under, { id: "ex_1", amount: 80, accounts: [wide, narrow] })),
        "held",
      );
      const refused = await reserve(under, { id: "ex_2", amount: 50, accounts: [wide, narrow] });
      assert.deepEqual(refused, {
        kind: "refused",
        account: narrow,
        reason: "busy",
        retryAfterMs: null,
        budget: {
          amountNanoUsd: 100,
          toleranceNanoUsd: 0,
          spentNanoUsd: 0,
          heldNanoUsd: 80,
          leasedNanoUsd: 0,
          freeNanoUsd: 20,
        },
      });
      assert.equal(
        reasonOf(await reserve(under, { id: "ex_3", amount: 101, accounts: [wide, narrow] })),
        "too_large narrow",
      );
      assert.deepEqual(await stateOf(under, "wide"), [0, 80, 0, 920]);
      assert.deepEqual(await stateOf(under, "narrow"), [0, 80, 0, 20]);
      assert.equal(await under.store.limits.findHold("ex_2"), null);
    }));

  test(`${name} limits: of several that refuse, the one is told that will for the longest`, () =>
    withStore(open, async (under) => {
      const [busy, spent] = [budget("busy", 1_000), budget("spent", 1_000, { spentBeforeNanoUsd: 1_000 })];
      const [one, soon, late] = [running("one", 1), rate("soon", 100), rate("late", 100)];
      await reserve(under, { id: "ex_1", amount: 900, accounts: [busy, one] });
      await reserve(under, { id: "ex_2", amount: 100, accounts: [soon], nowMs: 10_000 });
      await reserve(under, { id: "ex_3", amount: 100, accounts: [late], nowMs: 30_000 });
      const refusal = async (...accounts: readonly LimitAccount[]): Promise<HoldReply> =>
        reserve(under, { id: "ex_4", amount: 100, accounts, nowMs: 30_000 });
      assert.equal(reasonOf(await refusal(one, busy)), "busy one", "of equals the first");
      assert.equal(reasonOf(await refusal(one, soon, late, busy, spent)), "spent spent");
      assert.equal(reasonOf(await refusal(one, soon, busy)), "busy soon");
      const longest = await refusal(soon, late);
      assert.equal(reasonOf(longest), "busy late");
      const retryAfterMs = longest.kind === "refused" ? (longest.retryAfterMs ?? 0) : 0;
      assert.ok(retryAfterMs >= 60_000 && retryAfterMs <= 61_000, String(retryAfterMs));
    }));

  test(`${name} limits: what has to stay free beside a share is left, and not taken`, () =>
    withStore(open, async (under) => {
      const [two, tokens] = [running("two", 2), rate("tokens", 100)];
      const asked = async (id: string, account: LimitAccount, beside: number): Promise<HoldReply> =>
        under.store.limits.reserve({
          intent: sampleIntent({ id, bootId: under.bootId }),
          nowMs: 60_000,
          shares: [{ account, amount: account.kind === "rate" ? 40 : 1, beside }],
        });
      assert.equal(reasonOf(await asked("ex_1", two, 1)), "held");
      assert.equal(reasonOf(await asked("ex_2", two, 1)), "busy two");
      assert.equal(reasonOf(await asked("ex_2", two, 0)), "held");
      assert.equal(reasonOf(await asked("ex_3", tokens, 60)), "held");
      assert.equal(reasonOf(await asked("ex_4", tokens, 21)), "busy tokens");
      const later = await asked("ex_4", tokens, 1_000);
      const retryAfterMs = later.kind === "refused" ? (later.retryAfterMs ?? 0) : 0;
      assert.ok(retryAfterMs >= 60_000 && retryAfterMs <= 61_000, "after all of the minute");
      assert.equal(reasonOf(await asked("ex_4", tokens, 20)), "held");
    }));

  test(`${name} limits: an amount that a request brings along is its own, and the counter is everybody's`, () =>
    withStore(open, async (under) => {
      const of = (amount: number): BudgetAccount => budget("b", amount, { isBroughtAlong: true });
      assert.equal(
        reasonOf(await reserve(under, { id: "ex_1", amount: 600, accounts: [of(1_000)] })),
        "held",
      );
      assert.equal(
        reasonOf(await reserve(under, { id: "ex_2", amount: 200, accounts: [of(700)] })),
        "busy b",
        "600 of 700 are held",
      );
      assert.equal(
        reasonOf(await reserve(under, { id: "ex_3", amount: 500, accounts: [of(2_000)] })),
        "held",
      );
      await settle(under, "ex_1", { chargeNanoUsd: 600 });
      assert.equal(reasonOf(await reserve(under, { id: "ex_4", amount: 1, accounts: [of(600)] })), "spent b");
      assert.equal((await stateOf(under, "b"))[0], 600);
    }));

  test(`${name} limits: a tolerance is room for what was let in, and lets nothing in once the amount is spent`, () =>
    withStore(open, async (under) => {
      const b = budget("b", 1_000, { toleranceNanoUsd: 200 });
      await reserve(under, { id: "ex_1", amount: 1_200, accounts: [b] });
      await settle(under, "ex_1", { chargeNanoUsd: 1_000 });
      assert.deepEqual(await stateOf(under, "b"), [1_000, 0, 0, 200]);
      assert.equal(reasonOf(await reserve(under, { id: "ex_2", amount: 1, accounts: [b] })), "spent b");
    }));

  test(`${name} limits: repeats change nothing`, () =>
    withStore(open, async (under) => {
      const b = budget("b", 1_000);
      const ask = { id: "ex_1", amount: 700, accounts: [b] };
      const replies = await Promise.all([reserve(under, ask), reserve(under, ask), reserve(under, ask)]);
      assert.deepEqual(replies.map(reasonOf), ["held", "held", "held"]);
      assert.deepEqual(await stateOf(under, "b"), [0, 700, 0, 300]);
      await Promise.all([under.store.limits.shrink("ex_1", 300), under.store.limits.shrink("ex_1", 300)]);
      assert.deepEqual(await stateOf(under, "b"), [0, 300, 0, 700]);
      await under.store.limits.shrink("ex_1", 500);
      assert.deepEqual(await stateOf(under, "b"), [0, 300, 0, 700], "a hold never grows");
      await Promise.all([
        settle(under, "ex_1", { chargeNanoUsd: 20 }),
        settle(under, "ex_1", { chargeNanoUsd: 20 }),
      ]);
      await under.store.limits.shrink("ex_1", 1);
      assert.equal(reasonOf(await reserve(under, ask)), "held", "also after it was settled");
      assert.deepEqual(await stateOf(under, "b"), [20, 0, 0, 980]);
    }));

  test(`${name} limits: the intent is written with its hold, or not at all`, () =>
    withStore(open, async (under) => {
      const { ledger, reports } = under.store;
      const b = budget("b", 1_000);
      assert.equal(reasonOf(await reserve(under, { id: "ex_1", amount: 700, accounts: [b] })), "held");
      assert.equal(reasonOf(await reserve(under, { id: "ex_2", amount: 700, accounts: [b] })), "busy b");
      const running = async (): Promise<readonly string[]> =>
        (await reports.exchanges({ projectId: "p1" }, { limit: 10 })).exchanges.map(
          ({ intent }) => intent.id,
        );
      assert.deepEqual(await running(), ["ex_1"]);
      await ledger.recordIntent(sampleIntent({ id: "ex_1", bootId: under.bootId }));
      assert.deepEqual(await stateOf(under, "b"), [0, 700, 0, 300], "a repeat of the intent changes nothing");
      await assert.rejects(settle(under, "ex_2", {}), UnknownExchangeError);
      // One that was refused may come again; one that holds nothing cannot be held for any more.
      await settle(under, "ex_1", { chargeNanoUsd: 0 });
      assert.equal(reasonOf(await reserve(under, { id: "ex_2", amount: 700, accounts: [b] })), "held");
      await ledger.recordIntent(sampleIntent({ id: "ex_3", bootId: under.bootId }));
      await assert.rejects(reserve(under, { id: "ex_3", amount: 1, accounts: [b] }), ExchangeIdTakenError);
      const another = { intent: sampleIntent({ id: "ex_2", bootId: "boot_2" }), nowMs: 0, shares: [] };
      const reopened = await under.reopen();
      await assert.rejects(reopened.store.limits.reserve(another), ExchangeIdTakenError);
      assert.deepEqual(await stateOf(reopened, "b"), [0, 700, 0, 300]);
    }));

  test(`${name} limits: of several at once the one that is broken fails alone, and holds nothing`, () =>
    withStore(open, async (under) => {
      const b = budget("b", 1_000);
      const accounts = [b, running("r", 2), rate("t", 1_000)];
      await under.store.ledger.recordIntent(sampleIntent({ id: "ex_2", bootId: under.bootId }));
      const [first, broken, third] = await Promise.allSettled(
        ["ex_1", "ex_2", "ex_3"].map((id) => reserve(under, { id, amount: 300, accounts })),
      );
      assert.deepEqual(
        [first?.status, broken?.status, third?.status],
        ["fulfilled", "rejected", "fulfilled"],
      );
      assert.deepEqual(await stateOf(under, "b"), [0, 600, 0, 400]);
      await settle(under, "ex_1", { chargeNanoUsd: 1, used: { t: 0 } });
      // 1000 - 300 of the third: what is counted of rates and of what runs is what is held, too.
      const next = { id: "ex_4", amount: 700, accounts: accounts.slice(1) };
      assert.equal(reasonOf(await reserve(under, next)), "held");
      const last = { ...next, id: "ex_5", accounts: accounts.slice(1, 2) };
      assert.equal(reasonOf(await reserve(under, last)), "busy r");
    }));

  test(`${name} limits: a result of which nobody says what it cost is charged in full`, () =>
    withStore(open, async (under) => {
      const b = budget("b", 1_000);
      await reserve(under, { id: "ex_1", amount: 600, accounts: [b] });
      await under.store.ledger.recordResult(sampleResult({ id: "ex_1" }));
      assert.deepEqual(await stateOf(under, "b"), [600, 0, 0, 400]);
      await settle(under, "ex_1", { chargeNanoUsd: 9 });
      await under.store.ledger.recordResult(sampleResult({ id: "ex_1" }));
      assert.deepEqual(await stateOf(under, "b"), [9, 0, 0, 991], "and keeps what was known of it");
      assert.equal((await under.store.limits.findHold("ex_1"))?.chargeNanoUsd, 9);
    }));

  test(`${name} limits: a soft budget counts and refuses nothing`, () =>
    withStore(open, async (under) => {
      const soft = budget("soft", 100, { isEnforced: false });
      assert.equal(reasonOf(await reserve(under, { id: "ex_1", amount: 5_000, accounts: [soft] })), "held");
      assert.deepEqual(await stateOf(under, "soft"), [0, 5_000, 0, -4_900]);
    }));

  test(`${name} limits: a thousand at once never hold more than there is`, () =>
    withStore(open, async (under) => {
      const b = budget("b", 10_000);
      const replies = await Promise.all(
        Array.from({ length: 1_000 }, (_each, index) =>
          reserve(under, { id: `ex_${index}`, amount: 30, accounts: [b] }),
        ),
      );
      // 10000 / 30 = 333 fit, and 10 are left.
      assert.equal(replies.filter(({ kind }) => kind === "held").length, 333);
      assert.deepEqual(await stateOf(under, "b"), [0, 9_990, 0, 10]);
    }));

  test(`${name} limits: a new account begins with what was spent before it, a known one keeps its own`, () =>
    withStore(open, async (under) => {
      await reserve(under, {
        id: "ex_1",
        amount: 1,
        accounts: [budget("b", 100, { spentBeforeNanoUsd: 40 })],
      });
      assert.deepEqual(await stateOf(under, "b"), [40, 1, 0, 59]);
      await reserve(under, {
        id: "ex_2",
        amount: 1,
        accounts: [budget("b", 900, { spentBeforeNanoUsd: 70 })],
      });
      assert.deepEqual(await stateOf(under, "b"), [40, 2, 0, 58]);
    }));

  test(`${name} limits: an amount that is changed holds for every account of the budget at once`, () =>
    withStore(open, async (under) => {
      await reserve(under, { id: "ex_1", amount: 60, accounts: [budget("b|day 1", 100)] });
      await reserve(under, { id: "ex_2", amount: 10, accounts: [budget("b|day 2", 100)] });
      await reserve(under, { id: "ex_3", amount: 10, accounts: [budget("c|day 2", 100)] });
      const write = under.store.directory.as(tester);
      const { id: projectId } = await write.createProject("p");
      await write.setLimit(sampleBudget({ id: "b", projectId, amountNanoUsd: 50, toleranceNanoUsd: 5 }));
      const reopened = await under.reopen();
      assert.deepEqual(await stateOf(reopened, "b|day 1"), [0, 60, 0, -5]);
      assert.deepEqual(await stateOf(reopened, "b|day 2"), [0, 10, 0, 45]);
      assert.deepEqual(await stateOf(reopened, "c|day 2"), [0, 10, 0, 90]);
      const rows = await reopened.store.limits.budgetAccounts("b");
      assert.deepEqual(
        rows.map((row) => row.key),
        ["b|day 1", "b|day 2"],
      );
    }));

  test(`${name} limits: a share that is no whole amount, or differs between budgets, is a fault of the caller`, () =>
    withStore(open, async (under) => {
      const b = budget("b", 1_000);
      for (const amount of [-1, 0.5, Number.NaN, Number.MAX_SAFE_INTEGER + 1]) {
        await assert.rejects(reserve(under, { id: "ex_1", amount, accounts: [b] }), RangeError);
      }
    }));
}

function rateTests(name: string, open: OpenStore): void {
  test(`${name} limits: a rate lets in what a minute has room for, and says when there is more`, () =>
    withStore(open, async (under) => {
      const accounts = [rate("r", 100)];
      assert.equal(
        reasonOf(await reserve(under, { id: "ex_1", amount: 60, accounts, nowMs: 1_000 })),
        "held",
      );
      assert.equal(
        reasonOf(await reserve(under, { id: "ex_2", amount: 40, accounts, nowMs: 9_000 })),
        "held",
      );
      const busy = await reserve(under, { id: "ex_3", amount: 41, accounts, nowMs: 20_000 });
      assert.ok(busy.kind === "refused" && busy.reason === "busy" && busy.retryAfterMs !== null);
      const early = await reserve(under, {
        id: "ex_4",
        amount: 41,
        accounts,
        nowMs: 20_000 + busy.retryAfterMs - 1,
      });
      assert.equal(reasonOf(early), "busy r");
      const inTime = await reserve(under, {
        id: "ex_5",
        amount: 41,
        accounts,
        nowMs: 20_000 + busy.retryAfterMs,
      });
      assert.equal(reasonOf(inTime), "held");
      assert.equal(
        reasonOf(await reserve(under, { id: "ex_6", amount: 101, accounts, nowMs: 500_000 })),
        "too_large r",
      );
    }));

  test(`${name} limits: tokens are corrected by what was used, requests are not`, () =>
    withStore(open, async (under) => {
      const accounts = [rate("tokens", 100), rate("requests", 100, "requests")];
      await reserve(under, { id: "ex_1", amount: 90, accounts });
      await settle(under, "ex_1", { chargeNanoUsd: 0, used: { tokens: 10, requests: 10 } });
      assert.equal(
        reasonOf(await reserve(under, { id: "ex_2", amount: 90, accounts: [accounts[0] ?? rate("", 0)] })),
        "held",
      );
      assert.equal(reasonOf(await reserve(under, { id: "ex_3", amount: 11, accounts })), "busy tokens");
      assert.equal(
        reasonOf(await reserve(under, { id: "ex_4", amount: 11, accounts: [accounts[1] ?? rate("", 0)] })),
        "busy requests",
      );
    }));

  test(`${name} limits: what runs at once is counted until its result is there`, () =>
    withStore(open, async (under) => {
      const accounts = [running("r", 2)];
      const ask = (id: string): Promise<HoldReply> => reserve(under, { id, amount: 1, accounts });
      assert.deepEqual((await Promise.all(["ex_1", "ex_2", "ex_3"].map(ask))).map(reasonOf), [
        "held",
        "held",
        "busy r",
      ]);
      await settle(under, "ex_1", {});
      await settle(under, "ex_1", { chargeNanoUsd: 1 });
      assert.equal(reasonOf(await ask("ex_4")), "held");
      assert.equal(reasonOf(await ask("ex_5")), "busy r");
    }));
}

function orphanTests(name: string, open: OpenStore): void {
  test(`${name} limits: holds of a process that is gone are charged in full, because they may have been sent`, () =>
    withStore(open, async (under) => {
      const accounts = [budget("b", 1_000), budget("c", 1_000)];
      await reserve(under, { id: "ex_sent", amount: 300, accounts });
      await reserve(under, { id: "ex_done", amount: 100, accounts });
      await settle(under, "ex_done", { chargeNanoUsd: 7 });
      assert.equal(await under.store.ledger.interruptOrphans(1), 0, "this process is alive");
      assert.deepEqual(await stateOf(under, "b"), [7, 300, 0, 693]);

      const next = await under.reopen();
      await reserve(next, { id: "ex_new", amount: 50, accounts });
      assert.equal(await next.store.ledger.interruptOrphans(1), 1);
      assert.equal(await next.store.ledger.interruptOrphans(1), 0);
      for (const key of ["b", "c"]) assert.deepEqual(await stateOf(next, key), [307, 50, 0, 643]);
      const charges = await Promise.all(
        ["ex_sent", "ex_done", "ex_new"].map(
          async (id) => (await next.store.limits.findHold(id))?.chargeNanoUsd,
        ),
      );
      assert.deepEqual(charges, [300, 7, null]);

      // A result that comes late refunds what was not used, once.
      await settle(next, "ex_sent", { chargeNanoUsd: 25 });
      await settle(next, "ex_sent", { chargeNanoUsd: 25 });
      assert.deepEqual(await stateOf(next, "b"), [32, 50, 0, 918]);
    }));

  test(`${name} limits: where nothing was held, as under soft budgets alone, the row's estimate is charged`, () =>
    withStore(open, async (under) => {
      const accounts = [budget("b", 1_000, { isEnforced: false })];
      const estimate = [sampleRecord({ completeness: "estimated", cost_nano_usd: 70 })];
      const killed = sampleIntent({ id: "ex_killed", bootId: under.bootId, estimate });
      const shares = accounts.map((account) => ({ account, amount: 0 }));
      await under.store.limits.reserve({ intent: killed, nowMs: 0, shares });
      await reserve(under, { id: "ex_cut", amount: 0, accounts });
      const cut = sampleResult({ id: "ex_cut", usageSource: "estimated", costNanoUsd: 30 });
      for (const _ of [1, 2]) await under.store.ledger.recordResult(cut, { chargeNanoUsd: null, used: {} });
      assert.deepEqual(await stateOf(under, "b"), [30, 0, 0, 970]);

      const next = await under.reopen();
      for (const _ of [1, 2]) await next.store.ledger.interruptOrphans(1);
      assert.deepEqual(await stateOf(next, "b"), [30 + 70, 0, 0, 900]);
      assert.equal((await next.store.limits.findHold("ex_killed"))?.chargeNanoUsd, 70);

      // A result that comes late takes the estimate's place, once.
      for (const _ of [1, 2]) await settle(next, "ex_killed", { chargeNanoUsd: 25 });
      assert.deepEqual(await stateOf(next, "b"), [30 + 25, 0, 0, 945]);
    }));

  test(`${name} limits: a process that is said to be alive keeps its holds`, () =>
    withStore(open, async (under) => {
      await reserve(under, { id: "ex_1", amount: 300, accounts: [budget("b", 1_000)] });
      const next = await under.reopen();
      assert.equal(await next.store.ledger.interruptOrphans(1, (boot) => boot === under.bootId), 0);
      assert.deepEqual(await stateOf(next, "b"), [0, 300, 0, 700]);
      assert.equal(await next.store.ledger.interruptOrphans(1, () => false), 1);
      assert.deepEqual(await stateOf(next, "b"), [300, 0, 0, 700]);
    }));
}

function leaseTests(name: string, open: OpenStore): void {
  const lease = (under: StoreUnderTest, id: string, amountNanoUsd: number): Promise<HoldReply> =>
    under.store.limits.grant({ id, bootId: under.bootId, account: budget("b", 1_000), amountNanoUsd });

  test(`${name} limits: a lease takes money out of what is free, and gives back what it did not spend`, () =>
    withStore(open, async (under) => {
      const { limits } = under.store;
      assert.equal(reasonOf(await lease(under, "l1", 600)), "held");
      assert.equal(reasonOf(await lease(under, "l1", 600)), "held", "a repeat");
      assert.equal(reasonOf(await lease(under, "l2", 500)), "busy b");
      assert.deepEqual(await stateOf(under, "b"), [0, 0, 600, 400]);
      await limits.returnLease("l1", { spentNanoUsd: 100, keptNanoUsd: 600 });
      assert.deepEqual(await stateOf(under, "b"), [100, 0, 500, 400]);
      await limits.returnLease("l1", { spentNanoUsd: 150, keptNanoUsd: 350 });
      assert.deepEqual(await stateOf(under, "b"), [150, 0, 200, 650]);
      // An older report that comes late moves nothing.
      await limits.returnLease("l1", { spentNanoUsd: 100, keptNanoUsd: 600 });
      assert.deepEqual(await stateOf(under, "b"), [150, 0, 200, 650]);
      await limits.returnLease("l1", { spentNanoUsd: 170, keptNanoUsd: 0 });
      await limits.returnLease("l1", { spentNanoUsd: 350, keptNanoUsd: 350 });
      assert.deepEqual(await stateOf(under, "b"), [170, 0, 0, 830], "closed is closed");
      await limits.returnLease("unknown", { spentNanoUsd: 1, keptNanoUsd: 0 });
    }));

  test(`${name} limits: a lease whose process is gone is charged whole, and refunded once`, () =>
    withStore(open, async (under) => {
      await lease(under, "l1", 600);
      await under.store.limits.returnLease("l1", { spentNanoUsd: 100, keptNanoUsd: 600 });
      const next = await under.reopen();
      await next.store.ledger.interruptOrphans(1);
      assert.deepEqual(await stateOf(next, "b"), [600, 0, 0, 400]);
      await next.store.ledger.interruptOrphans(1);
      assert.deepEqual(await stateOf(next, "b"), [600, 0, 0, 400]);
      await next.store.limits.returnLease("l1", { spentNanoUsd: 130, keptNanoUsd: 0 });
      await next.store.limits.returnLease("l1", { spentNanoUsd: 130, keptNanoUsd: 0 });
      assert.deepEqual(await stateOf(next, "b"), [130, 0, 0, 870]);
      assert.deepEqual((await next.store.limits.findLease("l1"))?.state, "closed");
    }));
}
