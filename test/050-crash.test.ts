/**
 * `kill -9`, for real: the gateway is a process, the provider is another one that keeps its own books, and the
 * ledger is compared with what callers completely received and with what the provider billed.
 */

import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { newMasterKey } from "@meshagent/llm-proxy-gateway/data-dir";
import { Secret } from "@meshagent/llm-proxy-protocol/secret";
import type { Exchange } from "@meshagent/llm-proxy-gateway/store/store";
import { type FakeProvider, startFakeProvider } from "./bed/fake-provider.ts";
import { type FakeProviderProcess, spawnFakeProvider } from "./bed/fake-provider-process.ts";
import {
  type GatewayProcess,
  GatewayStartError,
  killSpawnedGateways,
  spawnGateway,
} from "./bed/gateway-process.ts";
import { rawChunk, rawHead } from "./bed/raw-reply.ts";
import { startTestGateway, type TestGateway } from "./bed/test-gateway.ts";

/** A caller's reply, if it came whole by the protocol's own rule. */
interface Received {
  readonly responseId: string;
  readonly exchangeId: string;
  readonly inputTokens: number;
  readonly outputTokens: number;
}

interface Place {
  readonly dataDir: string;
  readonly masterKey: string;
  readonly token: string;
}

after(killSpawnedGateways);

/** Makes a ledger with a project and a token, as a first start and `api-key create` would. */
async function prepare(): Promise<Place> {
  const dataDir = mkdtempSync(join(tmpdir(), "meshagent-crash-"));
  const masterKey = newMasterKey();
  const first = await startTestGateway({ dataDir, masterKey: new Secret(masterKey) });
  const token = await first.token();
  await first.stop();
  return { dataDir, masterKey, token };
}

/** The ledger after the last crash, read by a new process of the same directory. */
async function reopen(place: Place): Promise<TestGateway> {
  return startTestGateway({ dataDir: place.dataDir, masterKey: new Secret(place.masterKey) });
}

function spawnOn(
  place: Place,
  provider: Pick<FakeProvider, "openaiBaseUrl" | "anthropicBaseUrl">,
): Promise<GatewayProcess> {
  return spawnGateway({
    dataDir: place.dataDir,
    env: {
      MESHAGENT_MASTER_KEY: place.masterKey,
      OPENAI_API_KEY: "sk-test-1",
      ANTHROPIC_API_KEY: "sk-test-2",
      MESHAGENT_OPENAI_BASE_URL: provider.openaiBaseUrl,
      MESHAGENT_ANTHROPIC_BASE_URL: provider.anthropicBaseUrl,
    },
  });
}

interface Ask {
  readonly path: string;
  readonly body: object;
  /** The whole reply as text to what the caller may believe; null when it is not complete. */
  readonly read: (text: string) => Omit<Received, "exchangeId"> | null;
}

interface UsageLike {
  readonly input_tokens: number;
  readonly output_tokens: number;
}

function eventData(text: string, type: string): Record<string, unknown> | null {
  const lines = text.split("\n").filter((line) => line.startsWith("data: {"));
  for (const line of lines) {
    const data = parseJson(line.slice(6));
    if (data?.["type"] === type) return data;
  }
  return null;
}

/** null for what is cut off. */
function parseJson(text: string): Record<string, unknown> | null {
  try {
    return JSON.parse(text) as Record<string, unknown>;
  } catch {
    return null;
  }
}

function fromResponse(response: unknown): Omit<Received, "exchangeId"> {
  const { id, usage } = response as { id: string; usage: UsageLike };
  return { responseId: id, inputTokens: usage.input_tokens, outputTokens: usage.output_tokens };
}

