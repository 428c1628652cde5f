/** Uploads and media on the wire: bytes both ways, what counts as a field and what does not, and the limit. */

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { after, before, describe, it } from "node:test";
import { gzipSync } from "node:zlib";
import type { Exchange } from "@meshagent/llm-proxy-gateway/store/store";
import { type FakeProvider, startFakeProvider } from "./bed/fake-provider.ts";
import { connectRaw } from "./bed/raw-caller.ts";
import { rawChunk, rawHead, rawJson, rawLastChunk, type RawReply } from "./bed/raw-reply.ts";
import { startTestGateway, type TestGateway } from "./bed/test-gateway.ts";

const mebibyte = 1024 * 1024;
let provider: FakeProvider;
let gateway: TestGateway;
let token: string;
before(async () => {
  provider = await startFakeProvider();
  gateway = await startTestGateway({ provider, config: { maxBodyBytes: 32 * mebibyte } });
  token = await gateway.token();
});
after(async () => {
  await gateway.close();
  await provider.close();
});

const sha256 = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");

type Part = readonly [name: string, value: string | Uint8Array];

/** A form as clients write it; of bytes a file is made. */
function formOf(...parts: readonly Part[]): Buffer {
  const written = parts.map(([name, value]) => {
    const file =
      typeof value === "string" ? "" : '; filename="recording.mp3"\r\nContent-Type: application/octet-stream';
    return Buffer.concat([
      Buffer.from(`--limit\r\nContent-Disposition: form-data; name="${name}"${file}\r\n\r\n`),
      Buffer.from(value),
      Buffer.from("\r\n"),
    ]);
  });
  return Buffer.concat([...written, Buffer.from("--limit--\r\n")]);
}

function post(
  path: string,
  body: Uint8Array | string,
  headers: Record<string, string> = {},
): Promise<Response> {
  const contentType = typeof body === "string" ? "application/json" : "multipart/form-data; boundary=limit";
  return fetch(`${gateway.openaiUrl}${path}`, {
    method: "POST",
    headers: { authorization: `Bearer ${token}`, "content-type": contentType, ...headers },
    body: body as BodyInit,
  });
}

/** Sends a request that the provider answers so; gives the reply's bytes and the row. */
async function exchangeWith(
  reply: RawReply,
  send: () => Promise<Response>,
): Promise<{ readonly status: number; readonly bytes: Buffer; readonly row: Exchange }> {
  provider.script(() => reply);
  const response = await send();
  const bytes = Buffer.from(await response.arrayBuffer());
  provider.script(null);
  const row = (await gateway.exchanges()).at(-1);
  assert.ok(row !== undefined);
  return { status: response.status, bytes, row };
}

const transcript = rawJson(200, '{"text":"Hi","usage":{"type":"duration","seconds":9}}');

