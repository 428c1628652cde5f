/** Claude Code with the guide's environment: turns with and without a tool, and the rows that they leave. */

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Exchange } from "@meshagent/llm-proxy-gateway/store/store";
import type { BookEntry } from "../test/bed/provider-books.ts";
import { runClaude, startClaude } from "./bed/claude.ts";
import type { ClientOutput } from "./bed/client-process.ts";
import { pinnedVersion } from "./bed/installed.ts";
import { assertCredentialsStayApart, assertNoComplaint, openScene, rowFacts } from "./bed/scene.ts";

const version = pinnedVersion("@anthropic-ai/claude-code");

const expectedFacts = {
  room: "my-room",
  participant: "cli-agent",
  role: "agent",
  client: `claude-cli/${version}`,
  // Only its sub-agents name themselves.
  agentId: null,
  dialect: "anthropic",
  endpoint: "/v1/messages",
  transport: "sse",
  provider: "anthropic",
  requestedModel: "claude-opus-5-5",
  isSimulated: false,
  status: 200,
  outcome: "ok",
  usageSource: "exact",
  model: "claude-opus-5-5",
  servedTier: "standard",
  attempts: 1,
};

/** Anthropic's usage object of a message; its `input_tokens` are those that no cache has to do with. */
interface BookedUsage {
  readonly input_tokens: number;
  readonly cache_creation_input_tokens: number;
  readonly cache_read_input_tokens: number;
  readonly cache_creation: {
    readonly ephemeral_5m_input_tokens: number;
    readonly ephemeral_1h_input_tokens: number;
  };
  readonly output_tokens: number;
}

function booked(entry: BookEntry): BookedUsage {
  assert.ok(entry.bill !== null);
  return entry.bill.usage as unknown as BookedUsage;
}

/**
 * claude-opus-5-5, list prices per million tokens: input $4, cache write $5 (5 minutes) and $8 (1 hour), cache read
 * $0.20, output $20; here per token in nano-dollars.
 */
function listPriceNanoUsd(usage: BookedUsage): number {
  return (
    usage.input_tokens * 4000 +
    usage.cache_creation.ephemeral_5m_input_tokens * 5000 +
    usage.cache_creation.ephemeral_1h_input_tokens * 8000 +
    usage.cache_read_input_tokens * 200 +
    usage.output_tokens * 20_000
  );
}

/** The row against what the provider itself says it billed. */
function assertRow(
  row: Exchange,
  entry: BookEntry,
  facts: Readonly<Record<string, unknown>> = expectedFacts,
): void {
  const usage = booked(entry);
  assert.deepEqual(rowFacts(row), facts);
  const [record, ...others] = row.result?.usage ?? [];
  assert.ok(record !== undefined);
  assert.deepEqual(others, []);
  assert.equal(record.response_id, entry.bill?.responseId);
  assert.deepEqual(
    {
      input: record.input_tokens,
      cacheRead: record.cache_read_input_tokens,
      cacheWrite: record.cache_write_input_tokens,
      cacheWrite5m: record.cache_write_5m_input_tokens,
      cacheWrite1h: record.cache_write_1h_input_tokens,
      output: record.output_tokens,
      completeness: record.completeness,
      costStatus: record.cost_status,
    },
    {
      input: usage.input_tokens + usage.cache_creation_input_tokens + usage.cache_read_input_tokens,
      cacheRead: usage.cache_read_input_tokens,
      cacheWrite: usage.cache_creation_input_tokens,
      cacheWrite5m: usage.cache_creation.ephemeral_5m_input_tokens,
      cacheWrite1h: usage.cache_creation.ephemeral_1h_input_tokens,
      output: usage.output_tokens,
      completeness: "complete",
      costStatus: "priced",
    },
  );
  assert.equal(record.cost_nano_usd, listPriceNanoUsd(usage));
  assert.equal(row.result?.costNanoUsd, listPriceNanoUsd(usage));
}

/** The closing report of `--output-format json`. */
interface ClaudeReport {
  readonly result: string;
  readonly is_error: boolean;
  readonly session_id: string;
  readonly total_cost_usd: number;
  readonly modelUsage: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
}

function reportOf(output: ClientOutput): ClaudeReport {
  return JSON.parse(output.stdout) as ClaudeReport;
}

