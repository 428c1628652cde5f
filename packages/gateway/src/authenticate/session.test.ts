import assert from "node:assert/strict";
import { test } from "node:test";
import { decodeHeaderText } from "./header-text.ts";
import { readSession } from "./session.ts";

test("nothing sent is nothing known", () => {
  assert.deepEqual(readSession({}), { sessionId: null, agentId: null, client: null });
});

test("a Codex turn", () => {
  const labels = readSession({
    "x-client-request-id": ["0199-a"],
    "session-id": ["0199-a"],
    "thread-id": ["0199-a"],
    "x-codex-turn-metadata": ['{"session_id":"0199-a","agent_name":"/root","turn_id":"t","workspaces":{}}'],
    "user-agent": ["codex_exec/0.169.0 (Debian 12.0.0; x86_64) xterm-256color (codex_exec; 0.169.0)"],
  });
  assert.deepEqual(labels, { sessionId: "0199-a", agentId: "/root", client: "codex_exec/0.169.0" });
});

test("a Claude Code sub-agent", () => {
  const labels = readSession({
    "x-claude-code-session-id": ["6f0c"],
    "x-claude-code-agent-id": ["explore-1"],
    "user-agent": ["claude-cli/2.1.330 (external, sdk-cli)"],
  });
  assert.deepEqual(labels, { sessionId: "6f0c", agentId: "explore-1", client: "claude-cli/2.1.330" });
});

test("opencode, whose user-agent has no comment", () => {
  const userAgent = "opencode/1.18.33 ai-sdk/provider-utils/4.0.46 runtime/bun/1.3.14";
  assert.deepEqual(readSession({ "x-session-id": ["ses_1"], "user-agent": [userAgent] }), {
    sessionId: "ses_1",
    agentId: null,
    client: userAgent,
  });
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
    "user-agent": [`a\u0007gent/1 \u00e9\u00ff${long}`],
  });
  assert.equal(labels.sessionId?.length, 200);
  assert.match(labels.sessionId ?? "", /^ab\[31mx+$/);
  assert.equal(labels.agentId, "x".repeat(200));
  assert.equal(labels.client?.length, 200);
  assert.match(labels.client ?? "", /^agent\/1 x+$/);
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
  }
});

test("a user-agent that is only a comment is no client", () => {
  assert.equal(readSession({ "user-agent": [" (compatible)"] }).client, null);
  assert.equal(readSession({ "user-agent": [""] }).client, null);
});

test("header text in UTF-8 is read as such, other bytes stay as Node gave them", () => {
  const asNodeGives = Buffer.from("Büro 部屋", "utf8").toString("latin1");
  assert.equal(decodeHeaderText(asNodeGives), "Büro 部屋");
  assert.equal(decodeHeaderText("B\u00fcro"), "B\u00fcro");
  assert.equal(readSession({ "meshagent-session": [asNodeGives] }).sessionId, "Büro 部屋");
});
