/**
 * What a dialect says of a request so that the most it can cost is known before it is sent: its input in the order in
 * which a conversation grows, its output limit, and whatever makes it cost more than its bytes show. It reads a parsed
 * copy and changes nothing. Knows no price and no budget.
 */

/** How a request limits its output. */
export interface OutputLimit {
  readonly name: string;
  readonly tokens: number | null;
  /** Other members of the request that a provider may obey instead: lowered with it. */
  readonly alsoIn?: readonly string[];
  /** The endpoint takes no limit: nothing can be lowered. */
  readonly isFixed?: true;
}

export interface RequestBound {
  /** The part of the input that grows from turn to turn: messages, items. */
  readonly turns: readonly unknown[];
  /** The rest of the input in parts that change one by one: tools, each system block, the remaining members. */
  readonly parts: readonly unknown[];
  /** The member that limits the output, and what it says; null: it does not. */
  readonly outputLimit: OutputLimit;
  /**
   * What decides how the same conversation is counted, besides its text: a count that the provider gave holds only
   * for the same. Hashed, never shown.
   */
  readonly countedAs?: unknown;
  /** Input that the provider adds by itself for what the request names, in tokens. */
  readonly hiddenTokens?: number;
  /** Tokens of the output that are set aside for thinking and must stay below the limit; null: none are. */
  readonly thinkingTokens: number | null;
  /** Answers that are billed each: `n`. 0 for endpoints without output. */
  readonly outputs: number;
  /** How often the whole input may be billed: 1, and one more for each allowed call of a hosted tool. */
  readonly rounds: number;
  /** Calls of hosted tools that are billed by the call, as usage counts them. */
  readonly toolCalls: {
    readonly web_search_requests?: number;
    readonly web_search_preview_requests?: number;
    readonly file_search_calls?: number;
  };
  /** What makes its cost unbounded, in words that go into "... with <this>"; null: nothing does. */
  readonly unboundable: string | null;
  /** How today's clients leave that out: a sentence, where it is known. */
  readonly remedy?: string;
  /** Tiers it asks for, and tiers the account's defaults may put it into; null is standard. */
  readonly tiers: readonly (string | null)[];
  readonly possibleTiers: readonly string[];
  readonly speeds: readonly (string | null)[];
  readonly hasLongCacheLifetime: boolean;
  readonly hasAudioOutput: boolean;
}

/** Reads the bound of a request of one endpoint. Never throws, whatever the body holds. */
export type ReadRequestBound = (body: Readonly<Record<string, unknown>>) => RequestBound;

/** What the bytes of an input do not show. */
export interface Unseen {
  /** Pictures, which cost a bounded number of tokens each, whatever their bytes. */
  readonly images: number;
  /** Something of which only the model's window is a bound: a file, a recording, a reference. */
  readonly isOpen: boolean;
  /** It names something that can hold more the next time: a conversation, an address. A count of it is soon untrue. */
  readonly mayChange: boolean;
}

const openNames = /audio|video|file|document|screenshot|reference|container|previous_response|conversation/i;
const imageNames = /image/i;
const openMembers = /^(?:file_id|file_url|file_data|previous_response_id|conversation|audio)$/;
const addresses = /^(?:url|image_url|file_url)$/;
const growing = /^(?:conversation|container|previous_response_id)$/;

/** Goes through an input. By the names of types and members, generously: what is merely called so costs only room. */
export function unseenIn(value: unknown): Unseen {
  let images = 0;
  let isOpen = false;
  let mayChange = false;
  const visit = (node: unknown): void => {
    if (typeof node !== "object" || node === null) return;
    if (Array.isArray(node)) {
      for (const element of node) visit(element);
      return;
    }
    const type: unknown = (node as Record<string, unknown>)["type"];
    if (typeof type === "string" && openNames.test(type)) isOpen = true;
    else if (typeof type === "string" && imageNames.test(type)) images += 1;
    for (const name of Object.keys(node)) {
      const member: unknown = (node as Record<string, unknown>)[name];
      if (member === null) continue;
      if (openMembers.test(name)) isOpen = true;
      if (growing.test(name)) mayChange = true;
      if (addresses.test(name) && typeof member === "string" && !member.startsWith("data:")) mayChange = true;
      visit(member);
    }
  };
  visit(value);
  return { images, isOpen, mayChange };
}

/** Takes out of a parsed body, everywhere, the marks that cost nothing themselves and move from turn to turn. */
export function dropCacheMarks(value: unknown): { readonly hasLongLifetime: boolean } {
  let hasLongLifetime = false;
  const visit = (node: unknown): void => {
    if (typeof node !== "object" || node === null) return;
    if (Array.isArray(node)) {
      for (const element of node) visit(element);
      return;
    }
    const object = node as Record<string, unknown>;
    const mark = object["cache_control"];
    if (mark !== undefined) {
      if (typeof mark === "object" && mark !== null && "ttl" in mark && mark.ttl !== "5m")
        hasLongLifetime = true;
      delete object["cache_control"];
    }
    for (const member of Object.values(object)) visit(member);
  };
  visit(value);
  return { hasLongLifetime };
}

/** How many of something a request asks for: 1 where it does not say, null where what it says is no such number. */
export function countAsked(value: unknown): number | null {
  if (value === undefined || value === null) return 1;
  const count = wholeNumber(value);
  return count === null ? null : Math.max(1, count);
}

/** A whole number from 0 on, else null. */
export function wholeNumber(value: unknown): number | null {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0 ? value : null;
}

/** The members that are input besides those with a place of their own. */
export function restOf(
  body: Readonly<Record<string, unknown>>,
  without: ReadonlySet<string>,
): Readonly<Record<string, unknown>> {
  const rest: Record<string, unknown> = Object.create(null);
  for (const name of Object.keys(body)) if (!without.has(name)) rest[name] = body[name];
  return rest;
}
