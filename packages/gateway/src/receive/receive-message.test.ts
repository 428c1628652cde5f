import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { realtimeSocket } from "../dialects/openai/socket-realtime.ts";
import { responsesSocket } from "../dialects/openai/socket-responses.ts";
import type { SocketProtocol } from "../dialects/socket-protocol.ts";
import { GatewayError } from "../errors.ts";
import type { Received } from "../exchange.ts";
import { sampleRouted } from "../sample-routed.ts";
import { peekMessage, type PeekedMessage, receiveMessage, receiveUnasked } from "./receive-message.ts";

function peek(
  message: string | object,
  protocol: SocketProtocol = responsesSocket,
  isText = true,
): PeekedMessage {
  const payload = Buffer.from(typeof message === "string" ? message : JSON.stringify(message));
  return peekMessage({ protocol, session: protocol.open("?model=gpt-realtime") }, payload, isText);
}

function receive(
  message: string | object,
  options: { ours?: boolean; protocol?: SocketProtocol } = {},
): Received {
  const protocol = options.protocol ?? responsesSocket;
  const peeked = peek(message, protocol);
  return receiveMessage(sampleRouted(), { protocol, peeked, isPreviousOurs: options.ours ?? false });
}

const refuses = (code: string, param: string | null) => (error: unknown) =>
  error instanceof GatewayError && error.code === code && error.param === param;

const create = { type: "response.create", model: "gpt-5.4", input: "x" };

describe("what a message asks for", () => {
  it("is read as of the body of a request", () => {
    const received = receive({
      ...create,
      service_tier: "flex",
      max_output_tokens: 9,
      tools: [{ type: "x", model: "gpt-image-2" }],
    });
    assert.deepEqual(
      [
        received.policy.model,
        received.policy.requestedTier,
        received.policy.maxOutputTokens,
        received.policy.isStream,
      ],
      ["gpt-5.4", "flex", 9, true],
    );
    assert.deepEqual(received.policy.otherModels, ["gpt-image-2"]);
    const text = JSON.stringify(create);
    assert.equal(receive(text).body?.byteLength, text.length);
  });

  it("of a realtime session has the session's model", () => {
    assert.equal(
      receive({ type: "response.create" }, { protocol: realtimeSocket }).policy.model,
      "gpt-realtime",
    );
  });

  it("names what it goes on from, unless the same connection made it", () => {
    const goesOn = { ...create, previous_response_id: "resp_1" };
    const reference = { kind: "response", id: "resp_1", param: "previous_response_id" };
    assert.deepEqual(receive(goesOn).references, [reference]);
    assert.deepEqual(receive(goesOn, { ours: true }).references, []);
    assert.deepEqual(receive({ ...create, previous_response_id: null }).references, []);
    for (const wrong of [7, "", ["resp_1"], "x".repeat(5_000)])
      assert.throws(
        () => receive({ ...create, previous_response_id: wrong }),
        refuses("invalid_body", "previous_response_id"),
      );
  });

  it("names its conversation, by its id or by an object with one", () => {
    const reference = { kind: "conversation", id: "conv_1", param: "conversation" };
    for (const conversation of ["conv_1", { id: "conv_1" }]) {
      const { references } = receive({ ...create, conversation });
      assert.ok(references.length > 0);
      for (const each of references) assert.deepEqual(each, reference);
    }
    assert.deepEqual(receive({ ...create, conversation: null }).references, []);
    for (const wrong of [7, "", ["conv_1"], {}, { id: "conv_1", padding: "x".repeat(5_000) }])
      assert.throws(
        () => receive({ ...create, conversation: wrong }),
        refuses("invalid_body", "conversation"),
      );
    const twice = '{"type":"response.create","model":"m","conversation":{"id":"conv_1","id":"conv_2"}}';
    assert.throws(() => peek(twice), refuses("invalid_body", null));
  });

  it("that nobody asked for is only a model", () => {
    const received = receiveUnasked(sampleRouted(), { protocol: realtimeSocket, model: "whisper-1" });
    assert.deepEqual([received.policy.model, received.body, received.references], ["whisper-1", null, []]);
  });
});

describe("a message that can be read two ways, or none", () => {
  it("is refused", () => {
    const cases: readonly (readonly [string, string | null])[] = [
      ["{", null],
      ["[]", null],
      ["7", null],
      ['{"type":"a","type":"response.create"}', "type"],
    ];
    for (const [text, param] of cases) assert.throws(() => peek(text), refuses("invalid_body", param), text);
    for (const name of ["model", "stream_id", "previous_response_id", "conversation"]) {
      const twice = `{"type":"response.create","model":"m","${name}":"a","${name}":"b"}`;
      assert.throws(() => receive(twice), refuses("invalid_body", name), name);
    }
    const update = '{"type":"session.update","session":{"model":"a","model":"b"}}';
    assert.throws(() => peek(update, realtimeSocket), refuses("invalid_body", "session.model"));
  });

  it("and one that begins nothing names no stored object", () => {
    assert.throws(
      () => peek({ type: "later.kind", conversation: "conv_1" }),
      refuses("not_supported", "conversation"),
    );
    assert.equal(peek({ type: "later.kind", conversation: null }).asks.kind, "passes");
  });

  it("and a binary one passes when it is no JSON, and counts when it is", () => {
    assert.equal(peek("\x00\x01", responsesSocket, false).asks.kind, "passes");
    assert.equal(peek(create, responsesSocket, false).asks.kind, "begins");
  });
});
