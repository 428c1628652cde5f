/** `POST /images/generations` and `/images/edits`, plain and streamed (facts: wire.md 1.1). */

import { toEpochSeconds, type Ask, type SimulatedEndpoint } from "./ask.ts";
import { asArray, asObject, asString, type JsonObject } from "./json.ts";
import { readMediaPrompt } from "./openai-prompt.ts";
import { pngPicture, svgPicture } from "./picture.ts";
import { openaiError } from "./provider-errors.ts";
import type { EndpointReply } from "./reply.ts";
import { tokensOf, tokensOfBytes } from "./tokens.ts";

/** Output tokens of a square picture, by quality; `auto` is medium. */
const TOKENS_BY_QUALITY: Readonly<Record<string, number>> = { low: 272, medium: 1056, high: 4160 };
const TOKENS_PER_PARTIAL = 100;
const TOKENS_PER_INPUT_IMAGE = 323;
const MOST_IMAGES = 10;
const MOST_PARTIALS = 3;
/** Who draws where the request names nobody, and who writes SVG. */
const DEFAULT_MODEL = "gpt-image-2";
const DEFAULT_SVG_MODEL = "gpt-5.5";

export const generations: SimulatedEndpoint = {
  dialect: "openai",
  method: "POST",
  path: /^\/images\/generations$/,
  readPrompt: (body) => readMediaPrompt(body, "prompt"),
  required: ["prompt"],
  answer: (ask) => answerImages(ask, "image_generation"),
};

export const edits: SimulatedEndpoint = {
  ...generations,
  path: /^\/images\/edits$/,
  answer: (ask) => answerImages(ask, "image_edit"),
};

function answerImages(ask: Ask, event: "image_generation" | "image_edit"): EndpointReply {
  const { body, prompt } = ask;
  const model = prompt.model || DEFAULT_MODEL;
  const asked = asString(body["quality"]);
  const quality = Object.hasOwn(TOKENS_BY_QUALITY, asked) ? asked : "medium";
  const isSvg = body["output_format"] === "svg";
  const look = { background: "opaque", output_format: isSvg ? "svg" : "png", quality, size: "1024x1024" };
  const picture = (isSvg ? svgPicture() : pngPicture()).toString("base64");
  const partials = prompt.isStream ? numberOf(body["partial_images"], MOST_PARTIALS) : 0;
  const count = Math.max(1, prompt.isStream ? 1 : numberOf(body["n"], MOST_IMAGES));
  const outputTokens = count * (TOKENS_BY_QUALITY[quality] ?? 0) + partials * TOKENS_PER_PARTIAL;
  const usage = imageUsage(ask, outputTokens);
  const shown = ask.directives.hidesUsage ? {} : { usage };
  const bill = { responseId: null, model, usage };
  const created = toEpochSeconds(ask.nowMs);
  if (!prompt.isStream) {
    const data = Array.from({ length: count }, () => ({ b64_json: picture }));
    const svg = isSvg && !ask.directives.hidesUsage ? { svg_usage: svgUsage(ask, picture) } : {};
    const text = JSON.stringify({ created, ...look, data, ...shown, ...svg }, null, 2);
    return { status: 200, body: { kind: "json", text }, bill };
  }
  const base = { b64_json: picture, created_at: created, ...look };
  const events = Array.from({ length: partials }, (_, index) =>
    namedEvent({ type: `${event}.partial_image`, ...base, partial_image_index: index }),
  );
  events.push(namedEvent({ type: `${event}.completed`, ...base, ...streamed(shown) }));
  return { status: 200, body: { kind: "events", events, errorEvent }, bill };
}

function imageUsage({ body, prompt }: Ask, outputTokens: number): JsonObject {
  const imageTokens = inputImagesOf(body) * TOKENS_PER_INPUT_IMAGE;
  const textTokens = tokensOf(prompt.userText);
  const inputTokens = imageTokens + textTokens;
  return {
    total_tokens: inputTokens + outputTokens,
    input_tokens: inputTokens,
    output_tokens: outputTokens,
    input_tokens_details: { text_tokens: textTokens, image_tokens: imageTokens },
    output_tokens_details: { text_tokens: 0, image_tokens: outputTokens },
  };
}

/** An event's usage does not split its output. */
function streamed(shown: { readonly usage?: JsonObject }): JsonObject {
  const { usage } = shown;
  if (usage === undefined) return {};
  const { output_tokens_details: _, ...rest } = usage;
  return { usage: rest };
}

/** The author is another model: it reads the prompt and writes the picture. */
function svgUsage({ body, prompt }: Ask, picture: string): JsonObject {
  const inputTokens = tokensOf(prompt.userText);
  const outputTokens = tokensOfBytes(Buffer.byteLength(picture, "base64"));
  return {
    model: asString(asObject(body["svg"])["model"]) || DEFAULT_SVG_MODEL,
    input_tokens: inputTokens,
    output_tokens: outputTokens,
    reasoning_tokens: 0,
    total_tokens: inputTokens + outputTokens,
  };
}

/** A form has `image` or `image[]` and `mask`, JSON has `images`. */
function inputImagesOf(body: JsonObject): number {
  const listed = [body["image"], body["images"], body["mask"]];
  return listed.reduce<number>((sum, given) => {
    if (given === undefined || given === null) return sum;
    return sum + (Array.isArray(given) ? asArray(given).length : 1);
  }, 0);
}

/** A form writes numbers as text. */
function numberOf(value: unknown, most: number): number {
  const number = typeof value === "string" ? Number(value) : value;
  return typeof number === "number" && Number.isInteger(number) && number > 0 ? Math.min(most, number) : 0;
}

function namedEvent(data: JsonObject): string {
  return `event: ${asString(data["type"])}\ndata: ${JSON.stringify(data)}\n\n`;
}

function errorEvent(): string {
  const error = { status: 500, message: "The simulated provider failed in the middle of the stream." };
  return namedEvent({ type: "error", error: openaiError(error) });
}