/** One of each way in which a reply can come. `n` makes prompts differ, so that no cache makes usage alike. */
function asks(n: number): readonly Ask[] {
  const text = `request ${n} ${"x".repeat(n % 400)} [[simulate: slow 2ms, length ${20 + (n % 60)}]]`;
  return [
    {
      path: "/openai/v1/responses",
      body: { model: "gpt-5.5", stream: true, input: text },
      read: (reply) => {
        const completed = eventData(reply, "response.completed");
        return completed === null ? null : fromResponse(completed["response"]);
      },
    },
    {
      path: "/openai/v1/responses",
      body: { model: "gpt-5.4", input: text },
      read: (reply) => {
        const parsed = parseJson(reply);
        return parsed === null ? null : fromResponse(parsed);
      },
    },
    {
      path: "/anthropic/v1/messages",
      body: {
        model: "claude-opus-5-5",
        max_tokens: 4096,
        stream: true,
        messages: [{ role: "user", content: text }],
      },
      read: (reply) => {
        const start = eventData(reply, "message_start")?.["message"] as
          | { id: string; usage: UsageLike }
          | undefined;
        const delta = eventData(reply, "message_delta")?.["usage"] as UsageLike | undefined;
        const isWhole =
          eventData(reply, "message_stop") !== null && start !== undefined && delta !== undefined;
        if (!isWhole) return null;
        return {
          responseId: start.id,
          inputTokens: start.usage.input_tokens,
          outputTokens: delta.output_tokens,
        };
      },
    },
    {
      // Nobody asked for usage here: what the ledger has, the gateway asked for.
      path: "/openai/v1/chat/completions",
      body: { model: "gpt-5.4", stream: true, messages: [{ role: "user", content: text }] },
      read: (reply) => {
        const first = reply.split("\n").find((line) => line.startsWith("data: {"));
        const id = parseJson(first?.slice(6) ?? "")?.["id"];
        if (typeof id !== "string" || !reply.includes("data: [DONE]")) return null;
        return { responseId: id, inputTokens: -1, outputTokens: -1 };
      },
    },
  ];
}

async function ask(url: string, token: string, what: Ask): Promise<Received | null> {
  let text = "";
  let exchangeId = "";
  try {
    const reply = await fetch(url + what.path, {
      method: "POST",
      headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
      body: JSON.stringify(what.body),
    });
    if (reply.status !== 200) return null;
    exchangeId = reply.headers.get("x-meshagent-exchange-id") ?? "";
    const decoder = new TextDecoder();
    for await (const chunk of reply.body ?? []) text += decoder.decode(chunk, { stream: true });
  } catch {
    // The gateway was killed under this request. What came may be whole all the same.
  }
  const received = what.read(text);
  return received === null ? null : { ...received, exchangeId };
}

describe("kill -9 at random moments, over and over", () => {
  const rounds = 12;
  const callers = 16;
  const seed = 20261124;
  let provider: FakeProviderProcess;
  let place: Place;
  before(async () => {
    provider = await spawnFakeProvider();
    place = await prepare();
  });
  after(async () => {
    await provider.stop();
    rmSync(place.dataDir, { recursive: true, force: true });
  });

  it("loses nothing that a caller received, doubles nothing, and leaves nothing open", async () => {
    let state = seed;
    const random = (below: number): number => {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      return state % below;
    };
    const received: Received[] = [];
    let asked = 0;
    for (let round = 0; round < rounds; round++) {
      const gateway = await spawnOn(place, provider);
      let isKilled = false;
      const load = Array.from({ length: callers }, async () => {
        while (!isKilled) {
          const kinds = asks(asked++);
          const what = kinds[random(kinds.length)];
          const got = what === undefined ? null : await ask(gateway.url, place.token, what);
          if (got !== null) received.push(got);
        }
      });
      // The moment of the kill is the one thing that time decides here, on purpose.
      await new Promise((resolve) => setTimeout(resolve, 150 + random(500)));
      await gateway.kill();
      isKilled = true;
      await Promise.all(load);
    }
    await provider.untilIdle();
    const books = (await provider.books()).filter((entry) => entry.bill !== null);
    const ledger = await reopen(place);
    const rows = await ledger.exchanges();
    await ledger.close();
    compare({ rows, received, billed: books.map((entry) => entry.bill?.responseId ?? "") });
    assert.ok(received.length > rounds * 5, `seed ${seed}: only ${received.length} replies came whole`);
  });
});

interface Compared {
  readonly rows: readonly Exchange[];
  readonly received: readonly Received[];
  /** Response ids in the provider's books. */
  readonly billed: readonly string[];
}

