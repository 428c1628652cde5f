import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { MeteredUsage } from "@meshagent/llm-proxy-protocol/usage";
import { testUsageReader } from "../usage-conformance.ts";
import type { ReplyContext, ReplyReading, UsageReaderFactory } from "../usage-reader.ts";
import { imagesUsage, speechUsage, transcriptionUsage } from "./usage.ts";

function contextOf(
  requestedModel: string,
  mediaType: string,
  more: Partial<ReplyContext> = {},
): ReplyContext {
  const isStreamRequested = mediaType === "text/event-stream";
  return { requestedModel, status: 200, mediaType, isStreamRequested, inputCharacters: null, ...more };
}

function recordOf(model: string, more: Partial<MeteredUsage>): MeteredUsage {
  return {
    kind: "primary",
    model,
    response_id: null,
    service_tier: null,
    source: "body",
    completeness: "complete",
    billed: true,
    raw: null,
    ...more,
  };
}

/** Media replies name no id, no tier and, at OpenAI, no model. */
function readingOf(usage: readonly MeteredUsage[]): ReplyReading {
  return { outcome: "ok", usage, responseId: null, servedModel: null, servedTier: null };
}

function missingOf(model: string): MeteredUsage {
  return recordOf(model, { source: "none", completeness: "missing" });
}

function read(factory: UsageReaderFactory, context: ReplyContext, body: string): ReplyReading {
  const reader = factory(context);
  reader.push(Buffer.from(body));
  return reader.read("complete");
}

function event(data: Readonly<Record<string, unknown>>): string {
  return `event: ${String(data["type"])}\ndata: ${JSON.stringify(data)}\n\n`;
}

/** What a person may say or write, and what is no usage: as text, and as a text that holds JSON. */
const lookAlike = '","usage":{"type":"tokens","input_tokens":999,"output_tokens":999},"duration":999,"x":"';
const lookAlikeJson = '{"usage":{"type":"tokens","input_tokens":999,"output_tokens":999},"duration":999}';

// ---- speech

testUsageReader({
  name: "speech of a model that is billed by character: counted from the request",
  reader: speechUsage,
  context: contextOf("tts-1", "audio/mpeg", { inputCharacters: 43 }),
  body: `\u00ff\u00fb${lookAlikeJson}data: {"type":"speech.audio.done","usage":{"input_tokens":999}}\n\n`,
  expected: readingOf([
    recordOf("tts-1", { input_characters: 43, source: "request", completeness: "derived" }),
  ]),
  isTerminal: false,
});

testUsageReader({
  name: "speech of a model that is billed by token: audio does not tell",
  reader: speechUsage,
  context: contextOf("gpt-4o-mini-tts", "audio/wav", { inputCharacters: 43 }),
  body: lookAlikeJson,
  expected: readingOf([missingOf("gpt-4o-mini-tts")]),
  isTerminal: false,
});

const speechTokens = { input_tokens: 14, output_tokens: 101, total_tokens: 115 };
testUsageReader({
  name: "speech stream",
  reader: speechUsage,
  context: contextOf("gpt-4o-mini-tts", "text/event-stream", { inputCharacters: 43 }),
  body: [
    event({ type: "speech.audio.delta", audio: "AAAA", usage: { input_tokens: 999, output_tokens: 999 } }),
    event({ type: "speech.audio.delta", audio: `speech.audio.done${lookAlike}` }),
    event({ type: "speech.audio.done", usage: speechTokens }),
  ].join(""),
  expected: readingOf([
    recordOf("gpt-4o-mini-tts", {
      input_tokens: 14,
      output_tokens: 101,
      source: "speech.audio.done",
      raw: speechTokens,
    }),
  ]),
  isTerminal: true,
});

describe("speechUsage", () => {
  it("counts characters also where a stream of such a model ends without usage", () => {
    const context = contextOf("tts-1-hd", "text/event-stream", { inputCharacters: 5 });
    const reading = read(speechUsage, context, event({ type: "speech.audio.done" }));
    assert.deepEqual(reading.usage, [
      recordOf("tts-1-hd", { input_characters: 5, source: "request", completeness: "derived" }),
    ]);
  });

  it("knows nothing where the input could not be read", () => {
    const reading = read(speechUsage, contextOf("tts-1", "audio/mpeg"), "abc");
    assert.deepEqual(reading.usage, [missingOf("tts-1")]);
  });
});

// ---- transcriptions and translations

const tokens = {
  type: "tokens",
  input_tokens: 120,
  input_token_details: { audio_tokens: 110, text_tokens: 10 },
  output_tokens: 25,
  total_tokens: 145,
};
const tokenCounts = {
  input_tokens: 120,
  input_audio_tokens: 110,
  input_text_tokens: 10,
  output_tokens: 25,
  raw: tokens,
};

