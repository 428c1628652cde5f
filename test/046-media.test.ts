/**
 * Audio, images, moderations and the legacy complete, called by the official SDKs through the gateway: the reply
 * that the SDK parses, and the row with its exact cost at the shipped list prices. The simulated provider answers.
 */

import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import Anthropic from "@anthropic-ai/sdk";
import type { Exchange, ExchangeResult } from "@meshagent/llm-proxy-gateway/store/store";
import OpenAI, { toFile } from "openai";
import { startTestGateway, type TestGateway } from "./bed/test-gateway.ts";

let gateway: TestGateway;
let openai: OpenAI;
let anthropic: Anthropic;
let recording: File;
before(async () => {
  gateway = await startTestGateway();
  const token = await gateway.token();
  openai = new OpenAI({ baseURL: gateway.openaiUrl, apiKey: token });
  anthropic = new Anthropic({ baseURL: gateway.anthropicUrl, authToken: token, apiKey: null });
  // The simulated provider takes what is no WAV for 16,000 bytes a second: 2.5 s.
  recording = await toFile(Buffer.alloc(40_000, 7), "speech.mp3", { type: "audio/mpeg" });
});
after(() => gateway.close());

interface ExpectedRow {
  readonly endpoint: string;
  readonly model: string;
  readonly transport?: "http" | "sse";
  /** `component quantity`, the lines of all records one after the other. */
  readonly lines: readonly string[];
  /** Nano-dollars; the sum is spelled out where it is given. null: unknown. */
  readonly cost: number | null;
  readonly completeness: readonly string[];
}

/** The row of the call just made, checked. */
async function assertRow(expected: ExpectedRow): Promise<ExchangeResult> {
  const row: Exchange | undefined = (await gateway.exchanges()).at(-1);
  assert.ok(row?.result != null);
  const { intent, result } = row;
  assert.deepEqual(
    {
      endpoint: intent.endpoint,
      model: intent.requestedModel,
      transport: intent.transport,
      outcome: result.outcome,
      lines: result.usage.flatMap(({ lines }) => lines.map((line) => `${line.component} ${line.quantity}`)),
      cost: result.costNanoUsd,
      completeness: result.usage.map((record) => record.completeness),
    },
    { transport: "http", outcome: "ok", ...expected },
  );
  return result;
}

describe("audio.speech", () => {
  const input = "The quick brown fox jumps over the lazy dog";

  it("is counted in characters for tts-1: 43 x $15/1M", async () => {
    const reply = await openai.audio.speech.create({ model: "tts-1", voice: "alloy", input });
    assert.equal(reply.headers.get("content-type"), "audio/mpeg");
    const audio = Buffer.from(await reply.arrayBuffer());
    assert.equal(audio.readUInt16BE(0), 0xfffb);
    await assertRow({
      endpoint: "/v1/audio/speech",
      model: "tts-1",
      lines: ["character_input 43"],
      cost: 645_000,
      completeness: ["derived"],
    });
  });

  it("has no numbers where audio comes from a model that is billed by token", async () => {
    const reply = await openai.audio.speech.create({
      model: "gpt-4o-mini-tts",
      voice: "alloy",
      input,
      response_format: "wav",
    });
    assert.equal(Buffer.from(await reply.arrayBuffer()).toString("latin1", 0, 4), "RIFF");
    await assertRow({
      endpoint: "/v1/audio/speech",
      model: "gpt-4o-mini-tts",
      lines: [],
      cost: null,
      completeness: ["missing"],
    });
  });

  it("tells tokens in a stream of events: 11 x $0.6/1M + 58 x $12/1M", async () => {
    const reply = await openai.audio.speech.create({
      model: "gpt-4o-mini-tts",
      voice: "alloy",
      input,
      stream_format: "sse",
    });
    const text = await reply.text();
    assert.match(text, /speech\.audio\.delta/);
    assert.match(text, /"usage":\{"input_tokens":11,"output_tokens":58,"total_tokens":69\}\}\n\n$/);
    await assertRow({
      endpoint: "/v1/audio/speech",
      model: "gpt-4o-mini-tts",
      transport: "sse",
      lines: ["input 11", "output 58"],
      cost: 6_600 + 696_000,
      completeness: ["complete"],
    });
  });
});

