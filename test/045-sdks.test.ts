/** The official SDKs, installed from npm, through the gateway to the simulated provider: replies and rows. */

import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import Anthropic from "@anthropic-ai/sdk";
import type { Exchange } from "@meshagent/llm-proxy-gateway/store/store";
import OpenAI from "openai";
import { startTestGateway, type TestGateway } from "./bed/test-gateway.ts";

let gateway: TestGateway;
let token: string;
let openai: OpenAI;
let anthropic: Anthropic;
before(async () => {
  gateway = await startTestGateway();
  token = await gateway.token();
  openai = new OpenAI({ baseURL: gateway.openaiUrl, apiKey: token });
  anthropic = new Anthropic({ baseURL: gateway.anthropicUrl, authToken: token, apiKey: null });
});
after(() => gateway.close());

/** The row of the call just made; its usage is durable before the SDK has the end. */
async function lastRow(): Promise<Exchange> {
  const row = (await gateway.exchanges()).at(-1);
  assert.ok(row?.result != null);
  return row;
}

async function assertRow(expected: {
  endpoint: string;
  model: string;
  transport: string;
  input: number;
  output: number;
}): Promise<void> {
  const { intent, result } = await lastRow();
  assert.equal(intent.endpoint, expected.endpoint);
  assert.equal(intent.transport, expected.transport);
  assert.equal(intent.requestedModel, expected.model);
  assert.equal(intent.isSimulated, true);
  assert.equal(intent.room, "my-room");
  assert.equal(intent.participant, "cli-agent");
  assert.equal(result?.outcome, "ok");
  assert.equal(result.usageSource, "exact");
  assert.equal(result.status, 200);
  assert.equal(result.usage.length, 1);
  assert.equal(result.usage[0]?.input_tokens, expected.input);
  assert.equal(result.usage[0].output_tokens ?? 0, expected.output);
  assert.equal(result.usage[0].cost_status, "priced");
  assert.equal(result.costNanoUsd, result.usage[0].cost_nano_usd);
}

