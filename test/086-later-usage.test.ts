/**
 * What is begun now and billed later: background responses and batches are collected by the gateway itself, across
 * `kill -9`, deletions and providers that forget, and billed once. Also: an id reaches nobody before its row, and a
 * project may open its rooms to each other.
 */

import assert from "node:assert/strict";
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it, type TestContext } from "node:test";
import { type Clock, systemClock } from "@meshagent/llm-proxy-gateway/clock";
import { newMasterKey } from "@meshagent/llm-proxy-gateway/data-dir";
import type { Exchange } from "@meshagent/llm-proxy-gateway/store/store";
import { Secret } from "@meshagent/llm-proxy-protocol/secret";
import OpenAI from "openai";
import { type FakeProvider, startFakeProvider } from "./bed/fake-provider.ts";
import { killSpawnedGateways, spawnGateway } from "./bed/gateway-process.ts";
import { rawChunk, rawHead, rawJson, rawLastChunk } from "./bed/raw-reply.ts";
import { startTestGateway, type TestGateway } from "./bed/test-gateway.ts";
import { systemAuthor } from "@meshagent/llm-proxy-gateway/store/audit";

after(killSpawnedGateways);

interface Bed {
  readonly provider: FakeProvider;
  readonly gateway: TestGateway;
  readonly client: OpenAI;
}

async function bed(
  context: TestContext,
  config: { readonly collectIntervalMs?: number } = {},
  clock: Clock = systemClock,
): Promise<Bed> {
  const provider = await startFakeProvider();
  const gateway = await startTestGateway({ provider, config: { collectIntervalMs: 20, ...config }, clock });
  context.after(async () => {
    await gateway.close();
    await provider.close();
  });
  const apiKey = await gateway.token();
  return { provider, gateway, client: new OpenAI({ baseURL: gateway.openaiUrl, apiKey, maxRetries: 0 }) };
}

const rowOf = (rows: readonly Exchange[], endpoint = "/v1/responses"): Exchange | undefined =>
  rows.find(({ intent }) => intent.endpoint === endpoint);

const background = { model: "gpt-5.5", input: "hello", background: true } as const;

/** A response object of a provider's, in exactly these bytes. */
const responseText = (status: string, usage: object | null): string =>
  JSON.stringify({
    id: "resp_bg",
    object: "response",
    status,
    model: "gpt-5.5-2026-04-23",
    output: [],
    usage,
  });
const usage = { input_tokens: 1000, output_tokens: 100, total_tokens: 1100 };

/** 1000 x 5 USD and 100 x 30 USD per million tokens. */
const costNanoUsd = 1000 * 5_000 + 100 * 30_000;

