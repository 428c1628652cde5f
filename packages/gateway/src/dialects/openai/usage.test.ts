import assert from "node:assert/strict";
import { describe, it, test } from "node:test";
import type { MeteredUsage } from "@meshagent/llm-proxy-protocol/usage";
import type { ReplyContext, ReplyReading, UsageReader, UsageReaderFactory } from "../usage-reader.ts";
import { testUsageReader } from "../usage-conformance.ts";
import {
  chatCompletionsUsage,
  compactUsage,
  completionsUsage,
  embeddingsUsage,
  responsesUsage,
} from "./usage.ts";

const streamContext: ReplyContext = {
  requestedModel: "gpt-6-sol",
  status: 200,
  mediaType: "text/event-stream",
  isStreamRequested: true,
  inputCharacters: null,
};
const bodyContext: ReplyContext = {
  ...streamContext,
  mediaType: "application/json",
  isStreamRequested: false,
};

function push(factory: UsageReaderFactory, text: string, context = streamContext): UsageReader {
  const reader = factory(context);
  reader.push(Buffer.from(text));
  return reader;
}

function readingOf(usage: readonly MeteredUsage[], outcome: ReplyReading["outcome"] = "ok"): ReplyReading {
  const first = usage[0];
  return {
    outcome,
    usage,
    responseId: first?.response_id ?? null,
    servedModel: first?.source === "none" ? null : (first?.model ?? null),
    servedTier: first?.service_tier ?? null,
  };
}

// ---- responses

const responseUsage = {
  input_tokens: 1760,
  input_tokens_details: {
    cached_tokens: 1024,
    cache_write_tokens: 300,
    cache_write_tokens_details: { ttl_30m_tokens: 100, ttl_12h_tokens: 200 },
  },
  output_tokens: 420,
  output_tokens_details: { reasoning_tokens: 256 },
  total_tokens: 2180,
  later_member: { kept: true },
};
const imageUsage = {
  input_tokens: 50,
  input_tokens_details: { image_tokens: 30, text_tokens: 20 },
  output_tokens: 1056,
  output_tokens_details: { image_tokens: 1000, text_tokens: 56 },
  total_tokens: 1106,
  cached_tokens: 12,
  cached_tokens_details: { cached_image_tokens: 8, cached_text_tokens: 4 },
};
const toolUsage = { image_gen: imageUsage, web_search: { num_requests: 2 } };
const svgUsage = {
  model: "gpt-svg-1",
  input_tokens: 5,
  output_tokens: 7,
  reasoning_tokens: 3,
  total_tokens: 12,
};

/** An output that looks like usage wherever it may. */
const trickyOutput = [
  { type: "reasoning", usage: { input_tokens: 1 }, summary: [] },
  {
    type: "message",
    content: [
      { type: "output_text", text: '","usage":{"input_tokens":999999,"output_tokens":1}} \\" 🌍 \u2028' },
    ],
    response: { usage: { input_tokens: 55, output_tokens: 55 } },
  },
  { type: "function_call", arguments: '{"usage":{"input_tokens":4},"type":"response.completed"}', id: "x" },
  { type: "file_search_call", queries: ["a"] },
  { type: "file_search_call", queries: ["b"] },
  { type: "web_search_call", action: { type: "search" } },
  { type: "web_search_call", action: { type: "open_page" } },
  { type: "image_generation_call", svg_usage: svgUsage },
];

/** The only element with an id. */
const trickyItems = [{ kind: "item" as const, id: "x" }];

const response = {
  id: "resp_01",
  object: "response",
  status: "completed",
  model: "gpt-6-sol-2026-09-01",
  tools: [
    {
      type: "function",
      name: "usage",
      model: "not-this",
      parameters: { properties: { usage: { type: "object" } } },
    },
    { type: "image_generation", model: "gpt-image-2.5" },
  ],
  output: trickyOutput,
  service_tier: "priority",
  error: null,
  incomplete_details: null,
  metadata: { usage: '{"input_tokens":3}', model: "not-this" },
  usage: responseUsage,
  tool_usage: toolUsage,
};

