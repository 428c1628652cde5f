import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Machine } from "../test-bed/command.ts";
import type { Outcome } from "../test-bed/command.ts";
import { OWNER_TOKEN, StubGateway } from "../test-bed/stub-gateway.ts";

const machine = new Machine();
const gateway = new StubGateway();
let env: Readonly<Record<string, string>>;

before(async () => {
  env = {
    MESHAGENT_API_URL: await gateway.start(),
    MESHAGENT_TOKEN: OWNER_TOKEN,
    MESHAGENT_PROJECT_ID: gateway.addProject("Acme").id,
  };
});
after(() => {
  gateway.stop();
  machine.remove();
});

const run = (...args: readonly string[]): Promise<Outcome> => machine.run(args, { env });

async function succeed(...args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await run(...args);
  assert.equal(code, 0, stderr);
  return stdout;
}

const bodyOf = (route: "createBudget" | "replaceBudget" | "createLimit" | "replaceLimit"): unknown => {
  const { route: _, project: __, ...body } = gateway.callsOf(route).at(-1) ?? { route, project: "" };
  return JSON.parse(JSON.stringify(body)) as unknown;
};

test("budget set sends what the flags say and prints the id alone; --id changes what is named and keeps the rest", async () => {
  const flags =
    "--amount 10 --period day --time-zone Europe/Berlin --room lab --participant * --model openai/*";
  const more = "--mode soft --tolerance 0.75 --notify-at 50,80,95";
  const stdout = await succeed("budget", "set", "Team Lab", ...flags.split(" "), ...more.split(" "));
  const body = {
    name: "Team Lab",
    amount_usd: "10",
    tolerance_usd: "0.75",
    period: "day",
    time_zone: "Europe/Berlin",
    mode: "soft",
    scope: { room: "lab", participant: "*", api_key_id: null, session_id: null, model: "openai/*" },
    notify_at_percent: [50, 80, 95],
  };
  assert.deepEqual(bodyOf("createBudget"), body);
  const id = stdout.trim();
  assert.match(id, /^[0-9a-f-]{36}$/);
  assert.equal(await succeed("budget", "set", "--id", id, "--amount", "20.5"), `${id}\n`);
  assert.deepEqual(bodyOf("replaceBudget"), { ...body, budget: id, amount_usd: "20.5" });

  gateway.accounts = [
    {
      subject: { participant: "ann" },
      spent_usd: "8.2",
      held_usd: "0.3",
      free_usd: "12.75",
      spent_percent: 40,
    },
    { subject: { participant: "bob" }, spent_usd: "1", held_usd: "0", free_usd: "20.25", spent_percent: 4 },
  ];
  const list = await succeed("budget", "list");
  assert.match(
    list,
    /Team Lab +20\.5 +day +room lab, each participant, model openai\/\* +soft +8\.2 +0\.3 +12\.75 +40 +2026-12-01T00:00:00\.000Z +ann\n/,
  );
  assert.equal(list.trim().split("\n").length, 2);
  assert.match(await succeed("budget", "list", "--all"), / ann\n.* bob\n$/);
  assert.match(await succeed("budget", "get", id), / ann\n.* bob\n$/);
  gateway.notices = [
    {
      id: "bn_2",
      subject: { participant: "ann" },
      percent: 80,
      amount_usd: "10",
      spent_usd: "8.2",
      made_at: "2026-11-25T12:00:00.000Z",
      delivery: "given_up",
      attempts: 33,
    },
  ];
  assert.match(
    await succeed("budget", "get", id),
    / bob\n\nNOTICE .*\n2026-11-25T12:00:00\.000Z +80 +10 +8\.2 +given up +33 +ann\n$/,
  );
  const json = JSON.parse(await succeed("budget", "get", id, "--json")) as { accounts: unknown[] };
  assert.equal(json.accounts.length, 2);
  const all = JSON.parse(await succeed("budget", "list", "--all", "--json")) as { budgets: unknown[] };
  assert.deepEqual(all.budgets, [json]);

  assert.equal((await run("budget", "remove", id)).stderr, `Removed budget ${id}.\n`);
  assert.equal((await run("budget", "get", id)).code, 1);
});

test("budget set asks for an amount, and refuses what is no mode, period or percent", async () => {
  for (const [args, words] of [
    [[], /--amount is missing/],
    [["--amount", "1", "--mode", "harder"], /hard-no-edit/],
    [["--amount", "1", "--period", "year"], /month/],
    [["--amount", "1", "--notify-at", "50,x"], /50,80,95/],
  ] as const) {
    const { code, stdout, stderr } = await run("budget", "set", ...args);
    assert.equal(code, 2, stderr);
    assert.equal(stdout, "");
    assert.match(stderr, words);
  }
});

test("limits are set, changed, listed and removed", async () => {
  const id = (
    await succeed(
      "limit",
      "set",
      "calm",
      "--requests-per-minute",
      "60",
      "--max-concurrency",
      "4",
      "--room",
      "*",
    )
  ).trim();
  const scope = { room: "*", participant: null, api_key_id: null, session_id: null, model: null };
  assert.deepEqual(bodyOf("createLimit"), {
    name: "calm",
    scope,
    requests_per_minute: 60,
    max_concurrency: 4,
  });
  await succeed("limit", "set", "--id", id, "--tokens-per-minute", "1000");
  assert.match(await succeed("limit", "list"), /calm +each room +60 +- +- +1000 +4\n/);
  const shown = JSON.parse(await succeed("limit", "get", id, "--json")) as Record<string, unknown>;
  assert.deepEqual([shown["tokens_per_minute"], shown["requests_per_minute"]], [1000, 60]);
  assert.equal((await run("limit", "set")).code, 2);
  assert.equal((await run("limit", "set", "--max-concurrency", "0")).code, 2);
  assert.equal((await run("limit", "remove", id)).code, 0);
  assert.equal((await succeed("limit", "list")).split("\n").length, 2);
});

test("budget notify-test says what came of it, and fails where it did", async () => {
  assert.equal(await succeed("budget", "notify-test"), "ok  tried the webhook\n");
  gateway.refusing.add("webhook");
  const refused = await run("budget", "notify-test");
  assert.deepEqual([refused.code, refused.stdout], [1, "fail  tried the webhook\n"]);
  const { code, stdout } = await run("budget", "notify-test", "--json");
  assert.deepEqual([code, JSON.parse(stdout)], [1, { ok: false, message: "tried the webhook" }]);
});