describe("usage that is told later", () => {
  it("survives kill -9: the next process collects it, and bills it once", async () => {
    const provider = await startFakeProvider();
    const dataDir = mkdtempSync(join(tmpdir(), "meshagent-later-"));
    const masterKey = newMasterKey();
    const first = await startTestGateway({ dataDir, masterKey: new Secret(masterKey) });
    const apiKey = await first.token();
    await first.stop();
    const env = {
      MESHAGENT_MASTER_KEY: masterKey,
      OPENAI_API_KEY: "sk-test-provider-key-5f1d",
      ANTHROPIC_API_KEY: "sk-test-provider-key-5f1d",
      MESHAGENT_OPENAI_BASE_URL: provider.openaiBaseUrl,
      MESHAGENT_ANTHROPIC_BASE_URL: provider.anthropicBaseUrl,
      MESHAGENT_COLLECT_INTERVAL: "1h",
    };
    const running = await spawnGateway({ dataDir, env });
    const client = new OpenAI({ baseURL: `${running.url}/openai/v1`, apiKey, maxRetries: 0 });
    const { id } = await client.responses.create(background);
    await running.kill();

    const next = await startTestGateway({
      provider,
      dataDir,
      masterKey: new Secret(masterKey),
      config: { collectIntervalMs: 20 },
    });
    try {
      const rows = await next.untilExchanges((all) => rowOf(all)?.result != null);
      assert.equal(next.gateway.interrupted, 0, "an exchange that waits is no orphan");
      const result = rowOf(rows)?.result;
      assert.deepEqual([result?.outcome, result?.usageSource], ["ok", "exact"]);
      assert.equal(result?.usage[0]?.response_id, id);
      const again = new OpenAI({ baseURL: next.openaiUrl, apiKey, maxRetries: 0 });
      assert.equal((await again.responses.retrieve(id)).status, "completed");
      assert.equal((await next.exchanges()).filter((row) => (row.result?.usage.length ?? 0) > 0).length, 1);
    } finally {
      await next.close();
      await provider.close();
    }
  });

  it("is asked for until it is there, and priced as it would have been at once", async (context) => {
    const { provider, gateway, client } = await bed(context);
    let polls = 0;
    provider.script((request) => {
      if (request.method === "POST") return rawJson(200, responseText("queued", null));
      polls += 1;
      if (polls === 2) return rawJson(500, "{}");
      return rawJson(200, polls < 4 ? responseText("in_progress", null) : responseText("completed", usage));
    });
    await client.responses.create(background);
    assert.equal(rowOf(await gateway.exchanges())?.result, null, "it runs");
    const row = rowOf(await gateway.untilExchanges((all) => rowOf(all)?.result != null));
    assert.equal(polls, 4);
    assert.equal(row?.result?.costNanoUsd, costNanoUsd);
    assert.equal(row.result.status, 200);
    assert.ok(row.result.completedAtMs >= row.intent.receivedAtMs);
  });

  it("of a background stream that breaks is collected all the same", async (context) => {
    const { provider, gateway, client } = await bed(context);
    const created = `event: response.created\ndata: {"type":"response.created","response":${responseText("in_progress", null)}}\n\n`;
    provider.script((request) =>
      request.method === "POST"
        ? {
            pieces: [rawHead(200, [["content-type", "text/event-stream"]]), created],
            end: "reset",
          }
        : rawJson(200, responseText("completed", usage)),
    );
    const stream = await client.responses.create({ ...background, stream: true });
    await assert.rejects(async () => {
      for await (const _ of stream);
    });
    const row = rowOf(await gateway.untilExchanges((all) => rowOf(all)?.result != null));
    assert.deepEqual([row?.result?.usageSource, row?.result?.costNanoUsd], ["exact", costNanoUsd]);
  });

  it("is collected before its object is deleted", async (context) => {
    const { provider, gateway, client } = await bed(context, { collectIntervalMs: 3_600_000 });
    const { id } = await client.responses.create(background);
    await client.responses.delete(id);
    const row = rowOf(await gateway.exchanges());
    assert.equal(row?.result?.usageSource, "exact");
    const paths = provider.requests.map(({ method, path }) => `${method} ${path.replace(id, "ID")}`);
    assert.deepEqual(paths.slice(1), ["GET /openai/v1/responses/ID", "DELETE /openai/v1/responses/ID"]);
  });

  it("of a batch is collected before the file of its answers is deleted", async (context) => {
    const { gateway, client } = await bed(context, { collectIntervalMs: 3_600_000 });
    const body = { model: "gpt-5.5", input: "hello" };
    const text = `${JSON.stringify({ custom_id: "a", method: "POST", url: "/v1/responses", body })}\n`;
    const file = await client.files.create({ file: new File([text], "a.jsonl"), purpose: "batch" });
    const batch = await client.batches.create({
      input_file_id: file.id,
      endpoint: "/v1/responses",
      completion_window: "24h",
    });
    const { output_file_id } = await client.batches.retrieve(batch.id);
    const line = JSON.parse(await (await client.files.content(output_file_id ?? "")).text());
    await client.files.delete(output_file_id ?? "");
    const { id } = await client.responses.retrieve(line.response.body.id);
    assert.equal(id, line.response.body.id, "a response that the batch stored is the room's");
    const row = rowOf(await gateway.exchanges(), "/v1/batches");
    assert.deepEqual([row?.result?.usageSource, row?.result?.usage[0]?.source], ["exact", "batch_line"]);
  });

  it("is given up with a row that says so when the provider has forgotten it", async (context) => {
    const { provider, gateway, client } = await bed(context);
    provider.script((request) =>
      request.method === "POST" ? rawJson(200, responseText("queued", null)) : rawJson(404, "{}"),
    );
    await client.responses.create(background);
    const row = rowOf(await gateway.untilExchanges((all) => rowOf(all)?.result != null));
    assert.deepEqual(
      [row?.result?.outcome, row?.result?.usageSource, row?.result?.costNanoUsd],
      ["truncated", "none", null],
    );
    assert.equal(provider.requests.filter(({ method }) => method === "GET").length, 3);
    assert.ok(gateway.logs.some((line) => line.includes("is given up")));
  });

  for (const [what, hours] of [
    ["a response", 26],
    ["a batch", 72],
  ] as const) {
    it(`is given up after ${hours} hours where ${what} never ends, by whichever process is there then`, async (context) => {
      let nowMs = Date.now();
      const clock = { now: () => nowMs };
      const { provider, gateway, client } = await bed(context, {}, clock);
      const batch = JSON.stringify({ id: "batch_1", object: "batch", status: "in_progress" });
      provider.script(({ path, method }) => {
        if (path.endsWith("/files")) return rawJson(200, '{"id":"file-in","object":"file"}');
        if (path.includes("/batches")) return rawJson(200, batch);
        // It answers, if not well: no reason to believe that nothing was billed.
        return method === "POST" ? rawJson(200, responseText("queued", null)) : rawJson(500, "{}");
      });
      if (hours === 26) await client.responses.create(background);
      else {
        const file = new File(['{"body":{"model":"gpt-5.5"}}'], "a.jsonl");
        const input_file_id = (await client.files.create({ file, purpose: "batch" })).id;
        await client.batches.create({ input_file_id, endpoint: "/v1/responses", completion_window: "24h" });
      }
      const endpoint = hours === 26 ? "/v1/responses" : "/v1/batches";
      nowMs += hours * 3_600_000 - 60_000;
      const polled = provider.requests.length;
      await provider.untilRequests(polled + 2);
      assert.equal(rowOf(await gateway.exchanges(), endpoint)?.result, null, "a minute is left");
      const { dataDir, masterKey } = gateway;
      await gateway.stop();
      nowMs += 120_000;
      const next = await startTestGateway({
        provider,
        dataDir,
        masterKey,
        clock,
        config: { collectIntervalMs: 20 },
      });
      try {
        const row = rowOf(await next.untilExchanges((all) => rowOf(all, endpoint)?.result != null), endpoint);
        assert.deepEqual(
          [row?.result?.outcome, row?.result?.usageSource, row?.result?.costNanoUsd],
          ["truncated", "none", null],
        );
        const [record] = row?.result?.usage ?? [];
        assert.deepEqual(
          [record?.response_id, record?.completeness],
          [hours === 26 ? "resp_bg" : "batch_1", "missing"],
        );
        assert.ok(next.logs.some((line) => line.includes("is given up")));
      } finally {
        await next.stop();
      }
    });
  }

  it("of a server that repeats its ids is collected for each exchange that asked", async (context) => {
    const { provider, gateway, client } = await bed(context);
    let isDone = false;
    provider.script((request) =>
      request.method === "GET" && isDone
        ? rawJson(200, responseText("completed", usage))
        : rawJson(200, responseText("queued", null)),
    );
    await client.responses.create(background);
    await client.responses.create(background);
    isDone = true;
    const rows = await gateway.untilExchanges((all) => all.every(({ result }) => result !== null));
    assert.deepEqual(
      rows.map(({ result }) => [result?.usageSource, result?.costNanoUsd]),
      [
        ["exact", costNanoUsd],
        ["exact", costNanoUsd],
      ],
    );
  });

  it("belongs to the account that was asked: with another key nothing is read, asked or billed", async () => {
    const provider = await startFakeProvider();
    let polls = 0;
    provider.script((request) => {
      if (request.method === "POST") return rawJson(200, responseText("queued", null));
      polls += 1;
      return rawJson(200, responseText("completed", usage));
    });
    const origin = await startTestGateway({ provider, config: { collectIntervalMs: 3_600_000 } });
    const { dataDir, masterKey } = origin;
    const apiKey = await origin.token();
    const clientOf = ({ openaiUrl }: TestGateway): OpenAI =>
      new OpenAI({ baseURL: openaiUrl, apiKey, maxRetries: 0 });
    const { id } = await clientOf(origin).responses.create(background);
    await origin.stop();

    const again = { dataDir, masterKey, config: { collectIntervalMs: 5 } };
    const openai = { apiKey: new Secret("sk-of-another-account"), baseUrl: provider.openaiBaseUrl };
    const other = await startTestGateway({ ...again, providerDefaults: { openai } });
    const isSaid = (line: string): boolean => line.includes("key or base URL has changed since");
    while (!other.logs.some(isSaid)) await new Promise((resolve) => setTimeout(resolve, 5));
    await assert.rejects(() => clientOf(other).responses.retrieve(id), { status: 404 });
    assert.deepEqual([polls, rowOf(await other.exchanges())?.result], [0, null]);
    await other.stop();

    const back = await startTestGateway({ ...again, provider });
    try {
      const row = rowOf(await back.untilExchanges((all) => rowOf(all)?.result != null));
      assert.equal(row?.result?.costNanoUsd, costNanoUsd);
      assert.equal((await clientOf(back).responses.retrieve(id)).id, id);
    } finally {
      await back.close();
      await provider.close();
    }
  });

  it("of a large batch: each line is priced by itself and the sums are kept", async (context) => {
    const { provider, gateway, client } = await bed(context);
    const batch = (members: object): string =>
      JSON.stringify({ id: "batch_1", object: "batch", endpoint: "/v1/responses", ...members });
    // 300 000 tokens of input are over the limit of long context for one request, but not for any of these.
    const line = (index: number): string =>
      JSON.stringify({
        custom_id: `r${index}`,
        response: {
          status_code: 200,
          body: { id: `resp_${index}`, status: "completed", model: "gpt-5.5-2026-04-23", output: [], usage },
        },
      });
    const lines = Array.from({ length: 300 }, (_, index) => line(index)).join("\n");
    provider.script(({ method, path }) => {
      if (path.endsWith("/files")) return rawJson(200, '{"id":"file-in","object":"file"}');
      if (method === "POST") return rawJson(200, batch({ status: "validating" }));
      if (path.endsWith("/content")) return rawJson(200, lines);
      return rawJson(200, batch({ status: "completed", output_file_id: "file-out" }));
    });
    const file = new File(['{"body":{"model":"gpt-5.5"}}'], "a.jsonl");
    const { id } = await client.files.create({ file, purpose: "batch" });
    await client.batches.create({ input_file_id: id, endpoint: "/v1/responses", completion_window: "24h" });
    const row = rowOf(
      await gateway.untilExchanges((all) => rowOf(all, "/v1/batches")?.result != null),
      "/v1/batches",
    );
    const [record, ...more] = row?.result?.usage ?? [];
    assert.deepEqual(more, []);
    assert.deepEqual(
      [record?.response_id, record?.input_tokens, record?.output_tokens, record?.service_tier],
      ["batch_1", 300_000, 30_000, "batch"],
    );
    // Half price, and no price of long context.
    assert.equal(row?.result?.costNanoUsd, (300 * costNanoUsd) / 2);
    // The file that it was answered with is the room's own, although nobody has read the batch.
    assert.equal(await (await client.files.content("file-out")).text(), lines);
  });
});

