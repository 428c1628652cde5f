/**
 * What a provider is to the gateway. One folder here makes one provider, and nothing else in the tree
 * names it: everything that differs between providers of a dialect is a member of this interface.
 */

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
  /** The cheapest authenticated request that proves a key: path below `pathPrefix`. */
  readonly probePath: string;
}

/** A provider's key and base URL as the environment or the config file gives them. */
export interface ProviderDefaults {
  readonly apiKey: Secret | null;
  /** null: the provider's own. */
  readonly baseUrl: string | null;
}
