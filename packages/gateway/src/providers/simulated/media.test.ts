import assert from "node:assert/strict";
import { test } from "node:test";
import { inflateSync } from "node:zlib";
import { parseForm } from "./form.ts";
import { asArray, asObject, type JsonObject } from "./json.ts";
import { askSimulation, askSimulationByForm, type ReadReply } from "./read-reply.ts";
import { silence } from "./silence.ts";
import { createSimulation } from "./simulation.ts";

const simulation = createSimulation({ clock: { now: () => Date.UTC(2026, 10, 23, 10) } });

function post(path: string, body: JsonObject): ReadReply {
  return askSimulation(simulation, { dialect: "openai", path }, body);
}

/** 2.5 s of silence in a WAV file. */
const recording = silence("wav", 2.5).bytes;

function transcribe(path: string, fields: Readonly<Record<string, string>>, file = recording): ReadReply {
  return askSimulationByForm(simulation, { dialect: "openai", path }, [
    ["file", file],
    ...Object.entries(fields),
  ]);
}

const heard = "This is a simulated reply from MeshAgent: no provider was asked.";

test("speech: each format has its media type, and what can be written by hand is real silence", () => {
  const types = { mp3: "mpeg", opus: "opus", aac: "aac", flac: "flac", wav: "wav", pcm: "pcm" };
  const ask = { model: "tts-1", voice: "alloy", input: "Hello there, this is text." };
  for (const [format, type] of Object.entries(types)) {
    const { reply, header, steps } = post("/audio/speech", { ...ask, response_format: format });
    assert.equal(reply.status, 200);
    assert.equal(header("content-type"), `audio/${type}`);
    const bytes = steps[0]?.kind === "bytes" ? Buffer.from(steps[0].bytes) : Buffer.alloc(0);
    assert.equal(header("content-length"), String(bytes.length));
    if (format === "mp3") assert.equal(bytes.readUInt16BE(0), 0xfffb);
    // 26 characters at 15 a second, 24,000 samples of two bytes.
    const samples = Math.round((26 / 15) * 24_000) * 2;
    if (format === "pcm") assert.equal(bytes.length, samples);
    if (format === "wav") assert.equal(bytes.readUInt32LE(40), samples);
    assert.deepEqual(reply.bill?.usage, { input_characters: 26 });
  }
  assert.equal(post("/audio/speech", ask).header("content-type"), "audio/mpeg");
});

test("speech: a stream of events tells tokens; models by character do not stream", () => {
  const ask = { voice: "alloy", input: "Hello", stream_format: "sse" };
  const { events, reply } = post("/audio/speech", { ...ask, model: "gpt-4o-mini-tts" });
  assert.ok(events.length > 1);
  for (const event of events.slice(0, -1)) assert.equal(event["type"], "speech.audio.delta");
  // "Hello" has 5 bytes: 2 tokens; half a second has 10.
  const usage = { input_tokens: 2, output_tokens: 10, total_tokens: 12 };
  assert.deepEqual(events.at(-1), { type: "speech.audio.done", usage });
  assert.deepEqual(reply.bill?.usage, usage);
  assert.equal(post("/audio/speech", { ...ask, model: "tts-1" }).reply.status, 400);
  assert.equal(post("/audio/speech", { model: "tts-1", input: "Hello" }).reply.status, 400);
});

test("transcriptions: tokens or seconds, by model", () => {
  // 2.5 s: 25 audio tokens. The reply has 64 bytes: 16 tokens.
  const byToken = transcribe("/audio/transcriptions", { model: "gpt-4o-transcribe" });
  assert.deepEqual(byToken.json, {
    text: heard,
    usage: {
      type: "tokens",
      total_tokens: 41,
      input_tokens: 25,
      input_token_details: { text_tokens: 0, audio_tokens: 25 },
      output_tokens: 16,
    },
  });
  const bySecond = transcribe("/audio/transcriptions", { model: "whisper-1" });
  assert.deepEqual(bySecond.json, { text: heard, usage: { type: "duration", seconds: 3 } });
  // Not WAV: 32,000 bytes at 128 kbit/s.
  const mp3 = transcribe("/audio/transcriptions", { model: "whisper-1" }, Buffer.alloc(32_000));
  assert.deepEqual(mp3.json["usage"], { type: "duration", seconds: 2 });
});

