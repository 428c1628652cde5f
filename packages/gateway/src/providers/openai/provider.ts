/** OpenAI, as the gateway knows it. Everything of its wire protocol is in `dialects/openai`. */

import { openAiModelLimits } from "./model-limits.ts";
import { openAiModelTraits } from "./model-traits.ts";
import type { Provider } from "../provider.ts";

/** The OpenAI API. Keys and base URL as its own SDKs take them, the version being part of the base URL. */
export const openai: Provider = {
  name: "openai",
  displayName: "OpenAI",
  dialect: "openai",
  apiKeyVariable: "OPENAI_API_KEY",
  baseUrlVariable: "MESHAGENT_OPENAI_BASE_URL",
  defaultBaseUrl: "https://api.openai.com/v1",
  pathPrefix: "",
  authorization: (apiKey) => [["authorization", `Bearer ${apiKey.reveal()}`]],
  takesIncludeUsage: true,
  modelLimits: openAiModelLimits,
  modelTraits: openAiModelTraits,
  tokensPerNonAsciiByte: 1,
  tokensPerImage: 50_000,
  // Codex compresses for ChatGPT's own backend alone, never with an API key: nothing says that this API takes it.
  acceptedEncodingsVariable: "MESHAGENT_OPENAI_ACCEPTED_ENCODINGS",
  acceptedEncodings: [],
  rateLimitHeadersVariable: "MESHAGENT_OPENAI_RATE_LIMIT_HEADERS",
  rateLimitHeaderPrefixes: ["x-ratelimit-"],
  probePath: "/models",
};
