/**
 * Sub-agents of the real clients: each row says which session, which agent and which client, and the report has what
 * the whole run cost, with its sub-agents under it.
 */

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createClient } from "@meshagent/llm-proxy-protocol/client";
import type { UsageRow } from "@meshagent/llm-proxy-protocol/api";
import type { Exchange } from "@meshagent/llm-proxy-gateway/store/store";
import type { RecordedRequest } from "../test/bed/fake-provider.ts";
import { type RawReply, rawChunk, rawHead, rawLastChunk } from "../test/bed/raw-reply.ts";
import { runClaude } from "./bed/claude.ts";
import { codexSessionId, runCodex } from "./bed/codex.ts";
import { pinnedVersion } from "./bed/installed.ts";
import { hasOpencode, runOpencode } from "./bed/opencode.ts";
import { assertNoComplaint, openScene, type Scene } from "./bed/scene.ts";

/** In the prompt of a person, so that a request of the main agent is known by it. */
const person = "Hand the small task on.";
/** In the prompt of the sub-agent alone, and in the call that starts it. */
const task = "Say the word green.";

function streamed(events: readonly Readonly<Record<string, unknown>>[]): RawReply {
  const body = events
    .map((event) => `event: ${String(event["type"])}\ndata: ${JSON.stringify(event)}\n\n`)
    .join("");
  const head = rawHead(200, [
    ["content-type", "text/event-stream"],
    ["transfer-encoding", "chunked"],
  ]);
  return { pieces: [head, rawChunk(body), rawLastChunk()], end: "keep" };
}

/** A response of OpenAI's that calls one tool. */
function functionCall(call: Readonly<Record<string, string>>): RawReply {
  const response = { id: `resp_${call["call_id"]}`, object: "response", model: "gpt-5.5", output: [] };
  const item = { type: "function_call", id: `fc_${call["call_id"]}`, status: "completed", ...call };
  const usage = {
    input_tokens: 7,
    input_tokens_details: { cached_tokens: 0 },
    output_tokens: 2,
    output_tokens_details: { reasoning_tokens: 0 },
    total_tokens: 9,
  };
  return streamed([
    { type: "response.created", response: { ...response, status: "in_progress" } },
    { type: "response.output_item.added", output_index: 0, item: { ...item, arguments: "" } },
    {
      type: "response.function_call_arguments.done",
      output_index: 0,
      item_id: item.id,
      arguments: call["arguments"],
    },
    { type: "response.output_item.done", output_index: 0, item },
    { type: "response.completed", response: { ...response, status: "completed", output: [item], usage } },
  ]);
}

/** A message of Anthropic's that calls one tool. */
function toolUse(name: string, input: object): RawReply {
  const message = {
    id: "msg_spawn",
    type: "message",
    role: "assistant",
    model: "claude-opus-5-5",
    content: [],
  };
  const usage = { input_tokens: 7, output_tokens: 2 };
  return streamed([
    { type: "message_start", message: { ...message, stop_reason: null, stop_sequence: null, usage } },
    {
      type: "content_block_start",
      index: 0,
      content_block: { type: "tool_use", id: "toolu_spawn", name, input: {} },
    },
    {
      type: "content_block_delta",
      index: 0,
      delta: { type: "input_json_delta", partial_json: JSON.stringify(input) },
    },
    { type: "content_block_stop", index: 0 },
    { type: "message_delta", delta: { stop_reason: "tool_use", stop_sequence: null }, usage },
    { type: "message_stop" },
  ]);
}

/** Whether the body is of the main agent's first turn: a person's words, tools, and no word of the sub-agent's. */
function isFirstTurn(request: RecordedRequest): boolean {
  const text = request.body.toString();
  return text.includes(person) && text.includes('"tools":[') && !text.includes(task);
}

interface Expected {
  readonly client: string;
  readonly sessionId: string;
  /** What the main agent is called. */
  readonly main: string | null;
}