const shared = {
  response_id: "resp_01",
  service_tier: "priority",
  completeness: "complete" as const,
  billed: true,
};
function responseRecords(source: string): MeteredUsage[] {
  return [
    {
      ...shared,
      kind: "primary",
      model: "gpt-6-sol-2026-09-01",
      source,
      input_tokens: 1760,
      output_tokens: 420,
      cache_read_input_tokens: 1024,
      cache_write_input_tokens: 300,
      cache_write_30m_input_tokens: 100,
      cache_write_12h_input_tokens: 200,
      reasoning_output_tokens: 256,
      web_search_requests: 2,
      file_search_calls: 2,
      raw: { usage: responseUsage, tool_usage: toolUsage },
    },
    {
      ...shared,
      kind: "image_gen",
      model: "gpt-image-2.5",
      source,
      input_tokens: 50,
      output_tokens: 1056,
      cache_read_input_tokens: 12,
      input_text_tokens: 20,
      input_image_tokens: 30,
      cache_read_text_tokens: 4,
      cache_read_image_tokens: 8,
      output_text_tokens: 56,
      output_image_tokens: 1000,
      raw: imageUsage,
    },
    {
      ...shared,
      kind: "svg",
      model: "gpt-svg-1",
      source,
      input_tokens: 5,
      output_tokens: 7,
      reasoning_output_tokens: 3,
      raw: svgUsage,
    },
  ];
}

testUsageReader({
  name: "responses body",
  reader: responsesUsage,
  context: bodyContext,
  body: JSON.stringify(response, null, 1),
  expected: { ...readingOf(responseRecords("body")), made: trickyItems },
  isTerminal: false,
});

function sse(events: readonly ({ type: string } & Record<string, unknown>)[]): string {
  return events
    .map((event, i) => `event: ${event.type}\ndata: ${JSON.stringify({ ...event, sequence_number: i })}\n\n`)
    .join("");
}

const early = {
  ...response,
  status: "in_progress",
  service_tier: "auto",
  usage: null,
  tool_usage: null,
  output: [],
};
const responseEvents = [
  { type: "response.created", response: early },
  { type: "response.in_progress", response: early },
  {
    type: "response.output_text.delta",
    delta:
      'event: response.completed\ndata: {"type":"response.completed","response":{"usage":{"input_tokens":1}}}\n\n',
    response: { usage: { input_tokens: 8, output_tokens: 8 } },
  },
  { type: "response.later_event", response: { ...response, usage: { input_tokens: 1, output_tokens: 1 } } },
  { type: "response.output_item.done", item: { type: "message", usage: responseUsage } },
];
const responseStream = sse([...responseEvents, { type: "response.completed", response }]);

testUsageReader({
  name: "responses stream",
  reader: responsesUsage,
  context: streamContext,
  body: responseStream,
  expected: { ...readingOf(responseRecords("response.completed")), made: trickyItems },
  isTerminal: true,
});

testUsageReader({
  name: "responses stream without event lines, its data over several lines",
  reader: responsesUsage,
  context: streamContext,
  body: [...responseEvents, { type: "response.completed", response }]
    .map((event) => `data: ${JSON.stringify(event, null, 1).replaceAll("\n", "\ndata:")}\n\n`)
    .join(""),
  expected: { ...readingOf(responseRecords("response.completed")), made: trickyItems },
  isTerminal: true,
});

const longText = 'Words, \\"usage\\" and others. '.repeat(20_000);
testUsageReader({
  name: "responses stream whose terminal event is large",
  reader: responsesUsage,
  context: streamContext,
  body: sse([
    { type: "response.created", response: early },
    {
      type: "response.incomplete",
      response: {
        ...response,
        status: "incomplete",
        incomplete_details: { reason: "max_output_tokens" },
        output: [...trickyOutput, { type: "message", content: [{ text: longText }] }],
      },
    },
  ]),
  expected: { ...readingOf(responseRecords("response.incomplete"), "incomplete"), made: trickyItems },
  isTerminal: true,
});

