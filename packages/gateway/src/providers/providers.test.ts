/** The shipped providers against the conformance suite, and what is particular to each. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { Secret } from "@meshagent/llm-proxy-protocol/secret";
import { anthropic } from "./anthropic/provider.ts";
import { testProvider, testProviderSet } from "./conformance.ts";
import { openai } from "./openai/provider.ts";

testProvider(openai);
testProvider(anthropic);
testProviderSet([openai, anthropic]);

test("OpenAI is asked with a bearer, below its versioned base URL", () => {
  assert.deepEqual(openai.authorization(new Secret("sk-1")), [["authorization", "Bearer sk-1"]]);
  assert.equal(
    openai.defaultBaseUrl + openai.pathPrefix + openai.probePath,
    "https://api.openai.com/v1/models",
  );
  assert.equal(openai.apiKeyVariable, "OPENAI_API_KEY");
  assert.equal(openai.baseUrlVariable, "MESHAGENT_OPENAI_BASE_URL");
});

test("Anthropic is asked with x-api-key, its version appended to the base URL", () => {
  assert.deepEqual(anthropic.authorization(new Secret("sk-2")), [["x-api-key", "sk-2"]]);
  assert.equal(
    anthropic.defaultBaseUrl + anthropic.pathPrefix + anthropic.probePath,
    "https://api.anthropic.com/v1/models",
  );
  assert.equal(anthropic.apiKeyVariable, "ANTHROPIC_API_KEY");
  assert.equal(anthropic.baseUrlVariable, "MESHAGENT_ANTHROPIC_BASE_URL");
});
