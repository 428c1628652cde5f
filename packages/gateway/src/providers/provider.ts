/**
 * What a provider is to the gateway. One folder here makes one provider, and nothing else in the tree
 * names it: everything that differs between providers of a dialect is a member of this interface.
 */

import type { ContentEncoding } from "../encoding.ts";
import type { PassingChoice } from "../passing.ts";
import type { HeaderLines } from "../upstream/client.ts";
import type { Secret } from "@meshagent/llm-proxy-protocol/secret";

export type DialectName = "openai" | "anthropic";

export interface Provider {
  /** As in `provider/model` patterns, price cards and rows. */
  readonly name: string;
  /** For people: banner, doctor, errors. */
  readonly displayName: string;
  /** The wire protocol that it answers natively. */
  readonly dialect: DialectName;
  /** Environment variable that holds its default key. */
  readonly apiKeyVariable: string;
  /** Environment variable that moves its base URL. */
  readonly baseUrlVariable: string;
  readonly defaultBaseUrl: string;
  /** Path prefix of the dialect's endpoints below the base URL: "" or "/v1". */
  readonly pathPrefix: string;
  /** The lines that authenticate a request with this key. */
  authorization(apiKey: Secret): HeaderLines;
  /** False for a server that rejects `stream_options.include_usage`. */
  readonly takesIncludeUsage: boolean;
  /**
   * The most that a model takes and gives in one sampling, or null for one that it does not know. Too large is safe:
   * a hold is then larger than it needs to be.
   */
  modelLimits(model: string): ModelLimits | null;
  /**
   * What a model can do, for clients that ask before they use it; null for one that it does not know. Absent: it
   * knows none.
   */
  modelTraits?(model: string): ModelTraits | null;
  /**
   * The most tokens that a byte outside ASCII becomes: 1 for a byte-level tokenizer that does not normalise, 11 where
   * nothing is known of it (NFKC turns U+FDFA into 11 times its length; facts/budget.md 2). A byte of ASCII is
   * at most one token everywhere.
   */
  readonly tokensPerNonAsciiByte: number;
  /** The most tokens that one picture costs. */
  readonly tokensPerImage: number;
  /** Environment variable that says which encodings go up as they came: names with commas, or `none`. */
  readonly acceptedEncodingsVariable: string;
  /**
   * The encodings of a request's body that it is known to take, where nobody says otherwise. A body in another one, or
   * in a stack of them, goes up decoded.
   */
  readonly acceptedEncodings: readonly ContentEncoding[];
  /** Environment variable that says whether the account's rate-limit headers `pass` to callers or are `drop`ped. */
  readonly rateLimitHeadersVariable: string;
  /** How the lower-case names begin of the lines that tell what is left of the account's rate limits. */
  readonly rateLimitHeaderPrefixes: readonly string[];
  /** The cheapest authenticated request that proves a key: path below `pathPrefix`. */
  readonly probePath: string;
}

export interface ModelLimits {
  /** Input and output together. */
  readonly contextTokens: number;
  readonly maxOutputTokens: number;
}

/** How long a model may think, in OpenAI's words, from the least. */
export type ReasoningEffort = "none" | "minimal" | "low" | "medium" | "high" | "xhigh";

export interface ModelTraits {
  /** For people. */
  readonly displayName: string;
  /** It converses and calls functions: what an agent needs at all. */
  readonly callsTools: boolean;
  /** It calls tools whose input is free text, besides those whose input is JSON. */
  readonly takesCustomTools: boolean;
  /** It looks for tools itself, of which it is told only that they are there. */
  readonly takesToolSearch: boolean;
  readonly takesVerbosity: boolean;
  readonly takesImages: boolean;
  /** Empty for one that does not reason. */
  readonly reasoningEfforts: readonly ReasoningEffort[];
}

/** A provider's key, base URL and choices as the environment gives them. */
export interface ProviderDefaults {
  readonly apiKey: Secret | null;
  /** null: the provider's own. */
  readonly baseUrl: string | null;
  /** Absent: the provider's own. */
  readonly passing?: PassingChoice;
}
