/** What the rest of the gateway knows of prices: a usage record goes in, its charge comes out. */

import type { Ceiling, Reach } from "./ceiling.ts";
import type { Charge, MeteredUsage } from "@meshagent/llm-proxy-protocol/usage";

/** What a price depends on besides the usage itself. */
export interface PriceContext {
  /** The provider whose list applies, such as `openai`. For simulated replies the one stood in for. */
  readonly provider: string;
  /** When the response was made; picks the price that was in effect. Milliseconds since the epoch. */
  readonly atMs: number;
  /** `us` or `eu` when the provider's base URL is a regional host, else null. */
  readonly upstreamRegion: string | null;
}

export interface Prices {
  /** The charge of one record. Never throws: what has no price is `unpriced` with a null cost. */
  charge(usage: MeteredUsage, context: PriceContext): Charge;
  /** The most a request can cost, or null when the model, or something that it can reach, has no price. */
  ceiling(
    model: { readonly provider: string; readonly model: string; readonly atMs: number },
    reach: Reach,
  ): Ceiling | null;
}
