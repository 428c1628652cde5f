import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { testUsageReader } from "../usage-conformance.ts";
import type { ReplyContext, ReplyReading } from "../usage-reader.ts";
import { completeUsage } from "./usage-complete.ts";

const streamContext: ReplyContext = {
  requestedModel: "claude-2.1",
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

/** The endpoint tells who answered, and no numbers. */
const untold: ReplyReading = {
  outcome: "ok",
  usage: [
    {
      kind: "primary",
      model: "claude-2.1",
      response_id: "compl_01",
      service_tier: null,
      source: "none",
      completeness: "missing",
      billed: true,
      raw: null,
    },
  ],
  responseId: "compl_01",
  servedModel: "claude-2.1",
  servedTier: null,
};

const said = '{"stop_reason":"stop_sequence","usage":{"input_tokens":999}}';
const part = { type: "completion", id: "compl_01", model: "claude-2.1" };

testUsageReader({
  name: "complete, body",
  reader: completeUsage,
  context: bodyContext,
  body: JSON.stringify({ ...part, completion: said, stop_reason: "stop_sequence" }),
  expected: untold,
  isTerminal: false,
});

testUsageReader({
  name: "complete, stream",
  reader: completeUsage,
  context: streamContext,
  body: [
    `event: completion\ndata: ${JSON.stringify({ ...part, completion: said, stop_reason: null })}\n\n`,
    'event: ping\ndata: {"type": "ping"}\n\n',
    `event: completion\ndata: ${JSON.stringify({ ...part, completion: "", stop_reason: "stop_sequence" })}\n\n`,
  ].join(""),
  expected: untold,
  isTerminal: true,
});

describe("completeUsage", () => {
  it("is a failed stream after an error event", () => {
    const reader = completeUsage(streamContext);
    reader.push(Buffer.from('event: error\ndata: {"error":{"type":"overloaded_error"}}\n\n'));
    assert.equal(reader.read("complete").outcome, "stream_error");
  });
});
