import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";
import { createClient } from "@meshagent/llm-proxy-protocol/client";
import type { ApiError, Client } from "@meshagent/llm-proxy-protocol/client";
import type { BudgetAccountRow } from "../store/limits.ts";
import type { BudgetNotice } from "../store/notices.ts";
import { OWNER_TOKEN, startHarness } from "./harness.ts";
import type { Harness } from "./harness.ts";

let harness: Harness;
let owner: Client;
let project: string;
beforeEach(async () => {
  // Its clock stands at 2026-11-24T00:00:00Z.
  harness = await startHarness();
  owner = createClient({ baseUrl: harness.url, token: OWNER_TOKEN });
  project = (await harness.store.write.createProject("mine")).id;
});
afterEach(() => harness.close());

const everybody = { room: null, participant: null, api_key_id: null, session_id: null, model: null };

function spent(limitId: string, rest: string, nanoUsd: number, heldNanoUsd = 0): BudgetAccountRow {
  const amountNanoUsd = 10_000_000_000;
  return {
    key: `${limitId}|${rest}`,
    limitId,
    amountNanoUsd,
    toleranceNanoUsd: 0,
    spentNanoUsd: nanoUsd,
    heldNanoUsd,
    leasedNanoUsd: 0,
    freeNanoUsd: amountNanoUsd - nanoUsd - heldNanoUsd,
  };
}

const fails =
  (status: number, words: RegExp) =>
  (error: ApiError): boolean => {
    assert.equal(error.status, status, error.message);
    assert.match(error.message, words);
    return true;
  };

test("a budget of an amount alone is a hard one of the project, a month of UTC", async () => {
  const made = await owner.createBudget({ project, amount_usd: "10.50" });
  assert.deepEqual(made, {
    id: made.id,
    project_id: project,
    name: null,
    amount_usd: "10.5",
    tolerance_usd: "0",
    period: "month",
    time_zone: "UTC",
    mode: "hard",
    scope: everybody,
    notify_at_percent: [],
    created_at: "2026-11-24T00:00:00.000Z",
    resets_at: "2026-12-01T00:00:00.000Z",
    subjects: 0,
    fullest: { subject: {}, spent_usd: "0", held_usd: "0", free_usd: "10.5", spent_percent: 0 },
  });
  assert.deepEqual(await owner.getBudget({ project, budget: made.id }), {
    ...made,
    accounts: [],
    notices: [],
  });
  assert.equal(harness.store.limits.length, 1);
});

test("everything that is set is stored to the nano-dollar, and told again", async () => {
  const body = {
    name: "Team Lab",
    amount_usd: "0.123456789",
    tolerance_usd: "0.75",
    period: "week",
    time_zone: "Europe/Berlin",
    mode: "soft",
    scope: { ...everybody, room: "lab", participant: "*", model: "acme/*" },
    notify_at_percent: [95, 50, 80, 50],
  } as const;
  const made = await owner.createBudget({ project, ...body });
  // The Monday after 2026-11-24, at midnight in Berlin.
  assert.equal(made.resets_at, "2026-11-29T23:00:00.000Z");
  const [row] = harness.store.limits;
  assert.ok(row?.kind === "budget");
  assert.equal(row.amountNanoUsd, 123_456_789);
  assert.equal(row.toleranceNanoUsd, 750_000_000);
  assert.deepEqual(row.notifyAtPercent, [50, 80, 95]);
  const { id, ...shown } = made;
  assert.deepEqual({ ...shown, notify_at_percent: body.notify_at_percent }, { ...shown, ...body });
  assert.deepEqual((await owner.listBudgets({ project })).budgets, [made]);
  assert.ok(id.length > 10);
});

test("what its current period has used is told, the fullest first, with what `*` stands for", async () => {
  const scope = { room: "*", participant: "*" };
  const { id } = await owner.createBudget({ project, amount_usd: "10", period: "day", scope });
  harness.store.budgetAccounts.push(
    spent(id, "2026-11-24|lab|ann", 1_000_000_000),
    spent(id, "2026-11-24|a%7Cb%20c|bob", 9_999_999_999, 1),
    spent(id, "2026-11-23|lab|ann", 5_000_000_000),
  );
  const budget = await owner.getBudget({ project, budget: id });
  assert.equal(budget.subjects, 2);
  assert.deepEqual(budget.accounts, [
    {
      subject: { room: "a|b c", participant: "bob" },
      spent_usd: "9.999999999",
      held_usd: "0.000000001",
      free_usd: "0",
      spent_percent: 99,
    },
    {
      subject: { room: "lab", participant: "ann" },
      spent_usd: "1",
      held_usd: "0",
      free_usd: "9",
      spent_percent: 10,
    },
  ]);
  assert.deepEqual(budget.fullest, budget.accounts[0]);
});