describe("audio.transcriptions", () => {
  const endpoint = "/v1/audio/transcriptions";

  it("by token: 25 x $2.5/1M + 16 x $10/1M", async () => {
    const reply = await openai.audio.transcriptions.create({ model: "gpt-4o-transcribe", file: recording });
    assert.match(reply.text, /simulated/);
    assert.equal(reply.usage?.type, "tokens");
    const { usage } = await assertRow({
      endpoint,
      model: "gpt-4o-transcribe",
      lines: ["input 25", "output 16"],
      cost: 62_500 + 160_000,
      completeness: ["complete"],
    });
    assert.deepEqual(usage[0]?.raw, reply.usage);
    assert.deepEqual([usage[0].input_audio_tokens, usage[0].input_text_tokens], [25, 0]);
  });

  it("streamed, the same", async () => {
    const stream = await openai.audio.transcriptions.create({
      model: "gpt-4o-transcribe",
      file: recording,
      stream: true,
    });
    const types = new Set<string>();
    for await (const event of stream) types.add(event.type);
    assert.deepEqual([...types], ["transcript.text.delta", "transcript.text.done"]);
    await assertRow({
      endpoint,
      model: "gpt-4o-transcribe",
      transport: "sse",
      lines: ["input 25", "output 16"],
      cost: 62_500 + 160_000,
      completeness: ["complete"],
    });
  });

  it("by second, verbose: 3 x $0.006/60", async () => {
    const reply = await openai.audio.transcriptions.create({
      model: "whisper-1",
      file: recording,
      response_format: "verbose_json",
    });
    assert.deepEqual([reply.duration, reply.usage], [2.5, { type: "duration", seconds: 3 }]);
    await assertRow({
      endpoint,
      model: "whisper-1",
      lines: ["second_input 3"],
      cost: 300_000,
      completeness: ["complete"],
    });
  });

  for (const format of ["text", "srt", "vtt"] as const) {
    it(`as ${format}: nothing tells what it cost`, async () => {
      const reply = await openai.audio.transcriptions.create({
        model: "whisper-1",
        file: recording,
        response_format: format,
        prompt: '{"usage":{"type":"duration","seconds":99}}',
      });
      assert.match(reply, /simulated/);
      await assertRow({ endpoint, model: "whisper-1", lines: [], cost: null, completeness: ["missing"] });
    });
  }
});

describe("audio.translations", () => {
  const endpoint = "/v1/audio/translations";

  it("verbose: 2.5 x $0.006/60, from how long the audio was", async () => {
    const reply = await openai.audio.translations.create({
      model: "whisper-1",
      file: recording,
      response_format: "verbose_json",
    });
    assert.equal("duration" in reply ? reply.duration : null, 2.5);
    await assertRow({
      endpoint,
      model: "whisper-1",
      lines: ["second_input 2.5"],
      cost: 250_000,
      completeness: ["derived"],
    });
  });

  it("plain: nothing tells", async () => {
    const reply = await openai.audio.translations.create({ model: "whisper-1", file: recording });
    assert.match(reply.text, /simulated/);
    await assertRow({ endpoint, model: "whisper-1", lines: [], cost: null, completeness: ["missing"] });
  });
});

describe("images", () => {
  const prompt = "A cat on a wall";

  it("generate: 4 x $5/1M + 2 x 272 x $30/1M", async () => {
    const reply = await openai.images.generate({ model: "gpt-image-2", prompt, n: 2, quality: "low" });
    assert.equal(reply.data?.length, 2);
    const { usage } = await assertRow({
      endpoint: "/v1/images/generations",
      model: "gpt-image-2",
      lines: ["input 4", "output 544"],
      cost: 20_000 + 16_320_000,
      completeness: ["complete"],
    });
    assert.deepEqual([usage[0]?.input_text_tokens, usage[0]?.output_image_tokens], [4, 544]);
  });

  it("generate, streamed: 4 x $5/1M + (1056 + 2 x 100) x $32/1M", async () => {
    const stream = await openai.images.generate({
      model: "gpt-image-1.5",
      prompt,
      stream: true,
      partial_images: 2,
    });
    const types: string[] = [];
    for await (const event of stream) types.push(event.type);
    assert.deepEqual(types, [
      "image_generation.partial_image",
      "image_generation.partial_image",
      "image_generation.completed",
    ]);
    await assertRow({
      endpoint: "/v1/images/generations",
      model: "gpt-image-1.5",
      transport: "sse",
      lines: ["input 4", "output 1256"],
      cost: 20_000 + 40_192_000,
      completeness: ["complete"],
    });
  });

  it("edit, by form: 4 x $5/1M + 2 x 323 x $8/1M + 1056 x $30/1M", async () => {
    const image = [await toFile(Buffer.from("one"), "a.png"), await toFile(Buffer.from("two"), "b.png")];
    const reply = await openai.images.edit({ model: "gpt-image-2", image, prompt });
    assert.equal(reply.usage?.input_tokens_details.image_tokens, 646);
    await assertRow({
      endpoint: "/v1/images/edits",
      model: "gpt-image-2",
      lines: ["input 4", "input_image 646", "output 1056"],
      cost: 20_000 + 5_168_000 + 31_680_000,
      completeness: ["complete"],
    });
  });

  it("edit, by form, streamed", async () => {
    const stream = await openai.images.edit({
      model: "gpt-image-2",
      image: await toFile(Buffer.from("one"), "a.png"),
      prompt,
      stream: true,
    });
    const types: string[] = [];
    for await (const event of stream) types.push(event.type);
    assert.deepEqual(types, ["image_edit.completed"]);
    await assertRow({
      endpoint: "/v1/images/edits",
      model: "gpt-image-2",
      transport: "sse",
      lines: ["input 4", "input_image 323", "output 1056"],
      cost: 20_000 + 2_584_000 + 31_680_000,
      completeness: ["complete"],
    });
  });

  it("edit, by JSON", async () => {
    const body = { model: "gpt-image-2", prompt, images: [{ image_url: "data:image/png;base64,AAAA" }] };
    const reply = await openai.post<OpenAI.ImagesResponse>("/images/edits", { body });
    assert.equal(reply.data?.length, 1);
    await assertRow({
      endpoint: "/v1/images/edits",
      model: "gpt-image-2",
      lines: ["input 4", "input_image 323", "output 1056"],
      cost: 20_000 + 2_584_000 + 31_680_000,
      completeness: ["complete"],
    });
  });

  it("as SVG, each model at its own price: the picture + 4 x $2.5/1M + 30 x $15/1M", async () => {
    const reply = await openai.images.generate({
      model: "gpt-image-2",
      prompt,
      output_format: "svg",
      svg: { model: "gpt-5.4" },
    });
    assert.deepEqual([reply.svg_usage?.input_tokens, reply.svg_usage?.output_tokens], [4, 30]);
    const { usage } = await assertRow({
      endpoint: "/v1/images/generations",
      model: "gpt-image-2",
      lines: ["input 4", "output 1056", "input 4", "output 30"],
      cost: 20_000 + 31_680_000 + 10_000 + 450_000,
      completeness: ["complete", "complete"],
    });
    assert.deepEqual(
      usage.map((record) => [record.kind, record.model]),
      [
        ["primary", "gpt-image-2"],
        ["svg", "gpt-5.4"],
      ],
    );
  });

  it("without a model: OpenAI chooses one and does not say which, so there is no price", async () => {
    await openai.images.generate({ prompt, quality: "low" });
    await assertRow({
      endpoint: "/v1/images/generations",
      model: "",
      lines: [],
      cost: null,
      completeness: ["complete"],
    });
  });
});

