/**
 * The realtime WebSocket of the simulated provider: a session that answers text and silence with text or silence,
 * transcribes by saying how long it listened, and counts all of it. It hears nothing.
 */

import { randomBytes } from "node:crypto";
import type { Duplex } from "node:stream";
import { parseDirectives } from "./directives.ts";
import { asArray, asObject, asString, type JsonObject } from "./json.ts";
import { planAnswer } from "./plan.ts";
import { textOf } from "./prompt.ts";
import { readCompletionPrompt } from "./openai-prompt.ts";
import { SocketPeer } from "./socket-peer.ts";
import type { SimulatedSocketOptions } from "./socket-responses.ts";
import { piecesOf, tokensOf } from "./tokens.ts";

/** PCM16 at 24 kHz: 48,000 bytes are a second, which is 10 tokens of input and 20 of output. */
const bytesPerSecond = 48_000;
const bytesPerInputToken = bytesPerSecond / 10;
const bytesPerOutputToken = bytesPerSecond / 20;
/** Cached input comes in blocks. */
const cacheBlockTokens = 64;

/** Serves one connection whose handshake is over. */
export function serveRealtimeSocket(stream: Duplex, options: SimulatedSocketOptions): void {
  const session = new RealtimeSession(stream, options);
  void session.begin();
}

class RealtimeSession {
  readonly #options: SimulatedSocketOptions;
  readonly #peer: SocketPeer;
  #session: JsonObject;
  #audioBytes = 0;
  #heardTokens = 0;
  #textTokens = 0;
  #lastText = "";
  /** What the response before this one has read: it is cached. */
  #known = { text: 0, audio: 0 };
  #running: { id: string; isCancelled: boolean } | null = null;