describe(`Claude Code ${version}`, () => {
  it("runs a tool, goes on in the same session, and both turns are in the ledger", async () => {
    await using scene = await openScene();
    const { gateway, provider, tap } = scene;
    const token = await gateway.token();

    const first = await runClaude(scene, {
      token,
      args: ["run: echo hello-from-tool", "--output-format", "json", "--allowedTools", "Bash(echo:*)"],
    });
    assert.equal(first.exitCode, 0, first.screen);
    assertNoComplaint(first);
    const report = reportOf(first);
    assert.equal(report.is_error, false);
    assert.match(report.result, /^This is a simulated reply .* The tool answered: "hello-from-tool"\.$/);
    // The client ran the command, and told the provider what came out.
    const toolResult = provider.requests[1]?.body.toString() ?? "";
    assert.match(toolResult, /"type":"tool_result","content":"hello-from-tool","is_error":false/);

    const second = await runClaude(scene, { token, args: ["--continue", "say it again"] });
    assert.equal(second.exitCode, 0, second.screen);
    assertNoComplaint(second);
    assert.match(second.stdout, /^This is a simulated reply .* You wrote: "say it again"\.\n$/);

    // Every request of the client's has a row, every row is in the provider's books, and nothing else happened.
    const rows = await gateway.exchanges();
    assert.deepEqual(tap.requests, Array(3).fill("POST /anthropic/v1/messages?beta=true HTTP/1.1"));
    assert.deepEqual([rows.length, provider.requests.length, provider.books.length], [3, 3, 3]);
    for (const [at, row] of rows.entries()) {
      const [entry, request] = [provider.books[at], provider.requests[at]];
      assert.ok(entry !== undefined && request !== undefined);
      assertRow(row, entry);
      assert.equal(row.intent.sessionId, report.session_id);
      assert.equal(row.intent.requestBytes, request.body.byteLength);
    }
    const [cold, warm] = rows.map((row) => row.result?.usage[0]);
    assert.ok((cold?.cache_write_input_tokens ?? 0) > 0, "The first request writes the cache.");
    assert.ok((warm?.cache_read_input_tokens ?? 0) > 0, "The second request reads it.");

    // What Claude Code tells its user the turn cost, by prices of its own, is what the ledger says.
    const costNanoUsd = rows.slice(0, 2).reduce((sum, row) => sum + (row.result?.costNanoUsd ?? 0), 0);
    assert.equal(Math.round(report.total_cost_usd * 1e9), costNanoUsd);
    const usages = provider.books.slice(0, 2).map(booked);
    const sum = (pick: (usage: BookedUsage) => number): number =>
      usages.reduce((all, one) => all + pick(one), 0);
    assert.deepEqual(Object.keys(report.modelUsage), ["claude-opus-5-5"]);
    const { inputTokens, outputTokens, cacheReadInputTokens, cacheCreationInputTokens } =
      report.modelUsage["claude-opus-5-5"] ?? {};
    assert.deepEqual(
      { inputTokens, outputTokens, cacheReadInputTokens, cacheCreationInputTokens },
      {
        inputTokens: sum((usage) => usage.input_tokens),
        outputTokens: sum((usage) => usage.output_tokens),
        cacheReadInputTokens: sum((usage) => usage.cache_read_input_tokens),
        cacheCreationInputTokens: sum((usage) => usage.cache_creation_input_tokens),
      },
    );

    assertCredentialsStayApart(scene, token);
    assert.deepEqual(scene.proxy.asked, [], "Claude Code wanted to reach another host.");
  });

  it("works right after the installation, with the simulated provider", async () => {
    await using scene = await openScene({ isSimulated: true });
    const token = await scene.gateway.token();
    const output = await runClaude(scene, {
      token,
      args: ["run: echo hello-from-tool", "--allowedTools", "Bash(echo:*)"],
    });
    assert.equal(output.exitCode, 0, output.screen);
    assertNoComplaint(output);
    assert.match(output.stdout, /^This is a simulated reply .* The tool answered: "hello-from-tool"\.\n$/);
    const rows = await scene.gateway.exchanges();
    const facts = { ...expectedFacts, isSimulated: true };
    assert.deepEqual(rows.map(rowFacts), [facts, facts]);
    assert.ok(rows.every((row) => (row.result?.costNanoUsd ?? 0) > 0));
  });

  it("gets the reply again without streaming after an error in the stream, and both have their row", async () => {
    await using scene = await openScene();
    const { gateway, provider } = scene;
    const output = await runClaude(scene, {
      token: await gateway.token(),
      args: ["say hi [[simulate: stream-error]]"],
    });
    // The person sees a whole reply and no word of the error.
    assert.equal(output.exitCode, 0, output.screen);
    assertNoComplaint(output);
    assert.match(output.stdout, /^This is a simulated reply .* You wrote: "say hi"\.\n$/);

    const [broken, whole, ...others] = await gateway.exchanges();
    const [brokenEntry, wholeEntry] = provider.books;
    assert.ok(broken !== undefined && whole !== undefined);
    assert.ok(brokenEntry !== undefined && wholeEntry !== undefined);
    assert.deepEqual(others, []);
    assertRow(whole, wholeEntry, { ...expectedFacts, transport: "http" });
    assert.deepEqual(rowFacts(broken), { ...expectedFacts, outcome: "stream_error", usageSource: "partial" });
    // The stream told its input before it broke, all of it a 5 minute cache write at $5 per million; its output
    // is not known, so the cost is a lower bound.
    const known = booked(brokenEntry);
    assert.equal(broken.result?.usage[0]?.cost_status, "lower_bound");
    assert.equal(known.cache_creation.ephemeral_5m_input_tokens, known.cache_creation_input_tokens);
    assert.equal(
      broken.result?.costNanoUsd,
      known.input_tokens * 4000 + known.cache_creation_input_tokens * 5000,
    );
  });

  it("killed in the middle of a reply, leaves a row with the exact usage", async () => {
    await using scene = await openScene();
    const { gateway, provider } = scene;
    const prompt = "Tell me a story [[simulate: slow 20ms, length 400]]";
    const claude = startClaude(scene, { token: await gateway.token(), args: [prompt] });
    await scene.tap.untilSent("content_block_delta");
    claude.kill("SIGKILL");
    const killedAtMs = Date.now();
    assert.equal((await claude.output).signal, "SIGKILL");

    const [row, ...others] = await gateway.untilExchanges((rows) => rows.some((one) => one.result !== null));
    await provider.untilIdle();
    assert.deepEqual(others, []);
    const entry = provider.books[0];
    assert.ok(row !== undefined && entry !== undefined);
    // The provider got to say all of it, and says what it cost.
    assert.equal(entry.state, "complete");
    assertRow(row, entry, { ...expectedFacts, outcome: "client_closed", usageSource: "drained" });
    assert.ok((row.result?.firstByteAtMs ?? Infinity) <= killedAtMs, "The reply had begun.");
    assert.ok((row.result?.completedAtMs ?? 0) > killedAtMs, "The reply went on after Claude Code was gone.");
  });
});