function compare({ rows, received, billed }: Compared): void {
  const byId = new Map(rows.map((row) => [row.intent.id, row]));
  assert.equal(byId.size, rows.length, "an exchange is on the ledger once");
  for (const row of rows) assert.notEqual(row.result, null, `${row.intent.id} was left open`);
  for (const got of received) {
    const result = byId.get(got.exchangeId)?.result;
    assert.equal(
      result?.outcome,
      "ok",
      `${got.exchangeId} was received whole and is ${result?.outcome ?? "missing"}`,
    );
    assert.equal(result.usageSource, "exact");
    assert.equal(result.usage.length, 1);
    assert.equal(result.usage[0]?.response_id, got.responseId);
    assert.equal(typeof result.usage[0].input_tokens, "number");
    if (got.inputTokens === -1) continue;
    assert.equal(result.usage[0].output_tokens, got.outputTokens);
    // Anthropic's input_tokens leaves cache reads and writes out, the record's includes them.
    assert.ok((result.usage[0].input_tokens ?? 0) >= got.inputTokens);
  }
  const recorded = rows.flatMap((row) => row.result?.usage.map((usage) => usage.response_id) ?? []);
  const known = recorded.filter((id) => id !== null);
  assert.equal(new Set(known).size, known.length, "a response is on the ledger once");
  const books = new Set(billed);
  for (const id of known) assert.ok(books.has(id), `${id} is on the ledger and not in the provider's books`);
  // What the provider billed and no caller received whole was begun by an intent, and is there as interrupted.
  const interrupted = rows.filter((row) => row.result?.outcome === "interrupted");
  assert.ok(billed.length - known.length <= interrupted.length, "every billed response has a row");
  for (const row of interrupted) {
    assert.equal(row.result?.usageSource, "estimated");
    assert.equal(row.result.usage[0]?.completeness, "estimated");
  }
}

describe("kill -9 between the terminal event and the end", () => {
  it("has the row, exact, although the reply never ended", async () => {
    const provider = await startFakeProvider();
    const place = await prepare();
    const completed = {
      type: "response.completed",
      response: {
        id: "resp_killed",
        model: "gpt-5.5",
        status: "completed",
        usage: { input_tokens: 11, output_tokens: 7, total_tokens: 18 },
      },
    };
    provider.script(() => ({
      pieces: [
        rawHead(200, [
          ["content-type", "text/event-stream"],
          ["transfer-encoding", "chunked"],
        ]),
        rawChunk(`event: response.completed\ndata: ${JSON.stringify(completed)}\n\n`),
      ],
      end: "hang",
    }));
    const gateway = await spawnOn(place, provider);
    const reply = await fetch(`${gateway.url}/openai/v1/responses`, {
      method: "POST",
      headers: { authorization: `Bearer ${place.token}`, "content-type": "application/json" },
      body: JSON.stringify({ model: "gpt-5.5", stream: true, input: "hi" }),
    });
    const first = await reply.body?.getReader().read();
    assert.match(Buffer.from(first?.value ?? []).toString(), /response\.completed/);
    await gateway.kill();
    const ledger = await reopen(place);
    const [row] = await ledger.exchanges();
    await ledger.close();
    await provider.close();
    assert.equal(row?.result?.outcome, "ok");
    assert.equal(row.result.usageSource, "exact");
    assert.equal(row.result.usage[0]?.input_tokens, 11);
    // gpt-5.5: 11 x $5 / 1M + 7 x $30 / 1M = $0.000055 + $0.00021 = $0.000265
    assert.equal(row.result.costNanoUsd, 265_000);
  });
});

describe("two processes on one directory", () => {
  it("refuses the second, which marks nothing; a rolling restart interrupts nothing that finished", async () => {
    const provider = await startFakeProvider();
    const place = await prepare();
    const old = await spawnOn(place, provider);
    const running = ask(old.url, place.token, {
      path: "/openai/v1/responses",
      body: { model: "gpt-5.5", stream: true, input: "slowly [[simulate: slow 20ms, length 60]]" },
      read: (reply) =>
        reply.includes("response.completed") ? { responseId: "", inputTokens: 0, outputTokens: 0 } : null,
    });
    await provider.untilRequests(1);
    await assert.rejects(spawnOn(place, provider), (error: GatewayStartError) => {
      assert.equal(error.exitCode, 1);
      assert.match(error.message, /already|another/i);
      return true;
    });
    // The old one drains: the running reply comes whole, and it leaves with 0.
    const code = old.terminate();
    assert.notEqual(await running, null);
    assert.equal(await code, 0);
    const next = await spawnOn(place, provider);
    assert.equal(await next.terminate(), 0);
    const ledger = await reopen(place);
    const rows = await ledger.exchanges();
    await ledger.close();
    await provider.close();
    assert.deepEqual(
      rows.map((row) => row.result?.outcome),
      ["ok"],
    );
  });
});
