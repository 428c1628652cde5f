/** A provider of no name, for tests of the API. */

import type { Provider } from "../providers/provider.ts";

/** A provider that the API has never heard of, which is how it sees every one. */
export function makeProvider(name: string): Provider {
  return {
    name,
    displayName: name.toUpperCase(),
    dialect: "openai",
    apiKeyVariable: `${name.toUpperCase()}_API_KEY`,
    baseUrlVariable: `${name.toUpperCase()}_BASE_URL`,
    defaultBaseUrl: `https://api.${name}.test/v1`,
    pathPrefix: "",
    authorization: () => [],
    takesIncludeUsage: true,
    acceptedEncodingsVariable: `${name.toUpperCase()}_ACCEPTED_ENCODINGS`,
    acceptedEncodings: [],
    rateLimitHeadersVariable: `${name.toUpperCase()}_RATE_LIMIT_HEADERS`,
    rateLimitHeaderPrefixes: ["x-ratelimit-"],
    modelLimits: () => null,
    tokensPerNonAsciiByte: 11,
    tokensPerImage: 10_000,
    probePath: "/models",
  };
}
