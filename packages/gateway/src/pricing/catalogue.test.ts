/** The catalogue: which layer answers for a model, and that nothing but a listed name is answered for. */

import assert from "node:assert/strict";
import test from "node:test";
import { createCatalogue, withoutDateSuffix } from "./catalogue.ts";
import type { Catalogue, CatalogueLayers } from "./catalogue.ts";
import { overrides } from "./overrides.ts";
import type { PriceCard, PriceEntry } from "./price-card.ts";

const NOW = Date.parse("2026-11-24T00:00:00Z");

function entry(input: string, more: Partial<PriceEntry> = {}): PriceEntry {
  return { effective_from: "2026-01-01", standard: { input, output: "1" }, ...more };
}

function cardOf(models: PriceCard["models"], more: Partial<PriceCard> = {}): PriceCard {
  return { as_of: "2026-11-20", models, ...more };
}

const shipped = createCatalogue({ card: null, overrides });

function withCard(models: PriceCard["models"]): Catalogue {
  return createCatalogue({ card: cardOf(models), overrides });
}

function found(catalogue: Catalogue, id: string, atMs: number = NOW): string | null {
  const slash = id.indexOf("/");
  const prices = catalogue.find(id.slice(0, slash), id.slice(slash + 1), atMs);
  return prices === undefined ? null : `${prices.priceVersion} ${prices.entry.standard.input}`;
}

test("a date suffix has one of two forms", () => {
  assert.equal(withoutDateSuffix("gpt-5.5-2026-04-23"), "gpt-5.5");
  assert.equal(withoutDateSuffix("claude-haiku-4-5-20251001"), "claude-haiku-4-5");
  for (const model of [
    "gpt-5.5",
    "claude-sonnet-4-5",
    "gpt-4-0613",
    "gpt-5.5-2026-04-23-x",
    "-20251001",
    "gpt-202604231",
  ]) {
    assert.equal(withoutDateSuffix(model), null, model);
  }
});

test("overrides answer before the base card, by exact id, alias, and id without a date", () => {
  assert.equal(found(shipped, "openai/gpt-5.5"), "overrides@2026-11-23 5");
  assert.equal(found(shipped, "openai/gpt-5.5-2026-04-23"), "overrides@2026-11-23 5");
  assert.equal(found(shipped, "openai/gpt-5.6"), "overrides@2026-11-23 4");
  assert.equal(found(shipped, "anthropic/claude-opus-5-5-20260922"), "overrides@2026-11-23 4");
  assert.equal(found(shipped, "openai/o3-mini"), "genai-prices@0.1.8 1.1");
  assert.equal(found(shipped, "openai/o3-mini-2025-01-31"), "genai-prices@0.1.8 1.1");
  assert.equal(found(shipped, "anthropic/claude-haiku-4-5-20251001"), "genai-prices@0.1.8 1");
  assert.equal(found(shipped, "anthropic/claude-sonnet-4-20250514"), "genai-prices@0.1.8 3");
  assert.equal(found(shipped, "anthropic/claude-3-5-haiku-20241022"), "genai-prices@0.1.8 0.8");
});

test("a snapshot that is listed as a model of its own is not taken for its namesake", () => {
  assert.equal(found(shipped, "openai/gpt-4o-2024-05-13"), "genai-prices@0.1.8 5");
  assert.equal(found(shipped, "openai/gpt-4o-2024-08-06"), "overrides@2026-11-23 2.5");
  const negotiated = withCard({ "openai/gpt-4o": [entry("1")] });
  assert.equal(found(negotiated, "openai/gpt-4o-2024-05-13"), "genai-prices@0.1.8 5");
  assert.equal(found(negotiated, "openai/gpt-4o-2024-08-06"), "card@2026-11-20 1");
});

test("never a prefix and never a sibling", () => {
  const unknown = [
    "openai/gpt-5.5-unknown",
    "openai/gpt-5.5-mini",
    "openai/gpt-5.",
    "openai/gpt",
    "openai/GPT-5.5",
    "openai/gpt-7",
    "openai/gpt-6.1-terra",
    "openai/openai/gpt-5.5",
    "openai/o4-mini-2025",
    "anthropic/claude-sonnet-6",
    "anthropic/claude-haiku-4-5-v2",
    "anthropic/claude",
    "anthropic/gpt-5.5",
    "openai/claude-opus-5",
    "openai/",
    "openai/constructor",
    "openai/__proto__",
    "nobody/gpt-5.5",
  ];
  for (const id of unknown) assert.equal(found(shipped, id), null, id);

  // The base card alone, whose own lookup takes claude-sonnet-5-5 for claude-sonnet-5.
  const layers: CatalogueLayers = { card: null, overrides: cardOf({}) };
  const base = createCatalogue(layers);
  assert.equal(found(base, "anthropic/claude-sonnet-5"), "genai-prices@0.1.8 2");
  for (const id of [
    "claude-sonnet-5-5",
    "claude-sonnet-5-5-20260928",
    "claude-haiku-4-5-turbo",
    "claude-opus-4-88",
  ]) {
    assert.equal(found(base, `anthropic/${id}`), null, id);
  }
});

