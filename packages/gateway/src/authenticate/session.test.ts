/** What each client sends as it was recorded on the wire, and what a row says of it. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { decodeHeaderText } from "./header-text.ts";
import { readSession } from "./session.ts";
import type { SessionLabels } from "./session.ts";

const session = "01a213b4-1bfc-7052-952b-501b574c2128";
const child = "01a213b4-1c53-7c32-81a5-6db2e308ef68";
const grandchild = "01a213b4-1d00-7c32-81a5-6db2e308ef69";

/** The part of Codex's description of a turn that has to do with who speaks. */
function turnMetadata(threadId: string, agentName: string): string {
  return JSON.stringify({
    installation_id: "75013ee5-1d83-48b5-b38c-7f7d01ed7eb6",
    session_id: session,
    thread_id: threadId,
    agent_name: agentName,
    turn_id: "01a213b4-1c0c-7660-80d3-d798cbe6378b",
    window_id: `${threadId}:0`,
    request_kind: "turn",
    thread_source: threadId === session ? "user" : "subagent",
    workspaces: {},
  });
}

function codex(
  userAgent: string,
  threadId: string,
  agentName: string,
  more: Readonly<Record<string, string>> = {},
): Readonly<Record<string, string>> {
  return {
    "x-codex-beta-features": "remote_compaction_v2",
    "x-codex-window-id": `${threadId}:0`,
    "x-codex-turn-metadata": turnMetadata(threadId, agentName),
    "x-client-request-id": threadId,
    "session-id": session,
    "thread-id": threadId,
    originator: "codex_exec",
    "user-agent": userAgent,
    ...more,
  };
}

const exec = "codex_exec/0.169.0 (Debian 12.0.0; x86_64) xterm-256color (codex_exec; 0.169.0)";
const tui = "codex-tui/0.169.0 (Debian 12.0.0; x86_64) xterm-256color (codex-tui; 0.169.0)";
const spawned = { "x-openai-subagent": "collab_spawn", "x-codex-parent-thread-id": session };
const opencode = "opencode/1.18.33 ai-sdk/provider-utils/4.0.46 runtime/bun/1.3.14";
const opencodeOnLinux =
  "opencode/1.18.33 (linux 6.18.44; x64) ai-sdk/provider-utils/4.0.40 runtime/bun/1.3.14";
const stainless = { "x-stainless-lang": "js", "x-stainless-retry-count": "0" };

interface Row extends SessionLabels {
  readonly who: string;
  readonly sent: Readonly<Record<string, string>>;
}

const rows: readonly Row[] = [
  {
    who: "codex exec",
    sent: codex(exec, session, "/root"),
    sessionId: session,
    agentId: "/root",
    client: "codex_exec/0.169.0",
  },
  {
    who: "Codex in a terminal",
    sent: codex(tui, session, "/root", { originator: "codex-tui" }),
    sessionId: session,
    agentId: "/root",
    client: "codex-tui/0.169.0",
  },
  {
    who: "a Codex thread beside that of the session, without a parent",
    sent: codex(tui, child, "/root"),
    sessionId: session,
    agentId: child,
    client: "codex-tui/0.169.0",
  },
  {
    who: "a Codex sub-agent with gpt-5.5, whose path is that of the root",
    sent: codex(exec, child, "/root", spawned),
    sessionId: session,
    agentId: child,
    client: "codex_exec/0.169.0",
  },
  {
    who: "a Codex sub-agent with gpt-6.1-sol, which has a path",
    sent: codex(exec, child, "/root/task_a", spawned),
    sessionId: session,
    agentId: "/root/task_a",
    client: "codex_exec/0.169.0",
  },
  {
    who: "a sub-agent of a Codex sub-agent",
    sent: codex(exec, grandchild, "/root", { ...spawned, "x-codex-parent-thread-id": child }),
    sessionId: session,
    agentId: grandchild,
    client: "codex_exec/0.169.0",
  },
  {
    who: "a Codex thread that calls itself its session and names its parent",
    sent: { "session-id": child, "thread-id": child, "x-codex-parent-thread-id": session },
    sessionId: session,
    agentId: child,
    client: null,
  },
  {
    who: "a Codex thread that names its parent and no session",
    sent: { "thread-id": child, "x-codex-parent-thread-id": session },
    sessionId: session,
    agentId: child,
    client: null,
  },
  {
    who: "codex doctor, which has no session",
    sent: {
      originator: "codex_cli_rs",
      "user-agent": "codex_cli_rs/0.169.0 (Debian 12.0.0; x86_64) unknown",
    },
    sessionId: null,
    agentId: null,
    client: "codex_cli_rs/0.169.0",
  },
  {
    who: "claude -p",
    sent: {
      "x-claude-code-session-id": "30434093-6ead",
      "user-agent": "claude-cli/2.1.330 (external, sdk-cli)",
      "x-app": "cli",
      ...stainless,
    },
    sessionId: "30434093-6ead",
    agentId: null,
    client: "claude-cli/2.1.330",
  },
  {
    who: "a Claude Code sub-agent",
    sent: {
      "x-claude-code-session-id": "30434093-6ead",
      "x-claude-code-agent-id": "a7f3",
      "user-agent": "claude-cli/2.1.330 (external, cli)",
    },
    sessionId: "30434093-6ead",
    agentId: "a7f3",
    client: "claude-cli/2.1.330",
  },
  {
    who: "a sub-agent of a Claude Code sub-agent",
    sent: {
      "x-claude-code-session-id": "30434093-6ead",
      "x-claude-code-agent-id": "b8a4",
      "x-claude-code-parent-agent-id": "a7f3",
      "user-agent": "claude-cli/2.1.330 (external, cli)",
    },
    sessionId: "30434093-6ead",
    agentId: "b8a4",
    client: "claude-cli/2.1.330",
  },
  {
    who: "Claude Code's model discovery",
    sent: { "user-agent": "claude-code/2.1.330", "anthropic-version": "2023-06-01" },
    sessionId: null,
    agentId: null,
    client: "claude-code/2.1.330",
  },
  {
    who: "opencode",
    sent: { "x-session-affinity": "ses_1", "x-session-id": "ses_1", "user-agent": opencode },
    sessionId: "ses_1",
    agentId: null,
    client: "opencode/1.18.33",
  },
  {
    who: "an opencode sub-agent",
    sent: {
      "x-session-affinity": "ses_2",
      "x-session-id": "ses_2",
      "x-parent-session-id": "ses_1",
      "user-agent": opencode,
    },
    sessionId: "ses_1",
    agentId: "ses_2",
    client: "opencode/1.18.33",
  },
  {
    who: "an opencode sub-agent with OpenAI, which sends a header of Codex's as well",
    sent: {
      originator: "opencode",
      "session-id": "ses_2",
      "x-session-affinity": "ses_2",
      "x-session-id": "ses_2",
      "x-parent-session-id": "ses_1",
      "user-agent": opencodeOnLinux,
    },
    sessionId: "ses_1",
    agentId: "ses_2",
    client: "opencode/1.18.33",
  },
  ...[
    ["the OpenAI SDK", "OpenAI/JS 7.57.0", "OpenAI/JS 7.57.0"],
    ["the OpenAI SDK for Python", "AsyncOpenAI/Python 2.9.0", "AsyncOpenAI/Python 2.9.0"],
    ["the Anthropic SDK", "Anthropic/JS 1.12.0", "Anthropic/JS 1.12.0"],
    ["the AI SDK", "ai/7.0.173 ai-sdk-provider-utils/5.0.81 node.js/22", "ai/7.0.173"],
    ["LangChain", "langchainjs-openai/1.0.0", "langchainjs-openai/1.0.0"],
    ["a browser", "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36", "Mozilla/5.0"],
    ["curl", "curl/8.14.1", "curl/8.14.1"],
    ["a script with a name and no version", "nightly job (cron)", "nightly job"],
    ["a product without a number", "agent/dev next/1", "agent/dev"],
  ].map(([who, userAgent, client]) => ({
    who: who ?? "",
    sent: { "user-agent": userAgent ?? "", ...stainless },
    sessionId: null,
    agentId: null,
    client: client ?? null,
  })),
];