test("transcriptions: every format", () => {
  const as = (format: string, model = "whisper-1"): ReadReply =>
    transcribe("/audio/transcriptions", { model, response_format: format });
  assert.equal(as("text").text, `${heard}\n`);
  assert.equal(as("text").header("content-type"), "text/plain; charset=utf-8");
  assert.equal(as("srt").text, `1\n00:00:00,000 --> 00:00:02,500\n${heard}\n\n\n`);
  assert.equal(as("vtt").text, `WEBVTT\n\n00:00:00.000 --> 00:00:02.500\n${heard}\n\n`);
  const verbose = as("verbose_json").json;
  assert.deepEqual([verbose["duration"], verbose["usage"]], [2.5, { type: "duration", seconds: 3 }]);
  const diarized = as("diarized_json", "gpt-4o-transcribe-diarize").json;
  assert.equal(asObject(asArray(diarized["segments"])[0])["speaker"], "A");
});

test("transcriptions: a stream ends with the usage, and whisper-1 does not stream", () => {
  const fields = { model: "gpt-4o-transcribe", stream: "true" };
  const { events, reply } = transcribe("/audio/transcriptions", fields);
  assert.equal(
    events
      .slice(0, -1)
      .map((event) => event["delta"])
      .join(""),
    heard,
  );
  assert.deepEqual(events.at(-1), { type: "transcript.text.done", text: heard, usage: reply.bill?.usage });
  const whisper = transcribe("/audio/transcriptions", { ...fields, model: "whisper-1" });
  assert.equal(whisper.json["text"], heard);
  const quiet = transcribe("/audio/transcriptions", { ...fields, prompt: "[[simulate: no-usage]]" });
  assert.ok(!("usage" in (quiet.events.at(-1) ?? {})));
  const broken = transcribe("/audio/transcriptions", { ...fields, prompt: "[[simulate: stream-error]]" });
  assert.equal(broken.events.at(-1)?.["type"], "error");
});

test("translations tell no usage, and what they bill all the same", () => {
  const { json, reply } = transcribe("/audio/translations", {
    model: "whisper-1",
    response_format: "verbose_json",
  });
  assert.deepEqual([json["task"], json["duration"], "usage" in json], ["translate", 2.5, false]);
  assert.deepEqual(reply.bill?.usage, { type: "duration", seconds: 3 });
  const noFile = askSimulationByForm(simulation, { dialect: "openai", path: "/audio/translations" }, [
    ["model", "whisper-1"],
    ["file", "text"],
  ]);
  assert.equal(noFile.reply.status, 400);
});

test("images: pictures and their tokens", () => {
  const { json } = post("/images/generations", {
    model: "gpt-image-2",
    prompt: "a cat",
    n: 2,
    quality: "low",
  });
  const data = asArray(json["data"]).map(asObject);
  assert.equal(data.length, 2);
  assertPng(Buffer.from(String(data[0]?.["b64_json"]), "base64"));
  // "a cat" has 5 bytes: 2 tokens. Two pictures of 272.
  assert.deepEqual(json["usage"], {
    total_tokens: 546,
    input_tokens: 2,
    output_tokens: 544,
    input_tokens_details: { text_tokens: 2, image_tokens: 0 },
    output_tokens_details: { text_tokens: 0, image_tokens: 544 },
  });
});

test("images: an SVG is billed to its author, too", () => {
  const ask = { prompt: "a cat", output_format: "svg", svg: { model: "gpt-5.4" } };
  const { json, reply } = post("/images/generations", ask);
  const svg = Buffer.from(String(asObject(asArray(json["data"])[0])["b64_json"]), "base64").toString();
  assert.match(svg, /^<svg /);
  const usage = asObject(json["svg_usage"]);
  assert.deepEqual([usage["model"], usage["output_tokens"]], ["gpt-5.4", Math.ceil(svg.length / 4)]);
  assert.equal(reply.bill?.model, "gpt-image-2", "the model that the provider chose");
});