describe("an id and its row", () => {
  it("the bytes with an id wait for the row, and those before it do not", async (context) => {
    const { provider, gateway, client } = await bed(context);
    const { objects } = gateway.gateway.store;
    const written = Promise.withResolvers<void>();
    const record = objects.record.bind(objects);
    context.mock.method(objects, "record", async (...args: Parameters<typeof record>) => {
      await written.promise;
      await record(...args);
    });
    const first = Promise.withResolvers<void>();
    const rest = Promise.withResolvers<void>();
    const head = rawHead(200, [
      ["content-type", "application/json"],
      ["transfer-encoding", "chunked"],
    ]);
    provider.script(() => ({
      pieces: [
        head,
        rawChunk('{"object":"conversation",'),
        { until: first.promise },
        rawChunk('"id":"conv_1",'),
        { until: rest.promise },
        rawChunk('"metadata":{}}'),
        rawLastChunk(),
      ],
      end: "keep",
    }));
    const reply = await fetch(`${gateway.openaiUrl}/conversations`, {
      method: "POST",
      headers: { authorization: `Bearer ${client.apiKey}` },
      body: "{}",
    });
    const reader = (reply.body as ReadableStream<Uint8Array>).getReader();
    const decode = async (): Promise<string> => Buffer.from((await reader.read()).value ?? []).toString();
    assert.equal(await decode(), '{"object":"conversation",');
    first.resolve();
    const next = decode();
    let hasCome = false;
    void next.then(() => (hasCome = true));
    // Another exchange goes through all of the gateway meanwhile.
    await fetch(`${gateway.url}/healthz`);
    assert.equal(hasCome, false, "the id waits");
    written.resolve();
    assert.match(await next, /conv_1/);
    rest.resolve();
    await reader.cancel();
  });

  it("a row that cannot be written holds nobody up for ever, and leaves the object to nobody", async (context) => {
    const { gateway, client } = await bed(context);
    const { objects } = gateway.gateway.store;
    const mock = context.mock.method(objects, "record", () => Promise.reject(new Error("disk full")));
    const { id } = await client.conversations.create({});
    mock.mock.restore();
    assert.ok(
      gateway.logs.some((line) => line.includes("owner of a provider-side object could not be written")),
    );
    await assert.rejects(() => client.conversations.retrieve(id), { status: 404 });
  });
});

