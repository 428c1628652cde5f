import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { MeteredUsage } from "@meshagent/llm-proxy-protocol/usage";
import type { ReplyContext, ReplyReading, UsageReader } from "../usage-reader.ts";
import { testUsageReader } from "../usage-conformance.ts";
import { messagesUsage } from "./usage.ts";

const streamContext: ReplyContext = {
  requestedModel: "claude-sonnet-5-5",
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

function sse(events: readonly object[]): string {
  return events
    .map((event) => `event: ${(event as { type: string }).type}\ndata: ${JSON.stringify(event)}\n\n`)
    .join("");
}

function messageStart(usage: object, model = "claude-sonnet-5-5-20261001"): object {
  return {
    type: "message_start",
    message: {
      id: "msg_01",
      type: "message",
      role: "assistant",
      model,
      content: [],
      stop_reason: null,
      usage,
    },
  };
}

function messageDelta(usage: object, stopReason: string | null = "end_turn"): object {
  return { type: "message_delta", delta: { stop_reason: stopReason, stop_sequence: null }, usage };
}

const textBlock = { type: "content_block_start", index: 0, content_block: { type: "text", text: "" } };
const hello = {
  type: "content_block_delta",
  index: 0,
  delta: { type: "text_delta", text: "Grüß dich \u2028 🌍" },
};
const blockStop = { type: "content_block_stop", index: 0 };
const stop = { type: "message_stop" };

const startUsage = {
  input_tokens: 12,
  cache_creation_input_tokens: 300,
  cache_read_input_tokens: 4000,
  cache_creation: { ephemeral_5m_input_tokens: 100, ephemeral_1h_input_tokens: 200 },
  output_tokens: 3,
  service_tier: "standard",
  inference_geo: "us",
  speed: "fast",
  later_member: { kept: [1] },
};
const deltaUsage = {
  input_tokens: null,
  cache_creation_input_tokens: null,
  cache_read_input_tokens: null,
  output_tokens: 250,
  output_tokens_details: { thinking_tokens: 90 },
  server_tool_use: { web_search_requests: 2, web_fetch_requests: 1 },
};

// 12 + 300 + 4000 = 4312: Anthropic's own input leaves the cache out.
const primary: MeteredUsage = {
  kind: "primary",
  model: "claude-sonnet-5-5-20261001",
  response_id: "msg_01",
  service_tier: "standard",
  speed: "fast",
  inference_geo: "us",
  input_tokens: 4312,
  output_tokens: 250,
  cache_read_input_tokens: 4000,
  cache_write_input_tokens: 300,
  cache_write_5m_input_tokens: 100,
  cache_write_1h_input_tokens: 200,
  reasoning_output_tokens: 90,
  web_search_requests: 2,
  web_fetch_requests: 1,
  source: "message_delta",
  completeness: "complete",
  billed: true,
  raw: { message_start: startUsage, message_delta: deltaUsage },
};

function readingOf(usage: readonly MeteredUsage[], outcome: ReplyReading["outcome"] = "ok"): ReplyReading {
  const model = usage[0]?.model ?? null;
  return {
    outcome,
    usage,
    responseId: "msg_01",
    servedModel: model,
    servedTier: usage[0]?.service_tier ?? null,
  };
}

const paddedStream =
  `event: ping\ndata: {"type": "ping"}\n\n` +
  `event: message_start\ndata: ${JSON.stringify(messageStart(startUsage)).slice(0, -1)}           }\n\n` +
  `event: ping\ndata: {"type": "ping"}\n\n` +
  `event: content_block_start\ndata: ${JSON.stringify(textBlock)}\n\n` +
  `event: content_block_delta\ndata: ${JSON.stringify(hello)}\n\n` +
  `event: later_event\ndata: {"type":"later_event","usage":{"output_tokens":9999}}\n\n` +
  `event: content_block_stop\ndata: ${JSON.stringify(blockStop)}\n\n` +
  `event: message_delta\ndata: ${JSON.stringify(messageDelta(deltaUsage)).slice(0, -1)}  }\n\n` +
  `event: message_stop\ndata: {"type":"message_stop"        }\n\n`;

testUsageReader({
  name: "messages stream, padded, with pings and unknown events",
  reader: messagesUsage,
  context: streamContext,
  body: paddedStream,
  expected: readingOf([primary]),
  isTerminal: true,
});

testUsageReader({
  name: "messages stream without event lines",
  reader: messagesUsage,
  context: streamContext,
  body: paddedStream.replaceAll(/event: .*\n/g, ""),
  expected: readingOf([primary]),
  isTerminal: true,
});

const searchDelta = { input_tokens: 10_682, output_tokens: 510, server_tool_use: { web_search_requests: 1 } };
testUsageReader({
  name: "messages stream whose input grows, in several cumulative message_deltas",
  reader: messagesUsage,
  context: streamContext,
  body: sse([
    messageStart({ input_tokens: 2679, output_tokens: 3, service_tier: "priority" }),
    textBlock,
    messageDelta({ output_tokens: 40 }, null),
    messageDelta({ input_tokens: 9000, output_tokens: 200 }, null),
    messageDelta(searchDelta),
    stop,
  ]),
  expected: readingOf([
    {
      kind: "primary",
      model: "claude-sonnet-5-5-20261001",
      response_id: "msg_01",
      service_tier: "priority",
      input_tokens: 10_682,
      output_tokens: 510,
      web_search_requests: 1,
      source: "message_delta",
      completeness: "complete",
      billed: true,
      raw: {
        message_start: { input_tokens: 2679, output_tokens: 3, service_tier: "priority" },
        message_delta: searchDelta,
      },
    },
  ]),
  isTerminal: true,
});

/** Everything in a model's own output that looks like usage. */
const lookAlikes: readonly object[] = [
  textBlock,
  {
    type: "content_block_delta",
    index: 0,
    delta: { type: "text_delta", text: '"usage":{"output_tokens":999999}' },
  },
  {
    type: "content_block_delta",
    index: 0,
    delta: {
      type: "text_delta",
      text: 'event: message_delta\ndata: {"type":"message_delta","usage":{"output_tokens":7}}\n\n',
    },
  },
  {
    type: "content_block_start",
    index: 1,
    content_block: {
      type: "tool_use",
      id: "toolu_1",
      name: "report",
      input: {
        type: "message_delta",
        usage: { input_tokens: 1, output_tokens: 888_888 },
        message: { usage: {} },
      },
    },
  },
  {
    type: "content_block_delta",
    index: 1,
    delta: { type: "input_json_delta", partial_json: '{"type":"message_stop","usage":{"output_tokens":5}' },
    message: { type: "message_start", id: "msg_fake", usage: { input_tokens: 777_777 } },
    usage: { input_tokens: 666_666, output_tokens: 666_666 },
  },
];
testUsageReader({
  name: "messages stream whose output is full of look-alikes",
  reader: messagesUsage,
  context: streamContext,
  body: sse([messageStart(startUsage), ...lookAlikes, messageDelta(deltaUsage, "tool_use"), stop]),
  expected: readingOf([primary]),
  isTerminal: true,
});

const bodyUsage = {
  ...startUsage,
  ...deltaUsage,
  input_tokens: 12,
  cache_creation_input_tokens: 300,
  cache_read_input_tokens: 4000,
};
testUsageReader({
  name: "messages body with look-alikes",
  reader: messagesUsage,
  context: bodyContext,
  body: JSON.stringify({
    id: "msg_01",
    type: "message",
    model: "claude-sonnet-5-5-20261001",
    content: [
      { type: "text", text: '"usage":{"input_tokens":5,"output_tokens":5}\\" äöü' },
      { type: "tool_use", input: { usage: { input_tokens: 1, output_tokens: 2 }, id: "x", model: "y" } },
    ],
    stop_reason: "tool_use",
    usage: bodyUsage,
    context_management: { usage: { input_tokens: 3 } },
  }),
  expected: readingOf([{ ...primary, source: "body", raw: bodyUsage }]),
  isTerminal: false,
});

const errorEvent = {
  type: "error",
  error: { type: "overloaded_error", message: "Overloaded" },
  request_id: "req_1",
};
testUsageReader({
  name: "messages stream with an error in the middle",
  reader: messagesUsage,
  context: streamContext,
  body: sse([messageStart(startUsage), textBlock, hello, errorEvent]),
  expected: readingOf(
    [
      {
        kind: "primary",
        model: "claude-sonnet-5-5-20261001",
        response_id: "msg_01",
        service_tier: "standard",
        speed: "fast",
        inference_geo: "us",
        input_tokens: 4312,
        // The 3 of message_start is a placeholder, not a count.
        output_tokens: 0,
        cache_read_input_tokens: 4000,
        cache_write_input_tokens: 300,
        cache_write_5m_input_tokens: 100,
        cache_write_1h_input_tokens: 200,
        source: "message_start",
        completeness: "partial",
        billed: true,
        raw: { message_start: startUsage, message_delta: null },
      },
    ],
    "stream_error",
  ),
  isTerminal: false,
});

testUsageReader({
  name: "messages stream with an error as its first event",
  reader: messagesUsage,
  context: streamContext,
  body: `event: ping\ndata: {"type": "ping"}\n\n${sse([errorEvent])}`,
  expected: { outcome: "stream_error", usage: [], responseId: null, servedModel: null, servedTier: null },
  isTerminal: false,
});

const compaction = {
  type: "compaction",
  input_tokens: 180_000,
  output_tokens: 3500,
  cache_creation_input_tokens: 0,
  cache_read_input_tokens: 0,
  cache_creation: null,
};
const executor1 = {
  type: "message",
  model: null,
  input_tokens: 1000,
  output_tokens: 50,
  cache_creation_input_tokens: 200,
  cache_read_input_tokens: 300,
  cache_creation: { ephemeral_5m_input_tokens: 0, ephemeral_1h_input_tokens: 200 },
};
const executor2 = { ...executor1, input_tokens: 100, output_tokens: 70, cache_read_input_tokens: 1500 };
const advisor = {
  type: "advisor_message",
  model: "claude-fable-5-2",
  input_tokens: 900,
  output_tokens: 33,
  cache_creation_input_tokens: 0,
  cache_read_input_tokens: 0,
  cache_creation: null,
};
const iterationsUsage = {
  input_tokens: 1000,
  output_tokens: 120,
  cache_creation_input_tokens: 200,
  cache_read_input_tokens: 300,
  service_tier: "standard",
  speed: "fast",
  server_tool_use: { web_search_requests: 0, web_fetch_requests: 0, code_execution_requests: 1 },
  iterations: [compaction, executor1, advisor, executor2],
};
testUsageReader({
  name: "messages body with a compaction, an advisor and two iterations",
  reader: messagesUsage,
  context: bodyContext,
  body: JSON.stringify({
    id: "msg_01",
    model: "claude-sonnet-5-5-20261001",
    content: [{ type: "text", text: "done" }],
    stop_reason: "end_turn",
    usage: iterationsUsage,
  }),
  expected: readingOf([
    {
      kind: "primary",
      model: "claude-sonnet-5-5-20261001",
      response_id: "msg_01",
      service_tier: "standard",
      speed: "fast",
      // (1000 + 200 + 300) + (100 + 200 + 1500) = 1500 + 1800
      input_tokens: 3300,
      output_tokens: 120,
      cache_read_input_tokens: 1800,
      cache_write_input_tokens: 400,
      cache_write_5m_input_tokens: 0,
      cache_write_1h_input_tokens: 400,
      web_search_requests: 0,
      web_fetch_requests: 0,
      code_execution_requests: 1,
      source: "body",
      completeness: "complete",
      billed: true,
      raw: iterationsUsage,
    },
    {
      kind: "compaction",
      model: "claude-sonnet-5-5-20261001",
      response_id: "msg_01",
      service_tier: "standard",
      speed: "fast",
      input_tokens: 180_000,
      output_tokens: 3500,
      cache_read_input_tokens: 0,
      cache_write_input_tokens: 0,
      source: "body",
      completeness: "complete",
      billed: true,
      raw: compaction,
    },
    {
      kind: "advisor",
      model: "claude-fable-5-2",
      response_id: "msg_01",
      service_tier: "standard",
      input_tokens: 900,
      output_tokens: 33,
      cache_read_input_tokens: 0,
      cache_write_input_tokens: 0,
      source: "body",
      completeness: "complete",
      billed: true,
      raw: advisor,
    },
  ]),
  isTerminal: false,
});

function hop(type: string, model: string, outputTokens: number): object {
  return {
    type,
    model,
    input_tokens: 100,
    output_tokens: outputTokens,
    cache_creation_input_tokens: 0,
    cache_read_input_tokens: 10,
    cache_creation: null,
  };
}
const hops = [
  hop("message", "claude-fable-5-2", 0),
  hop("message", "claude-opus-5-5", 25),
  hop("message", "claude-haiku-5-5", 4),
  hop("fallback_message", "claude-haiku-5-5", 60),
];
const fallbackDelta = {
  output_tokens: 64,
  iterations: hops,
  fallback_credit: { status: { type: "redeemed" } },
};
const fallbackStart = { input_tokens: 100, output_tokens: 1, service_tier: "standard" };
const hopRecord = {
  response_id: "msg_01",
  service_tier: "standard",
  cache_write_input_tokens: 0,
  source: "message_delta",
  completeness: "complete" as const,
};
testUsageReader({
  name: "messages stream that two models declined and a third served",
  reader: messagesUsage,
  context: { ...streamContext, requestedModel: "claude-fable-5-2" },
  body: sse([
    messageStart(fallbackStart, "claude-fable-5-2"),
    {
      type: "content_block_start",
      index: 0,
      content_block: {
        type: "fallback",
        from: { model: "claude-fable-5-2" },
        to: { model: "claude-opus-5-5" },
      },
    },
    textBlock,
    {
      type: "content_block_start",
      index: 2,
      content_block: {
        type: "fallback",
        from: { model: "claude-opus-5-5" },
        to: { model: "claude-haiku-5-5" },
      },
    },
    textBlock,
    messageDelta(fallbackDelta),
    stop,
  ]),
  expected: readingOf([
    {
      ...hopRecord,
      kind: "fallback",
      model: "claude-haiku-5-5",
      // The serving model's own earlier iteration: 110 + 110 in, 4 + 60 out.
      input_tokens: 220,
      output_tokens: 64,
      cache_read_input_tokens: 20,
      billed: true,
      cost_is_upper_bound: true,
      raw: { message_start: fallbackStart, message_delta: fallbackDelta },
    },
    {
      ...hopRecord,
      kind: "fallback_declined",
      model: "claude-fable-5-2",
      input_tokens: 110,
      output_tokens: 0,
      cache_read_input_tokens: 10,
      billed: false,
      raw: hops[0],
    },
    {
      ...hopRecord,
      kind: "fallback_declined",
      model: "claude-opus-5-5",
      input_tokens: 110,
      output_tokens: 25,
      cache_read_input_tokens: 10,
      billed: true,
      raw: hops[1],
    },
  ]),
  isTerminal: true,
});

function read(body: string, end: "complete" | "cut" = "complete", context = streamContext): ReplyReading {
  return push(body, context).read(end);
}

function push(body: string, context = streamContext): UsageReader {
  const reader = messagesUsage(context);
  reader.push(Buffer.from(body));
  return reader;
}

describe("messagesUsage", () => {
  it("bills no refusal before output, in a body and in a stream", () => {
    const body = JSON.stringify({
      id: "msg_01",
      model: "m",
      content: [],
      stop_reason: "refusal",
      usage: startUsage,
    });
    const stream = sse([messageStart(startUsage), messageDelta({ output_tokens: 8 }, "refusal"), stop]);
    for (const reading of [read(body, "complete", bodyContext), read(stream)]) {
      assert.equal(reading.outcome, "refused");
      assert.equal(reading.usage[0]?.billed, false);
      assert.equal(reading.usage[0]?.input_tokens, 4312);
    }
  });

  it("bills a refusal in the middle of the output", () => {
    const stream = sse([
      messageStart(startUsage),
      textBlock,
      hello,
      messageDelta({ output_tokens: 8 }, "refusal"),
      stop,
    ]);
    const content = [{ type: "text", text: "Well" }];
    const body = JSON.stringify({
      id: "msg_01",
      model: "m",
      content,
      stop_reason: "refusal",
      usage: startUsage,
    });
    for (const reading of [read(body, "complete", bodyContext), read(stream)]) {
      assert.equal(reading.outcome, "refused");
      assert.equal(reading.usage[0]?.billed, true);
      assert.equal(reading.usage[0]?.completeness, "complete");
    }
  });

  it("bills no final refusal of the last fallback that comes before its output", () => {
    const fallback = { type: "fallback", from: { model: "a" }, to: { model: "b" } };
    const iterations = [hop("message", "a", 25), hop("fallback_message", "b", 0)];
    const reading = read(
      sse([
        messageStart(fallbackStart, "a"),
        textBlock,
        { type: "content_block_start", index: 1, content_block: fallback },
        messageDelta({ output_tokens: 0, iterations }, "refusal"),
        stop,
      ]),
    );
    assert.deepEqual(
      reading.usage.map(({ kind, model, billed }) => ({ kind, model, billed })),
      [
        { kind: "fallback", model: "b", billed: false },
        { kind: "fallback_declined", model: "a", billed: true },
      ],
    );
  });

  it("is terminal at the message_delta with a stop reason, and takes a later one into account", () => {
    const reader = push(sse([messageStart(startUsage), textBlock, messageDelta({ output_tokens: 5 }, null)]));
    assert.equal(reader.isTerminal, false);
    assert.equal(reader.read("cut").usage[0]?.output_tokens, 5);
    assert.equal(reader.read("cut").usage[0]?.completeness, "partial");
    reader.push(Buffer.from(sse([messageDelta({ output_tokens: 9 })])));
    assert.equal(reader.isTerminal, true);
    assert.equal(reader.read("complete").usage[0]?.completeness, "complete");
    const rest = Buffer.from(sse([messageDelta({ output_tokens: 11 }, null), stop]));
    reader.push(rest.subarray(0, 30));
    assert.equal(reader.read("complete").usage[0]?.output_tokens, 9);
    reader.push(rest.subarray(30));
    assert.equal(reader.read("complete").usage[0]?.output_tokens, 11);
  });

  it("reads one message a stream: a second message_start changes nothing", () => {
    const other = messageStart({ input_tokens: 1, output_tokens: 1 }, "other");
    const record = read(sse([messageStart(startUsage), other, messageDelta({ output_tokens: 5 }), stop]))
      .usage[0];
    assert.equal(record?.input_tokens, 4312);
    assert.equal(record?.model, "claude-sonnet-5-5-20261001");
  });

  it("knows only the input when the stream stops without a message_delta", () => {
    const reading = read(sse([messageStart(startUsage), textBlock, stop]), "cut");
    assert.equal(reading.outcome, "ok");
    assert.equal(reading.usage[0]?.completeness, "partial");
    assert.equal(reading.usage[0]?.input_tokens, 4312);
    assert.equal(reading.usage[0]?.output_tokens, 0);
  });

  it("keeps explicit zeros: they are counts, not gaps", () => {
    const zeros = {
      input_tokens: 0,
      output_tokens: 0,
      cache_creation_input_tokens: 0,
      cache_read_input_tokens: 0,
    };
    const record = read(sse([messageStart(zeros), messageDelta({ output_tokens: 0 }), stop])).usage[0];
    assert.equal(record?.completeness, "complete");
    assert.equal(record?.input_tokens, 0);
    assert.equal(record?.output_tokens, 0);
  });

  it("leaves a split of cache writes out that is more than the whole", () => {
    const usage = { ...startUsage, cache_creation_input_tokens: 50 };
    const record = read(sse([messageStart(usage), messageDelta({ output_tokens: 1 }), stop])).usage[0];
    assert.equal(record?.cache_write_input_tokens, 50);
    assert.equal(record?.cache_write_1h_input_tokens, undefined);
  });

  it("does not believe counts that are no whole numbers from 0 on", () => {
    for (const wrong of [-1, 1.5, "12", true, {}, 2 ** 60]) {
      const record = read(
        sse([messageStart({ input_tokens: wrong }), messageDelta({ output_tokens: 4 }), stop]),
      ).usage[0];
      assert.equal(record?.input_tokens, undefined, JSON.stringify(wrong));
      assert.equal(record?.completeness, "partial", JSON.stringify(wrong));
    }
  });

  it("says that usage is missing where none came", () => {
    const missing = {
      kind: "primary",
      model: "claude-sonnet-5-5",
      response_id: null,
      service_tier: null,
      source: "none",
      completeness: "missing",
      billed: true,
      raw: null,
    };
    assert.deepEqual(read("").usage, [missing]);
    assert.equal(read("").outcome, "truncated");
    assert.deepEqual(read("<html>", "complete", bodyContext).usage, [missing]);
    assert.deepEqual(read('{"id":"msg_1","model":"m"}', "complete", bodyContext).usage, [
      { ...missing, response_id: "msg_1", model: "m" },
    ]);
    assert.equal(read('{"id":"msg_1","model":"m"}', "complete", bodyContext).outcome, "ok");
  });

  it("reads by what the reply is, not by what was asked for", () => {
    const context = { ...bodyContext, isStreamRequested: true };
    const body = JSON.stringify({
      id: "msg_01",
      model: "m",
      content: [],
      stop_reason: "end_turn",
      usage: startUsage,
    });
    assert.equal(read(body, "complete", context).usage[0]?.completeness, "complete");
    assert.equal(
      read(paddedStream, "complete", { ...context, mediaType: "" }).usage[0]?.completeness,
      "complete",
    );
  });
});

describe("what a message's code made at the provider", () => {
  const container = { id: "container_1", expires_at: "2026-11-25T00:00:00Z" };
  const block = {
    type: "bash_code_execution_tool_result",
    tool_use_id: "srvtoolu_1",
    content: {
      type: "bash_code_execution_result",
      content: [
        { type: "bash_code_execution_output", file_id: "file_1" },
        { type: "bash_code_execution_output", file_id: "file_2" },
      ],
    },
  };
  const made = [
    { kind: "container", id: "container_1" },
    { kind: "file", id: "file_1" },
    { kind: "file", id: "file_2" },
  ];
  const usage = { input_tokens: 1, output_tokens: 1 };
  const read = (context: ReplyContext, text: string): ReplyReading => {
    const reader = messagesUsage(context);
    reader.push(Buffer.from(text));
    return reader.read("complete");
  };

  it("is told by a plain reply", () => {
    const message = { id: "msg_1", model: "m", content: [{ type: "text" }, block], container, usage };
    assert.deepEqual(read(bodyContext, JSON.stringify(message)).made, made);
    assert.equal(
      read(bodyContext, JSON.stringify({ ...message, content: [], container: null })).made,
      undefined,
    );
  });

  it("is told by a stream, whose last delta names the container", () => {
    const events = [
      { type: "message_start", message: { id: "msg_1", model: "m", container: null, usage } },
      { type: "content_block_start", index: 0, content_block: block },
      { type: "message_delta", delta: { stop_reason: "end_turn", container }, usage },
      { type: "message_stop" },
    ];
    assert.deepEqual(read(streamContext, sse(events)).made, made);
  });
});