const plainUsage = { input_tokens: 9, output_tokens: 4, total_tokens: 13 };
testUsageReader({
  name: "responses stream that failed with usage",
  reader: responsesUsage,
  context: streamContext,
  body: sse([
    { type: "response.created", response: { id: "resp_02", model: "gpt-6-sol", usage: null } },
    {
      type: "response.failed",
      response: {
        id: "resp_02",
        model: "gpt-6-sol",
        status: "failed",
        service_tier: "default",
        error: { code: "server_error", message: "usage" },
        usage: plainUsage,
      },
    },
  ]),
  expected: readingOf(
    [
      {
        kind: "primary",
        model: "gpt-6-sol",
        response_id: "resp_02",
        service_tier: "standard",
        input_tokens: 9,
        output_tokens: 4,
        source: "response.failed",
        completeness: "complete",
        billed: true,
        raw: plainUsage,
      },
    ],
    "failed",
  ),
  isTerminal: true,
});

testUsageReader({
  name: "responses stream with an error event",
  reader: responsesUsage,
  context: streamContext,
  body: sse([
    { type: "response.created", response: { id: "resp_03", model: "gpt-6-sol-2026-09-01", usage: null } },
    { type: "error", code: "server_error", message: "Overloaded", param: null },
  ]),
  expected: {
    outcome: "stream_error",
    usage: [
      {
        kind: "primary",
        model: "gpt-6-sol-2026-09-01",
        response_id: "resp_03",
        service_tier: null,
        source: "none",
        completeness: "missing",
        billed: true,
        raw: null,
      },
    ],
    responseId: "resp_03",
    servedModel: "gpt-6-sol-2026-09-01",
    servedTier: null,
  },
  isTerminal: false,
});

testUsageReader({
  name: "responses/compact body, which names no model",
  reader: compactUsage,
  context: bodyContext,
  body: JSON.stringify({
    id: "cmp_1",
    object: "response.compaction",
    output: trickyOutput.slice(0, 2),
    usage: plainUsage,
  }),
  expected: {
    ...readingOf([
      {
        kind: "primary",
        model: "gpt-6-sol",
        response_id: "cmp_1",
        service_tier: null,
        input_tokens: 9,
        output_tokens: 4,
        source: "body",
        completeness: "complete",
        billed: true,
        raw: plainUsage,
      },
    ]),
    servedModel: null,
  },
  isTerminal: false,
});