/** The rows of a run, and the one line of its session. */
async function assertTree(scene: Scene, expected: Expected): Promise<readonly Exchange[]> {
  const rows = await scene.gateway.untilExchanges((all) => all.every((row) => row.result !== null));
  for (const { intent } of rows)
    assert.deepEqual([intent.sessionId, intent.client], [expected.sessionId, expected.client]);
  const agents = new Set(rows.map(({ intent }) => intent.agentId));
  assert.ok(agents.has(expected.main));
  assert.equal(agents.size, 2, JSON.stringify([...agents]));

  const owner = createClient({ baseUrl: scene.gateway.url, token: scene.gateway.ownerToken });
  const { usage, total } = await owner.getUsage({ project: scene.gateway.projectId, by: ["session"] });
  const [line, ...others] = usage;
  assert.ok(line !== undefined);
  assert.deepEqual(others, []);
  assert.equal(line.session_id, expected.sessionId);
  assert.equal(line.cost_nano_usd, total.cost_nano_usd);
  assert.deepEqual(
    costs(line.agents ?? []),
    [...agents]
      .map((agent): readonly [string | null, number, number] => {
        const own = rows.filter(({ intent }) => intent.agentId === agent);
        return [agent, own.length, own.reduce((sum, row) => sum + (row.result?.costNanoUsd ?? NaN), 0)];
      })
      .toSorted(([a], [b]) => ((a ?? "") < (b ?? "") ? -1 : 1)),
  );
  return rows;
}

function costs(agents: NonNullable<UsageRow["agents"]>): unknown {
  return agents.map((agent) => [agent.agent_id, agent.requests, agent.cost_nano_usd]);
}

describe("sub-agents", () => {
  it("of Codex have the session of the thread that started them", async () => {
    await using scene = await openScene();
    scene.provider.script((request) => {
      const text = request.body.toString();
      if (isFirstTurn(request)) {
        const call = { call_id: "call_spawn", namespace: "multi_agent_v1", name: "spawn_agent" };
        return functionCall({ ...call, arguments: JSON.stringify({ message: task }) });
      }
      const started = /"call_id":"call_spawn","output":"\{\\"agent_id\\":\\"([0-9a-f-]+)\\"/.exec(text);
      if (started === null || text.includes("call_wait")) return null;
      const call = { call_id: "call_wait", namespace: "multi_agent_v1", name: "wait_agent" };
      return functionCall({ ...call, arguments: JSON.stringify({ targets: [started[1]] }) });
    });
    const output = await runCodex(scene, { token: await scene.gateway.token(), args: [person] });
    assert.equal(output.exitCode, 0, output.screen);
    assertNoComplaint(output);
    const sessionId = codexSessionId(output);
    const client = `codex_exec/${pinnedVersion("@openai/codex")}`;
    const rows = await assertTree(scene, { client, sessionId, main: "/root" });
    // The sub-agent is called what Codex told the main agent that it is called.
    const [, sub] =
      /\\"agent_id\\":\\"([0-9a-f-]+)\\"/.exec(String(scene.provider.requests.at(-1)?.body)) ?? [];
    assert.deepEqual(new Set(rows.map(({ intent }) => intent.agentId)), new Set(["/root", sub]));
  });

  it("of Claude Code have its session", async () => {
    await using scene = await openScene();
    scene.provider.script((request) =>
      isFirstTurn(request)
        ? toolUse("Agent", { description: "Say a word", prompt: task, run_in_background: false })
        : null,
    );
    const output = await runClaude(scene, {
      token: await scene.gateway.token(),
      args: [person, "--output-format", "json", "--allowedTools", "Agent"],
    });
    assert.equal(output.exitCode, 0, output.screen);
    assertNoComplaint(output);
    const { session_id: sessionId } = JSON.parse(output.stdout) as { readonly session_id: string };
    const client = `claude-cli/${pinnedVersion("@anthropic-ai/claude-code")}`;
    await assertTree(scene, { client, sessionId, main: null });
  });

  it("of opencode have the session that started them", { skip: !hasOpencode }, async () => {
    await using scene = await openScene();
    scene.provider.script((request) =>
      isFirstTurn(request)
        ? functionCall({
            call_id: "call_spawn",
            name: "task",
            arguments: JSON.stringify({ description: "Say a word", prompt: task, subagent_type: "general" }),
          })
        : null,
    );
    const output = await runOpencode(scene, {
      token: await scene.gateway.token(),
      model: "openai/gpt-5.5",
      args: [person],
    });
    assert.equal(output.exitCode, 0, output.screen);
    const sessionIds = scene.provider.requests.map(
      ({ headers }) => headers.find(([name]) => name.toLowerCase() === "x-session-id")?.[1] ?? "",
    );
    const client = `opencode/${pinnedVersion("opencode-linux-x64")}`;
    const sessionId = sessionIds[0] ?? "";
    assert.match(sessionId, /^ses_/);
    const rows = await assertTree(scene, { client, sessionId, main: null });
    assert.deepEqual(new Set(rows.map(({ intent }) => intent.agentId ?? sessionId)), new Set(sessionIds));
  });
});
