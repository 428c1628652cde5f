/** The OpenAI side: the exact forms of bodies and events, usage, tools and directives. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { asObject, type JsonObject } from "./json.ts";
import { askSimulation, type ReadReply } from "./read-reply.ts";
import { createSimulation, type Simulation } from "./simulation.ts";

const NOW_MS = Date.parse("2026-11-23T10:00:00Z");

function simulate(): Simulation {
  return createSimulation({ clock: { now: () => NOW_MS }, idSeed: "test" });
}

function chat(body: JsonObject, simulation = simulate()): ReadReply {
  return askSimulation(
    simulation,
    { dialect: "openai", path: "/v1/chat/completions" },
    { model: "gpt-5.5", ...body },
  );
}

function responses(body: JsonObject, simulation = simulate()): ReadReply {
  return askSimulation(
    simulation,
    { dialect: "openai", path: "/v1/responses" },
    { model: "gpt-5.5", ...body },
  );
}

function said(text: string): JsonObject {
  return { messages: [{ role: "user", content: text }] };
}

function types(read: ReadReply): readonly unknown[] {
  return read.events.map((event) => event["type"]);
}

test("chat: a plain reply, byte by byte", () => {
  const { text, json } = chat(said("hello"));
  const expected = {
    id: json["id"],
    object: "chat.completion",
    created: 1_795_428_000,
    model: "gpt-5.5-2026-04-23",
    choices: [
      {
        index: 0,
        message: {
          role: "assistant",
          content: 'This is a simulated reply from MeshAgent: no provider was asked. You wrote: "hello".',
          refusal: null,
          annotations: [],
        },
        logprobs: null,
        finish_reason: "stop",
      },
    ],
    usage: {
      // {"role":"user","content":"hello"} has 33 bytes: 9 tokens. The reply has 84 bytes: 21 tokens.
      prompt_tokens: 9,
      completion_tokens: 21,
      total_tokens: 30,
      prompt_tokens_details: { cached_tokens: 0, audio_tokens: 0 },
      completion_tokens_details: {
        reasoning_tokens: 0,
        audio_tokens: 0,
        accepted_prediction_tokens: 0,
        rejected_prediction_tokens: 0,
      },
    },
    service_tier: "default",
    system_fingerprint: json["system_fingerprint"],
  };
  assert.equal(text, `${JSON.stringify(expected, null, 2)}\n`);
});

test("chat: a stream tells no usage unless it is asked to", () => {
  for (const options of [{}, { stream_options: { include_usage: false } }]) {
    const { events, text } = chat({ ...said("hello"), stream: true, ...options });
    assert.ok(!text.includes('"usage"'));
    assert.equal(events.at(-1)?.["object"], "chat.completion.chunk");
    assert.notDeepEqual(events.at(-1)?.["choices"], []);
    assert.ok(text.endsWith("data: [DONE]\n\n"));
  }
});

test("chat: asked for usage, it is null on every chunk and whole on an extra one", () => {
  const { events, reply } = chat({ ...said("hello"), stream: true, stream_options: { include_usage: true } });
  for (const event of events.slice(0, -1)) assert.equal(event["usage"], null);
  assert.deepEqual(events.at(-1)?.["choices"], []);
  assert.deepEqual(events.at(-1)?.["usage"], reply.bill?.usage);
  // The member's place, which matters to whoever cuts it out of the bytes.
  assert.deepEqual(Object.keys(events[1] ?? {}), [
    "id",
    "object",
    "created",
    "model",
    "service_tier",
    "system_fingerprint",
    "choices",
    "usage",
    "obfuscation",
  ]);
});

test("chat: obfuscation can be switched off", () => {
  const on = chat({ ...said("hello"), stream: true });
  assert.ok(on.events.every((event) => typeof event["obfuscation"] === "string"));
  const off = chat({ ...said("hello"), stream: true, stream_options: { include_obfuscation: false } });
  assert.ok(off.events.every((event) => !("obfuscation" in event)));
});

test("chat: stream and plain reply say the same", () => {
  const plain = chat(said("hello"));
  const streamed = chat({ ...said("hello"), stream: true });
  const deltas = streamed.events.map(
    (event) => (event["choices"] as { delta: { content?: string } }[])[0]?.delta,
  );
  const message = (plain.json["choices"] as { message: { content: string } }[])[0]?.message;
  assert.equal(deltas.map((delta) => delta?.content ?? "").join(""), message?.content);
});

test("chat: several choices are billed together", () => {
  const { json } = chat({ ...said("hello"), n: 3 });
  assert.equal((json["choices"] as unknown[]).length, 3);
  assert.equal((json["usage"] as { completion_tokens: number }).completion_tokens, 63);
});

test("chat: an output limit cuts the text and says so", () => {
  const { json } = chat({ ...said("hello"), max_completion_tokens: 5, max_tokens: 50 });
  const choice = (json["choices"] as { finish_reason: string; message: { content: string } }[])[0];
  assert.equal(choice?.finish_reason, "length");
  assert.equal(choice?.message.content, "This is a simulated ");
  assert.equal((json["usage"] as { completion_tokens: number }).completion_tokens, 5);
});

test("chat: reasoning effort costs hidden tokens of reasoning models", () => {
  const details = (body: JsonObject): unknown =>
    (chat(body).json["usage"] as { completion_tokens_details: { reasoning_tokens: number } })
      .completion_tokens_details.reasoning_tokens;
  assert.equal(details({ ...said("x"), reasoning_effort: "high" }), 64);
  assert.equal(details({ ...said("x"), model: "gpt-4.1", reasoning_effort: "high" }), 0);
});

test("chat: a second identical prompt is read from the cache, apart for each cache key", () => {
  const simulation = simulate();
  const body = said("x".repeat(8000));
  const cached = (more: JsonObject): unknown =>
    (
      chat({ ...body, ...more }, simulation).json["usage"] as {
        prompt_tokens_details: { cached_tokens: number };
      }
    ).prompt_tokens_details.cached_tokens;
  assert.equal(cached({}), 0);
  // 8,028 bytes are 2,007 tokens: 15 steps of 128.
  assert.equal(cached({}), 1920);
  assert.equal(cached({ prompt_cache_key: "other" }), 0);
});

test("chat: tiers are served as the provider serves them", () => {
  const tier = (wish: string): unknown => chat({ ...said("x"), service_tier: wish }).json["service_tier"];
  assert.deepEqual(["auto", "default", "fast", "priority", "flex"].map(tier), [
    "default",
    "default",
    "priority",
    "priority",
    "flex",
  ]);
});

const weather = {
  type: "function",
  function: {
    name: "weather",
    parameters: { type: "object", properties: { city: { type: "string" } }, required: ["city"] },
  },
};

test("chat: a tool is called when asked for, forced or required", () => {
  const call = (body: JsonObject): unknown => {
    const choice = (chat({ tools: [weather], ...body }).json["choices"] as JsonObject[])[0];
    const calls = asObject(choice?.["message"])["tool_calls"] as { function: object }[] | undefined;
    return calls === undefined ? choice?.["finish_reason"] : [choice?.["finish_reason"], calls[0]?.function];
  };
  const called = ["tool_calls", { name: "weather", arguments: '{"city":"Simulated city"}' }];
  assert.deepEqual(call(said("please use a tool")), called);
  assert.deepEqual(call({ ...said("x"), tool_choice: "required" }), called);
  assert.deepEqual(
    call({ ...said("x"), tool_choice: { type: "function", function: { name: "weather" } } }),
    called,
  );
  assert.equal(call(said("just talk")), "stop");
  assert.equal(call({ ...said("use a tool"), tool_choice: "none" }), "stop");
});

test("chat: after the tool's result comes text that quotes it", () => {
  const messages = [
    { role: "user", content: "use a tool" },
    { role: "assistant", tool_calls: [] },
    { role: "tool", tool_call_id: "call_1", content: "\n21 degrees\nand sunny" },
  ];
  const choice = (
    chat({ tools: [weather], messages }).json["choices"] as { message: { content: string } }[]
  )[0];
  assert.match(choice?.message.content ?? "", /The tool answered: "21 degrees"\.$/);
});

test("chat: structured output fits its schema", () => {
  const schema = { type: "object", properties: { ok: { type: "boolean" } }, required: ["ok"] };
  const response_format = { type: "json_schema", json_schema: { name: "a", schema } };
  const choice = (
    chat({ ...said("x"), response_format }).json["choices"] as { message: { content: string } }[]
  )[0];
  assert.equal(choice?.message.content, '{"ok":true}');
});

test("chat directives: refusal, late refusal, incomplete, no usage, huge, length, stream error", () => {
  const first = (
    text: string,
  ): { finish_reason: string; message: { content: string | null; refusal: string | null } } =>
    (chat(said(text)).json["choices"] as never[])[0] as never;
  const refused = first("[[simulate: refusal]]");
  assert.deepEqual([refused.finish_reason, refused.message.content], ["stop", null]);
  assert.match(refused.message.refusal ?? "", /simulated refusal/);
  assert.equal(first("[[simulate: late-refusal]]").finish_reason, "content_filter");
  assert.equal(first("[[simulate: incomplete]]").finish_reason, "length");
  assert.equal(Buffer.byteLength(first("[[simulate: huge 500kb]]").message.content ?? ""), 500_000);
  const long = chat(said("[[simulate: length 2000]]"));
  assert.equal((long.json["usage"] as { completion_tokens: number }).completion_tokens, 2000);
  assert.ok(!("usage" in chat(said("[[simulate: no-usage]]")).json));
  const asked = { stream: true, stream_options: { include_usage: true } };
  const silent = chat({ ...said("[[simulate: no-usage]]"), ...asked });
  assert.ok(silent.events.every((event) => event["usage"] === null));
  assert.notEqual(silent.reply.bill, null);
  const broken = chat({ ...said("[[simulate: stream-error]]"), ...asked });
  assert.deepEqual(Object.keys(broken.events.at(-1) ?? {}), ["error"]);
  assert.ok(!broken.text.includes("[DONE]"));
});

test("completions: text in, text out, sixteen tokens unless more are allowed", () => {
  const target = { dialect: "openai", path: "/v1/completions" } as const;
  const short = askSimulation(simulate(), target, { model: "gpt-4.1", prompt: "Once" }).json;
  assert.equal(short["object"], "text_completion");
  assert.equal((short["usage"] as { completion_tokens: number }).completion_tokens, 16);
  const body = {
    model: "gpt-4.1",
    prompt: "Once",
    max_tokens: 100,
    stream: true,
    stream_options: { include_usage: true },
  };
  const long = askSimulation(simulate(), target, body);
  assert.deepEqual(long.events.at(-1)?.["choices"], []);
  assert.ok(long.text.endsWith("data: [DONE]\n\n"));
});

test("responses: the events that Codex needs, in order, numbered, without [DONE]", () => {
  const read = responses({ input: "hello", stream: true });
  const told = types(read);
  assert.deepEqual(told.slice(0, 4), [
    "response.created",
    "response.in_progress",
    "response.output_item.added",
    "response.content_part.added",
  ]);
  assert.deepEqual(told.slice(-4), [
    "response.output_text.done",
    "response.content_part.done",
    "response.output_item.done",
    "response.completed",
  ]);
  assert.deepEqual(
    read.events.map((event) => event["sequence_number"]),
    told.map((_, index) => index),
  );
  const names = [...read.text.matchAll(/^event: (.*)$/gm)].map((match) => match[1]);
  assert.deepEqual(names, told);
  assert.ok(!read.text.includes("[DONE]"));
});

test("responses: usage is null until the last event, which repeats the whole output", () => {
  const { events, reply } = responses({ input: "hello", stream: true });
  const begun = events[0]?.["response"] as JsonObject;
  const ended = events.at(-1)?.["response"] as JsonObject;
  assert.deepEqual([begun["usage"], begun["service_tier"], begun["status"]], [null, "auto", "in_progress"]);
  assert.deepEqual([ended["service_tier"], ended["status"]], ["default", "completed"]);
  assert.deepEqual(ended["usage"], reply.bill?.usage);
  assert.equal(begun["id"], ended["id"]);
  const done = events.findLast((event) => event["type"] === "response.output_item.done");
  assert.deepEqual(ended["output"], [done?.["item"]]);
});

test("responses: newer models write the cache, and the parts add up", () => {
  const simulation = simulate();
  const body = { model: "gpt-6.1-sol", input: "x".repeat(8000) };
  const first = responses(body, simulation).json["usage"];
  // {"role":"user","content":"xx..."} has 8,028 bytes: 2,007 tokens, 15 steps of 128 are stored.
  assert.deepEqual((first as JsonObject)["input_tokens"], 2007);
  assert.deepEqual((first as JsonObject)["input_tokens_details"], {
    cached_tokens: 0,
    cache_write_tokens: 1920,
    cache_write_tokens_details: { ttl_30m_tokens: 1920, ttl_12h_tokens: 0 },
  });
  const second = responses(body, simulation).json["usage"];
  assert.deepEqual((second as JsonObject)["input_tokens_details"], {
    cached_tokens: 1920,
    cache_write_tokens: 0,
  });
  const old = responses({ ...body, model: "gpt-5.5" }, simulation).json["usage"];
  assert.deepEqual((old as JsonObject)["input_tokens_details"], { cached_tokens: 0, cache_write_tokens: 0 });
});

const execCommand = {
  type: "function",
  name: "exec_command",
  parameters: {
    type: "object",
    properties: { cmd: { type: "string" }, workdir: { type: "string" } },
    required: ["cmd"],
  },
};

function user(text: string): JsonObject {
  return { type: "message", role: "user", content: [{ type: "input_text", text }] };
}

test("responses: Codex's shell runs the command, and its result ends the turn", () => {
  const input = [user("<environment_context>run: rm -rf /</environment_context>"), user("run: `echo hi`")];
  const read = responses({ input, tools: [execCommand], stream: true });
  const done = read.events.find((event) => event["type"] === "response.output_item.done")?.[
    "item"
  ] as JsonObject;
  assert.deepEqual(
    [done["type"], done["name"], done["arguments"]],
    ["function_call", "exec_command", '{"cmd":"echo hi"}'],
  );
  const output = "Chunk ID: 1\nWall time: 0.1 seconds\nProcess exited with code 0\nOutput:\nhi\n";
  const next = [...input, done, { type: "function_call_output", call_id: done["call_id"], output }];
  const { json } = responses({ input: next, tools: [execCommand] });
  assert.match(JSON.stringify(json["output"]), /The tool answered: \\"hi\\"/);
});

test("responses: the light form of newer Codex models gets a script for its one tool", () => {
  const tools = [{ type: "namespace", name: "functions", tools: [{ type: "custom", name: "exec" }] }];
  const input = [{ type: "additional_tools", role: "developer", tools }, user("run: echo hi")];
  const read = responses({ model: "gpt-6.1-sol", input, stream: true });
  const done = read.events.find((event) => event["type"] === "response.output_item.done")?.[
    "item"
  ] as JsonObject;
  assert.deepEqual(
    [done["type"], done["name"], done["namespace"]],
    ["custom_tool_call", "exec", "functions"],
  );
  assert.equal(
    done["input"],
    'const result = await tools.exec_command({"cmd":"echo hi"});\ntext(result.output);\n',
  );
  const output = [{ type: "input_text", text: "Output:\nhi" }];
  const next = { type: "custom_tool_call_output", call_id: done["call_id"], output };
  const { json } = responses({ model: "gpt-6.1-sol", input: [...input, done, next] });
  assert.match(JSON.stringify(json["output"]), /The tool answered: \\"hi\\"/);
});

test("responses: a title request gets JSON with a title", () => {
  const schema = { type: "object", properties: { title: { type: "string" } }, required: ["title"] };
  const { json } = responses({ input: "x", text: { format: { type: "json_schema", name: "t", schema } } });
  const output = json["output"] as { content: { text: string }[] }[];
  assert.deepEqual(JSON.parse(output[0]?.content[0]?.text ?? ""), { title: "Simulated title" });
});

test("responses directives: incomplete, failed, refusal, thinking, web search, no usage, stream error", () => {
  const last = (text: string): JsonObject => responses({ input: text, stream: true }).events.at(-1) ?? {};
  const incomplete = last("[[simulate: incomplete]]")["response"] as JsonObject;
  assert.deepEqual(
    [incomplete["status"], incomplete["incomplete_details"]],
    ["incomplete", { reason: "max_output_tokens" }],
  );
  assert.equal(last("[[simulate: late-refusal]]")["type"], "response.incomplete");
  const failed = last("[[simulate: failed]]");
  assert.equal(failed["type"], "response.failed");
  assert.equal((failed["response"] as JsonObject)["usage"], null);
  assert.ok(
    types(responses({ input: "[[simulate: refusal]]", stream: true })).includes("response.refusal.done"),
  );
  const thinking = responses({
    input: "[[simulate: thinking]]",
    stream: true,
    include: ["reasoning.encrypted_content"],
  });
  assert.ok(types(thinking).includes("response.reasoning_summary_text.delta"));
  const reasoning = (asObject(thinking.events.at(-1)?.["response"])["output"] as JsonObject[])[0];
  assert.equal(typeof reasoning?.["encrypted_content"], "string");
  const search = responses({ input: "[[simulate: web-search]]" }).json;
  assert.deepEqual(search["tool_usage"], { web_search: { num_requests: 1 } });
  assert.equal(responses({ input: "[[simulate: no-usage]]" }).json["usage"], null);
  const error = last("[[simulate: stream-error]]");
  assert.deepEqual([error["type"], error["code"]], ["error", "server_error"]);
});

test("responses: nothing is stored, so nothing can be continued", () => {
  const { reply, json } = responses({ input: "x", previous_response_id: "resp_1" });
  assert.equal(reply.status, 400);
  assert.equal((json["error"] as JsonObject)["code"], "previous_response_not_found");
});

test("responses helpers: compact is billed and names no model, input_tokens is free", () => {
  const compacted = askSimulation(
    simulate(),
    { dialect: "openai", path: "/v1/responses/compact" },
    { model: "gpt-5.5", input: "x" },
  );
  assert.equal(compacted.json["object"], "response.compaction");
  assert.ok(!("model" in compacted.json));
  assert.deepEqual(compacted.json["usage"], compacted.reply.bill?.usage);
  const counted = askSimulation(
    simulate(),
    { dialect: "openai", path: "/v1/responses/input_tokens" },
    { model: "gpt-5.5", input: "x" },
  );
  // {"role":"user","content":"x"} has 29 bytes.
  assert.deepEqual(counted.json, { object: "response.input_tokens", input_tokens: 8 });
  assert.equal(counted.reply.bill, null);
});

test("embeddings: both encodings hold the same unit vector, and bill the text", () => {
  const target = { dialect: "openai", path: "/v1/embeddings" } as const;
  const body = { model: "text-embedding-3-small", input: ["hello", "world!"], dimensions: 8 };
  const floats = askSimulation(simulate(), target, body).json;
  const base64 = askSimulation(simulate(), target, { ...body, encoding_format: "base64" }).json;
  const vectors = (floats["data"] as { embedding: number[] }[]).map((item) => item.embedding);
  const encoded = (base64["data"] as { embedding: string }[]).map((item) => {
    const bytes = Buffer.from(item.embedding, "base64");
    return Array.from({ length: 8 }, (_, index) => bytes.readFloatLE(index * 4));
  });
  assert.deepEqual(vectors, encoded);
  assert.ok(Math.abs(Math.hypot(...(vectors[0] ?? [])) - 1) < 1e-6);
  assert.notDeepEqual(vectors[0], vectors[1]);
  // 5 bytes are 2 tokens, 6 bytes are 2.
  assert.deepEqual(floats["usage"], { prompt_tokens: 4, total_tokens: 4 });
});

test("embeddings: dimensions by model, and token lists as input", () => {
  const target = { dialect: "openai", path: "/v1/embeddings" } as const;
  const ask = (body: JsonObject): JsonObject => askSimulation(simulate(), target, body).json;
  const sizes = ["text-embedding-3-small", "text-embedding-3-large"].map((model) => {
    const data = ask({ model, input: "x" })["data"] as { embedding: number[] }[];
    return data[0]?.embedding.length;
  });
  assert.deepEqual(sizes, [1536, 3072]);
  assert.deepEqual(ask({ model: "m", input: [1, 2, 3], dimensions: 2 })["usage"], {
    prompt_tokens: 3,
    total_tokens: 3,
  });
  assert.equal((ask({ model: "m", input: [[1], [2]], dimensions: 2 })["data"] as unknown[]).length, 2);
});

test("moderations are free and flag nothing", () => {
  const read = askSimulation(
    simulate(),
    { dialect: "openai", path: "/v1/moderations" },
    { input: ["a", "b"] },
  );
  assert.deepEqual(
    (read.json["results"] as { flagged: boolean }[]).map((result) => result.flagged),
    [false, false],
  );
  assert.equal(read.reply.bill, null);
});

test("models: the list, one of it and one that is not there", () => {
  const get = (path: string): ReadReply => askSimulation(simulate(), { dialect: "openai", path });
  const listed = (get("/v1/models").json["data"] as { id: string }[]).map((model) => model.id);
  assert.ok(listed.includes("gpt-5.5"));
  assert.equal(get("/v1/models/gpt-5.5").json["object"], "model");
  assert.equal(get("/v1/models/gpt-none").reply.status, 404);
  assert.equal((get("/v1/models/gpt-none").json["error"] as JsonObject)["code"], "model_not_found");
});
