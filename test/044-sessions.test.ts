/**
 * What one run of an agent cost, its sub-agents under it: requests as Codex, Claude Code, opencode and an SDK send
 * them, through the real gateway, to the rows, the report and the command.
 */

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { after, before, describe, it } from "node:test";
import { promisify } from "node:util";
import { type Client, createClient } from "@meshagent/llm-proxy-protocol/client";
import type { UsageDimension, UsageReport } from "@meshagent/llm-proxy-protocol/api";
import { type FakeProvider, startFakeProvider } from "./bed/fake-provider.ts";
import { meshagentBin } from "./bed/gateway-process.ts";
import { rawJson } from "./bed/raw-reply.ts";
import { openSocket } from "./bed/socket-caller.ts";
import { startTestGateway, type TestGateway } from "./bed/test-gateway.ts";

const HOUR_MS = 3_600_000;

/** gpt-5.5 lists $5 per million input tokens and $30 per million output tokens: 5,000 and 30,000 nano-dollars each. */
function costNanoUsd(inputTokens: number): number {
  return inputTokens * 5_000 + 10 * 30_000;
}

interface Call {
  readonly who: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly inputTokens: number;
}

const codexAgent = "codex_exec/0.169.0 (Debian 12.0.0; x86_64) xterm-256color (codex_exec; 0.169.0)";

function codex(threadId: string, path: string, parentId: string | null): Readonly<Record<string, string>> {
  const metadata = { session_id: "01a2-main", thread_id: threadId, agent_name: path, request_kind: "turn" };
  return {
    "x-codex-turn-metadata": JSON.stringify(metadata),
    "x-client-request-id": threadId,
    "session-id": "01a2-main",
    "thread-id": threadId,
    originator: "codex_exec",
    "user-agent": codexAgent,
    ...(parentId === null
      ? {}
      : { "x-codex-parent-thread-id": parentId, "x-openai-subagent": "collab_spawn" }),
  };
}

const claude = {
  "x-claude-code-session-id": "3043-claude",
  "user-agent": "claude-cli/2.1.330 (external, cli)",
};
const opencode = {
  originator: "opencode",
  "session-id": "ses_main",
  "x-session-affinity": "ses_main",
  "x-session-id": "ses_main",
  "user-agent": "opencode/1.18.33 ai-sdk/provider-utils/4.0.46 runtime/bun/1.3.14",
};

const calls: readonly Call[] = [
  { who: "Codex", headers: codex("01a2-main", "/root", null), inputTokens: 1_000 },
  { who: "Codex", headers: codex("01a2-main", "/root", null), inputTokens: 2_000 },
  { who: "Codex's sub-agent", headers: codex("01a2-sub", "/root", "01a2-main"), inputTokens: 333 },
  { who: "its sub-agent", headers: codex("01a2-subsub", "/root", "01a2-sub"), inputTokens: 77 },
  { who: "a named sub-agent", headers: codex("01a2-named", "/root/tests", "01a2-main"), inputTokens: 5 },
  { who: "Claude Code", headers: claude, inputTokens: 4_000 },
  {
    who: "Claude Code's sub-agent",
    headers: { ...claude, "x-claude-code-agent-id": "a7f3" },
    inputTokens: 401,
  },
  { who: "opencode", headers: opencode, inputTokens: 8_000 },
  {
    who: "opencode's sub-agent",
    headers: {
      ...opencode,
      "session-id": "ses_sub",
      "x-session-affinity": "ses_sub",
      "x-session-id": "ses_sub",
      "x-parent-session-id": "ses_main",
    },
    inputTokens: 809,
  },
  { who: "the OpenAI SDK", headers: { "user-agent": "OpenAI/JS 7.57.0" }, inputTokens: 1 },
];

