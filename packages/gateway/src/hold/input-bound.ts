/**
 * The most input tokens that a request can be billed for. Sound, not likely: by the provider's own count of the same
 * beginning, else by bytes under the rule of its tokenizer, and never more than the model's window takes. Pictures
 * count by the piece; files, recordings and references only by the window (facts/budget.md 2).
 */

import type { ModelLimits } from "../providers/provider.ts";
import { type RequestBound, type Unseen, unseenIn } from "../dialects/request-bound.ts";
import { addPlainJson, addText, type TextSize } from "./json-size.ts";
import type { BoundKind } from "./quarantine.ts";
import { type Conversation, hashConversation, type KnownPrefixes } from "./known-prefixes.ts";

export interface InputRule {
  /** 1 where the tokenizer is known not to normalise. */
  readonly tokensPerNonAsciiByte: number;
  readonly tokensPerImage: number;
  readonly limits: ModelLimits | null;
  /** Keeps conversations of different models and upstreams apart. */
  readonly scope: string;
}

export interface InputBound {
  /** null: nothing bounds it. */
  readonly tokens: number | null;
  /** Which bound that is; null with null tokens. */
  readonly kind: BoundKind | null;
  /** To remember what the provider says of it; null where its bytes are so few that nothing is gained. */
  readonly conversation: Conversation | null;
  readonly hasMedia: boolean;
}

const inputKinds = ["window", "bytes", "prefix"] as const;

/** What a template adds to a conversation: the marks of roles and turns, and a tool system prompt. */
const templateTokens = 1_000;
/** Up to so many tokens by its bytes a request is not looked up among known beginnings: its hold is small anyway. */
const smallInputTokens = 8_192;
/** What a template adds behind a known beginning (facts/budget.md 2). */
const continuationTokens = 400;

export interface InputSources {
  readonly prefixes: KnownPrefixes;
  /** Of the decoded body: what its parsed copy does not show is counted by its bytes. */
  readonly bodyBytes: number;
  /** Its text has a backslash. */
  readonly hasEscapes: boolean;
  /** Bounds that are not to be believed (`quarantine.ts`). */
  readonly wrong: ReadonlySet<BoundKind>;
}

export function boundInput(
  bound: RequestBound,
  rule: InputRule,
  { prefixes, bodyBytes, hasEscapes, wrong }: InputSources,
): InputBound {
  const window = wrong.has("window") ? null : (rule.limits?.contextTokens ?? null);
  const unseen = unseenIn([...bound.parts, ...bound.turns]);
  const hasMedia = unseen.isOpen || unseen.images > 0;
  // A small one is not looked up by its texts: without escapes its size is known without writing them.
  const texts = hasEscapes || bodyBytes > smallInputTokens ? textsOf(bound) : null;
  const size = texts === null ? plainSizeOf(bound) : sizeOf([...texts.parts, ...texts.turns]);
  const bytes =
    tokensOf(size, rule) +
    templateTokens +
    (bound.hiddenTokens ?? 0) +
    // White space, escapes, and whatever a parser kept to itself, such as the first of two members of one name.
    Math.max(0, bodyBytes - size.bytes);
  const cold = wrong.has("bytes") ? null : sum([bytes, mediaBound(unseen, rule)]);
  if (bound.rounds === 1 && cold !== null && cold <= smallInputTokens) {
    return { ...smallest({ bytes: cold, window }), conversation: null, hasMedia };
  }
  const { turns, parts } = texts ?? textsOf(bound);
  const scope = `${rule.scope} ${textOf(bound.countedAs)}`;
  const conversation = hashConversation(scope, turns, parts);
  if (bound.rounds > 1) {
    const all = window === null ? null : window * bound.rounds;
    return { ...smallest({ window: all }), conversation: null, hasMedia };
  }
  // What is new behind a known beginning is bounded by its bytes.
  const isWarmWrong = wrong.has("prefix") || wrong.has("bytes");
  const prefix = isWarmWrong ? null : warmBound(bound, { turns, parts, conversation, rule, prefixes });
  // What can hold more the next time is not remembered by what it held this time.
  return {
    ...smallest({ prefix, bytes: cold, window }),
    conversation: unseen.mayChange ? null : conversation,
    hasMedia,
  };
}

interface WarmInput {
  readonly turns: readonly string[];
  readonly parts: readonly string[];
  readonly conversation: Conversation;
  readonly rule: InputRule;
  readonly prefixes: KnownPrefixes;
}

/** By what the provider counted for a beginning of it. null: no beginning is known, or what is new has no bound. */
function warmBound(
  bound: RequestBound,
  { turns, parts, conversation, rule, prefixes }: WarmInput,
): number | null {
  const found = prefixes.find(conversation);
  if (found === null) return null;
  // A part that was counted once is known once, however often it is sent.
  const seen = new Set<string>();
  const isNew = conversation.parts.map((key) => {
    const isKnown = found.known.parts.has(key) && !seen.has(key);
    seen.add(key);
    return !isKnown;
  });
  const newParts = parts.filter((_part, index) => isNew[index]);
  const added = bound.parts.filter((_part, index) => isNew[index]);
  const newTurns = turns.slice(found.turns);
  return sum([
    found.known.inputTokens +
      continuationTokens +
      (newParts.length === 0 ? 0 : (bound.hiddenTokens ?? 0)) +
      tokensOf(sizeOf([...newParts, ...newTurns]), rule),
    mediaBound(unseenIn([...added, ...bound.turns.slice(found.turns)]), rule),
  ]);
}

function sizeOf(texts: readonly string[]): TextSize {
  const size = { bytes: 0, nonAscii: 0 };
  for (const text of texts) addText(text, size);
  return size;
}

function plainSizeOf({ turns, parts }: RequestBound): TextSize {
  const size = { bytes: 0, nonAscii: 0 };
  for (const part of parts) addPlainJson(part, size);
  for (const turn of turns) addPlainJson(turn, size);
  return size;
}

function textsOf({ turns, parts }: RequestBound): Record<"turns" | "parts", readonly string[]> {
  return { turns: turns.map(textOf), parts: parts.map(textOf) };
}

/** ASCII is a byte and at most a token. */
function tokensOf({ bytes, nonAscii }: TextSize, rule: InputRule): number {
  return bytes + (rule.tokensPerNonAsciiByte - 1) * nonAscii;
}

function mediaBound({ images, isOpen }: Unseen, rule: InputRule): number | null {
  return isOpen ? null : images * rule.tokensPerImage;
}

function textOf(value: unknown): string {
  return value === undefined ? "" : JSON.stringify(value);
}

function sum(parts: readonly (number | null)[]): number | null {
  let total = 0;
  for (const part of parts) {
    if (part === null) return null;
    total += part;
  }
  return total;
}

function smallest(
  bounds: Readonly<Partial<Record<BoundKind, number | null>>>,
): Pick<InputBound, "tokens" | "kind"> {
  let least: Pick<InputBound, "tokens" | "kind"> = { tokens: null, kind: null };
  for (const kind of inputKinds) {
    const tokens = bounds[kind] ?? null;
    if (tokens !== null && (least.tokens === null || tokens < least.tokens)) least = { tokens, kind };
  }
  return least;
}