test("what it has told is told again: whose it was, how much of what, and whether it arrived", async () => {
  const scope = { room: "*", participant: "*" };
  const { id } = await owner.createBudget({ project, amount_usd: "10", period: "day", scope });
  const row = harness.store.limits.find((each) => each.id === id);
  assert.ok(row?.kind === "budget");
  const notice: BudgetNotice = {
    id: "bn_2",
    budget: row,
    accountKey: `${id}|2026-11-24|a%7Cb%20c|bob`,
    percent: 80,
    amountNanoUsd: 10_000_000_000,
    spentNanoUsd: 8_000_000_001,
    resetsAtMs: null,
    madeAtMs: Date.parse("2026-11-24T01:02:03Z"),
    state: "new",
    attempts: 0,
  };
  harness.store.notices.push(
    notice,
    { ...notice, id: "bn_1", percent: 50, state: "given_up", attempts: 30 },
    { ...notice, id: "bn_0", budget: { ...row, id: "another" } },
  );
  const shown = {
    id: "bn_2",
    subject: { room: "a|b c", participant: "bob" },
    percent: 80,
    amount_usd: "10",
    spent_usd: "8.000000001",
    made_at: "2026-11-24T01:02:03.000Z",
    delivery: "waiting",
    attempts: 0,
  };
  assert.deepEqual((await owner.getBudget({ project, budget: id })).notices, [
    shown,
    { ...shown, id: "bn_1", percent: 50, delivery: "given_up", attempts: 30 },
  ]);
});

test("the webhook is tried", async () => {
  assert.deepEqual(await owner.testWebhook({ project }), { ok: true, message: "It took it." });
});

test("amounts, zones, models and percents that make no sense are refused by name", async () => {
  const bodies: [object, RegExp][] = [
    [{ amount_usd: "0.0000000001" }, /amount_usd: must be an amount/],
    [{ amount_usd: "-1" }, /amount_usd/],
    [{ amount_usd: "1e9" }, /amount_usd/],
    [{ amount_usd: "4000001" }, /amount_usd/],
    [{ amount_usd: 10 }, /amount_usd/],
    [{}, /amount_usd/],
    [{ amount_usd: "1", tolerance_usd: "x" }, /tolerance_usd/],
    [{ amount_usd: "1", time_zone: "Mars/Olympus" }, /time_zone: must be an IANA/],
    [{ amount_usd: "1", period: "year" }, /period/],
    [{ amount_usd: "1", mode: "harder" }, /mode/],
    [{ amount_usd: "1", notify_at_percent: [0] }, /notify_at_percent/],
    [{ amount_usd: "1", scope: { rooms: "a" } }, /scope.*rooms/],
    [{ amount_usd: "1", scope: { room: "" } }, /scope\.room/],
    [{ amount_usd: "1", scope: { model: "gpt-*-mini" } }, /scope\.model: must be provider\/model/],
    [{ amount_usd: "1", scope: { api_key_id: "my key" } }, /scope\.api_key_id: must be the id/],
    [{ amount_usd: "1", colour: "red" }, /colour/],
  ];
  for (const [body, words] of bodies) {
    // As JavaScript would call it.
    const call = owner.createBudget({ project, ...body } as unknown as Parameters<Client["createBudget"]>[0]);
    await assert.rejects(call, fails(400, words), JSON.stringify(body));
  }
  assert.deepEqual(harness.store.limits, []);
});

