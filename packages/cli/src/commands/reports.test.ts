import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type {
  AgentUsage,
  Budget,
  Exchange,
  UsageReport,
  UsageTotals,
} from "@meshagent/llm-proxy-protocol/api";
import { Machine } from "../test-bed/command.ts";
import type { Outcome, RunOptions } from "../test-bed/command.ts";
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

async function succeed(args: readonly string[], options: RunOptions = {}): Promise<Outcome> {
  const outcome = await machine.run(args, { ...options, env });
  assert.equal(outcome.code, 0, outcome.stderr);
  return outcome;
}

function totals(requests: number, costNanoUsd: number, rest: Partial<UsageTotals> = {}): UsageTotals {
  return {
    requests,
    input_tokens: 1760 * requests,
    output_tokens: 100 * requests,
    cache_read_input_tokens: 0,
    cache_write_input_tokens: 0,
    reasoning_output_tokens: 0,
    cost_usd: (costNanoUsd / 1e9).toFixed(9),
    cost_nano_usd: costNanoUsd,
    unpriced_requests: 0,
    inexact_requests: 0,
    ...rest,
  };
}

const report: UsageReport = {
  by: ["model", "room"],
  usage: [
    // 2 x (1760 x $2 / 1M + 100 x $10 / 1M) = 2 x $0.00452 = $0.00904.
    { model: "gpt-5.5", room: "lab", simulated: false, ...totals(2, 9_040_000) },
    { model: "new-model", room: null, simulated: false, ...totals(1, 0, { unpriced_requests: 1 }) },
    { model: "gpt-5.5", room: "lab", simulated: true, ...totals(7, 1_234_567) },
  ],
  total: totals(3, 9_040_000, { unpriced_requests: 1, inexact_requests: 2 }),
  simulated_total: totals(7, 1_234_567),
  budgets: [],
  next_cursor: null,
};

test("the usage table has a line per row, totals that say what they lack, and simulated apart", async () => {
  gateway.report = report;
  const { stdout, stderr } = await succeed([
    "usage",
    "--by",
    "model,room",
    "--since",
    "2026-11-20",
    "--model",
    "gpt-5.5",
  ]);
  assert.equal(
    stdout,
    [
      "MODEL      ROOM  REQUESTS  INPUT  CACHED  OUTPUT     COST USD",
      "gpt-5.5    lab          2   3520       0     200     0.009040",
      "new-model  -            1   1760       0     100      unknown",
      "TOTAL                   3   5280       0     300  >= 0.009040",
      "1 request of unknown cost: no price, or no usage. The cost above lacks them.",
      "2 requests with estimated or partial usage.",
      "",
      "Simulated (list prices; nothing was paid, and nothing here is in the totals above)",
      "MODEL    ROOM  REQUESTS  INPUT  CACHED  OUTPUT     COST USD",
      "gpt-5.5  lab          7  12320       0     700  0.001234567",
      "TOTAL                 7  12320       0     700  0.001234567",
      "",
    ].join("\n"),
  );
  assert.equal(stderr, "");
  const [call] = gateway.callsOf("getUsage");
  assert.deepEqual(
    [call?.["since"], call?.["by"], call?.["model"]],
    [Date.UTC(2026, 10, 20), ["model", "room"], "gpt-5.5"],
  );
});

test("a session's sub-agents stand under it, one that worked alone is not told apart", async () => {
  const agent = (agent_id: string | null, requests: number, costNanoUsd: number): AgentUsage => ({
    agent_id,
    ...totals(requests, costNanoUsd),
  });
  gateway.report = {
    by: ["session", "model"],
    usage: [
      {
        session_id: "01a2",
        model: "gpt-5.5",
        simulated: false,
        ...totals(3, 12_000_000),
        agents: [agent("/root", 2, 8_000_000), agent("/root/a\u001b[1m", 1, 4_000_000)],
      },
      {
        session_id: "30f4",
        model: "claude-sonnet-5-5",
        simulated: false,
        ...totals(2, 5_000_000),
        agents: [agent(null, 1, 2_000_000), agent("a7f3", 1, 3_000_000)],
      },
      {
        session_id: null,
        model: "gpt-5.5",
        simulated: false,
        ...totals(1, 1),
        agents: [agent(null, 1, 1)],
      },
    ],
    // 12 + 5 m$ and a nano-dollar.
    total: totals(6, 17_000_001),
    simulated_total: null,
    budgets: [],
    next_cursor: null,
  };
  const { stdout } = await succeed(["usage", "--by", "session,model"]);
  assert.equal(
    stdout,
    [
      "SESSION         MODEL              REQUESTS  INPUT  CACHED  OUTPUT     COST USD",
      "01a2            gpt-5.5                   3   5280       0     300  0.012000",
      "  /root                                   2   3520       0     200  0.008000",
      "  /root/a [1m                             1   1760       0     100  0.004000",
      "30f4            claude-sonnet-5-5         2   3520       0     200  0.005000",
      "  (main agent)                            1   1760       0     100  0.002000",
      "  a7f3                                    1   1760       0     100  0.003000",
      "-               gpt-5.5                   1   1760       0     100  0.000000001",
      "TOTAL                                     6  10560       0     600  0.017000001",
      "",
    ].join("\n"),
  );
});

test("--json is the report as it came", async () => {
  gateway.report = report;
  assert.deepEqual(JSON.parse((await succeed(["usage", "--json"])).stdout), report);
});