describe("grants", () => {
  it("hold for a model in a form field, for the author of an SVG, and where no model is named", async () => {
    const narrow = new OpenAI({
      baseURL: gateway.openaiUrl,
      apiKey: await gateway.token({ llm: { models: ["openai/gpt-image-*", "openai/whisper-1"] } }),
    });
    const isRefused = (error: unknown): boolean =>
      error instanceof OpenAI.NotFoundError && error.code === "model_not_found";
    const count = (await gateway.exchanges()).length;
    await assert.rejects(
      narrow.audio.transcriptions.create({ model: "gpt-4o-transcribe", file: recording }),
      isRefused,
    );
    const svg = { output_format: "svg", svg: { model: "gpt-5.4" } } as const;
    await assert.rejects(narrow.images.generate({ model: "gpt-image-2", prompt: "x", ...svg }), isRefused);
    const image = await toFile(Buffer.from("one"), "a.png");
    await assert.rejects(narrow.images.edit({ model: "gpt-image-2", image, prompt: "x", ...svg }), isRefused);
    await assert.rejects(narrow.images.generate({ prompt: "x" }), isRefused);
    assert.equal((await gateway.exchanges()).length, count, "nothing was sent");
    await narrow.audio.transcriptions.create({ model: "whisper-1", file: recording });
    await narrow.images.edit({ model: "gpt-image-2", image, prompt: "x" });
    await narrow.moderations.create({ input: "x" });
  });
});

describe("moderations", () => {
  it("cost nothing, with a model and without", async () => {
    for (const model of ["omni-moderation-latest", ""]) {
      const reply = await openai.moderations.create({
        input: ["hello", '{"usage":{"input_tokens":5}}'],
        ...(model === "" ? {} : { model }),
      });
      assert.deepEqual(
        reply.results.map(({ flagged, categories }) => [flagged, categories.violence]),
        [
          [false, false],
          [false, false],
        ],
      );
      const { intent, result } = (await gateway.exchanges()).at(-1) ?? {};
      assert.deepEqual(
        [intent?.endpoint, intent?.requestedModel, result?.outcome, result?.costNanoUsd, result?.usage],
        ["/v1/moderations", model, "not_metered", 0, []],
      );
    }
  });
});

describe("Anthropic complete", () => {
  const body = {
    model: "claude-2.1",
    prompt: "\n\nHuman: hello\n\nAssistant:",
    max_tokens_to_sample: 100,
  };

  it("is relayed, and nothing tells what it cost", async () => {
    const reply = await anthropic.post<{ completion: string; stop_reason: string }>("/v1/complete", { body });
    assert.match(reply.completion, /simulated.*hello/);
    assert.equal(reply.stop_reason, "stop_sequence");
    const result = await assertRow({
      endpoint: "/v1/complete",
      model: "claude-2.1",
      lines: [],
      cost: null,
      completeness: ["missing"],
    });
    assert.match(result.usage[0]?.response_id ?? "", /^compl_/);
  });

  it("streamed", async () => {
    const response = await anthropic.post("/v1/complete", { body: { ...body, stream: true } }).asResponse();
    assert.match(await response.text(), /event: completion\ndata: .*"stop_reason":"stop_sequence"/);
    await assertRow({
      endpoint: "/v1/complete",
      model: "claude-2.1",
      transport: "sse",
      lines: [],
      cost: null,
      completeness: ["missing"],
    });
  });
});