let provider: FakeProvider;
let gateway: TestGateway;
let owner: Client;
before(async () => {
  provider = await startFakeProvider();
  gateway = await startTestGateway({ provider });
  owner = createClient({ baseUrl: gateway.url, token: gateway.ownerToken });
  const token = await gateway.token();
  for (const { headers, inputTokens } of calls) {
    const usage = {
      input_tokens: inputTokens,
      input_tokens_details: { cached_tokens: 0 },
      output_tokens: 10,
      output_tokens_details: { reasoning_tokens: 0 },
      total_tokens: inputTokens + 10,
    };
    const response = { id: "resp_1", object: "response", model: "gpt-5.5", status: "completed" };
    provider.script(() => rawJson(200, JSON.stringify({ ...response, output: [], usage })));
    const reply = await fetch(`${gateway.openaiUrl}/responses`, {
      method: "POST",
      headers: { authorization: `Bearer ${token}`, "content-type": "application/json", ...headers },
      body: JSON.stringify({ model: "gpt-5.5", input: "hi", store: false }),
    });
    assert.equal(reply.status, 200, await reply.text());
  }
});
after(async () => {
  await gateway.close();
  await provider.close();
});

/** Session, agent, requests and nano-dollars of every line of the tree. */
function tree(report: UsageReport): unknown[] {
  return report.usage.map((row) => [
    row.session_id,
    row.requests,
    row.cost_nano_usd,
    (row.agents ?? []).map((agent) => [agent.agent_id, agent.requests, agent.cost_nano_usd]),
  ]);
}

const expectedTree = [
  [null, 1, costNanoUsd(1), [[null, 1, costNanoUsd(1)]]],
  [
    "01a2-main",
    5,
    // (1000 + 2000 + 333 + 77 + 5) x 5000 + 5 x 10 x 30,000
    18_575_000,
    [
      ["/root", 2, 15_600_000],
      ["/root/tests", 1, 325_000],
      ["01a2-sub", 1, 1_965_000],
      ["01a2-subsub", 1, 685_000],
    ],
  ],
  [
    "3043-claude",
    2,
    // (4000 + 401) x 5000 + 2 x 10 x 30,000
    22_605_000,
    [
      [null, 1, 20_300_000],
      ["a7f3", 1, 2_305_000],
    ],
  ],
  [
    "ses_main",
    2,
    // (8000 + 809) x 5000 + 2 x 10 x 30,000
    44_645_000,
    [
      [null, 1, 40_300_000],
      ["ses_sub", 1, 4_345_000],
    ],
  ],
];
// 305,000 + 18,575,000 + 22,605,000 + 44,645,000
const totalNanoUsd = 86_130_000;

