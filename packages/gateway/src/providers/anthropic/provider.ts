/** Anthropic, as the gateway knows it. Everything of its wire protocol is in `dialects/anthropic`. */

import { anthropicModelLimits } from "./model-limits.ts";
import type { Provider } from "../provider.ts";

/** The Anthropic API. Its base URL carries no version: the SDKs append `/v1`, and so does the gateway. */
export const anthropic: Provider = {
  name: "anthropic",
  displayName: "Anthropic",
  dialect: "anthropic",
  apiKeyVariable: "ANTHROPIC_API_KEY",
  baseUrlVariable: "MESHAGENT_ANTHROPIC_BASE_URL",
  defaultBaseUrl: "https://api.anthropic.com",
  pathPrefix: "/v1",
  authorization: (apiKey) => [["x-api-key", apiKey.reveal()]],
  takesIncludeUsage: false,
  modelLimits: anthropicModelLimits,
  tokensPerNonAsciiByte: 11,
  tokensPerImage: 10_000,
  // Measured by others: https://github.com/anthropics/claude-code/issues/90457.
  acceptedEncodingsVariable: "MESHAGENT_ANTHROPIC_ACCEPTED_ENCODINGS",
  acceptedEncodings: ["gzip"],
  rateLimitHeadersVariable: "MESHAGENT_ANTHROPIC_RATE_LIMIT_HEADERS",
  // The limits of Priority Tier and of fast mode have names of their own.
  rateLimitHeaderPrefixes: ["anthropic-ratelimit-", "anthropic-priority-", "anthropic-fast-"],
  probePath: "/models",
};