for (const { who, sent, ...labels } of rows) {
  test(`${who}`, () => {
    const headers = Object.fromEntries(Object.entries(sent).map(([name, value]) => [name, [value]]));
    assert.deepEqual(readSession(headers), labels);
    // A caller can always name its session; its agents stay what they are.
    const named = readSession({ ...headers, "meshagent-session": ["nightly"] });
    assert.deepEqual(named, { ...labels, sessionId: "nightly" });
  });
}

test("nothing sent is nothing known", () => {
  assert.deepEqual(readSession({}), { sessionId: null, agentId: null, client: null });
});

test("Meshagent-Session wins over the client's own, unless it is empty", () => {
  const own = { "x-claude-code-session-id": ["a"], "session-id": ["b"], "x-session-id": ["c"] };
  assert.equal(readSession({ ...own, "meshagent-session": ["nightly"] }).sessionId, "nightly");
  assert.equal(readSession({ ...own, "meshagent-session": [" \t"] }).sessionId, "a");
});

test("labels are bounded and hold no control characters", () => {
  const long = "x".repeat(5000);
  const labels = readSession({
    "meshagent-session": [`a\u0000b\u001b[31m\u007f\u0085${long}`],
    "x-claude-code-agent-id": [long],
    "user-agent": [`a\u0007gent/1\u00e9\u00ff${long}`],
  });
  assert.equal(labels.sessionId?.length, 200);
  assert.match(labels.sessionId ?? "", /^ab\[31mx+$/);
  assert.equal(labels.agentId, "x".repeat(200));
  assert.equal(labels.client?.length, 200);
  assert.match(labels.client ?? "", /^agent\/1x+$/);
});

test("metadata that makes no sense is no agent", () => {
  for (const text of [
    "",
    "{",
    "null",
    "[]",
    "7",
    '"agent_name"',
    "{}",
    '{"agent_name":7}',
    '{"agent_name":""}',
    "{".repeat(9000),
  ]) {
    assert.equal(readSession({ "x-codex-turn-metadata": [text] }).agentId, null, text.slice(0, 20));
    // Its thread is known all the same.
    const headers = { "session-id": ["s"], "thread-id": ["t"], "x-codex-turn-metadata": [text] };
    assert.equal(readSession(headers).agentId, "t", text.slice(0, 20));
  }
});

test("a user-agent that is only a comment is no client", () => {
  assert.equal(readSession({ "user-agent": [" (compatible)"] }).client, null);
  assert.equal(readSession({ "user-agent": [""] }).client, null);
});

test("a user-agent without a space is read in no time, however long", () => {
  const startedMs = performance.now();
  for (const text of ["/".repeat(60_000), "a/".repeat(30_000), `${" ".repeat(60_000)}a`])
    readSession({ "user-agent": [text] });
  assert.ok(performance.now() - startedMs < 1_000);
});

test("header text in UTF-8 is read as such, other bytes stay as Node gave them", () => {
  const asNodeGives = Buffer.from("Büro 部屋", "utf8").toString("latin1");
  assert.equal(decodeHeaderText(asNodeGives), "Büro 部屋");
  assert.equal(decodeHeaderText("B\u00fcro"), "B\u00fcro");
  assert.equal(readSession({ "meshagent-session": [asNodeGives] }).sessionId, "Büro 部屋");
});
