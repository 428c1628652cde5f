/** Codex CLI over a WebSocket, as its current version does it for a provider that says `supports_websockets`. */

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Exchange } from "@meshagent/llm-proxy-gateway/store/store";
import type { BookEntry } from "../test/bed/provider-books.ts";
import { codexSessionId, codexTokensUsed, runCodex, startCodex } from "./bed/codex.ts";
import { pinnedVersion } from "./bed/installed.ts";
import { modelNotGranted } from "./bed/refusals.ts";
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
  transport: "websocket",
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

/** Every row against the provider's own bill, in order. */
function assertBooked(rows: readonly Exchange[], books: readonly BookEntry[]): void {
  assert.equal(rows.length, books.length);
  for (const [at, row] of rows.entries()) {
    const entry = books[at];
    assert.ok(entry !== undefined);
    const [record, ...others] = row.result?.usage ?? [];
    assert.deepEqual(others, []);
    assert.equal(record?.response_id, entry.bill?.responseId);
    assert.deepEqual(record?.raw, entry.bill?.usage);
    assert.equal(row.result?.costNanoUsd, listPriceNanoUsd(booked(entry)));
  }
}

describe(`Codex ${version} over a WebSocket`, () => {
  it("warms up, runs a tool and answers on one connection, and each of them is an exchange", async () => {
    await using scene = await openScene();
    const { gateway, provider, tap } = scene;
    const token = await gateway.token();
    const output = await runCodex(scene, { token, isSocket: true, args: ["run: echo hello-from-tool"] });
    assert.equal(output.exitCode, 0, output.screen);
    assertNoComplaint(output);
    assert.match(output.stdout, /^This is a simulated reply .* The tool answered: "hello-from-tool"\.\n$/);

    // One upgrade, and no request beside it: neither a fall-back nor a second try.
    assert.deepEqual(tap.requests, ["GET /openai/v1/responses HTTP/1.1"]);
    const rows = await gateway.exchanges();
    assert.deepEqual(rows.map(rowFacts), Array(3).fill(expectedFacts));
    assert.equal(new Set(rows.map(({ intent }) => intent.connectionId)).size, 1);
    assert.ok(rows.every(({ intent }) => intent.sessionId === codexSessionId(output)));
    assertBooked(rows, provider.books);

    const [warmUp, turn, step] = rows.map(({ result }) => result?.usage[0]);
    assert.equal(warmUp?.output_tokens, 0);
    assert.ok((turn?.cache_read_input_tokens ?? 0) > 1000, "The turn reads what the warm-up has cached.");
    assert.ok((step?.cache_read_input_tokens ?? 0) > (turn?.cache_read_input_tokens ?? 0));
    const used = provider.books
      .slice(1)
      .map(booked)
      .reduce(
        (sum, one) => sum + one.input_tokens - one.input_tokens_details.cached_tokens + one.output_tokens,
        0,
      );
    assert.equal(codexTokensUsed(output), used, "What Codex shows its user is what the ledger says.");

    const names = provider.requests[0]?.headers.map(([name]) => name.toLowerCase()) ?? [];
    assert.ok(names.includes("openai-beta") && names.includes("x-codex-turn-metadata"), names.join(" "));
    assert.ok(!names.includes("sec-websocket-extensions"));
    assertCredentialsStayApart(scene, token);
    assert.deepEqual(scene.proxy.asked, [], "Codex wanted to reach another host.");
  });

  it("is no slower to start than over HTTP", async () => {
    await using scene = await openScene();
    const token = await scene.gateway.token();
    const overHttp = await runCodex(scene, { token, args: ["say hi"] });
    const overSocket = await runCodex(scene, { token, isSocket: true, args: ["say hi"] });
    assertNoComplaint(overSocket);
    // A declined or failed upgrade costs Codex a second and more for each of seven tries.
    assert.ok(
      overSocket.durationMs < overHttp.durationMs + 2_000,
      `${overHttp.durationMs} ms over HTTP, ${overSocket.durationMs} ms over a socket`,
    );
  });

  it("works with the newer models' lighter form, and right after the installation", async () => {
    await using scene = await openScene({ isSimulated: true });
    const token = await scene.gateway.token();
    const output = await runCodex(scene, { token, isSocket: true, model: "gpt-6.1-sol", args: ["say hi"] });
    assert.equal(output.exitCode, 0, output.screen);
    assertNoComplaint(output);
    assert.match(output.stdout, /^This is a simulated reply /);
    const rows = await scene.gateway.exchanges();
    assert.ok(rows.length >= 2);
    for (const { intent, result } of rows) {
      assert.deepEqual([intent.transport, intent.isSimulated, result?.outcome], ["websocket", true, "ok"]);
      assert.ok((result?.costNanoUsd ?? -1) >= 0);
    }
  });

  it("is told by an error frame that its model is not granted", async () => {
    await using scene = await openScene();
    const refusal = await modelNotGranted(scene, "openai/gpt-5.5");
    const output = await runCodex(scene, { token: refusal.token, isSocket: true, args: ["say hi"] });
    assert.notEqual(output.exitCode, 0);
    assert.match(output.screen.replaceAll('\\"', '"'), new RegExp(refusal.message));
    assert.deepEqual(scene.provider.books, []);
    assert.deepEqual(await scene.gateway.exchanges(), []);
  });

  it("killed in the middle of a reply, leaves a row with the exact usage", async () => {
    await using scene = await openScene();
    const { gateway, provider } = scene;
    const prompt = "Tell me a story [[simulate: slow 20ms, length 400]]";
    const codex = startCodex(scene, { token: await gateway.token(), isSocket: true, args: [prompt] });
    await scene.tap.untilSent("response.output_text.delta");
    codex.kill("SIGKILL");
    assert.equal((await codex.output).signal, "SIGKILL");
    const rows = await gateway.untilExchanges(
      (all) => all.length === 2 && all.every((one) => one.result !== null),
    );
    await provider.untilIdle();
    assertBooked(rows, provider.books);
    assert.deepEqual(rows.map(rowFacts), [
      expectedFacts,
      { ...expectedFacts, outcome: "client_closed", usageSource: "drained" },
    ]);
  });
});
