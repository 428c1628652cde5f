/**
 * Who asks, for what, and what the provider really makes of it: coding agents whose turns repeat all that went before,
 * and chats. Knows no gateway and no price.
 *
 * Sizes, medians, maxima and shares are those of the design study that set the targets (facts/budget.md, its model and
 * section 7). What it leaves open is `chosen`, and the reason stands beside it. The targets are not among the reasons:
 * a figure here may change because clients or providers are found to be different, not because a policy misses one.
 */

import type { Chance } from "./chance.ts";

/** A 200k window and the prices of the model: $5 in, $0.5 cache read, $6.25 cache write, $25 out. */
export const model = "claude-opus-4-5";
/** Chosen: a client begins anew, with a summary, before its model's window is full. The study does not say. */
const compactAtTokens = 175_000;
/** By so much a body grows with each turn (study). */
const turnBytes = 5_000;
/** Of the turns after a session's first: so many find all that went before in the provider's cache (study). */
const cacheHits = 0.98;
/** A body of code and prose has between these, for one agent always the same (study). */
const tokensPerByte = [0.23, 0.3] as const;
/** An agent's body at the start of a session (study). */
const sessionBytes = [200_000, 800_000] as const;

/**
 * Deviations of the logarithms. The study gives medians and maxima, log-normal, and no spread. Chosen for agents: 1, by
 * which one answer in 1,300 would be longer than the 12k where the study ends them. It is on the hard side: under the
 * study's own policy (half of what is free, 16k, then 4k) 1.0 % of the answers are cut at $10 and 0.25 % at $50, where
 * the study has 0.24 % and 0.15 %; 0.9 would come closest. For chats, of which the study says only "300 tokens": 0.5,
 * which is on the hard side, too (0.31 % cut at $1, against its 0.02 %).
 */
const agentSpread = 1;
const chatSpread = 0.5;

/** One request and what becomes of it if nobody limits it. */
export interface Turn {
  readonly body: string;
  /** The body's own output limit; null for none. */
  readonly maxTokens: number | null;
  readonly isStream: boolean;
  /** All input as the provider's tokenizer counts it. */
  readonly inputTokens: number;
  /** Part of it that the provider's cache has; the rest is written to it. */
  readonly cachedTokens: number;
  /** What the model would write, hidden reasoning included. */
  readonly wantedTokens: number;
  /** To `message_start`. */
  readonly firstByteMs: number;
  readonly msPerToken: number;
}

export interface Client {
  readonly kind: "agent" | "chat";
  readonly name: string;
  /** The next request; called again only when the one before was answered. */
  next(): Turn;
  /** Between an answer and the next request. */
  pauseMs(): number;
}

export interface TrafficOptions {
  /** Half of the agents' turns reason at length, unseen: median 8k, at most 100k tokens. */
  readonly reasonsHeavily: boolean;
  /** The provider counts each byte as a token, caches nothing and writes to every limit. */
  readonly isAdversarial: boolean;
  readonly nonStreamingShare: number;
}

export function createAgent(name: string, chance: Chance, options: TrafficOptions): Client {
  const density = options.isAdversarial ? 1 : chance.between(...tokensPerByte);
  const maxTokens = chance.pick([32_000, 64_000, 128_000]);
  let sessions = 0;
  let previousTokens = 0;
  let session = startSession();

  function startSession(): Session {
    const most = Math.min(sessionBytes[1], (compactAtTokens - 10_000) / density);
    const least = options.isAdversarial ? 20_000 : sessionBytes[0];
    previousTokens = 0;
    return new Session(`${name}.${sessions++}`, chance.between(least, Math.max(least, most)));
  }

  return {
    kind: "agent",
    name,
    next: () => {
      if (session.bytes * density > compactAtTokens) session = startSession();
      const isStream = !chance.is(options.nonStreamingShare);
      const body = session.turn({ maxTokens, isStream });
      const inputTokens = Math.round(body.length * density);
      const isHit = !options.isAdversarial && chance.is(cacheHits);
      const cachedTokens = isHit ? Math.min(previousTokens, inputTokens) : 0;
      previousTokens = inputTokens;
      return {
        body,
        maxTokens,
        isStream,
        inputTokens,
        cachedTokens,
        wantedTokens: options.isAdversarial ? Infinity : wantedByAgent(chance, options.reasonsHeavily),
        firstByteMs: firstByteMs(chance, inputTokens - cachedTokens),
        msPerToken: 1000 / chance.between(50, 90),
      };
    },
    // Chosen: tools of a coding agent, mostly quick. Shorter ones are harder: more run at once.
    pauseMs: () => Math.min(60_000, chance.logNormal(3_000, 0.8)),
  };
}