describe("uploads", () => {
  it("25 MB of audio go up as they came, with the model behind the file", async () => {
    const audio = Buffer.alloc(25 * mebibyte);
    for (let at = 0; at < audio.length; at += 4) audio.writeUInt32LE((at * 2_654_435_761) >>> 0, at);
    const body = formOf(["file", audio], ["model", "whisper-1"]);
    const { status, row } = await exchangeWith(transcript, () => post("/audio/transcriptions", body));
    assert.equal(status, 200);
    assert.equal(provider.requests.at(-1)?.sha256, sha256(body));
    assert.deepEqual(
      [row.intent.requestedModel, row.intent.requestBytes, row.result?.costNanoUsd],
      // 9 x $0.006/60
      ["whisper-1", body.length, 900_000],
    );
    const metrics = await (await fetch(`${gateway.url}/metrics`)).text();
    assert.match(metrics, /\nmeshagent_kept_bytes 0\n/, "its memory is free again");
  });

  it("chunked, in crumbs, and encoded", async () => {
    const body = formOf(["model", "whisper-1"], ["file", Buffer.from([0, 255, 13, 10, 45, 45])]);
    const caller = await connectRaw(gateway.url);
    provider.script(() => transcript);
    caller.write(
      `POST /openai/v1/audio/transcriptions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${token}\r\n` +
        "content-type: multipart/form-data; boundary=limit\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n",
    );
    for (const byte of body) caller.write(rawChunk(Buffer.from([byte])));
    caller.write(rawLastChunk());
    assert.match(await caller.closed(), /^HTTP\/1\.1 200/);
    assert.equal(provider.requests.at(-1)?.sha256, sha256(body));

    const zipped = gzipSync(body);
    const { status, row } = await exchangeWith(transcript, () =>
      post("/audio/transcriptions", zipped, { "content-encoding": "gzip" }),
    );
    assert.deepEqual([status, row.intent.requestedModel], [200, "whisper-1"]);
    // OpenAI is not known to take it encoded.
    assert.equal(provider.requests.at(-1)?.sha256, sha256(body));
  });

  it("over the limit: 413 that says what to do, announced or not, and nothing is sent", async () => {
    const sent = provider.requests.length;
    const rows = (await gateway.exchanges()).length;
    const assertTooLarge = (head: string, body: string): void => {
      assert.match(head, /413/);
      assert.match(body, /"code":"request_too_large"/);
      assert.match(
        body,
        /over 33554432 bytes\. Send less, or ask the gateway's operator to raise MESHAGENT_MAX_BODY/,
      );
    };
    for (const framing of [`content-length: ${32 * mebibyte + 1}`, "transfer-encoding: chunked"]) {
      const caller = await connectRaw(gateway.url);
      caller.write(
        `POST /openai/v1/audio/transcriptions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${token}\r\n` +
          `content-type: multipart/form-data; boundary=limit\r\n${framing}\r\n\r\n`,
      );
      if (framing.startsWith("transfer")) {
        const start = Buffer.from(
          '--limit\r\nContent-Disposition: form-data; name="file"; filename="f"\r\n\r\n',
        );
        caller.write(rawChunk(Buffer.concat([start, Buffer.alloc(32 * mebibyte)])));
      }
      const reply = await caller.until((text) => text.includes("MESHAGENT_MAX_BODY"));
      assertTooLarge(reply.slice(0, 20), reply);
      caller.socket.destroy();
    }
    assert.equal(provider.requests.length, sent);
    assert.equal((await gateway.exchanges()).length, rows);
  });

  it("what a file holds is no field: neither JSON nor the parts of another form", async () => {
    const file = Buffer.concat([
      Buffer.from('{"model":"gpt-5.5","stream":true}\r\n'),
      Buffer.from('--other\r\nContent-Disposition: form-data; name="model"\r\n\r\ngpt-5.5\r\n--other--\r\n'),
      Buffer.from('Content-Disposition: form-data; name="model"\r\n\r\ngpt-5.5'),
    ]);
    const body = formOf(["file", file], ["prompt", '{"model":"gpt-5.5"}'], ["model", "whisper-1"]);
    const { row } = await exchangeWith(transcript, () => post("/audio/translations", body));
    assert.deepEqual([row.intent.requestedModel, row.intent.transport], ["whisper-1", "http"]);
    assert.equal(provider.requests.at(-1)?.sha256, sha256(body));
  });

  it("a form that names no model, or two, and a body that is no form are refused before anything is sent", async () => {
    const sent = provider.requests.length;
    const file: Part = ["file", Buffer.from("x")];
    const refused: readonly (readonly [Buffer | string, RegExp])[] = [
      [formOf(file), /names no model/],
      [formOf(["model", "whisper-1"], file, ["model", "gpt-4o-transcribe"]), /gives `model` twice/],
      [formOf(file, ["model", Buffer.from("whisper-1")]), /`model` must be the name of a model/],
      [formOf(["model", "whisper-1"], file).subarray(0, -8), /ends before its closing boundary/],
      ['{"model":"whisper-1"}', /takes a form/],
    ];
    for (const [body, message] of refused) {
      const reply = await post("/audio/transcriptions", body);
      assert.equal(reply.status, 400);
      assert.match(await reply.text(), message);
    }
    const speech = await post("/audio/speech", formOf(["model", "tts-1"], ["input", "hi"]));
    assert.equal(speech.status, 400);
    assert.match(await speech.text(), /takes JSON, not a form/);
    assert.equal(provider.requests.length, sent);
  });
});

