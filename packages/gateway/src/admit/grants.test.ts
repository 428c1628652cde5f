import assert from "node:assert/strict";
import { test } from "node:test";
import type { LlmGrant } from "@meshagent/llm-proxy-protocol/grants";
import { GatewayError } from "../errors.ts";
import type { Principal } from "../exchange.ts";
import { checkGrant, visibleModels } from "./grants.ts";

function principal(llm: LlmGrant | null): Principal {
  return {
    projectId: "p",
    apiKeyId: "k",
    room: "my-room",
    participant: "cli-agent",
    role: "agent",
    grants: { room: "my-room", role: "agent", llm },
    tokenId: "t",
    expiresAtMs: null,
    onDisconnect: null,
  };
}

function refusal(llm: LlmGrant | null, model: string): GatewayError {
  try {
    checkGrant(principal(llm), "openai", model);
  } catch (error) {
    assert(error instanceof GatewayError);
    return error;
  }
  assert.fail("not refused");
}

test("without an llm grant nothing passes, and the message says how to get one", () => {
  for (const model of ["gpt-5.5", ""]) {
    const error = refusal(null, model);
    assert.equal(error.code, "missing_grant");
    assert.equal(error.isRetryable, false);
    assert.equal(
      error.message,
      'The token of "cli-agent" in room "my-room" has no `api.llm` grant, which using the proxy takes. Put ' +
        "`api: { llm: {} }` in the token spec and mint a new token: `meshagent token --input token-spec.yaml`.",
    );
  }
});

test("a covered model passes, and so does a request without one", () => {
  for (const models of [null, ["openai/gpt-5.5"], ["openai/gpt-*"], ["openai/*"], ["*"]]) {
    assert.doesNotThrow(() => checkGrant(principal({ models }), "openai", "gpt-5.5"));
  }
  assert.doesNotThrow(() => checkGrant(principal({ models: [] }), "openai", ""));
});

test("a model that is not covered is named, with what may be used", () => {
  const error = refusal({ models: ["openai/gpt-5.4", "anthropic/*"] }, "gpt-5.5");
  assert.equal(error.code, "model_not_granted");
  assert.equal(error.param, "model");
  assert.equal(
    error.message,
    'The token of "cli-agent" in room "my-room" does not cover the model "openai/gpt-5.5". It may use "openai/gpt-5.4", ' +
      '"anthropic/*". Choose one of these, or widen `api.llm.models` in the token spec and mint a new token: ' +
      "`meshagent token --input token-spec.yaml`.",
  );
});

test("the same model of another provider is not covered", () => {
  assert.equal(refusal({ models: ["anthropic/gpt-5.5"] }, "gpt-5.5").code, "model_not_granted");
  assert.equal(refusal({ models: ["gpt-5.5"] }, "gpt-5.5").code, "model_not_granted");
});

test("messages stay short whatever the token and the caller say", () => {
  const many = Array.from({ length: 500 }, (_, index) => `openai/model-${index}-${"x".repeat(300)}`);
  const error = refusal({ models: many }, `evil\r\n${"y".repeat(100_000)}`);
  assert.match(error.message, /and 490 more\./);
  assert.ok(error.message.length < 2000, String(error.message.length));
  assert.doesNotMatch(error.message, /[\r\n]/);
  assert.match(refusal({ models: [] }, "gpt-5.5").message, /empty list, so it may use no model/);
});

test("lists show what is covered, in their order", () => {
  const models = ["gpt-5.5", "gpt-5.4", "o5"];
  assert.deepEqual(visibleModels({ models: null }, "openai", models), models);
  assert.deepEqual(visibleModels({ models: ["openai/o5", "openai/gpt-5.5"] }, "openai", models), [
    "gpt-5.5",
    "o5",
  ]);
  assert.deepEqual(visibleModels({ models: ["anthropic/*"] }, "openai", models), []);
  assert.deepEqual(visibleModels({ models: [] }, "openai", models), []);
});
