/**
 * The base layer of the catalogue: the price tables of `@pydantic/genai-prices` (MIT), in the form of our
 * price card. Its data is used, never its lookup or its arithmetic: the lookup matches prefixes (a
 * `claude-sonnet-5-5` would take the price of `claude-sonnet-5`) and the arithmetic is in floats.
 *
 * Models are converted when they are first asked for. A model with a price or a condition that the price
 * card cannot say is left out, and is then unpriced.
 */

import { findProvider } from "@pydantic/genai-prices";
import type { ConditionalPrice, MatchLogic, ModelInfo, ModelPrice } from "@pydantic/genai-prices";
import { decimalOf, formatDecimal } from "../money.ts";
import type { Components, LongContext, PriceEntry, TokenComponent } from "./price-card.ts";

/** The version of the package in package.json; a test holds them together. */
export const BASE_CARD_VERSION = "genai-prices@0.1.8";

const TOKEN_KEYS: Readonly<Record<string, TokenComponent>> = {
  input_mtok: "input",
  output_mtok: "output",
  cache_read_mtok: "cache_read",
  cache_write_mtok: "cache_write",
  cache_write_1h_mtok: "cache_write_1h",
  input_audio_mtok: "input_audio",
  input_image_mtok: "input_image",
  output_audio_mtok: "output_audio",
  output_image_mtok: "output_image",
  cache_audio_read_mtok: "cache_read_audio",
  cache_image_read_mtok: "cache_read_image",
};
/** Prices that our own cards carry instead (tools), or that repeat another key. */
const IGNORED_KEYS: ReadonlySet<string> = new Set([
  "web_searches_kcount",
  "storage_searches_kcount",
  "audio_hours",
]);
const SECONDS_PER_HOUR = 3600;
const BEGINNING = "1970-01-01";

/** A model of the base card: its own id, every other exact id, and its entries made on demand. */
export interface BaseModel {
  readonly id: string;
  /** Ids that the data lists for this model, the own one excluded. */
  readonly aliases: readonly string[];
  /** null when the price card cannot say these prices. */
  entries(): readonly PriceEntry[] | null;
}

/** The base card's models of a provider; empty for a provider that it does not have. */
export function baseModels(provider: string): readonly BaseModel[] {
  const found = findProvider({ providerId: provider });
  if (found?.id !== provider) return [];
  return found.models.map((model) => ({
    id: model.id,
    aliases: exactNames(model.match).filter((name) => name !== model.id),
    entries: () => convertModel(model),
  }));
}

/**
 * The names that a match rule spells out. The text of a `starts_with` counts as one name, not as a prefix;
 * patterns are dropped (the ones in the data say "with a date suffix", which the lookup does by itself).
 */
function exactNames(match: MatchLogic): readonly string[] {
  if ("equals" in match) return [match.equals];
  if ("starts_with" in match) return [match.starts_with];
  if ("or" in match) return match.or.flatMap(exactNames);
  return [];
}

function convertModel(model: ModelInfo): readonly PriceEntry[] | null {
  const conditional: readonly ConditionalPrice[] = Array.isArray(model.prices)
    ? (model.prices as ConditionalPrice[])
    : [{ prices: model.prices }];
  const entries: PriceEntry[] = [];
  for (const { constraint, prices } of conditional) {
    if (constraint !== undefined && constraint.type !== "start_date") return null;
    const entry = convertPrices(prices, constraint?.start_date ?? BEGINNING);
    if (entry === null) return null;
    entries.push(entry);
  }
  return entries;
}

function convertPrices(prices: ModelPrice, effectiveFrom: string): PriceEntry | null {
  const standard: { -readonly [Name in keyof Components]: Components[Name] } = {};
  const long: Partial<Record<TokenComponent, string>> = {};
  const thresholds = new Set<number>();
  for (const [key, value] of Object.entries(prices)) {
    if (value === undefined || IGNORED_KEYS.has(key)) continue;
    if (key === "input_audio_hours" && typeof value === "number") {
      standard.second_input = { price: decimalText(value), per: SECONDS_PER_HOUR };
      continue;
    }
    const component = TOKEN_KEYS[key];
    if (component === undefined) return null;
    if (typeof value === "number") {
      standard[component] = long[component] = decimalText(value);
      continue;
    }
    const [tier, ...furtherTiers] = value.tiers;
    if (tier === undefined || furtherTiers.length > 0) return null;
    thresholds.add(tier.start);
    standard[component] = decimalText(value.base);
    long[component] = decimalText(tier.price);
  }
  if (Object.keys(standard).length === 0 || thresholds.size > 1) return null;
  return { effective_from: effectiveFrom, standard, ...longContextOf(thresholds, long) };
}

function longContextOf(
  thresholds: ReadonlySet<number>,
  prices: Components,
): { readonly long_context?: LongContext } {
  const [threshold] = thresholds;
  return threshold === undefined ? {} : { long_context: { above_input_tokens: threshold, prices } };
}

/** The data is in floats that were written as decimals; their shortest text is the decimal that was meant. */
function decimalText(value: number): string {
  return formatDecimal(decimalOf(value));
}