describe("responsesUsage", () => {
  const readBody = (changes: object): ReplyReading =>
    push(responsesUsage, JSON.stringify({ ...response, ...changes }), bodyContext).read("complete");

  it("counts search items only where no counter of billed searches came", () => {
    assert.equal(readBody({ tool_usage: undefined }).usage[0]?.web_search_requests, 1);
    assert.equal(
      readBody({ tool_usage: { web_search: { num_requests: 0 } } }).usage[0]?.web_search_requests,
      0,
    );
    assert.equal(readBody({ tool_usage: undefined, output: [] }).usage[0]?.web_search_requests, undefined);
  });

  it("counts searches of the preview tool apart, and all of them where a reply had both", () => {
    const previews = (...types: readonly string[]): readonly unknown[] => {
      const [record] = readBody({ tools: types.map((type) => ({ type })) }).usage;
      return [record?.web_search_requests, record?.web_search_preview_requests];
    };
    assert.deepEqual(previews("web_search"), [2, undefined]);
    assert.deepEqual(previews("web_search_preview"), [2, 2]);
    assert.deepEqual(previews("function", "web_search_preview_2025_03_11"), [2, 2]);
    assert.deepEqual(previews("web_search", "web_search_preview"), [2, 2]);
    const none = readBody({ tools: [{ type: "web_search_preview" }], tool_usage: undefined, output: [] });
    assert.equal(none.usage[0]?.web_search_preview_requests, undefined);
  });

  it("makes no image record of zeros, and names no wrong model", () => {
    const zeros = {
      image_gen: { input_tokens: 0, output_tokens: 0, total_tokens: 0 },
      web_search: { num_requests: 0 },
    };
    assert.deepEqual(
      readBody({ tool_usage: zeros, output: [] }).usage.map(({ kind }) => kind),
      ["primary"],
    );
    assert.equal(readBody({ tools: [{ type: "function", model: "gpt-6-sol" }] }).usage[1]?.model, "unknown");
  });

  it("takes the tier that served, never a wish", () => {
    const tiers = [
      "default",
      "auto",
      "flex",
      "priority",
      "scale",
      "ultrafast",
      "later_tier",
      null,
      undefined,
    ];
    assert.deepEqual(
      tiers.map((tier) => readBody({ service_tier: tier }).servedTier),
      ["standard", null, "flex", "priority", "scale", "ultrafast", "later_tier", null, null],
    );
  });

  it("tells the outcome from the status", () => {
    const statuses = ["completed", "incomplete", "failed", "cancelled", "queued", undefined];
    assert.deepEqual(
      statuses.map((status) => readBody({ status }).outcome),
      ["ok", "incomplete", "failed", "cancelled", "ok", "ok"],
    );
  });

  it("says that usage is missing where a terminal event has none", () => {
    const failed = {
      ...response,
      status: "failed",
      usage: null,
      tool_usage: null,
      output: [],
      service_tier: "flex",
    };
    const reading = push(responsesUsage, sse([{ type: "response.failed", response: failed }])).read(
      "complete",
    );
    assert.equal(reading.outcome, "failed");
    assert.equal(reading.usage.length, 1);
    assert.equal(reading.usage[0]?.completeness, "missing");
    assert.equal(reading.usage[0]?.raw, null);
    assert.equal(reading.usage[0]?.billed, true);
    assert.equal(reading.usage[0]?.response_id, "resp_01");
    assert.equal(reading.servedTier, "flex");
  });

  it("keeps the first terminal event and reads a terminal event that follows an error", () => {
    const failed = { ...response, status: "failed", tool_usage: null, output: [] };
    const error = { type: "error", code: "server_error" };
    const text = sse([
      error,
      { type: "response.failed", response: failed },
      { type: "response.completed", response },
    ]);
    const reading = push(responsesUsage, text).read("complete");
    assert.equal(reading.outcome, "failed");
    assert.equal(reading.usage[0]?.input_tokens, 1760);
    assert.equal(reading.usage.length, 1);
  });

  it("reads a last event whose blank line never came, but not one that was cut", () => {
    const reader = push(responsesUsage, responseStream.slice(0, -1));
    assert.equal(reader.isTerminal, false);
    assert.equal(reader.read("cut").usage[0]?.completeness, "missing");
    assert.equal(reader.read("complete").usage[0]?.completeness, "complete");
  });
});

// ---- chat and legacy completions

const chatUsageObject = {
  prompt_tokens: 120,
  completion_tokens: 45,
  total_tokens: 165,
  prompt_tokens_details: {
    cached_tokens: 64,
    cache_write_tokens: 8,
    audio_tokens: 10,
    image_tokens: 5,
    text_tokens: 105,
  },
  completion_tokens_details: {
    reasoning_tokens: 12,
    audio_tokens: 3,
    text_tokens: 30,
    accepted_prediction_tokens: 2,
    rejected_prediction_tokens: 1,
  },
  later_member: 1,
};
function chatRecord(source: string, changes: Partial<MeteredUsage> = {}): MeteredUsage {
  return {
    kind: "primary",
    model: "gpt-4o-2024-08-06",
    response_id: "chatcmpl-1",
    service_tier: "standard",
    input_tokens: 120,
    output_tokens: 45,
    cache_read_input_tokens: 64,
    cache_write_input_tokens: 8,
    input_text_tokens: 105,
    input_audio_tokens: 10,
    input_image_tokens: 5,
    reasoning_output_tokens: 12,
    output_text_tokens: 30,
    output_audio_tokens: 3,
    accepted_prediction_tokens: 2,
    rejected_prediction_tokens: 1,
    source,
    completeness: "complete",
    billed: true,
    raw: chatUsageObject,
    ...changes,
  };
}

