/** The official SDKs against the fake provider: what they accept, clients that are built on them accept. */

import assert from "node:assert/strict";
import { before, after, test } from "node:test";
import Anthropic from "@anthropic-ai/sdk";
import OpenAI from "openai";
import { startFakeProvider, type FakeProvider } from "./fake-provider.ts";

let fake: FakeProvider;
let openai: OpenAI;
let anthropic: Anthropic;

before(async () => {
  fake = await startFakeProvider({ apiKey: "sk-sdk" });
  openai = new OpenAI({ apiKey: "sk-sdk", baseURL: fake.openaiBaseUrl, maxRetries: 0 });
  anthropic = new Anthropic({ apiKey: "sk-sdk", baseURL: fake.anthropicBaseUrl, maxRetries: 0 });
});

after(() => fake.close());

const chatHello = { model: "gpt-5.5", messages: [{ role: "user" as const, content: "hello" }] };
const simulated = /^This is a simulated reply from MeshAgent/;

function claude(text: string): {
  model: string;
  max_tokens: number;
  messages: { role: "user"; content: string }[];
} {
  return { model: "claude-opus-5-5", max_tokens: 1000, messages: [{ role: "user", content: text }] };
}

test("openai: chat completions", async () => {
  const { data, request_id } = await openai.chat.completions.create(chatHello).withResponse();
  assert.match(data.choices[0]?.message.content ?? "", simulated);
  assert.equal(
    data.usage?.total_tokens,
    (data.usage?.prompt_tokens ?? 0) + (data.usage?.completion_tokens ?? 0),
  );
  assert.match(request_id ?? "", /^req_/);
});

test("openai: streamed chat completions, with usage", async () => {
  const stream = await openai.chat.completions.create({
    ...chatHello,
    stream: true,
    stream_options: { include_usage: true },
  });
  let text = "";
  let total = 0;
  for await (const chunk of stream) {
    text += chunk.choices[0]?.delta.content ?? "";
    total += chunk.usage?.total_tokens ?? 0;
  }
  assert.match(text, simulated);
  assert.ok(total > 0);
});

test("openai: the tool runner of chat completions runs a whole turn", async () => {
  let command = "";
  const runner = openai.chat.completions.runTools({
    model: "gpt-5.5",
    messages: [{ role: "user", content: "run: `echo hi`" }],
    tools: [
      {
        type: "function",
        function: {
          name: "shell",
          description: "Runs a command",
          parse: JSON.parse as (text: string) => { command: string },
          function: (input: { command: string }) => {
            command = input.command;
            return "hi\n";
          },
          parameters: { type: "object", properties: { command: { type: "string" } }, required: ["command"] },
        },
      },
    ],
  });
  assert.match((await runner.finalContent()) ?? "", /The tool answered: "hi"\.$/);
  assert.equal(command, "echo hi");
});

test("openai: responses, plain and through the streaming helper", async () => {
  const plain = await openai.responses.create({ model: "gpt-5.5", input: "hello" });
  assert.match(plain.output_text, simulated);
  assert.equal(plain.model, "gpt-5.5-2026-04-23");
  const stream = openai.responses.stream({ model: "gpt-5.5", input: "hello [[simulate: thinking]]" });
  const final = await stream.finalResponse();
  assert.equal(final.status, "completed");
  assert.deepEqual(
    final.output.map((item) => item.type),
    ["reasoning", "message"],
  );
  assert.ok((final.usage?.output_tokens_details.reasoning_tokens ?? 0) > 0);
});

test("openai: a streamed function call", async () => {
  const parameters = { type: "object", properties: { cmd: { type: "string" } }, required: ["cmd"] };
  const tool = { type: "function" as const, name: "exec_command", parameters, strict: false };
  const stream = openai.responses.stream({ model: "gpt-5.5", input: "run: ls", tools: [tool] });
  const call = (await stream.finalResponse()).output[0];
  assert.equal(call?.type, "function_call");
  assert.equal(call?.type === "function_call" ? call.arguments : "", '{"cmd":"ls"}');
});

test("openai: compact, input tokens, completions, embeddings, models", async () => {
  const compacted = await openai.responses.compact({ model: "gpt-5.5", input: "hello" });
  assert.equal(compacted.object, "response.compaction");
  const counted = await openai.responses.inputTokens.count({ model: "gpt-5.5", input: "hello" });
  assert.ok(counted.input_tokens > 0);
  const completed = await openai.completions.create({ model: "gpt-4.1", prompt: "Once", max_tokens: 5 });
  assert.equal(completed.usage?.completion_tokens, 5);
  // The SDK asks for base64 by itself and decodes it.
  const embedded = await openai.embeddings.create({ model: "text-embedding-3-small", input: "hello" });
  assert.equal(embedded.data[0]?.embedding.length, 1536);
  const ids = (await openai.models.list()).data.map((model) => model.id);
  assert.ok(ids.includes("gpt-5.5"));
  assert.equal((await openai.models.retrieve("gpt-5.5")).id, "gpt-5.5");
});