describe("who a room is", () => {
  let provider: FakeProvider;
  let gateway: TestGateway;
  before(async () => {
    provider = await startFakeProvider();
    gateway = await startTestGateway({ provider });
  });
  after(async () => {
    await gateway.close();
    await provider.close();
  });

  it("a project may open its rooms to each other, and close them again", async () => {
    const [mine, theirs] = await Promise.all(
      ["mine", "theirs"].map(
        async (room) =>
          new OpenAI({ baseURL: gateway.openaiUrl, apiKey: await gateway.token({ room }), maxRetries: 0 }),
      ),
    );
    assert.ok(mine && theirs);
    const { id } = await mine.responses.create({ model: "gpt-5.5", input: "hello" });
    await assert.rejects(() => theirs.responses.retrieve(id), { status: 404 });
    const { directory } = gateway.gateway.store;
    await directory.as(systemAuthor).changeProjectSettings(gateway.projectId, { share_objects: true });
    assert.equal((await theirs.responses.retrieve(id)).id, id);
    await theirs.responses.create({ model: "gpt-5.5", input: "on", previous_response_id: id });
    await assert.rejects(() => theirs.responses.retrieve("resp_of_nobody"), { status: 404 });
    await directory.as(systemAuthor).changeProjectSettings(gateway.projectId, { share_objects: null });
    await assert.rejects(() => theirs.responses.retrieve(id), { status: 404 });
  });

  it("an API key acts in the room that it names", async () => {
    const inRoom = (room: string): OpenAI =>
      new OpenAI({
        baseURL: gateway.openaiUrl,
        apiKey: gateway.apiKeyText,
        maxRetries: 0,
        defaultHeaders: { "Meshagent-Room": room },
      });
    const { id } = await inRoom("red").responses.create({ model: "gpt-5.5", input: "hello" });
    assert.equal((await inRoom("red").responses.retrieve(id)).id, id);
    await assert.rejects(() => inRoom("blue").responses.retrieve(id), { status: 404 });
  });
});