testUsageReader({
  name: "transcription, json, by token",
  reader: transcriptionUsage,
  context: contextOf("gpt-4o-transcribe", "application/json"),
  body: JSON.stringify({ text: lookAlike, logprobs: [{ token: lookAlikeJson, usage: 7 }], usage: tokens }),
  expected: readingOf([recordOf("gpt-4o-transcribe", tokenCounts)]),
  isTerminal: false,
});

const seconds = { type: "duration", seconds: 9 };
testUsageReader({
  name: "transcription, verbose_json: the usage's seconds are billed, not the duration beside them",
  reader: transcriptionUsage,
  context: contextOf("whisper-1", "application/json"),
  body: JSON.stringify({
    task: "transcribe",
    language: "english",
    duration: 8.470000267028809,
    text: lookAlike,
    segments: [{ id: 0, text: lookAlikeJson, duration: 999, usage: { seconds: 999 } }],
    usage: seconds,
  }),
  expected: readingOf([recordOf("whisper-1", { input_audio_seconds: 9, raw: seconds })]),
  isTerminal: false,
});

testUsageReader({
  name: "translation, verbose_json: its duration is all it tells",
  reader: transcriptionUsage,
  context: contextOf("whisper-1", "application/json"),
  body: JSON.stringify({ task: "translate", duration: 12.5, text: lookAlike, segments: [{ duration: 999 }] }),
  expected: readingOf([
    recordOf("whisper-1", { input_audio_seconds: 12.5, completeness: "derived", raw: { duration: 12.5 } }),
  ]),
  isTerminal: false,
});

testUsageReader({
  name: "translation, json: tells nothing",
  reader: transcriptionUsage,
  context: contextOf("whisper-1", "application/json"),
  body: JSON.stringify({ text: lookAlike }),
  expected: readingOf([missingOf("whisper-1")]),
  isTerminal: false,
});

testUsageReader({
  name: "transcription, text: a transcript that is JSON is no usage",
  reader: transcriptionUsage,
  context: contextOf("gpt-4o-transcribe", "text/plain", { isStreamRequested: true }),
  body: `${lookAlikeJson}\n`,
  expected: readingOf([missingOf("gpt-4o-transcribe")]),
  isTerminal: false,
});

testUsageReader({
  name: "transcription stream",
  reader: transcriptionUsage,
  context: contextOf("gpt-4o-transcribe", "text/event-stream"),
  body: [
    event({ type: "transcript.text.delta", delta: `"transcript.text.done"${lookAlike}` }),
    event({ type: "transcript.text.segment", text: "transcript.text.done", usage: { input_tokens: 999 } }),
    event({ type: "transcript.text.done", text: lookAlike, logprobs: [{ token: "x" }], usage: tokens }),
  ].join(""),
  expected: readingOf([recordOf("gpt-4o-transcribe", { ...tokenCounts, source: "transcript.text.done" })]),
  isTerminal: true,
});

describe("transcriptionUsage", () => {
  const context = contextOf("whisper-1", "application/json");
  const first = (usage: unknown, more: object = {}): MeteredUsage | undefined =>
    read(transcriptionUsage, context, JSON.stringify({ text: "x", usage, ...more })).usage[0];

  it("takes an older duration, which is a text, and none that is no duration", () => {
    assert.equal(first(undefined, { duration: "8.47" })?.input_audio_seconds, 8.47);
    for (const duration of ["long", -1, null, true, {}, "1e9", ""]) {
      assert.equal(first(undefined, { duration })?.completeness, "missing", JSON.stringify(duration));
    }
  });

  it("is missing, and keeps what it saw, where usage has no number that it knows", () => {
    const record = first({ type: "later", units: 5 });
    assert.equal(record?.completeness, "missing");
    assert.deepEqual(record.raw, { type: "later", units: 5 });
  });

  it("names the model that a compatible server names", () => {
    const reading = read(
      transcriptionUsage,
      context,
      JSON.stringify({ model: "whisper-large-v3", usage: seconds }),
    );
    assert.equal(reading.servedModel, "whisper-large-v3");
    assert.equal(reading.usage[0]?.model, "whisper-large-v3");
  });

  it("is a failed stream after an error, and a cut one without its last event", () => {
    const stream = contextOf("gpt-4o-transcribe", "text/event-stream");
    const delta = event({ type: "transcript.text.delta", delta: "Hello" });
    for (const error of [
      'data: {"error":{"message":"Overloaded"}}\n\n',
      event({ type: "error", error: { message: "x" } }),
    ]) {
      const reading = read(transcriptionUsage, stream, delta + error);
      assert.equal(reading.outcome, "stream_error");
      assert.deepEqual(reading.usage, [missingOf("gpt-4o-transcribe")]);
    }
    assert.equal(read(transcriptionUsage, stream, delta).outcome, "truncated");
  });

  it("reads a plain reply to a request for a stream: whisper-1 does not stream", () => {
    const asked = contextOf("whisper-1", "application/json", { isStreamRequested: true });
    const reading = read(transcriptionUsage, asked, JSON.stringify({ text: "Hi", usage: seconds }));
    assert.deepEqual(reading, readingOf([recordOf("whisper-1", { input_audio_seconds: 9, raw: seconds })]));
  });
});