test("images: edits count what was sent, by form and by JSON, and stream", () => {
  const target = { dialect: "openai" as const, path: "/images/edits" };
  const form = askSimulationByForm(simulation, target, [
    ["image[]", Buffer.from("1")],
    ["image[]", Buffer.from("2")],
    ["mask", Buffer.from("3")],
    ["prompt", "a cat"],
    ["stream", "true"],
    ["partial_images", "2"],
  ]);
  assert.deepEqual(
    form.events.map((event) => event["type"]),
    ["image_edit.partial_image", "image_edit.partial_image", "image_edit.completed"],
  );
  assert.deepEqual(form.events.at(-1)?.["usage"], {
    // 3 x 323 + 2 in, 1056 + 2 x 100 out.
    total_tokens: 971 + 1256,
    input_tokens: 971,
    output_tokens: 1256,
    input_tokens_details: { text_tokens: 2, image_tokens: 969 },
  });
  const json = post("/images/edits", { prompt: "a cat", images: [{ image_url: "data:," }] }).json;
  assert.equal(asObject(json["usage"])["input_tokens"], 325);
});

test("a form reads like an object", () => {
  const body =
    '--b\r\nContent-Disposition: form-data; name="a"\r\n\r\n\r\n--b\r\nContent-Disposition: form-data; name="c[]"\r\n\r\n1\r\n' +
    '--b\r\nContent-Disposition: form-data; name="c[]"\r\n\r\n2\r\n--b\r\nContent-Disposition: form-data; name="d[e]"\r\n\r\nx--b3\r\n--b--';
  assert.deepEqual(parseForm('multipart/form-data; boundary="b"', Buffer.from(body)), {
    a: "",
    c: ["1", "2"],
    d: { e: "x--b3" },
  });
  assert.equal(parseForm("application/json", Buffer.from("{}")), null);
  assert.deepEqual(parseForm("multipart/form-data; boundary=b", Buffer.from("nonsense")), {});
});

test("complete: the last turn is answered, streamed and not", () => {
  const ask = (more: JsonObject): ReadReply =>
    askSimulation(
      simulation,
      { dialect: "anthropic", path: "/v1/complete" },
      {
        model: "claude-2.1",
        prompt: "\n\nHuman: hi\n\nAssistant: yes\n\nHuman: hello\n\nAssistant:",
        ...more,
      },
    );
  const { json } = ask({ max_tokens_to_sample: 100 });
  const text = `${heard} You wrote: "hello".`;
  assert.deepEqual(
    [json["type"], json["completion"], json["stop_reason"], json["model"], "usage" in json],
    ["completion", text, "stop_sequence", "claude-2.1", false],
  );
  const { events } = ask({ max_tokens_to_sample: 100, stream: true });
  const completions = events.filter((event) => event["type"] === "completion");
  assert.equal(completions.map((event) => event["completion"]).join(""), text);
  assert.deepEqual(
    completions.map((event) => event["stop_reason"]),
    [...Array.from({ length: completions.length - 1 }, () => null), "stop_sequence"],
  );
  assert.equal(ask({ max_tokens_to_sample: 5 }).json["stop_reason"], "max_tokens");
  assert.equal(ask({}).reply.status, 400);
});

/** Its chunks are whole and its pixels are as many as its header says. */
function assertPng(png: Buffer): void {
  assert.equal(png.toString("latin1", 1, 4), "PNG");
  const chunks = new Map<string, Buffer>();
  for (let at = 8; at < png.length; at += 12 + png.readUInt32BE(at)) {
    chunks.set(png.toString("latin1", at + 4, at + 8), png.subarray(at + 8, at + 8 + png.readUInt32BE(at)));
  }
  assert.deepEqual([...chunks.keys()], ["IHDR", "IDAT", "IEND"]);
  const [width, height] = [0, 4].map((at) => chunks.get("IHDR")?.readUInt32BE(at) ?? 0);
  const pixels = inflateSync(chunks.get("IDAT") ?? Buffer.alloc(0));
  assert.equal(pixels.length, (height ?? 0) * (1 + 3 * (width ?? 0)));
}