const chunkHead = {
  id: "chatcmpl-1",
  object: "chat.completion.chunk",
  model: "gpt-4o-2024-08-06",
  service_tier: "default",
};
function chunk(content: string, rest: object = { usage: null }): string {
  const choices = [{ index: 0, delta: { content }, finish_reason: null }];
  return `data: ${JSON.stringify({ ...chunkHead, choices, ...rest, obfuscation: "x7" })}\n\n`;
}
const textChunks = [
  chunk(""),
  chunk('"usage":{"prompt_tokens":99999,"completion_tokens":1}'),
  chunk("data: [DONE]\n\n \u2028 äö🌍"),
  chunk("x", { usage: null, extra: { usage: { prompt_tokens: 5, completion_tokens: 5 }, choices: [] } }),
  `data: ${JSON.stringify({
    ...chunkHead,
    choices: [
      {
        index: 0,
        delta: {
          tool_calls: [{ function: { arguments: '{"usage":{"prompt_tokens":1}}' }, usage: chatUsageObject }],
        },
        usage: { prompt_tokens: 7, completion_tokens: 7 },
        finish_reason: "tool_calls",
      },
    ],
    usage: null,
  })}\n\n`,
].join("");
const usageChunk = `data: ${JSON.stringify({ ...chunkHead, choices: [], usage: chatUsageObject })}\n\n`;
const done = "data: [DONE]\n\n";

testUsageReader({
  name: "chat stream with a usage chunk",
  reader: chatCompletionsUsage,
  context: streamContext,
  body: textChunks + usageChunk + done,
  expected: readingOf([chatRecord("chunk")]),
  isTerminal: true,
});

testUsageReader({
  name: "chat stream with usage on the chunk that finishes",
  reader: chatCompletionsUsage,
  context: streamContext,
  body: `${textChunks}data: ${JSON.stringify({
    ...chunkHead,
    choices: [{ index: 0, delta: {}, finish_reason: "stop" }],
    usage: chatUsageObject,
  })}\n\n${done}`,
  expected: readingOf([chatRecord("chunk")]),
  isTerminal: true,
});

testUsageReader({
  name: "chat stream with a growing usage on every chunk",
  reader: chatCompletionsUsage,
  context: streamContext,
  body:
    chunk("a", { usage: { prompt_tokens: 120, completion_tokens: 1 } }) +
    chunk("b", { usage: { prompt_tokens: 120, completion_tokens: 2 } }) +
    usageChunk +
    done,
  expected: readingOf([chatRecord("chunk")]),
  isTerminal: true,
});

testUsageReader({
  name: "chat stream that was not asked for usage",
  reader: chatCompletionsUsage,
  context: streamContext,
  body: chunk("a", {}) + chunk("b", {}) + done,
  expected: {
    outcome: "ok",
    usage: [
      {
        kind: "primary",
        model: "gpt-4o-2024-08-06",
        response_id: "chatcmpl-1",
        service_tier: "standard",
        source: "none",
        completeness: "missing",
        billed: true,
        raw: null,
      },
    ],
    responseId: "chatcmpl-1",
    servedModel: "gpt-4o-2024-08-06",
    servedTier: "standard",
  },
  isTerminal: true,
});

testUsageReader({
  name: "chat stream with an error",
  reader: chatCompletionsUsage,
  context: streamContext,
  body: `${chunk("a")}data: {"error":{"message":"The server had an error","type":"server_error","code":null}}\n\n`,
  expected: {
    outcome: "stream_error",
    usage: [
      {
        kind: "primary",
        model: "gpt-4o-2024-08-06",
        response_id: "chatcmpl-1",
        service_tier: "standard",
        source: "none",
        completeness: "missing",
        billed: true,
        raw: null,
      },
    ],
    responseId: "chatcmpl-1",
    servedModel: "gpt-4o-2024-08-06",
    servedTier: "standard",
  },
  isTerminal: false,
});