describe("replies", () => {
  const speechBody = '{"model":"tts-1","voice":"alloy","input":"Hello \\ud83d\\ude00"}';
  /** Bytes that no text is, and among them what looks like the end of a stream. */
  const audio = Buffer.concat([
    Buffer.from(Array.from({ length: 4096 }, (_, at) => (at * 31) & 0xff)),
    Buffer.from('\n\ndata: {"type":"speech.audio.done","usage":{"input_tokens":9,"output_tokens":9}}\n\n'),
  ]);
  const audioHead = rawHead(200, [
    ["content-type", "audio/mpeg"],
    ["transfer-encoding", "chunked"],
  ]);

  it("audio comes down as it was sent, and is paid by the 7 characters of the request: 7 x $15/1M", async () => {
    const pieces = [
      audioHead,
      rawChunk(audio.subarray(0, 1000)),
      rawChunk(audio.subarray(1000)),
      rawLastChunk(),
    ];
    const { bytes, row } = await exchangeWith({ pieces, end: "keep" }, () =>
      post("/audio/speech", speechBody),
    );
    assert.equal(sha256(bytes), sha256(audio));
    assert.equal(provider.requests.at(-1)?.body.toString(), speechBody);
    assert.deepEqual(
      [row.result?.outcome, row.result?.usageSource, row.result?.costNanoUsd],
      ["ok", "exact", 105_000],
    );
  });

  it("audio that is cut is passed on as a cut, and paid all the same", async () => {
    const pieces = [audioHead, rawChunk(audio)];
    provider.script(() => ({ pieces, end: "reset" }));
    const reply = await post("/audio/speech", speechBody);
    await assert.rejects(reply.arrayBuffer());
    provider.script(null);
    const rows = await gateway.untilExchanges((all) => all.at(-1)?.result != null);
    const { result } = rows.at(-1) ?? {};
    assert.deepEqual([result?.outcome, result?.costNanoUsd], ["truncated", 105_000]);
  });

  it("a transcript that reads like usage is a transcript", async () => {
    const said = '{"usage":{"type":"duration","seconds":999999},"duration":999999}';
    const form = formOf(["file", Buffer.from("x")], ["model", "whisper-1"], ["response_format", "text"]);
    const head = rawHead(200, [
      ["content-type", "text/plain; charset=utf-8"],
      ["content-length", String(said.length)],
    ]);
    const plain = await exchangeWith({ pieces: [head, said], end: "keep" }, () =>
      post("/audio/transcriptions", form),
    );
    assert.equal(plain.bytes.toString(), said);
    assert.deepEqual(
      [plain.row.result?.costNanoUsd, plain.row.result?.usage[0]?.completeness],
      [null, "missing"],
    );
    const quoted = rawJson(200, JSON.stringify({ text: said, usage: { type: "duration", seconds: 9 } }));
    const json = await exchangeWith(quoted, () => post("/audio/transcriptions", form));
    assert.equal(json.row.result?.costNanoUsd, 900_000);
  });

  it("a refusal of the provider's comes through, and costs nothing", async () => {
    const text =
      '{"error":{"message":"Invalid voice","type":"invalid_request_error","param":"voice","code":null}}';
    const { status, bytes, row } = await exchangeWith(rawJson(400, text), () =>
      post("/audio/speech", speechBody),
    );
    assert.deepEqual([status, bytes.toString()], [400, text]);
    assert.deepEqual([row.result?.outcome, row.result?.costNanoUsd], ["upstream_error", 0]);
  });

  it("a picture of 20 MB in a stream's last event holds nothing up", async () => {
    const picture = "A".repeat(20 * mebibyte);
    const usage = {
      input_tokens: 4,
      input_tokens_details: { image_tokens: 0, text_tokens: 4 },
      output_tokens: 1056,
      total_tokens: 1060,
    };
    const event = { type: "image_generation.completed", b64_json: picture, usage };
    const stream = Buffer.from(`event: image_generation.completed\ndata: ${JSON.stringify(event)}\n\n`);
    const head = rawHead(200, [
      ["content-type", "text/event-stream"],
      ["transfer-encoding", "chunked"],
    ]);
    const { bytes, row } = await exchangeWith(
      { pieces: [head, rawChunk(stream), rawLastChunk()], end: "keep" },
      () => post("/images/generations", '{"model":"gpt-image-2","prompt":"a cat","stream":true}'),
    );
    assert.equal(sha256(bytes), sha256(stream));
    // 4 x $5/1M + 1056 x $30/1M
    assert.equal(row.result?.costNanoUsd, 20_000 + 31_680_000);
  });
});