test("openai: errors have the classes and members of the provider's own", async () => {
  const fail = async (text: string): Promise<unknown> =>
    await openai.chat.completions
      .create({ model: "gpt-5.5", messages: [{ role: "user", content: text }] })
      .then(
        () => null,
        (error: unknown) => error,
      );
  const limited = await fail("[[simulate: error 429]]");
  assert.ok(limited instanceof OpenAI.RateLimitError);
  assert.equal(limited.code, "rate_limit_exceeded");
  assert.ok((await fail("[[simulate: error 500]]")) instanceof OpenAI.InternalServerError);
  assert.ok((await fail("[[simulate: error 404]]")) instanceof OpenAI.NotFoundError);
  const stranger = new OpenAI({ apiKey: "sk-wrong", baseURL: fake.openaiBaseUrl, maxRetries: 0 });
  await assert.rejects(stranger.models.list(), OpenAI.AuthenticationError);
  await assert.rejects(openai.models.retrieve("none"), { code: "model_not_found" });
});

test("openai: an error in the stream and a cut stream both raise", async () => {
  const read = async (text: string): Promise<void> => {
    const messages = [{ role: "user" as const, content: text }];
    const stream = await openai.chat.completions.create({ model: "gpt-5.5", stream: true, messages });
    for await (const chunk of stream) assert.equal(chunk.object, "chat.completion.chunk");
  };
  await assert.rejects(read("[[simulate: stream-error]]"), OpenAI.APIError);
  await assert.rejects(read("[[simulate: cut]]"));
});

test("anthropic: messages, plain and streamed", async () => {
  const { data, request_id } = await anthropic.messages.create(claude("hello")).withResponse();
  const block = data.content[0];
  assert.match(block?.type === "text" ? block.text : "", simulated);
  assert.match(request_id ?? "", /^req_01/);
  const final = await anthropic.messages.stream(claude("hello")).finalMessage();
  assert.deepEqual(
    final.content.map((part) => part.type),
    ["text"],
  );
  assert.equal(final.stop_reason, "end_turn");
  assert.equal(final.usage.output_tokens, data.usage.output_tokens);
});

test("anthropic: a streamed tool call and its result", async () => {
  const properties = { command: { type: "string" } };
  const tools = [
    { name: "Bash", input_schema: { type: "object" as const, properties, required: ["command"] } },
  ];
  const body = { ...claude("run: echo hi"), tools };
  const called = await anthropic.messages.stream(body).finalMessage();
  const call = called.content[0];
  assert.equal(called.stop_reason, "tool_use");
  if (call?.type !== "tool_use") throw new Error("The reply calls no tool.");
  assert.deepEqual(call.input, { command: "echo hi" });
  const answered = await anthropic.messages.create({
    ...body,
    messages: [
      ...body.messages,
      { role: "assistant", content: [{ type: "tool_use", id: call.id, name: call.name, input: call.input }] },
      { role: "user", content: [{ type: "tool_result", tool_use_id: call.id, content: "hi" }] },
    ],
  });
  assert.match(JSON.stringify(answered.content), /The tool answered: \\"hi\\"/);
});

test("anthropic: thinking, search and refusal are accumulated by the SDK", async () => {
  const kinds = async (text: string): Promise<readonly string[]> => {
    const final = await anthropic.messages.stream(claude(text)).finalMessage();
    return [final.stop_reason ?? "", ...final.content.map((part) => part.type)];
  };
  assert.deepEqual(await kinds("[[simulate: thinking]]"), ["end_turn", "thinking", "text"]);
  assert.deepEqual(await kinds("[[simulate: web-search]]"), [
    "end_turn",
    "server_tool_use",
    "web_search_tool_result",
    "text",
  ]);
  assert.deepEqual(await kinds("[[simulate: refusal]]"), ["refusal"]);
});

test("anthropic: count tokens and models", async () => {
  const { max_tokens: _, ...counted } = claude("hello");
  assert.ok((await anthropic.messages.countTokens(counted)).input_tokens > 0);
  const ids: string[] = [];
  for await (const model of anthropic.models.list({ limit: 3 })) ids.push(model.id);
  assert.ok(ids.includes("claude-opus-5-5") && ids.length > 3);
  assert.equal((await anthropic.models.retrieve("claude-opus-5-5")).display_name, "Claude Opus 5.5");
});

test("anthropic: errors have the classes of the provider's own", async () => {
  await assert.rejects(
    anthropic.messages.create(claude("[[simulate: error 429]]")),
    Anthropic.RateLimitError,
  );
  await assert.rejects(
    anthropic.messages.create(claude("[[simulate: error 529]]")),
    Anthropic.InternalServerError,
  );
  const read = async (text: string): Promise<unknown> =>
    await anthropic.messages.stream(claude(text)).finalMessage();
  await assert.rejects(read("[[simulate: stream-error]]"), Anthropic.APIError);
  await assert.rejects(read("[[simulate: cut]]"));
  const stranger = new Anthropic({ apiKey: "sk-wrong", baseURL: fake.anthropicBaseUrl, maxRetries: 0 });
  await assert.rejects(stranger.models.list(), Anthropic.AuthenticationError);
});

test("every reply that the SDKs read to its end is complete in the books", async () => {
  await fake.untilIdle();
  const unsettled = fake.books.filter((entry) => entry.state === "writing");
  assert.deepEqual(unsettled, []);
  const broken = fake.books.filter((entry) => entry.state === "broken");
  assert.equal(broken.length, 2, "the two that were asked to be cut");
});