test("the operator's card answers first for its ids, its aliases and their snapshots, and for nothing else", () => {
  const catalogue = withCard({
    "openai/gpt-5.5": [entry("4.2")],
    "openai/ours": [entry("0.7", { aliases: ["gpt-5.4", "openai/house-model"] })],
  });
  assert.equal(found(catalogue, "openai/gpt-5.5"), "card@2026-11-20 4.2");
  assert.equal(found(catalogue, "openai/gpt-5.5-2026-04-23"), "card@2026-11-20 4.2");
  assert.equal(found(catalogue, "openai/gpt-5.4"), "card@2026-11-20 0.7");
  assert.equal(found(catalogue, "openai/gpt-5.4-2026-03-05"), "card@2026-11-20 0.7");
  assert.equal(found(catalogue, "openai/house-model"), "card@2026-11-20 0.7");
  assert.equal(found(catalogue, "openai/gpt-5.5-pro"), "overrides@2026-11-23 30");
  assert.equal(catalogue.version, "card@2026-11-20+overrides@2026-11-23+genai-prices@0.1.8");
});

test("prices have dates, to the millisecond", () => {
  const turn = Date.parse("2026-10-07T00:00:00Z");
  const read = (atMs: number): unknown =>
    shipped.find("anthropic", "claude-sonnet-5-5", atMs)?.entry.standard.cache_read;
  assert.equal(read(turn - 1), "0.2");
  assert.equal(read(turn), "0.1");
  // The overrides begin where they differ; before that day the base card answers.
  assert.equal(found(shipped, "openai/o3", Date.parse("2025-06-09")), "genai-prices@0.1.8 10");
  assert.equal(found(shipped, "openai/o3", Date.parse("2025-06-10")), "overrides@2026-11-23 2");
  // Before its release a model has no price.
  assert.equal(found(shipped, "openai/gpt-6.2-astra", Date.parse("2026-11-16")), null);
});

test("an entry of the card that is not in effect yet leaves the shipped price standing", () => {
  const catalogue = withCard({ "openai/gpt-5.5": [entry("1", { effective_from: "2027-01-01" })] });
  assert.equal(found(catalogue, "openai/gpt-5.5"), "overrides@2026-11-23 5");
  assert.equal(found(catalogue, "openai/gpt-5.5", Date.parse("2027-01-01")), "card@2026-11-20 1");
});

test("a provider's tiers hold for its models, and change on their day", () => {
  const tier = (id: string, name: string, atMs: number): unknown =>
    shipped.find("openai", id, atMs)?.entry.tiers?.[name]?.multiplier;
  for (const id of ["gpt-6-astra", "o3-mini"]) {
    assert.equal(tier(id, "flex", NOW), "0.5");
    assert.equal(tier(id, "ultrafast", Date.parse("2027-02-28")), "3");
    assert.equal(tier(id, "ultrafast", Date.parse("2027-03-01")), "6");
  }
  assert.equal(tier("gpt-6-astra", "priority", NOW), "2");
  assert.equal(tier("o3-mini", "priority", NOW), undefined);
  // The card's entries take the card's own tiers, never ours.
  const own = withCard({ "openai/gpt-5.5": [entry("1")] }).find("openai", "gpt-5.5", NOW);
  assert.deepEqual(own?.entry.tiers, {});
});

test("tool prices come from the card, else from us, and of each from what it says of the model first", () => {
  const of = (catalogue: Catalogue, model: string, tool: string, provider = "openai"): readonly unknown[] => {
    const prices = catalogue.find("openai", model, NOW) ?? assert.fail(model);
    const found = catalogue.findTool(provider, tool, prices);
    return [found?.price.price, found?.priceVersion];
  };
  const ours = "overrides@2026-11-23";
  assert.deepEqual(of(shipped, "gpt-5.5", "web_search"), ["10", ours]);
  assert.deepEqual(of(shipped, "gpt-5.5", "web_search_preview"), ["10", ours]);
  for (const model of ["gpt-4o", "gpt-4o-2024-08-06", "gpt-4o-mini", "gpt-4.1", "gpt-4.1-mini-2025-04-14"])
    assert.deepEqual(of(shipped, model, "web_search_preview"), ["25", ours], model);
  assert.deepEqual(of(shipped, "gpt-4o", "web_search"), ["10", ours]);
  assert.deepEqual(of(shipped, "gpt-4o", "web_search", "anthropic"), ["10", ours]);
  assert.deepEqual(of(shipped, "gpt-4o", "web_search", "nobody"), [undefined, undefined]);
  assert.deepEqual(of(shipped, "gpt-4o", "constructor"), [undefined, undefined]);

  const tools = { "openai.web_search_preview": { price: "7", per: 1000 } };
  const own = { ...entry("1"), tools: { web_search_preview: { price: "3", per: 1000 } } };
  const card = cardOf({ "openai/gpt-5.5": [own], "openai/gpt-5.4": [entry("1")] }, { tools });
  const catalogue = createCatalogue({ card, overrides });
  assert.deepEqual(of(catalogue, "gpt-5.5", "web_search_preview"), ["3", "card@2026-11-20"]);
  assert.deepEqual(of(catalogue, "gpt-5.4", "web_search_preview"), ["7", "card@2026-11-20"]);
  assert.deepEqual(of(catalogue, "gpt-4o", "web_search_preview"), ["7", "card@2026-11-20"]);
  assert.deepEqual(of(catalogue, "gpt-4o", "web_search"), ["10", ours]);
});

test("the same span is the same object, also after very many unknown names", () => {
  const catalogue = createCatalogue({ card: null, overrides });
  const before = catalogue.find("openai", "gpt-5.5", NOW);
  assert.equal(catalogue.find("openai", "gpt-5.5-2026-04-23", NOW), before);
  for (let index = 0; index < 5000; index += 1)
    assert.equal(catalogue.find("openai", `no-${index}`, NOW), undefined);
  assert.equal(catalogue.find("openai", "gpt-5.5", NOW), before);
});
