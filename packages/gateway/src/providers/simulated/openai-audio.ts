/** `POST /audio/speech`, `/audio/transcriptions` and `/audio/translations` (facts: wire.md 1.1). */

import { dataEvent, type Ask, type SimulatedEndpoint } from "./ask.ts";
import { isUploadedFile } from "./form.ts";
import { asString, type JsonObject } from "./json.ts";
import { readMediaPrompt } from "./openai-prompt.ts";
import { planAnswer } from "./plan.ts";
import { errorReply, openaiError } from "./provider-errors.ts";
import type { EndpointReply, SimulatedBill } from "./reply.ts";
import { durationOf, silence } from "./silence.ts";
import { piecesOf, tokensOf } from "./tokens.ts";

const CHARACTERS_PER_SECOND = 15;
const LONGEST_SPEECH_S = 20;
const SPEECH_TOKENS_PER_SECOND = 20;
const AUDIO_TOKENS_PER_SECOND = 10;
const SPEECH_EVENT_BYTES = 16 * 1024;

export const speech: SimulatedEndpoint = {
  dialect: "openai",
  method: "POST",
  path: /^\/audio\/speech$/,
  readPrompt: (body) => readMediaPrompt(body, "input"),
  required: ["model", "input", "voice"],
  answer: answerSpeech,
};

export const transcriptions: SimulatedEndpoint = {
  dialect: "openai",
  method: "POST",
  path: /^\/audio\/transcriptions$/,
  readPrompt: (body) => readMediaPrompt(body, "prompt"),
  required: ["file", "model"],
  answer: (ask) => answerTranscript(ask, "transcribe"),
};

export const translations: SimulatedEndpoint = {
  ...transcriptions,
  path: /^\/audio\/translations$/,
  answer: (ask) => answerTranscript(ask, "translate"),
};

function answerSpeech(ask: Ask): EndpointReply {
  const { model, userText } = ask.prompt;
  const durationS = Math.min(LONGEST_SPEECH_S, Math.max(0.5, charactersOf(userText) / CHARACTERS_PER_SECOND));
  const audio = silence(asString(ask.body["response_format"]) || "mp3", durationS);
  const usage = speechUsage(ask, durationS);
  const bill = { responseId: null, model, usage };
  if (ask.body["stream_format"] !== "sse") return { status: 200, body: { kind: "bytes", ...audio }, bill };
  if (isBilledByCharacter(model)) {
    const message = `stream_format 'sse' is not supported for model '${model}'.`;
    return errorReply("openai", { status: 400, message, param: "stream_format" }, ask.requestId);
  }
  const events: string[] = [];
  for (let at = 0; at < audio.bytes.length; at += SPEECH_EVENT_BYTES) {
    const piece = Buffer.from(audio.bytes.subarray(at, at + SPEECH_EVENT_BYTES)).toString("base64");
    events.push(dataEvent({ type: "speech.audio.delta", audio: piece }));
  }
  events.push(dataEvent({ type: "speech.audio.done", ...shown(ask, usage) }));
  return { status: 200, body: { kind: "events", events, errorEvent }, bill };
}

/** In code points. */
function charactersOf(text: string): number {
  return Array.from(text).length;
}

function isBilledByCharacter(model: string): boolean {
  return model.startsWith("tts-");
}

function speechUsage({ prompt }: Ask, durationS: number): JsonObject {
  if (isBilledByCharacter(prompt.model)) return { input_characters: charactersOf(prompt.userText) };
  const inputTokens = tokensOf(prompt.userText);
  const outputTokens = Math.ceil(durationS * SPEECH_TOKENS_PER_SECOND);
  return {
    input_tokens: inputTokens,
    output_tokens: outputTokens,
    total_tokens: inputTokens + outputTokens,
  };
}

/** What was heard, before a format gives it a form. */
interface Transcript {
  readonly task: "transcribe" | "translate";
  readonly text: string;
  readonly durationS: number;
  readonly usage: JsonObject;
}