testUsageReader({
  name: "chat body",
  reader: chatCompletionsUsage,
  context: bodyContext,
  body: JSON.stringify({
    ...chunkHead,
    choices: [
      {
        message: {
          content: '{"usage":{"prompt_tokens":1}}',
          usage: { prompt_tokens: 2 },
          id: "no",
          model: "no",
        },
      },
    ],
    usage: chatUsageObject,
  }),
  expected: readingOf([chatRecord("body")]),
  isTerminal: false,
});

testUsageReader({
  name: "legacy completions stream",
  reader: completionsUsage,
  context: streamContext,
  body: `data: {"id":"cmpl-1","object":"text_completion","model":"babbage","choices":[{"text":"a"}],"usage":null}\n\ndata: {"id":"cmpl-1","model":"babbage","choices":[],"usage":{"prompt_tokens":2,"completion_tokens":3,"total_tokens":5}}\n\n${done}`,
  expected: readingOf([
    {
      kind: "primary",
      model: "babbage",
      response_id: "cmpl-1",
      service_tier: null,
      input_tokens: 2,
      output_tokens: 3,
      source: "chunk",
      completeness: "complete",
      billed: true,
      raw: { prompt_tokens: 2, completion_tokens: 3, total_tokens: 5 },
    },
  ]),
  isTerminal: true,
});

describe("chatCompletionsUsage", () => {
  it("is terminal at the usage chunk, before [DONE]", () => {
    const reader = push(chatCompletionsUsage, textChunks);
    assert.equal(reader.isTerminal, false);
    reader.push(Buffer.from(usageChunk));
    assert.equal(reader.isTerminal, true);
    assert.equal(reader.read("cut").usage[0]?.completeness, "complete");
  });

  it("keeps an explicit zero as a count", () => {
    const zero = `data: {"choices":[],"usage":{"prompt_tokens":0,"completion_tokens":0,"total_tokens":0}}\n\n`;
    const record = push(chatCompletionsUsage, zero + done).read("complete").usage[0];
    assert.equal(record?.completeness, "complete");
    assert.equal(record?.input_tokens, 0);
    assert.equal(record?.model, "gpt-6-sol");
  });

  it("takes usage with the finish at a clean end for final, and a growing one for a lower bound", () => {
    const finish = { choices: [{ delta: {}, finish_reason: "stop" }], usage: chatUsageObject };
    const clean = push(chatCompletionsUsage, `data: ${JSON.stringify({ ...chunkHead, ...finish })}\n\n`);
    assert.equal(clean.read("cut").usage[0]?.completeness, "partial");
    assert.equal(clean.read("complete").usage[0]?.completeness, "complete");
    assert.equal(clean.read("complete").outcome, "ok");
    const growing = push(chatCompletionsUsage, chunk("a", { usage: chatUsageObject }));
    assert.equal(growing.read("complete").usage[0]?.completeness, "partial");
    assert.equal(growing.read("complete").outcome, "truncated");
  });

  it("takes an empty chunk without usage for nothing", () => {
    const filters = `data: {"id":"","model":"","choices":[],"prompt_filter_results":[],"usage":null}\n\n`;
    const reader = push(chatCompletionsUsage, filters + chunk("a"));
    assert.equal(reader.isTerminal, false);
    assert.equal(reader.read("cut").usage[0]?.completeness, "missing");
  });

  it("does not take an error that is null for one", () => {
    const text = `data: {"choices":[],"error":null,"usage":{"prompt_tokens":1,"completion_tokens":1}}\n\n${done}`;
    assert.equal(push(chatCompletionsUsage, text).read("complete").outcome, "ok");
  });

  it("says partial where a count is not there", () => {
    const text = `data: {"choices":[],"usage":{"prompt_tokens":1}}\n\n${done}`;
    assert.equal(push(chatCompletionsUsage, text).read("complete").usage[0]?.completeness, "partial");
    const nothing = `data: {"choices":[],"usage":{"later_tokens":1}}\n\n${done}`;
    const record = push(chatCompletionsUsage, nothing).read("complete").usage[0];
    assert.equal(record?.completeness, "missing");
    assert.deepEqual(record?.raw, { later_tokens: 1 });
  });
});