test("a budget is replaced in place; its scope stays; it is gone once removed, and another project has none of it", async () => {
  const { id } = await owner.createBudget({ project, amount_usd: "10", scope: { room: "lab" } });
  const other = (await harness.store.write.createProject("other")).id;
  const replace = { budget: id, amount_usd: "20", scope: { room: "lab" } };
  const changed = await owner.replaceBudget({ project, ...replace });
  assert.deepEqual([changed.id, changed.amount_usd, changed.fullest.free_usd], [id, "20", "20"]);
  await assert.rejects(
    owner.replaceBudget({ project, ...replace, scope: { room: "*" } }),
    fails(409, /scope of a budget stays/),
  );
  await assert.rejects(owner.replaceBudget({ project: other, ...replace }), fails(404, /no budget/));
  await assert.rejects(owner.deleteBudget({ project: other, budget: id }), fails(404, /no budget/));
  await assert.rejects(owner.getLimit({ project, limit: id }), fails(404, /no limit/));
  await owner.deleteBudget({ project, budget: id });
  await assert.rejects(owner.getBudget({ project, budget: id }), fails(404, /meshagent budget list/));
});

test("limits are set, listed, replaced and removed; one that limits nothing is refused", async () => {
  const made = await owner.createLimit({ project, requests_per_minute: 60, scope: { participant: "*" } });
  assert.deepEqual(made, {
    id: made.id,
    project_id: project,
    name: null,
    scope: { ...everybody, participant: "*" },
    requests_per_minute: 60,
    input_tokens_per_minute: null,
    output_tokens_per_minute: null,
    tokens_per_minute: null,
    max_concurrency: null,
    created_at: "2026-11-24T00:00:00.000Z",
  });
  const changed = await owner.replaceLimit({ project, limit: made.id, name: "calm", max_concurrency: 4 });
  assert.deepEqual([changed.name, changed.max_concurrency, changed.requests_per_minute], ["calm", 4, null]);
  assert.deepEqual((await owner.listLimits({ project })).limits, [changed]);
  assert.deepEqual((await owner.listBudgets({ project })).budgets, []);
  await assert.rejects(owner.createLimit({ project }), fails(400, /at least one of requests_per_minute/));
  await assert.rejects(owner.createLimit({ project, max_concurrency: 0 }), fails(400, /max_concurrency/));
  await owner.deleteLimit({ project, limit: made.id });
  assert.deepEqual((await owner.listLimits({ project })).limits, []);
});

test("lists come in pages", async () => {
  for (const amount of ["1", "2", "3"]) await owner.createBudget({ project, amount_usd: amount });
  const first = await owner.listBudgets({ project, limit: 2 });
  const second = await owner.listBudgets({ project, limit: 2, cursor: first.next_cursor ?? "" });
  const amounts = [...first.budgets, ...second.budgets].map(({ amount_usd }) => amount_usd);
  assert.deepEqual(amounts.toSorted(), ["1", "2", "3"]);
  assert.equal(second.next_cursor, null);
});

test("the usage report has the budgets that its filter concerns, and none for a key", async () => {
  const room = await owner.createBudget({ project, amount_usd: "10", scope: { room: "*" } });
  const other = await owner.createBudget({ project, amount_usd: "10", scope: { room: "office" } });
  const model = await owner.createBudget({ project, amount_usd: "10", scope: { model: "acme/gpt-*" } });
  harness.store.budgetAccounts.push(
    spent(room.id, "2026-11|lab", 2_500_000_000),
    spent(room.id, "2026-11|office", 5_000_000_000),
  );
  const of = async (filter: object): Promise<readonly string[]> =>
    (await owner.getUsage({ project, ...filter })).budgets.map(({ id }) => id);
  assert.deepEqual(new Set(await of({})), new Set([room.id, other.id, model.id]));
  assert.deepEqual(new Set(await of({ room: "lab" })), new Set([room.id, model.id]));
  assert.deepEqual(new Set(await of({ room: "lab", model: "claude" })), new Set([room.id]));
  assert.deepEqual(new Set(await of({ room: "lab", provider: "zeta" })), new Set([room.id]));
  assert.deepEqual(new Set(await of({ room: "lab", model: "gpt-5" })), new Set([room.id, model.id]));
  const [budget] = (await owner.getUsage({ project, room: "lab", model: "claude" })).budgets;
  assert.deepEqual([budget?.fullest.subject, budget?.fullest.spent_percent], [{ room: "lab" }, 25]);
  const key = await harness.store.addApiKey(project);
  const asKey = createClient({ baseUrl: harness.url, token: key.text });
  assert.deepEqual((await asKey.getUsage({ project })).budgets, []);
  await assert.rejects(asKey.listBudgets({ project }), fails(403, /owner/));
});