  constructor(stream: Duplex, options: SimulatedSocketOptions) {
    this.#options = options;
    const query = new URLSearchParams(options.query);
    const isTranscription = query.get("intent") === "transcription";
    this.#session = {
      type: isTranscription ? "transcription" : "realtime",
      object: "realtime.session",
      id: id("sess_"),
      ...(isTranscription ? {} : { model: query.get("model") ?? "gpt-realtime" }),
      output_modalities: ["audio"],
      audio: { input: { transcription: null } },
    };
    this.#peer = new SocketPeer(
      stream,
      (message) => void this.#take(message),
      () => void this.#refuse("The message is no JSON object.", null),
    );
  }

  begin(): Promise<void> {
    return this.#say("session.created", { session: this.#session });
  }

  async #take(message: JsonObject): Promise<void> {
    switch (message["type"]) {
      case "session.update":
        this.#session = merged(this.#session, asObject(message["session"]));
        return this.#say("session.updated", { session: this.#session });
      case "conversation.item.create":
        return this.#addItem(asObject(message["item"]));
      case "input_audio_buffer.append":
        this.#audioBytes += Buffer.from(asString(message["audio"]), "base64").length;
        return;
      case "input_audio_buffer.commit":
        return this.#commit();
      case "response.create":
        return this.#respond(asObject(message["response"]), message["event_id"]);
      case "response.cancel":
        if (this.#running !== null) this.#running.isCancelled = true;
        return;
      default:
        return this.#refuse(`Unknown message type '${asString(message["type"])}'.`, message["event_id"]);
    }
  }

  async #addItem(item: JsonObject): Promise<void> {
    const text = textOf(item["content"]);
    this.#textTokens += tokensOf(text);
    if (text !== "") this.#lastText = text;
    const added = { ...item, id: id("item_"), object: "realtime.item", status: "completed" };
    await this.#say("conversation.item.added", { item: added });
    await this.#say("conversation.item.done", { item: added });
  }

  async #commit(): Promise<void> {
    const bytes = this.#audioBytes;
    this.#audioBytes = 0;
    const audioTokens = Math.ceil(bytes / bytesPerInputToken);
    this.#heardTokens += audioTokens;
    const itemId = id("item_");
    await this.#say("input_audio_buffer.committed", { item_id: itemId, previous_item_id: null });
    const input = asObject(asObject(this.#session["audio"])["input"]);
    const model = asString(asObject(input["transcription"])["model"]);
    if (model === "") return;
    const transcript = `Simulated speech of ${bytes} bytes.`;
    const outputTokens = tokensOf(transcript);
    const usage =
      model === "whisper-1"
        ? { type: "duration", seconds: bytes / bytesPerSecond }
        : {
            type: "tokens",
            total_tokens: audioTokens + outputTokens,
            input_tokens: audioTokens,
            input_token_details: { text_tokens: 0, audio_tokens: audioTokens },
            output_tokens: outputTokens,
          };
    const settle = this.#options.onBill?.({ responseId: itemId, model, usage }, 200);
    const about = { item_id: itemId, content_index: 0 };
    await this.#say("conversation.item.input_audio_transcription.delta", { ...about, delta: transcript });
    await this.#say("conversation.item.input_audio_transcription.completed", { ...about, transcript, usage });
    settle?.(!this.#peer.isGone);
  }

  async #respond(asked: JsonObject, eventId: unknown): Promise<void> {
    if (this.#running !== null) {
      return this.#refuse("Conversation already has an active response in progress.", eventId);
    }
    const running = { id: id("resp_"), isCancelled: false };
    this.#running = running;
    const directives = parseDirectives(this.#lastText);
    const plan = planAnswer(readCompletionPrompt({ prompt: this.#lastText, max_tokens: 4096 }), directives);
    const modalities = asArray(asked["output_modalities"] ?? this.#session["output_modalities"]);
    const isAudio = modalities.includes("audio");
    const response = { object: "realtime.response", id: running.id, output_modalities: modalities };
    await this.#say("response.created", { response: { ...response, status: "in_progress", usage: null } });
    const told: string[] = [];
    for (const piece of piecesOf(plan.text)) {
      if (running.isCancelled || this.#peer.isGone) break;
      await this.#peer.wait(directives.slowMs);
      told.push(piece);
      const about = { response_id: running.id, output_index: 0, content_index: 0 };
      await this.#say(isAudio ? "response.output_audio_transcript.delta" : "response.output_text.delta", {
        ...about,
        delta: piece,
      });
      if (!isAudio) continue;
      const silence = Buffer.alloc(bytesPerOutputToken * tokensOf(piece)).toString("base64");
      await this.#say("response.output_audio.delta", { ...about, delta: silence });
    }
    this.#running = null;
    const usage = this.#usage(told.join(""), isAudio);
    const model = asString(this.#session["model"]);
    const settle = this.#options.onBill?.({ responseId: running.id, model, usage }, 200);
    const status = running.isCancelled ? "cancelled" : "completed";
    await this.#say("response.done", { response: { ...response, status, usage } });
    settle?.(!this.#peer.isGone);
  }

  #usage(said: string, isAudio: boolean): JsonObject {
    const text = this.#textTokens + tokensOf(asString(this.#session["instructions"]));
    const audio = this.#heardTokens;
    const cached = { text: inBlocks(this.#known.text), audio: inBlocks(this.#known.audio) };
    this.#known = { text, audio };
    const output = { text_tokens: tokensOf(said), audio_tokens: isAudio ? tokensOf(said) : 0 };
    const outputTokens = output.text_tokens + output.audio_tokens;
    return {
      total_tokens: text + audio + outputTokens,
      input_tokens: text + audio,
      output_tokens: outputTokens,
      input_token_details: {
        text_tokens: text,
        audio_tokens: audio,
        image_tokens: 0,
        cached_tokens: cached.text + cached.audio,
        cached_tokens_details: { text_tokens: cached.text, audio_tokens: cached.audio, image_tokens: 0 },
      },
      output_token_details: output,
    };
  }

  #say(type: string, members: JsonObject): Promise<void> {
    return this.#peer.send({ type, event_id: id("event_"), ...members });
  }

  #refuse(message: string, eventId: unknown): Promise<void> {
    const error = { type: "invalid_request_error", code: "invalid_value", message, param: null };
    return this.#say("error", { error: { ...error, event_id: eventId ?? null } });
  }
}

function id(prefix: string): string {
  return prefix + randomBytes(10).toString("hex");
}

function inBlocks(tokens: number): number {
  return Math.floor(tokens / cacheBlockTokens) * cacheBlockTokens;
}

function merged(into: JsonObject, update: JsonObject): JsonObject {
  const entries = Object.entries(update).map(([name, value]) => {
    const isNested = typeof value === "object" && value !== null && !Array.isArray(value);
    return [name, isNested ? merged(asObject(into[name]), asObject(value)) : value] as const;
  });
  return { ...into, ...Object.fromEntries(entries) };
}