// ---- embeddings

const embeddingUsage = { prompt_tokens: 8, total_tokens: 8 };
testUsageReader({
  name: "embeddings body",
  reader: embeddingsUsage,
  context: bodyContext,
  body: JSON.stringify({
    object: "list",
    data: [{ object: "embedding", index: 0, embedding: [0.01, -2e-5], usage: { prompt_tokens: 3 } }],
    model: "text-embedding-3-small",
    usage: embeddingUsage,
  }),
  expected: readingOf([
    {
      kind: "primary",
      model: "text-embedding-3-small",
      response_id: null,
      service_tier: null,
      input_tokens: 8,
      source: "body",
      completeness: "complete",
      billed: true,
      raw: embeddingUsage,
    },
  ]),
  isTerminal: false,
});

describe("embeddingsUsage", () => {
  it("reads tens of megabytes without holding them", () => {
    const reader = embeddingsUsage(bodyContext);
    reader.push(Buffer.from('{"object":"list","data":[{"embedding":['));
    const numbers = Buffer.from("-0.0123456789,".repeat(5000));
    const before = process.memoryUsage().arrayBuffers;
    for (let i = 0; i < 400; i++) reader.push(numbers);
    const grown = process.memoryUsage().arrayBuffers - before;
    assert.ok(grown < 4 * 1024 * 1024, `${grown} bytes kept of ${400 * numbers.length}`);
    reader.push(Buffer.from('0]}],"model":"m","usage":{"prompt_tokens":8,"total_tokens":8}}'));
    assert.equal(reader.read("complete").usage[0]?.input_tokens, 8);
  });

  it("knows a lower bound at most when the body was cut, and nothing of a body that is no JSON", () => {
    const cut = push(embeddingsUsage, '{"usage":{"prompt_tokens":8},"data":[', bodyContext).read("complete");
    assert.equal(cut.outcome, "truncated");
    assert.equal(cut.usage[0]?.completeness, "partial");
    const html = push(embeddingsUsage, "<html></html>", bodyContext).read("complete");
    assert.equal(html.usage[0]?.completeness, "missing");
  });
});

test("a background response says that it goes on; items and containers are told with it", () => {
  const read = (body: object): ReplyReading => {
    const reader = responsesUsage({
      requestedModel: "gpt-6-sol",
      status: 200,
      mediaType: "application/json",
      isStreamRequested: false,
      inputCharacters: null,
    });
    reader.push(Buffer.from(JSON.stringify(body)));
    return reader.read("complete");
  };
  for (const status of ["queued", "in_progress"]) {
    assert.equal(read({ id: "resp_1", status, usage: null, output: [] }).isRunning, true, status);
  }
  for (const status of ["completed", "failed", "cancelled", "incomplete"]) {
    assert.equal(read({ id: "resp_1", status, usage: null, output: [] }).isRunning, undefined, status);
  }
  const output = [
    { type: "message", id: "msg_1" },
    { type: "code_interpreter_call", id: "ci_1", container_id: "cntr_1" },
    { type: "code_interpreter_call", id: "ci_2", container_id: "cntr_1" },
    { type: "message", id: null },
  ];
  assert.deepEqual(read({ id: "resp_1", status: "completed", output }).made, [
    { kind: "item", id: "msg_1" },
    { kind: "item", id: "ci_1" },
    { kind: "item", id: "ci_2" },
    { kind: "container", id: "cntr_1" },
  ]);
});
