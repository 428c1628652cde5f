import assert from "node:assert/strict";
import { test } from "node:test";
import { GatewayError } from "../errors.ts";
import { openai } from "../providers/openai/provider.ts";
import { sampleRouted, type SampleOptions } from "../sample-routed.ts";
import { admit } from "./admit.ts";

const deps = { providerFor: () => openai };

function refusal(options: SampleOptions): string | null {
  try {
    admit(deps, sampleRouted(options));
    return null;
  } catch (error) {
    assert(error instanceof GatewayError);
    assert.equal(error.code, "model_not_granted");
    return error.message;
  }
}

const images = { endpoint: "images.generations", models: ["openai/gpt-image-*"] };

test("every model that an exchange bills needs its grant", () => {
  const policy = { model: "gpt-image-2", otherModels: ["gpt-5.5"] };
  assert.match(refusal({ ...images, policy }) ?? "", /does not cover the model "openai\/gpt-5.5"/);
  assert.equal(refusal({ ...images, models: ["openai/gpt-image-2", "openai/gpt-5.5"], policy }), null);
  assert.equal(refusal({ ...images, models: null, policy }), null);
  assert.match(
    refusal({ ...images, policy: { model: "gpt-5.5", otherModels: [] } }) ?? "",
    /does not cover the model "openai\/gpt-5.5"/,
  );
});

test("a narrowed token does not leave the choice of what is billed to the provider", () => {
  const policy = { model: "", hasUnknownModel: true };
  assert.match(
    refusal({ ...images, policy }) ?? "",
    /names no model.*It may use "openai\/gpt-image-\*"\. Name one of these in `model`/,
  );
  assert.equal(refusal({ ...images, models: null, policy }), null);
  for (const endpoint of ["moderations", "models", "responses.input_tokens"]) {
    assert.equal(refusal({ ...images, endpoint, policy: { model: "" } }), null, `${endpoint} is free`);
  }
});