function exchange(index: number, change: Partial<Exchange> = {}): Exchange {
  return {
    id: `ex_${index}`,
    project_id: env["MESHAGENT_PROJECT_ID"] ?? "",
    room: "lab",
    participant: "cli-agent",
    role: "agent",
    connection_id: null,
    api_key_id: "k",
    token_id: "jti",
    session_id: null,
    agent_id: null,
    client: null,
    dialect: "openai",
    endpoint: "/v1/responses",
    transport: "sse",
    provider: "openai",
    requested_model: "gpt-5.5",
    model: "gpt-5.5-2026-04-23",
    requested_service_tier: null,
    service_tier: null,
    status: 200,
    outcome: "ok",
    usage_source: "exact",
    received_at: `2026-11-24T10:00:0${index}.000Z`,
    first_byte_at: null,
    completed_at: `2026-11-24T10:00:0${index}.250Z`,
    request_bytes: 1,
    response_bytes: 1,
    provider_request_id: null,
    attempts: 1,
    simulated: false,
    usage: [
      {
        kind: "primary",
        model: "gpt-5.5",
        response_id: null,
        input_tokens: 1760,
        service_tier: null,
        source: "response.completed",
        completeness: "complete",
        billed: true,
        raw: {},
        cost_nano_usd: 3_520_000,
        cost_usd: "0.003520000",
        cost_status: "priced",
        lines: [],
        price_version: "t",
      },
    ],
    cost_usd: "0.003520000",
    cost_nano_usd: 3_520_000,
    ...change,
  };
}

test("exchanges are read page by page up to the limit; what is not known is not 0", async () => {
  gateway.exchanges = [
    exchange(5, {
      completed_at: null,
      outcome: null,
      status: null,
      model: null,
      usage: [],
      cost_usd: null,
      cost_nano_usd: null,
    }),
    exchange(4),
    exchange(3, { cost_usd: null, cost_nano_usd: null }),
    exchange(2, { simulated: true }),
    exchange(1),
  ];
  const { stdout, stderr } = await succeed(["exchanges", "--limit", "4", "--room", "lab"]);
  const lines = stdout.trimEnd().split("\n");
  assert.equal(lines.length, 5);
  assert.match(lines[1] ?? "", /gpt-5\.5 +- +running +- +- +- +- +ex_5$/);
  assert.match(
    lines[2] ?? "",
    /lab +cli-agent +gpt-5\.5-2026-04-23 +200 +ok +1760 +- +0\.250 +0\.003520 +ex_4$/,
  );
  assert.match(lines[3] ?? "", /unknown +ex_3$/);
  assert.match(lines[4] ?? "", /\(simulated\)/);
  assert.match(stderr, /There are older ones/);
  assert.ok(gateway.callsOf("listExchanges").every((call) => call["room"] === "lab"));
  const list = JSON.parse((await succeed(["exchanges", "--json"])).stdout) as {
    exchanges: Exchange[];
    next_cursor: null;
  };
  assert.deepEqual(list, { exchanges: gateway.exchanges, next_cursor: null });
});

test("--follow prints what is there, then what completes, as JSON lines, until it is interrupted", async () => {
  gateway.exchanges = [exchange(1)];
  const outcome = await machine.run(["exchanges", "--follow", "--json"], {
    env,
    onStdout: (stdout) => {
      if (stdout.includes("ex_2")) return "SIGINT";
      if (gateway.exchanges.length === 1) gateway.exchanges = [exchange(2), exchange(1)];
      return null;
    },
  });
  assert.equal(outcome.code, 130);
  const ids = outcome.stdout
    .trimEnd()
    .split("\n")
    .map((line) => (JSON.parse(line) as Exchange).id);
  assert.deepEqual(ids, ["ex_1", "ex_2"]);
});

test("--follow has no end", async () => {
  assert.equal((await machine.run(["exchanges", "--follow", "--until", "1d"], { env })).code, 2);
});

test("a line for each budget stands under the totals", async () => {
  const scope = { room: "lab", participant: "*", api_key_id: null, session_id: null, model: null };
  const budget: Budget = {
    id: "b1",
    project_id: "p",
    name: "Team Lab",
    amount_usd: "10",
    tolerance_usd: "0",
    period: "day",
    time_zone: "UTC",
    mode: "hard",
    scope,
    notify_at_percent: [],
    created_at: "2026-11-20T08:00:00.000Z",
    resets_at: "2026-11-26T00:00:00.000Z",
    subjects: 3,
    fullest: {
      subject: { participant: "ann" },
      spent_usd: "8.2",
      held_usd: "0",
      free_usd: "1.8",
      spent_percent: 82,
    },
  };
  const empty = { subject: {}, spent_usd: "0", held_usd: "0", free_usd: "5", spent_percent: 0 };
  const total: Budget = {
    ...budget,
    name: null,
    period: "total",
    amount_usd: "5",
    resets_at: null,
    subjects: 0,
    fullest: empty,
  };
  gateway.report = { ...report, budgets: [budget, total] };
  const { stdout } = await succeed(["usage"]);
  assert.match(
    stdout,
    /Budget Team Lab \(room lab, each participant\): 8\.2 of 10 USD a day spent by ann, the most of 3 \(82 %\), resets 2026-11-26T00:00:00\.000Z\.\nBudget b1 \(room lab, each participant\): 0 of 5 USD in all spent \(0 %\)\.\n/,
  );
  const json = JSON.parse((await succeed(["usage", "--json"])).stdout) as UsageReport;
  assert.deepEqual(json.budgets, [budget, total]);
});
