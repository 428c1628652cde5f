/**
 * The provider of the simulation: what it says of a turn and when, in the words of its dialect, and what it bills. It
 * obeys the output limit that was sent and nothing else; that its caller left does not stop it.
 */

import type { OfferedEndpoint } from "@meshagent/llm-proxy-gateway/dialects/dialect";
import type { ReplyReading, UsageReader } from "@meshagent/llm-proxy-gateway/dialects/usage-reader";
import { model, type Turn } from "./traffic.ts";

/** `windowTokens`, the most that the model writes where a request says nothing. */
export const modelMaxTokens = 64_000;

export interface Answer {
  readonly outputTokens: number;
  /** The limit that was sent ended it, and the request's own would not have. */
  readonly isCutByLowering: boolean;
  readonly firstByteMs: number;
  /** From the first byte on. */
  readonly restMs: number;
}

/** `sentTokens`: the output limit that went up; null for none. */
export function answerTo(turn: Turn, sentTokens: number | null): Answer {
  const own = turn.maxTokens ?? modelMaxTokens;
  const limit = sentTokens ?? own;
  const outputTokens = Math.min(turn.wantedTokens, limit);
  return {
    outputTokens,
    isCutByLowering: outputTokens < Math.min(turn.wantedTokens, own),
    firstByteMs: turn.firstByteMs,
    // A test against time that goes on for hours would not show more.
    restMs: Math.min(outputTokens * turn.msPerToken, 600_000),
  };
}

/** The reply to one turn, read by the gateway's own reader. */
export class Reply {
  readonly #turn: Turn;
  readonly #id: string;
  readonly #reader: UsageReader;

  constructor(endpoint: OfferedEndpoint, id: string, turn: Turn) {
    if (endpoint.usageReader === null) throw new Error("The endpoint bills nothing.");
    this.#turn = turn;
    this.#id = id;
    this.#reader = endpoint.usageReader({
      requestedModel: model,
      status: 200,
      mediaType: turn.isStream ? "text/event-stream" : "application/json",
      isStreamRequested: turn.isStream,
      inputCharacters: null,
    });
  }

  /** The first bytes. A stream tells its input with them, and this is what is read of it then; else null. */
  start(): ReplyReading | null {
    if (!this.#turn.isStream) return null;
    this.#event("message_start", { message: { ...this.#message(), usage: this.#usage(1) } });
    return this.#reader.isInputTold === true ? this.#reader.read("cut") : null;
  }

  end(outputTokens: number): ReplyReading {
    if (this.#turn.isStream) {
      const delta = { stop_reason: "end_turn", stop_sequence: null };
      this.#event("message_delta", { delta, usage: { output_tokens: outputTokens } });
      this.#event("message_stop", {});
    } else {
      const message = { ...this.#message(), stop_reason: "end_turn", usage: this.#usage(outputTokens) };
      this.#reader.push(Buffer.from(JSON.stringify(message)));
    }
    return this.#reader.read("complete");
  }

  /** The connection was lost. */
  lost(): ReplyReading {
    return this.#reader.read("cut");
  }

  #event(type: string, rest: object): void {
    this.#reader.push(Buffer.from(`event: ${type}\ndata: ${JSON.stringify({ type, ...rest })}\n\n`));
  }

  #message(): object {
    return { id: `msg_${this.#id}`, type: "message", role: "assistant", model, content: [] };
  }

  #usage(outputTokens: number): object {
    const { inputTokens, cachedTokens } = this.#turn;
    return {
      input_tokens: 0,
      cache_read_input_tokens: cachedTokens,
      cache_creation_input_tokens: inputTokens - cachedTokens,
      cache_creation: { ephemeral_5m_input_tokens: inputTokens - cachedTokens, ephemeral_1h_input_tokens: 0 },
      output_tokens: outputTokens,
    };
  }
}

/** Nano-dollars: $6.25, $0.5 and $25 a million tokens, worked out here so that the gateway's prices are checked, too. */
export function billNanoUsd({ inputTokens, cachedTokens }: Turn, outputTokens: number): number {
  return (inputTokens - cachedTokens) * 6_250 + cachedTokens * 500 + outputTokens * 25_000;
}