describe("openai", () => {
  it("responses.create", async () => {
    const reply = await openai.responses.create({ model: "gpt-5.5", input: "hello" });
    assert.match(reply.output_text, /simulated/i);
    await assertRow({
      endpoint: "/v1/responses",
      model: "gpt-5.5",
      transport: "http",
      input: reply.usage?.input_tokens ?? -1,
      output: reply.usage?.output_tokens ?? -1,
    });
    assert.match((await lastRow()).intent.client ?? "", /^OpenAI\/JS/);
  });

  it("responses.create, streamed", async () => {
    const stream = await openai.responses.create({ model: "gpt-5.5", input: "hello", stream: true });
    let usage: OpenAI.Responses.ResponseUsage | undefined;
    for await (const event of stream) if (event.type === "response.completed") usage = event.response.usage;
    await assertRow({
      endpoint: "/v1/responses",
      model: "gpt-5.5",
      transport: "sse",
      input: usage?.input_tokens ?? -1,
      output: usage?.output_tokens ?? -1,
    });
  });

  it("responses.compact and input_tokens", async () => {
    const compacted = await openai.responses.compact({ model: "gpt-5.5", input: "hello there" });
    assert.equal(compacted.object, "response.compaction");
    await assertRow({
      endpoint: "/v1/responses/compact",
      model: "gpt-5.5",
      transport: "http",
      input: compacted.usage.input_tokens,
      output: compacted.usage.output_tokens,
    });
    const count = await openai.responses.inputTokens.count({ model: "gpt-5.5", input: "hello there" });
    assert.ok(count.input_tokens > 0);
    const { result } = await lastRow();
    assert.deepEqual([result?.outcome, result?.costNanoUsd, result?.usage.length], ["not_metered", 0, 0]);
  });

  it("chat.completions.create", async () => {
    const reply = await openai.chat.completions.create({
      model: "gpt-5.4",
      messages: [{ role: "user", content: "hello" }],
    });
    await assertRow({
      endpoint: "/v1/chat/completions",
      model: "gpt-5.4",
      transport: "http",
      input: reply.usage?.prompt_tokens ?? -1,
      output: reply.usage?.completion_tokens ?? -1,
    });
  });

  it("chat.completions.create, streamed, without asking for usage: none is seen, and all is counted", async () => {
    const stream = await openai.chat.completions.create({
      model: "gpt-5.4",
      messages: [{ role: "user", content: "hello" }],
      stream: true,
    });
    let chunks = 0;
    for await (const chunk of stream) {
      chunks += 1;
      assert.equal(chunk.choices.length, 1);
      assert.ok(!("usage" in chunk));
    }
    assert.ok(chunks > 2);
    const { result } = await lastRow();
    assert.equal(result?.usageSource, "exact");
    assert.ok((result.usage[0]?.input_tokens ?? 0) > 0 && (result.usage[0]?.output_tokens ?? 0) > 0);
  });

  it("chat.completions.create, streamed, asking for usage", async () => {
    const stream = await openai.chat.completions.create({
      model: "gpt-5.4",
      messages: [{ role: "user", content: "hello" }],
      stream: true,
      stream_options: { include_usage: true },
    });
    let usage: OpenAI.CompletionUsage | null | undefined;
    for await (const chunk of stream) usage = chunk.usage ?? usage;
    await assertRow({
      endpoint: "/v1/chat/completions",
      model: "gpt-5.4",
      transport: "sse",
      input: usage?.prompt_tokens ?? -1,
      output: usage?.completion_tokens ?? -1,
    });
  });

  it("completions.create, and streamed without asking for usage", async () => {
    const ask = { model: "gpt-3.5-turbo-instruct", prompt: "hello" };
    const reply = await openai.completions.create(ask);
    await assertRow({
      endpoint: "/v1/completions",
      model: ask.model,
      transport: "http",
      input: reply.usage?.prompt_tokens ?? -1,
      output: reply.usage?.completion_tokens ?? -1,
    });
    let text = "";
    for await (const chunk of await openai.completions.create({ ...ask, stream: true })) {
      assert.ok(!("usage" in chunk));
      text += chunk.choices[0]?.text ?? "";
    }
    assert.match(text, /simulated/i);
    await assertRow({
      endpoint: "/v1/completions",
      model: ask.model,
      transport: "sse",
      input: reply.usage?.prompt_tokens ?? -1,
      output: reply.usage?.completion_tokens ?? -1,
    });
  });

  it("embeddings.create", async () => {
    const reply = await openai.embeddings.create({ model: "text-embedding-3-small", input: "hello" });
    assert.ok((reply.data[0]?.embedding.length ?? 0) > 10);
    await assertRow({
      endpoint: "/v1/embeddings",
      model: "text-embedding-3-small",
      transport: "http",
      input: reply.usage.prompt_tokens,
      output: 0,
    });
  });

  it("models.list and retrieve", async () => {
    const list = await openai.models.list();
    assert.ok(list.data.length > 0);
    assert.equal((await openai.models.retrieve("gpt-5.5")).id, "gpt-5.5");
  });

  it("errors come as the SDK's own classes, once", async () => {
    const stranger = new OpenAI({ baseURL: gateway.openaiUrl, apiKey: "nonsense" });
    await assert.rejects(
      stranger.models.list(),
      (error) => error instanceof OpenAI.AuthenticationError && error.requestID?.startsWith("ex_") === true,
    );
    const narrow = new OpenAI({
      baseURL: gateway.openaiUrl,
      apiKey: await gateway.token({ llm: { models: ["openai/gpt-4.1"] } }),
    });
    await assert.rejects(
      narrow.responses.create({ model: "gpt-5.5", input: "x" }),
      (error) => error instanceof OpenAI.NotFoundError && error.code === "model_not_found",
    );
  });
});