describe("sessions and their agents", () => {
  it("every row says which session, which agent and which client", async () => {
    const rows = await gateway.exchanges();
    assert.deepEqual(
      rows.map(({ intent }) => [intent.sessionId, intent.agentId, intent.client]),
      [
        ["01a2-main", "/root", "codex_exec/0.169.0"],
        ["01a2-main", "/root", "codex_exec/0.169.0"],
        ["01a2-main", "01a2-sub", "codex_exec/0.169.0"],
        ["01a2-main", "01a2-subsub", "codex_exec/0.169.0"],
        ["01a2-main", "/root/tests", "codex_exec/0.169.0"],
        ["3043-claude", null, "claude-cli/2.1.330"],
        ["3043-claude", "a7f3", "claude-cli/2.1.330"],
        ["ses_main", null, "opencode/1.18.33"],
        ["ses_main", "ses_sub", "opencode/1.18.33"],
        [null, null, "OpenAI/JS 7.57.0"],
      ],
    );
  });

  it("the report has each session's total and its agents under it, and the total of the plain report", async () => {
    const project = gateway.projectId;
    const report = await owner.getUsage({ project, by: ["session"] });
    assert.deepEqual(tree(report), expectedTree);
    assert.equal(report.total.cost_nano_usd, totalNanoUsd);
    assert.deepEqual(report.total, (await owner.getUsage({ project })).total);
  });

  it("rows of session and agent, and of the agent alone, add up to the same", async () => {
    const project = gateway.projectId;
    const splits: readonly (readonly UsageDimension[])[] = [
      ["session", "agent"],
      ["agent"],
      ["agent", "hour"],
    ];
    for (const by of splits) {
      const { usage, total } = await owner.getUsage({ project, by });
      assert.equal(total.cost_nano_usd, totalNanoUsd);
      assert.equal(
        usage.reduce((sum, row) => sum + (row.cost_nano_usd ?? NaN), 0),
        totalNanoUsd,
      );
      assert.equal(
        usage.reduce((sum, row) => sum + row.requests, 0),
        calls.length,
      );
      assert.ok(usage.every((row) => "agent_id" in row && "session_id" in row === by.includes("session")));
    }
  });

  it("`meshagent usage --by session` prints the tree", async () => {
    const { stdout } = await promisify(execFile)(
      process.execPath,
      [meshagentBin, "usage", "--by", "session"],
      {
        env: {
          PATH: process.env["PATH"] ?? "",
          HOME: gateway.dataDir,
          MESHAGENT_API_URL: gateway.url,
          MESHAGENT_TOKEN: gateway.ownerToken,
          MESHAGENT_PROJECT_ID: gateway.projectId,
        },
      },
    );
    const lines = stdout.split("\n").map((line) => line.trimEnd());
    assert.deepEqual(lines, [
      "SESSION         REQUESTS  INPUT  CACHED  OUTPUT  COST USD",
      "-                      1      1       0      10  0.000305",
      "01a2-main              5   3415       0      50  0.018575",
      "  /root                2   3000       0      20  0.015600",
      "  /root/tests          1      5       0      10  0.000325",
      "  01a2-sub             1    333       0      10  0.001965",
      "  01a2-subsub          1     77       0      10  0.000685",
      "3043-claude            2   4401       0      20  0.022605",
      "  (main agent)         1   4000       0      10  0.020300",
      "  a7f3                 1    401       0      10  0.002305",
      "ses_main               2   8809       0      20  0.044645",
      "  (main agent)         1   8000       0      10  0.040300",
      "  ses_sub              1    809       0      10  0.004345",
      "TOTAL                 10  16626       0     100  0.086130",
      "",
    ]);
  });

  it("none of it needs the exchanges, which retention deletes", async () => {
    const beforeMs = Math.ceil((Date.now() + 1) / HOUR_MS) * HOUR_MS;
    assert.equal(await gateway.gateway.store.deleteExchangesBefore(beforeMs, 100), calls.length);
    assert.deepEqual(await gateway.exchanges(), []);
    const report = await owner.getUsage({ project: gateway.projectId, by: ["session"] });
    assert.deepEqual(tree(report), expectedTree);
    assert.equal(report.total.cost_nano_usd, totalNanoUsd);
  });

  it("Codex's sub-agent over a WebSocket, which it opens for itself, is in the session, too", async () => {
    provider.script(null);
    const headers = codex("01a2-later", "/root", "01a2-main");
    const caller = await openSocket(`${gateway.openaiUrl}/responses`, {
      token: await gateway.token(),
      headers,
    });
    // As Codex begins: a warm-up, and the turn that goes on from it.
    const warm = await caller.respond({ model: "gpt-5.5", input: "hi", generate: false });
    const { id } = warm["response"] as { readonly id: string };
    const turn = await caller.respond({ model: "gpt-5.5", input: "on", previous_response_id: id });
    assert.equal(turn.type, "response.completed");
    await caller.close();
    const rows = await gateway.untilExchanges((all) => all.every(({ result }) => result !== null));
    assert.deepEqual(
      rows.map(({ intent }) => [intent.transport, intent.sessionId, intent.agentId, intent.client]),
      Array(2).fill(["websocket", "01a2-main", "01a2-later", "codex_exec/0.169.0"]),
    );
    const spent = rows.reduce((sum, { result }) => sum + (result?.costNanoUsd ?? NaN), 0);
    const report = await owner.getUsage({
      project: gateway.projectId,
      by: ["session"],
      session_id: "01a2-main",
    });
    assert.equal(report.usage[0]?.cost_nano_usd, 18_575_000 + spent);
    assert.equal(
      report.usage[0]?.agents?.find(({ agent_id }) => agent_id === "01a2-later")?.cost_nano_usd,
      spent,
    );
  });
});