function answerTranscript(ask: Ask, task: Transcript["task"]): EndpointReply {
  const file = ask.body["file"];
  if (!isUploadedFile(file)) {
    const message = "The simulated provider takes `file` as an uploaded file.";
    return errorReply("openai", { status: 400, message, param: "file" }, ask.requestId);
  }
  const durationS = durationOf(file);
  const { text } = planAnswer(ask.prompt, ask.directives);
  const transcript = { task, text, durationS, usage: transcriptUsage(ask, text, durationS) };
  const bill = { responseId: null, model: ask.prompt.model, usage: transcript.usage };
  // whisper-1 takes `stream` and does not stream; translations know no stream.
  const isStream = ask.prompt.isStream && task === "transcribe" && ask.prompt.model !== "whisper-1";
  if (isStream) return streamedTranscript(ask, transcript, bill);
  return { status: 200, body: bodyOf(ask, transcript), bill };
}

/** By second, or by token. */
function transcriptUsage({ prompt }: Ask, text: string, durationS: number): JsonObject {
  if (/^(whisper|gpt-transcribe)/.test(prompt.model))
    return { type: "duration", seconds: Math.ceil(durationS) };
  const audioTokens = Math.ceil(durationS * AUDIO_TOKENS_PER_SECOND);
  const textTokens = tokensOf(prompt.userText);
  const inputTokens = audioTokens + textTokens;
  const outputTokens = tokensOf(text);
  return {
    type: "tokens",
    total_tokens: inputTokens + outputTokens,
    input_tokens: inputTokens,
    input_token_details: { text_tokens: textTokens, audio_tokens: audioTokens },
    output_tokens: outputTokens,
  };
}

function streamedTranscript(ask: Ask, transcript: Transcript, bill: SimulatedBill): EndpointReply {
  const isDiarized = ask.body["response_format"] === "diarized_json";
  const events = piecesOf(transcript.text).map((delta) =>
    dataEvent({ type: "transcript.text.delta", delta }),
  );
  if (isDiarized) events.push(dataEvent(speakerSegment(transcript)));
  events.push(
    dataEvent({ type: "transcript.text.done", text: transcript.text, ...shown(ask, transcript.usage) }),
  );
  return { status: 200, body: { kind: "events", events, errorEvent }, bill };
}

function bodyOf(ask: Ask, transcript: Transcript): EndpointReply["body"] {
  const { task, text, durationS } = transcript;
  // Translations never show their usage.
  const usage = task === "translate" ? {} : shown(ask, transcript.usage);
  const json = (value: JsonObject): EndpointReply["body"] => ({ kind: "json", text: JSON.stringify(value) });
  const plain = (value: string): EndpointReply["body"] => ({
    kind: "bytes",
    contentType: "text/plain; charset=utf-8",
    bytes: Buffer.from(value),
  });
  switch (ask.body["response_format"]) {
    case "text":
      return plain(`${text}\n`);
    case "srt":
      return plain(`1\n${timeOf(0, ",")} --> ${timeOf(durationS, ",")}\n${text}\n\n\n`);
    case "vtt":
      return plain(`WEBVTT\n\n${timeOf(0, ".")} --> ${timeOf(durationS, ".")}\n${text}\n\n`);
    case "verbose_json":
      return json({
        task,
        language: "english",
        duration: durationS,
        text,
        segments: [whisperSegment(transcript)],
        ...usage,
      });
    case "diarized_json":
      return json({ task, duration: durationS, text, segments: [speakerSegment(transcript)], ...usage });
    default:
      return json({ text, ...usage });
  }
}

function whisperSegment({ text, durationS }: Transcript): JsonObject {
  return {
    id: 0,
    seek: 0,
    start: 0,
    end: durationS,
    text: ` ${text}`,
    tokens: [],
    temperature: 0,
    avg_logprob: -0.1,
    compression_ratio: 1,
    no_speech_prob: 0,
  };
}

function speakerSegment({ text, durationS }: Transcript): JsonObject {
  return { type: "transcript.text.segment", id: "seg_0", start: 0, end: durationS, speaker: "A", text };
}

/** Hours, minutes, seconds and thousandths, as subtitles write them. */
function timeOf(seconds: number, point: string): string {
  const whole = new Date(Math.round(seconds * 1000)).toISOString();
  return whole.slice(11, 23).replace(".", point);
}

function shown(ask: Ask, usage: JsonObject): JsonObject {
  return ask.directives.hidesUsage ? {} : { usage };
}

function errorEvent(): string {
  const error = { status: 500, message: "The simulated provider failed in the middle of the stream." };
  return dataEvent({ type: "error", error: openaiError(error) });
}