// ---- images

const imageTokens = {
  input_tokens: 371,
  input_tokens_details: { image_tokens: 323, text_tokens: 48 },
  output_tokens: 1066,
  output_tokens_details: { image_tokens: 1056, text_tokens: 10 },
  total_tokens: 1437,
};
const imageCounts = {
  input_tokens: 371,
  input_image_tokens: 323,
  input_text_tokens: 48,
  output_tokens: 1066,
  output_image_tokens: 1056,
  output_text_tokens: 10,
  raw: imageTokens,
};
const svgTokens = {
  model: "gpt-5.5",
  input_tokens: 210,
  output_tokens: 900,
  reasoning_tokens: 64,
  total_tokens: 1110,
};

testUsageReader({
  name: "images, with an SVG that another model wrote",
  reader: imagesUsage,
  context: contextOf("gpt-image-2", "application/json"),
  body: JSON.stringify({
    created: 1,
    data: [{ b64_json: "iVBO", revised_prompt: lookAlike, usage: { input_tokens: 999 } }],
    usage: imageTokens,
    svg_usage: svgTokens,
  }),
  expected: readingOf([
    recordOf("gpt-image-2", imageCounts),
    recordOf("gpt-5.5", {
      kind: "svg",
      input_tokens: 210,
      output_tokens: 900,
      reasoning_output_tokens: 64,
      raw: svgTokens,
    }),
  ]),
  isTerminal: false,
});

const streamTokens = {
  input_tokens: 12,
  input_tokens_details: { image_tokens: 0, text_tokens: 12 },
  output_tokens: 1056,
  total_tokens: 1068,
};
for (const kind of ["image_generation", "image_edit"]) {
  testUsageReader({
    name: `${kind} stream`,
    reader: imagesUsage,
    context: contextOf("gpt-image-2", "text/event-stream"),
    body: [
      event({ type: `${kind}.partial_image`, b64_json: "iVBO", usage: { input_tokens: 999 } }),
      event({ type: `${kind}.partial_image`, b64_json: `${kind}.completed${lookAlike}` }),
      event({ type: `${kind}.completed`, b64_json: "iVBO", usage: streamTokens }),
    ].join(""),
    expected: readingOf([
      recordOf("gpt-image-2", {
        input_tokens: 12,
        input_image_tokens: 0,
        input_text_tokens: 12,
        output_tokens: 1056,
        source: `${kind}.completed`,
        raw: streamTokens,
      }),
    ]),
    isTerminal: true,
  });
}

describe("imagesUsage", () => {
  it("bills each image of a stream that completes several", () => {
    const stream = contextOf("gpt-image-2", "text/event-stream");
    const completed = event({ type: "image_generation.completed", b64_json: "iVBO", usage: streamTokens });
    const { usage, outcome } = read(imagesUsage, stream, completed + completed);
    assert.deepEqual([outcome, usage.map((record) => record.output_tokens)], ["ok", [1056, 1056]]);
  });

  it("is missing without usage, and never gives the SVG's model a wrong name", () => {
    const context = contextOf("dall-e-3", "application/json");
    const body = JSON.stringify({ data: [{ url: "https://x" }], svg_usage: { ...svgTokens, model: null } });
    const { usage } = read(imagesUsage, context, body);
    assert.deepEqual(usage[0], missingOf("dall-e-3"));
    assert.deepEqual([usage[1]?.kind, usage[1]?.model, usage[1]?.output_tokens], ["svg", "unknown", 900]);
  });

  it("passes an image of tens of megabytes by", () => {
    const reader = imagesUsage(contextOf("gpt-image-2", "application/json"));
    reader.push(Buffer.from('{"data":[{"b64_json":"'));
    const piece = Buffer.alloc(64 * 1024, "A");
    const before = process.memoryUsage().arrayBuffers;
    for (let i = 0; i < 320; i++) reader.push(piece);
    const grown = process.memoryUsage().arrayBuffers - before;
    assert.ok(grown < 4 * 1024 * 1024, `${grown} bytes kept`);
    reader.push(Buffer.from(`"}],"usage":${JSON.stringify(imageTokens)}}`));
    assert.deepEqual(reader.read("complete").usage, [recordOf("gpt-image-2", imageCounts)]);
  });
});
