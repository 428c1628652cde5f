import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { GatewayError } from "../../errors.ts";
import { createJsonPicker } from "../../json-pick.ts";
import type { CallerMessage, SocketProtocol, SocketSession } from "../socket-protocol.ts";
import { realtimeSocket } from "./socket-realtime.ts";
import { responsesSocket } from "./socket-responses.ts";

const bytes = (message: unknown): Buffer => Buffer.from(JSON.stringify(message));

function ask(protocol: SocketProtocol, session: SocketSession, message: unknown): CallerMessage {
  const picker = createJsonPicker(protocol.callerPaths);
  picker.push(bytes(message));
  return session.readCaller(picker.end().found);
}

const context = {
  requestedModel: "gpt-realtime",
  status: 200,
  mediaType: "application/json",
  isStreamRequested: true,
  inputCharacters: null,
};
const error = new GatewayError("model_not_granted", "Not this one.", { param: "model" });

describe("messages of a Responses socket", () => {
  const session = responsesSocket.open("");

  it("a caller's `response.create` begins a response in its lane; everything else passes", () => {
    assert.deepEqual(
      ask(responsesSocket, session, {
        type: "response.create",
        stream_id: "a",
        previous_response_id: "resp_1",
        input: [{ type: "response.steer", stream_id: "not this" }],
      }),
      { kind: "begins", lane: "a", eventId: null, previousResponseId: "resp_1", sessionModel: null },
    );
    assert.deepEqual(ask(responsesSocket, session, { type: "response.steer", model: "x" }), {
      kind: "passes",
    });
    assert.deepEqual(ask(responsesSocket, session, {}), { kind: "passes" });
  });

  it("a provider's message means something where its type does", () => {
    const response = { id: "resp_1", model: "gpt-5.5-2026-04-23" };
    for (const [type, kind] of [
      ["response.created", "begins"],
      ["response.completed", "ends"],
      ["response.incomplete", "ends"],
      ["response.failed", "ends"],
    ] as const) {
      const read = session.readProvider(bytes({ type, stream_id: "a", response }));
      assert.deepEqual([read?.kind, read?.lane, read?.responseId], [kind, "a", "resp_1"]);
    }
    const failed = session.readProvider(bytes({ type: "error", status: 429, error: { code: "x" } }));
    assert.deepEqual([failed?.kind, failed?.status, failed?.lane], ["fails", 429, ""]);
    const quoted = { type: "response.output_text.delta", delta: '{"type":"response.completed"}' };
    assert.equal(session.readProvider(bytes(quoted)), null, "a text that says so ends nothing");
    assert.equal(
      session.readProvider(Buffer.from('{"type":"response.completed"')),
      null,
      "nor half a message",
    );
    assert.equal(session.laneOf(bytes({ type: "x", stream_id: "b" })), "b");
  });

  it("an error has the form of the protocol, with `status: 400` and its lane", () => {
    const about = { lane: "a", eventId: null, exchangeId: "ex_1" };
    assert.deepEqual(JSON.parse(responsesSocket.renderError(error, about)), {
      type: "error",
      error: {
        message: "Not this one.",
        type: "invalid_request_error",
        param: "model",
        code: "model_not_found",
      },
      status: 400,
      stream_id: "a",
    });
    assert.ok(
      !("stream_id" in (JSON.parse(responsesSocket.renderError(error, { ...about, lane: "" })) as object)),
    );
  });
});

describe("messages of a realtime socket", () => {
  it("the session's model is the query's, then what the provider says; transcriptions have their own", () => {
    const session = realtimeSocket.open("?model=gpt-realtime");
    const done = bytes({ type: "response.done", response: { id: "resp_1" } });
    const heard = bytes({ type: "conversation.item.input_audio_transcription.completed", item_id: "item_1" });
    const modelOf = (message: Buffer): string => {
      const read = session.readProvider(message);
      assert.ok(read !== null);
      return session.modelOf(read);
    };
    assert.deepEqual([modelOf(done), modelOf(heard)], ["gpt-realtime", ""]);
    const created = session.readProvider(
      bytes({ type: "session.created", session: { model: "gpt-realtime-2" } }),
    );
    assert.deepEqual([created?.kind, created?.models], ["session", ["gpt-realtime-2"]]);
    assert.equal(modelOf(done), "gpt-realtime-2");
    const audio = { input: { transcription: { model: "gpt-4o-transcribe" } } };
    const updated = session.readProvider(bytes({ type: "session.updated", session: { audio } }));
    assert.deepEqual(updated?.models, ["gpt-4o-transcribe"]);
    assert.deepEqual([modelOf(done), modelOf(heard)], ["gpt-realtime-2", "gpt-4o-transcribe"]);
    assert.equal(session.readProvider(heard)?.responseId, "item_1");
  });

  it("a caller's message names every model that it may set", () => {
    const session = realtimeSocket.open("?model=gpt-realtime");
    const named = (message: object): readonly string[] => {
      const asks = ask(realtimeSocket, session, message);
      return asks.kind === "names_models" ? asks.models : [];
    };
    const transcription = { model: "t" };
    assert.deepEqual(
      named({ type: "session.update", session: { model: "m", audio: { input: { transcription } } } }),
      ["m", "t"],
    );
    assert.deepEqual(
      named({ type: "transcription_session.update", session: { input_audio_transcription: transcription } }),
      ["t"],
    );
    assert.deepEqual(named({ type: "response.create", response: { model: "m" } }), ["m"]);
    assert.deepEqual(
      named({ type: "session.update", session: { model: null } }),
      [],
      "null is the model that it has",
    );
    assert.deepEqual(ask(realtimeSocket, session, { type: "response.create", event_id: "e" }), {
      kind: "begins",
      lane: "",
      eventId: "e",
      previousResponseId: null,
      sessionModel: "gpt-realtime",
    });
  });

  it("an error names the message that it is about", () => {
    const said = JSON.parse(
      realtimeSocket.renderError(error, { lane: "", eventId: "mine", exchangeId: "ex_1" }),
    ) as { event_id: string; error: { event_id: string; code: string } };
    assert.deepEqual(
      [said.event_id, said.error.event_id, said.error.code],
      ["event_ex_1", "mine", "model_not_found"],
    );
  });
});

