/** The base card: what is taken over from its data, and what is not. */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import test from "node:test";
import { BASE_CARD_VERSION, baseModels } from "./base-card.ts";
import { withoutDateSuffix } from "./catalogue.ts";
import { priceCardSchema } from "./price-card.ts";

function model(provider: string, id: string): NonNullable<ReturnType<typeof baseModels>[number]> {
  const found = baseModels(provider).find((one) => one.id === id);
  assert.ok(found, id);
  return found;
}

test("the version is that of the installed package", () => {
  const entry = createRequire(import.meta.url).resolve("@pydantic/genai-prices");
  const manifest: unknown = JSON.parse(
    readFileSync(path.join(path.dirname(entry), "../package.json"), "utf8"),
  );
  assert.ok(typeof manifest === "object" && manifest !== null && "version" in manifest);
  assert.equal(BASE_CARD_VERSION, `genai-prices@${String(manifest.version)}`);
});

test("floats become the decimals that were meant, and dates become entries", () => {
  assert.deepEqual(model("openai", "o3").entries(), [
    { effective_from: "1970-01-01", standard: { input: "10", cache_read: "0.5", output: "40" } },
    { effective_from: "2025-06-10", standard: { input: "2", cache_read: "0.5", output: "8" } },
  ]);
  assert.deepEqual(model("anthropic", "claude-haiku-4-5").entries(), [
    {
      effective_from: "1970-01-01",
      standard: { input: "1", cache_write: "1.25", cache_read: "0.1", output: "5", cache_write_1h: "2" },
    },
  ]);
});

test("a threshold becomes a long context whose prices hold for the whole request", () => {
  assert.deepEqual(model("anthropic", "claude-sonnet-4-5").entries()?.[0]?.long_context, {
    above_input_tokens: 200_000,
    prices: { input: "6", cache_write: "7.5", cache_read: "0.6", output: "22.5", cache_write_1h: "12" },
  });
});

test("hours of audio become seconds", () => {
  const entries = model("openai", "whisper-1").entries();
  assert.deepEqual(entries?.[0]?.standard, { second_input: { price: "0.36", per: 3600 } });
});

test("a prefix rule counts as one name", () => {
  const sonnet = model("anthropic", "claude-sonnet-5");
  assert.ok(!sonnet.aliases.includes("claude-sonnet-5-5"));
  assert.ok(sonnet.aliases.includes("claude-5-sonnet"));
  assert.ok(model("openai", "gpt-5.1").aliases.includes("gpt-5.1-codex"));
});

test("a provider that the data does not have by this very name has no models", () => {
  assert.deepEqual(baseModels("simulated"), []);
  assert.deepEqual(baseModels("my-openai-mirror"), []);
});

test("every model of the two providers is a price card, or is left out for a reason", () => {
  const leftOut: string[] = [];
  for (const provider of ["openai", "anthropic"]) {
    for (const { id, entries } of baseModels(provider)) {
      const made = entries();
      if (made === null) {
        leftOut.push(id);
        continue;
      }
      const parsed = priceCardSchema.safeParse({
        as_of: "2026-09-23",
        models: { [`${provider}/${id}`]: made },
      });
      assert.ok(parsed.success, `${id}: ${parsed.error?.message}`);
    }
  }
  // Moderations are free and have no price at all.
  assert.deepEqual(leftOut, ["moderation"]);
});

test("the undated form of a dated alias is no other model's name", () => {
  for (const provider of ["openai", "anthropic"]) {
    const models = baseModels(provider);
    const owners = new Map(models.flatMap(({ id, aliases }) => [id, ...aliases].map((name) => [name, id])));
    for (const { id, aliases } of models) {
      for (const alias of aliases) {
        const owner = owners.get(withoutDateSuffix(alias) ?? alias);
        assert.ok(owner === undefined || owner === id, `${alias} of ${id} would be ${owner}`);
      }
    }
  }
});
