/** The price card: what is accepted, and that every refusal names its place. */

import assert from "node:assert/strict";
import test from "node:test";
import { PriceCardError, loadPriceCard, priceCardSchema } from "./price-card.ts";

/** The example of the price card in the documentation. */
const EXAMPLE = {
  as_of: "2026-11-20",
  tools: {
    "openai.web_search": { price: "10", per: 1000 },
    "openai.file_search_call": { price: "2.5", per: 1000 },
    "anthropic.web_search": { price: "10", per: 1000 },
  },
  models: {
    "openai/gpt-6.2-sol": [
      {
        effective_from: "2026-01-01",
        aliases: [],
        standard: {
          input: "2",
          cache_read: "0.1",
          cache_write: "2.5",
          cache_write_30m: "2.5",
          cache_write_12h: "5",
          output: "10",
        },
        tiers: {
          priority: { multiplier: "2" },
          flex: { input: "1", cache_read: "0.05", output: "5" },
          batch: { multiplier: "0.5" },
        },
        speeds: { fast: { input: "8", output: "40" } },
        long_context: { above_input_tokens: 272_000, input_multiplier: "2", output_multiplier: "1.5" },
        inference_geo: { us: "1.1" },
        regional_multiplier: "1.1",
      },
    ],
  },
};

function cardWith(entry: Record<string, unknown>): string {
  const whole = { effective_from: "2026-01-01", standard: { input: "1" }, ...entry };
  return JSON.stringify({ as_of: "2026-11-20", models: { "openai/gpt-x": [whole] } });
}

test("the documented example is a price card, and is read as it is written", () => {
  assert.deepEqual(loadPriceCard(JSON.stringify(EXAMPLE)), EXAMPLE);
});

test("every form of a price is accepted", () => {
  const accepted: readonly Record<string, unknown>[] = [
    { standard: { second_input: { price: "0.006", per: 60 } } },
    {
      standard: { character_input: { price: "15", per: 1_000_000 }, second_output: { price: "0.1", per: 1 } },
    },
    { standard: { input: "0", input_audio: "32", output_image: "30", cache_read_text: "0.4" } },
    { standard: { input: "8", cache_write: null } },
    { long_context: { above_input_tokens: 100_000, prices: { input: "0.5", output: "2.5" } } },
    { effective_from: "2026-10-07T12:00:00Z" },
    { aliases: ["gpt-x-latest", "openai/gpt-x-2"] },
  ];
  for (const entry of accepted)
    assert.doesNotThrow(() => loadPriceCard(cardWith(entry)), JSON.stringify(entry));
});

test("a refusal names the place and what is wrong there", () => {
  const place = String.raw`models\["openai/gpt-x"\]\[0\]`;
  const refused: readonly (readonly [Record<string, unknown>, string])[] = [
    [
      { standard: { input: 2 } },
      String.raw`${place}\.standard\.input: must be a decimal string such as "0\.25"`,
    ],
    [{ standard: { input: "-2" } }, String.raw`${place}\.standard\.input: must be a decimal string`],
    [{ standard: { input: "1e-6" } }, String.raw`${place}\.standard\.input: must be a decimal string`],
    [{ standard: { input: "1", ouput: "2" } }, String.raw`${place}\.standard: Unrecognized key: "ouput"`],
    [{ standard: {} }, String.raw`${place}\.standard: must list at least one price`],
    [{ standard: { second_input: "0.006" } }, String.raw`${place}\.standard\.second_input`],
    [
      { standard: { second_input: { price: "1", per: 0 } } },
      String.raw`${place}\.standard\.second_input\.per`,
    ],
    [{ effective_from: "soon" }, String.raw`${place}\.effective_from: must be a date such as 2026-11-20`],
    [{ effective_from: "2026-13-01" }, String.raw`${place}\.effective_from`],
    [
      { tiers: { flex: {} } },
      String.raw`${place}\.tiers\.flex: must have a multiplier or at least one price`,
    ],
    [
      { tiers: { flex: { multiplier: "1", input: "1" } } },
      String.raw`${place}\.tiers\.flex: must have either`,
    ],
    [{ long_context: { above_input_tokens: 1 } }, String.raw`${place}\.long_context: must have either`],
    [{ long_context: { above_input_tokens: 1.5, input_multiplier: "2" } }, "above_input_tokens"],
    [{ inference_geo: { us: 1.1 } }, String.raw`${place}\.inference_geo\.us: must be a decimal string`],
    [{ regional_multiplier: "110%" }, String.raw`${place}\.regional_multiplier: must be a decimal string`],
    [{ discount: "0.1" }, String.raw`${place}: Unrecognized key: "discount"`],
  ];
  for (const [entry, message] of refused) {
    assert.throws(() => loadPriceCard(cardWith(entry)), {
      name: "PriceCardError",
      message: new RegExp(message),
    });
  }
});

test("a card is refused as a whole with all its faults", () => {
  const text = JSON.stringify({
    models: { "gpt-x": [{ effective_from: "2026-01-01", standard: { input: "1" } }] },
  });
  assert.throws(
    () => loadPriceCard(text),
    (error: unknown) => {
      assert.ok(error instanceof PriceCardError);
      assert.match(error.message, /as_of/);
      assert.match(error.message, /models\["gpt-x"\]: must be "provider\/model"/);
      return true;
    },
  );
  assert.throws(() => loadPriceCard("{"), { name: "PriceCardError", message: /no JSON/ });
  assert.throws(() => loadPriceCard("[]"), { name: "PriceCardError", message: /top level/ });
  assert.throws(() => loadPriceCard('{"as_of":"2026-01-01","models":{"openai/x":[]}}'), PriceCardError);
});

test("two entries of one day, and one name for two models, are refused", () => {
  const entry = { effective_from: "2026-01-01", standard: { input: "1" } };
  const twice = {
    as_of: "2026-11-20",
    models: { "openai/a": [entry, { ...entry, effective_from: "2026-01-01T00:00:00Z" }] },
  };
  assert.throws(() => loadPriceCard(JSON.stringify(twice)), { message: /same effective_from/ });

  const alias = { ...entry, aliases: ["a"] };
  const shared = { as_of: "2026-11-20", models: { "openai/a": [entry], "openai/b": [alias] } };
  assert.throws(() => loadPriceCard(JSON.stringify(shared)), { message: /alias a also names openai\/a/ });
  const both = {
    as_of: "2026-11-20",
    models: { "openai/c": [{ ...entry, aliases: ["x"] }], "openai/d": [{ ...entry, aliases: ["openai/x"] }] },
  };
  assert.throws(() => loadPriceCard(JSON.stringify(both)), { message: /also names/ });

  // The same name with another provider is another model, and a model may repeat its alias on every day.
  const apart = {
    as_of: "2026-11-20",
    models: { "openai/a": [entry], "azure/b": [alias, { ...alias, effective_from: "2026-02-01" }] },
  };
  assert.equal(priceCardSchema.safeParse(apart).success, true);
});
