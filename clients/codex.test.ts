/** Codex CLI, set up as the guide says: turns with and without a tool, and the rows that they leave. */

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Exchange } from "@meshagent/llm-proxy-gateway/store/store";
import type { BookEntry } from "../test/bed/provider-books.ts";
import { type RawReply, rawChunk, rawHead, rawLastChunk } from "../test/bed/raw-reply.ts";
import { codexSessionId, codexTokensUsed, runCodex, startCodex } from "./bed/codex.ts";
import { pinnedVersion } from "./bed/installed.ts";
import { assertCredentialsStayApart, assertNoComplaint, openScene, rowFacts } from "./bed/scene.ts";

const version = pinnedVersion("@openai/codex");

const expectedFacts = {
  room: "my-room",
  participant: "cli-agent",
  role: "agent",
  client: `codex_exec/${version}`,
  agentId: "/root",
  dialect: "openai",
  endpoint: "/v1/responses",
  transport: "sse",
  provider: "openai",
  requestedModel: "gpt-5.5",
  isSimulated: false,
  status: 200,
  outcome: "ok",
  usageSource: "exact",
  model: "gpt-5.5-2026-04-23",
  servedTier: "standard",
  attempts: 1,
};

/** OpenAI's usage object of a response. */
interface BookedUsage {
  readonly input_tokens: number;
  readonly input_tokens_details: { readonly cached_tokens: number };
  readonly output_tokens: number;
  readonly output_tokens_details: { readonly reasoning_tokens: number };
}

function booked(entry: BookEntry): BookedUsage {
  assert.ok(entry.bill !== null);
  return entry.bill.usage as unknown as BookedUsage;
}

/** gpt-5.5, list prices per million tokens: input $5, cached input $0.50, output $30; here per token in nano-dollars. */
function listPriceNanoUsd(usage: BookedUsage): number {
  const cached = usage.input_tokens_details.cached_tokens;
  return (usage.input_tokens - cached) * 5000 + cached * 500 + usage.output_tokens * 30_000;
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
  assert.deepEqual(record.raw, usage);
  assert.deepEqual(
    {
      input: record.input_tokens,
      cacheRead: record.cache_read_input_tokens,
      output: record.output_tokens,
      reasoning: record.reasoning_output_tokens,
      completeness: record.completeness,
      costStatus: record.cost_status,
    },
    {
      input: usage.input_tokens,
      cacheRead: usage.input_tokens_details.cached_tokens,
      output: usage.output_tokens,
      reasoning: usage.output_tokens_details.reasoning_tokens,
      completeness: "complete",
      costStatus: "priced",
    },
  );
  assert.equal(record.cost_nano_usd, listPriceNanoUsd(usage));
  assert.equal(row.result?.costNanoUsd, listPriceNanoUsd(usage));
}

/** A reply as OpenAI sends it, with the header that the simulated provider leaves out. */
function sayingWhichModel(model: string): RawReply {
  const response = { id: "resp_1", object: "response", model, service_tier: "default", output: [] };
  const content = [{ type: "output_text", text: "hello", annotations: [] }];
  const item = { id: "msg_1", type: "message", role: "assistant", status: "completed", content };
  const usage = {
    input_tokens: 7,
    input_tokens_details: { cached_tokens: 0 },
    output_tokens: 2,
    output_tokens_details: { reasoning_tokens: 0 },
    total_tokens: 9,
  };
  const events = [
    { type: "response.created", response: { ...response, status: "in_progress" } },
    { type: "response.output_item.done", output_index: 0, item },
    { type: "response.completed", response: { ...response, status: "completed", output: [item], usage } },
  ];
  const body = events.map((event) => `event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`).join("");
  const head = rawHead(200, [
    ["content-type", "text/event-stream"],
    ["transfer-encoding", "chunked"],
    ["openai-model", model],
  ]);
  return { pieces: [head, rawChunk(body), rawLastChunk()], end: "keep" };
}