describe("@anthropic-ai/sdk", () => {
  const question = {
    model: "claude-opus-5-5",
    max_tokens: 200,
    messages: [{ role: "user" as const, content: "hello" }],
  };
  const inclusive = (usage: Anthropic.Usage): number =>
    usage.input_tokens + (usage.cache_creation_input_tokens ?? 0) + (usage.cache_read_input_tokens ?? 0);

  it("messages.create", async () => {
    const reply = await anthropic.messages.create(question);
    await assertRow({
      endpoint: "/v1/messages",
      model: "claude-opus-5-5",
      transport: "http",
      input: inclusive(reply.usage),
      output: reply.usage.output_tokens,
    });
  });

  it("messages.stream", async () => {
    const reply = await anthropic.messages.stream(question).finalMessage();
    await assertRow({
      endpoint: "/v1/messages",
      model: "claude-opus-5-5",
      transport: "sse",
      input: inclusive(reply.usage),
      output: reply.usage.output_tokens,
    });
  });

  it("a tool is called", async () => {
    const tools = [
      {
        name: "get_weather",
        input_schema: {
          type: "object" as const,
          properties: { city: { type: "string" } },
          required: ["city"],
        },
      },
    ];
    const reply = await anthropic.messages.create({
      ...question,
      tools,
      messages: [{ role: "user", content: "use a tool" }],
    });
    assert.equal(reply.stop_reason, "tool_use");
  });

  it("messages.countTokens and models.list cost nothing", async () => {
    assert.ok(
      (await anthropic.messages.countTokens({ model: question.model, messages: question.messages }))
        .input_tokens > 0,
    );
    assert.equal((await lastRow()).result?.outcome, "not_metered");
    assert.ok((await anthropic.models.list()).data.length > 0);
  });

  it("x-api-key works as well as a bearer", async () => {
    const reply = await fetch(`${gateway.anthropicUrl}/v1/messages`, {
      method: "POST",
      headers: { "x-api-key": token, "anthropic-version": "2023-06-01" },
      body: JSON.stringify(question),
    });
    assert.equal(reply.status, 200);
    assert.equal(reply.headers.get("x-meshagent-simulated"), "true");
    await reply.text();
  });

  it("errors come as the SDK's own classes, once", async () => {
    const without = new Anthropic({
      baseURL: gateway.anthropicUrl,
      authToken: await gateway.token({ llm: null }),
      apiKey: null,
    });
    await assert.rejects(
      without.messages.create(question),
      (error) => error instanceof Anthropic.PermissionDeniedError && error.message.includes("api.llm"),
    );
  });
});

describe("grants for the models of tools", () => {
  const isRefused = (error: unknown): boolean =>
    error instanceof Error &&
    /does not cover the model \\?"(openai|anthropic)\/(gpt-image-2|claude-fable-5-2)\\?"/.test(error.message);

  it("hold for the image tool of responses", async () => {
    const narrow = new OpenAI({
      baseURL: gateway.openaiUrl,
      apiKey: await gateway.token({ llm: { models: ["openai/gpt-5.5"] } }),
    });
    const ask = { model: "gpt-5.5", input: "hello" };
    const tools = [{ type: "image_generation" as const, model: "gpt-image-2" }];
    await assert.rejects(narrow.responses.create({ ...ask, tools }), isRefused);
    await openai.responses.create({ ...ask, tools });
    await narrow.responses.create({ ...ask, tools: [{ type: "web_search" }] });
  });

  it("hold for an advisor and for fallbacks of messages", async () => {
    const narrow = new Anthropic({
      baseURL: gateway.anthropicUrl,
      authToken: await gateway.token({ llm: { models: ["anthropic/claude-opus-*"] } }),
      apiKey: null,
    });
    const ask = { model: "claude-opus-5-5", max_tokens: 50, messages: [{ role: "user", content: "hi" }] };
    for (const more of [
      { tools: [{ type: "advisor_20260301", name: "advisor", model: "claude-fable-5-2" }] },
      { fallbacks: [{ model: "claude-opus-4-8" }, { model: "claude-fable-5-2" }] },
    ]) {
      await assert.rejects(narrow.post("/v1/messages", { body: { ...ask, ...more } }), isRefused);
      await anthropic.post("/v1/messages", { body: { ...ask, ...more } });
    }
    await narrow.post("/v1/messages", { body: { ...ask, fallbacks: [{ model: "claude-opus-4-8" }] } });
  });
});

describe("the usage report", () => {
  it("adds up to the rows, with simulated use apart", async () => {
    const rows = await gateway.exchanges();
    const report = await gateway.gateway.store.reports.usage({ projectId: gateway.projectId }, ["model"]);
    assert.ok(report.every((line) => line.isSimulated));
    const cost = report.reduce((sum, line) => sum + line.costNanoUsd, 0n);
    assert.equal(
      cost,
      rows.reduce((sum, row) => sum + BigInt(row.result?.costNanoUsd ?? 0), 0n),
    );
    const metered = rows.filter((row) => row.result?.outcome !== "not_metered");
    assert.equal(
      report.reduce((sum, line) => sum + line.requests, 0),
      metered.length,
    );
  });
});