export function createChat(name: string, chance: Chance, options: TrafficOptions): Client {
  let asked = 0;
  return {
    kind: "chat",
    name,
    next: () => {
      const maxTokens = chance.is(0.5) ? null : chance.pick([2_048, 4_096, 8_192]);
      const isStream = !chance.is(options.nonStreamingShare);
      const content = prose(`${name} asks for the ${asked++}. time. `, 1_900);
      const limit = maxTokens === null ? "" : `"max_tokens":${maxTokens},`;
      const body = `{"model":"${model}",${limit}"stream":${isStream},"messages":[${userMessage(content, false)}]}`;
      const inputTokens = Math.round(
        body.length * (options.isAdversarial ? 1 : chance.between(...tokensPerByte)),
      );
      return {
        body,
        maxTokens,
        isStream,
        inputTokens,
        cachedTokens: 0,
        wantedTokens: options.isAdversarial
          ? Infinity
          : output(chance, { median: 300, spread: chatSpread, most: 4_000 }),
        firstByteMs: firstByteMs(chance, inputTokens),
        msPerToken: 1000 / chance.between(50, 90),
      };
    },
    // Chosen: a person reads and types.
    pauseMs: () => Math.min(120_000, chance.logNormal(8_000, 0.8)),
  };
}

/** The conversation of one agent, grown turn by turn. Its bodies are ASCII, so a character is a byte. */
class Session {
  readonly #name: string;
  readonly #head: string;
  readonly #messages: string[] = [];
  #bytes = 0;

  constructor(name: string, bytes: number) {
    this.#name = name;
    const tools = prose(`The tools of ${name}. `, Math.min(40_000, bytes / 5));
    this.#head = `"system":[{"type":"text","text":"${tools}","cache_control":{"type":"ephemeral"}}]`;
    this.#bytes = this.#head.length;
    while (this.#bytes < bytes - turnBytes) this.#grow();
  }

  get bytes(): number {
    return this.#bytes;
  }

  turn({ maxTokens, isStream }: { readonly maxTokens: number; readonly isStream: boolean }): string {
    this.#grow();
    const last = this.#messages.length - 1;
    const messages = this.#messages.map((content, index) =>
      index % 2 === 0 ? userMessage(content, index === last) : assistantMessage(content),
    );
    return `{"model":"${model}","max_tokens":${maxTokens},"stream":${isStream},${this.#head},"messages":[${messages.join()}]}`;
  }

  /** By the model's answer and what its tools gave, so that a turn of the caller's is always the last. */
  #grow(): void {
    const count = this.#messages.length;
    const parts = count === 0 ? [turnBytes] : [turnBytes / 5, (turnBytes * 4) / 5];
    for (const [index, bytes] of parts.entries()) {
      this.#messages.push(prose(`${this.#name}: message ${count + index}. `, bytes - 40));
    }
    this.#bytes += turnBytes;
  }
}

/** The mark moves on with every turn, as those of coding agents do. */
function userMessage(text: string, isMarked: boolean): string {
  const mark = isMarked ? ',"cache_control":{"type":"ephemeral"}' : "";
  return `{"role":"user","content":[{"type":"text","text":"${text}"${mark}}]}`;
}

function assistantMessage(text: string): string {
  return `{"role":"assistant","content":[{"type":"text","text":"${text}"}]}`;
}

const filler = "Plain words that no one has to read stand here for what a session has said before. ".repeat(
  600,
);

function prose(begin: string, bytes: number): string {
  return begin + filler.slice(0, Math.max(0, Math.round(bytes) - begin.length));
}

function output(
  chance: Chance,
  { median, spread, most }: { readonly median: number; readonly spread: number; readonly most: number },
): number {
  return Math.max(1, Math.min(most, Math.round(chance.logNormal(median, spread))));
}

function wantedByAgent(chance: Chance, reasonsHeavily: boolean): number {
  const said = output(chance, { median: 600, spread: agentSpread, most: 12_000 });
  const reasons = reasonsHeavily && chance.is(0.5);
  return reasons ? said + output(chance, { median: 8_000, spread: agentSpread, most: 100_000 }) : said;
}

/** Chosen: 0.7 to 2.2 s, and what is not cached is read at 30,000 tokens a second. Until then all of it is held. */
function firstByteMs(chance: Chance, uncachedTokens: number): number {
  return chance.between(700, 2_200) + uncachedTokens / 30;
}
