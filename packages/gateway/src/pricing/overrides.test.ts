/** The shipped overrides: well formed, found by their names, and in line with the base card except where we say why. */

import assert from "node:assert/strict";
import test from "node:test";
import { baseModels } from "./base-card.ts";
import { createCatalogue } from "./catalogue.ts";
import { overrides } from "./overrides.ts";
import { TOKEN_COMPONENTS, priceCardSchema } from "./price-card.ts";

const NOW = Date.parse("2026-11-24T00:00:00Z");
const catalogue = createCatalogue({ card: null, overrides });

test("they are a price card", () => {
  const parsed = priceCardSchema.safeParse(overrides);
  assert.ok(parsed.success, parsed.error?.message);
  assert.deepEqual(parsed.data, overrides);
});

test("every id and alias resolves to its own entry", () => {
  for (const [id, entries] of Object.entries(overrides.models)) {
    const slash = id.indexOf("/");
    const provider = id.slice(0, slash);
    for (const name of [id.slice(slash + 1), ...entries.flatMap((one) => one.aliases ?? [])]) {
      const found = catalogue.find(provider, name, NOW);
      assert.equal(found?.priceVersion, `overrides@${overrides.as_of}`, name);
      assert.ok(
        entries.some((one) => one.standard === found?.entry.standard),
        name,
      );
    }
  }
});

test("every entry says where its prices were read, and every day is written once and in order", () => {
  for (const [id, entries] of Object.entries(overrides.models)) {
    for (const { source } of entries) assert.match(source ?? "", /^(OpenAI|Anthropic)/, id);
    const days = entries.map((one) => one.effective_from);
    assert.deepEqual(days, [...new Set(days)].toSorted(), id);
  }
});

test("prices of Anthropic's models stand in the ratios that its list gives", () => {
  for (const [id, entries] of Object.entries(overrides.models)) {
    if (!id.startsWith("anthropic/")) continue;
    for (const { standard, long_context: long } of entries) {
      for (const prices of [standard, ...(long?.prices === undefined ? [] : [long.prices])]) {
        const input = Number(prices.input);
        // A write of five minutes costs 1.25 x input, of an hour 2 x input, output 5 x input.
        assert.equal(Number(prices.cache_write_5m), input * 1.25, id);
        assert.equal(prices.cache_write, prices.cache_write_5m, id);
        assert.equal(Number(prices.cache_write_1h), input * 2, id);
        assert.equal(Number(prices.output), input * 5, id);
      }
    }
  }
});

test("prices of OpenAI's cache writes are 1.25 times input, where they are known", () => {
  for (const [id, entries] of Object.entries(overrides.models)) {
    if (!id.startsWith("openai/")) continue;
    for (const { standard } of entries) {
      if (typeof standard.cache_write !== "string") continue;
      assert.equal(Number(standard.cache_write), Number(standard.input) * 1.25, id);
    }
  }
});

/** Where the list and the base card differ, and the list is followed. */
const KNOWN_DIFFERENCES = [
  // The base card bills output that is not split as text; the reply of an image model is an image.
  "openai/gpt-image-1.5 output: 32, base 10",
  // The base card has a price for audio that the list does not have.
  "openai/gpt-4o-transcribe input_audio: none, base 6",
  "openai/gpt-4o-mini-transcribe input_audio: none, base 3",
];

test("standard prices agree with the base card wherever both know one", () => {
  const differences: string[] = [];
  for (const id of Object.keys(overrides.models)) {
    const slash = id.indexOf("/");
    const [provider, name] = [id.slice(0, slash), id.slice(slash + 1)];
    const base = baseModels(provider).find((model) => model.id === name || model.aliases.includes(name));
    const theirs = base?.entries()?.at(-1)?.standard;
    const ours = catalogue.find(provider, name, NOW)?.entry.standard;
    if (theirs === undefined || ours === undefined) continue;
    for (const component of TOKEN_COMPONENTS) {
      const price = theirs[component];
      if (price === undefined || price === ours[component]) continue;
      differences.push(`${id} ${component}: ${ours[component] ?? "none"}, base ${price}`);
    }
  }
  assert.deepEqual(differences.toSorted(), KNOWN_DIFFERENCES.toSorted());
});