describe("usage of a realtime session", () => {
  const session = realtimeSocket.open("?model=gpt-realtime");
  const usage = {
    total_tokens: 160,
    input_tokens: 100,
    output_tokens: 60,
    input_token_details: {
      text_tokens: 40,
      audio_tokens: 60,
      cached_tokens: 32,
      cached_tokens_details: { text_tokens: 12, audio_tokens: 20 },
    },
    output_token_details: { text_tokens: 15, audio_tokens: 45 },
  };

  it("of a response in every modality, also when it was cancelled", () => {
    for (const [status, outcome] of [
      ["completed", "ok"],
      ["cancelled", "cancelled"],
      ["incomplete", "incomplete"],
      ["failed", "failed"],
    ] as const) {
      const reader = session.createReader(context);
      reader.take(bytes({ type: "response.created", response: { id: "resp_1" } }));
      assert.equal(reader.isTerminal, false);
      reader.take(bytes({ type: "response.done", response: { id: "resp_1", status, usage } }));
      assert.equal(reader.isTerminal, true);
      const reading = reader.read("complete");
      assert.equal(reading.outcome, outcome);
      assert.deepEqual(reading.usage, [
        {
          kind: "primary",
          model: "gpt-realtime",
          response_id: "resp_1",
          service_tier: null,
          input_tokens: 100,
          output_tokens: 60,
          input_text_tokens: 40,
          input_audio_tokens: 60,
          cache_read_input_tokens: 32,
          cache_read_text_tokens: 12,
          cache_read_audio_tokens: 20,
          output_text_tokens: 15,
          output_audio_tokens: 45,
          source: "response.done",
          completeness: "complete",
          billed: true,
          raw: usage,
        },
      ]);
    }
  });

  it("of a transcription, by tokens and by seconds", () => {
    const type = "conversation.item.input_audio_transcription.completed";
    const read = (counted: object): object | undefined => {
      const reader = session.createReader({ ...context, requestedModel: "whisper-1" });
      reader.take(bytes({ type, item_id: "item_1", usage: counted }));
      const [record] = reader.read("complete").usage;
      return (
        record && {
          kind: record.kind,
          id: record.response_id,
          model: record.model,
          in: record.input_tokens,
          seconds: record.input_audio_seconds,
          is: record.completeness,
        }
      );
    };
    const about = { kind: "input_transcription", id: "item_1", model: "whisper-1", is: "complete" };
    assert.deepEqual(read({ type: "tokens", input_tokens: 20, output_tokens: 5, total_tokens: 25 }), {
      ...about,
      in: 20,
      seconds: undefined,
    });
    assert.deepEqual(read({ type: "duration", seconds: 2.5 }), { ...about, in: undefined, seconds: 2.5 });
  });

  it("that did not come is missing, of its own kind, and never zero", () => {
    const reader = session.createReader(context);
    reader.take(bytes({ type: "response.created", response: { id: "resp_1" } }));
    const cut = reader.read("cut");
    assert.deepEqual(
      [cut.outcome, cut.usage[0]?.completeness, cut.usage[0]?.response_id],
      ["truncated", "missing", "resp_1"],
    );
    reader.take(bytes({ type: "response.done", response: { id: "resp_1", status: "failed", usage: null } }));
    assert.deepEqual(
      [reader.read("complete").outcome, reader.read("complete").usage[0]?.completeness],
      ["failed", "missing"],
    );
    const heard = session.createReader(context);
    heard.take(bytes({ type: "conversation.item.input_audio_transcription.completed", item_id: "item_1" }));
    assert.equal(heard.read("complete").usage[0]?.kind, "input_transcription");
  });
});