describe(`Codex ${version}`, () => {
  it("runs a tool, goes on in the same session, and both turns are in the ledger", async () => {
    await using scene = await openScene();
    const { gateway, provider, tap } = scene;
    const token = await gateway.token();

    const first = await runCodex(scene, { token, args: ["run: echo hello-from-tool"] });
    assert.equal(first.exitCode, 0, first.screen);
    assertNoComplaint(first);
    assert.match(first.stdout, /^This is a simulated reply .* The tool answered: "hello-from-tool"\.\n$/);
    // Codex says that it ran the command, and told the provider what came out.
    assert.match(
      first.stderr,
      /\/bin\/\w*sh -lc 'echo hello-from-tool'[^]* succeeded in \d+ms:\nhello-from-tool\n/,
    );
    const toolOutput = provider.requests[1]?.body.toString() ?? "";
    assert.match(
      toolOutput,
      /"type":"function_call_output".*Process exited with code 0.*Output:\\nhello-from-tool\\n/,
    );

    const second = await runCodex(scene, { token, args: ["resume", "--last", "say it again"], isJson: true });
    assert.equal(second.exitCode, 0, second.screen);
    assertNoComplaint(second);
    const events = second.stdout.split("\n").filter((line) => line !== "");
    assert.match(
      events.join("\n"),
      /"type":"agent_message","text":"This is a simulated reply .*say it again/,
    );

    // Every request of Codex's has a row, every row is in the provider's books, and nothing else happened.
    const rows = await gateway.exchanges();
    assert.deepEqual(tap.requests, Array(3).fill("POST /openai/v1/responses HTTP/1.1"));
    assert.deepEqual([rows.length, provider.requests.length, provider.books.length], [3, 3, 3]);
    for (const [at, row] of rows.entries()) {
      const [entry, request] = [provider.books[at], provider.requests[at]];
      assert.ok(entry !== undefined && request !== undefined);
      assertRow(row, entry);
      assert.equal(row.intent.sessionId, codexSessionId(first));
      assert.equal(row.intent.requestBytes, request.body.byteLength);
    }
    assert.ok(
      (rows[1]?.result?.usage[0]?.cache_read_input_tokens ?? 0) > 0,
      "The second request reads the cache.",
    );

    // What Codex shows its user is what the ledger says: uncached input and output of the turn's two requests.
    const usages = provider.books.map(booked);
    const used = usages
      .slice(0, 2)
      .reduce(
        (sum, one) => sum + one.input_tokens - one.input_tokens_details.cached_tokens + one.output_tokens,
        0,
      );
    assert.equal(codexTokensUsed(first), used);
    const sum = (pick: (usage: BookedUsage) => number): number =>
      usages.reduce((all, one) => all + pick(one), 0);
    assert.deepEqual(JSON.parse(events.at(-1) ?? ""), {
      type: "turn.completed",
      // Of the whole session, resumed.
      usage: {
        input_tokens: sum((usage) => usage.input_tokens),
        cached_input_tokens: sum((usage) => usage.input_tokens_details.cached_tokens),
        cache_write_input_tokens: 0,
        output_tokens: sum((usage) => usage.output_tokens),
        reasoning_output_tokens: sum((usage) => usage.output_tokens_details.reasoning_tokens),
      },
    });

    assertCredentialsStayApart(scene, token);
    assert.deepEqual(scene.proxy.asked, [], "Codex wanted to reach another host.");
  });

  it("works right after the installation, with the simulated provider", async () => {
    await using scene = await openScene({ isSimulated: true });
    const token = await scene.gateway.token();
    const output = await runCodex(scene, { token, args: ["run: echo hello-from-tool"] });
    assert.equal(output.exitCode, 0, output.screen);
    assertNoComplaint(output);
    assert.match(output.stdout, /^This is a simulated reply .* The tool answered: "hello-from-tool"\.\n$/);
    const rows = await scene.gateway.exchanges();
    const facts = { ...expectedFacts, isSimulated: true };
    assert.deepEqual(rows.map(rowFacts), [facts, facts]);
    assert.ok(rows.every((row) => (row.result?.costNanoUsd ?? 0) > 0));
  });

  it("raises no alarm over a provider that names a dated model in a header", async () => {
    await using scene = await openScene();
    scene.provider.script(() => sayingWhichModel("gpt-5.5-2026-04-23"));
    const output = await runCodex(scene, { token: await scene.gateway.token(), args: ["say hi"] });
    assert.equal(output.exitCode, 0, output.screen);
    // Codex takes any other name in `openai-model` for a sign that its user was flagged, and says so.
    assertNoComplaint(output);
    assert.equal(output.stdout, "hello\n");
    const [row] = await scene.gateway.exchanges();
    assert.deepEqual(row && rowFacts(row), expectedFacts);
    // 7 input tokens at $5 and 2 output tokens at $30 per million: 35,000 + 60,000 nano-dollars.
    assert.equal(row?.result?.costNanoUsd, 95_000);
  });

  it("killed in the middle of a reply, leaves a row with the exact usage", async () => {
    await using scene = await openScene();
    const { gateway, provider } = scene;
    const prompt = "Tell me a story [[simulate: slow 20ms, length 400]]";
    const codex = startCodex(scene, { token: await gateway.token(), args: [prompt] });
    await scene.tap.untilSent("response.output_text.delta");
    codex.kill("SIGKILL");
    const killedAtMs = Date.now();
    assert.equal((await codex.output).signal, "SIGKILL");

    const [row, ...others] = await gateway.untilExchanges((rows) => rows.some((one) => one.result !== null));
    await provider.untilIdle();
    assert.deepEqual(others, []);
    const entry = provider.books[0];
    assert.ok(row !== undefined && entry !== undefined);
    // The provider got to say all of it, and says what it cost.
    assert.equal(entry.state, "complete");
    assertRow(row, entry, { ...expectedFacts, outcome: "client_closed", usageSource: "drained" });
    assert.ok((row.result?.firstByteAtMs ?? Infinity) <= killedAtMs, "The reply had begun.");
    assert.ok((row.result?.completedAtMs ?? 0) > killedAtMs, "The reply went on after Codex was gone.");
  });
});
