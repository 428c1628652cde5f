/**
 * Charges a usage record: its quantities at the rates of its model, tier, speed, place and context size,
 * plus tool calls, rounded once. What is not known to the cent is said so (`unpriced`, `lower_bound`),
 * never guessed and never 0. Never throws and does no I/O.
 */

import type { Charge, ChargeLine, MeteredUsage } from "@meshagent/llm-proxy-protocol/usage";
import { ZERO, add, formatDecimal, formatNanoUsd, parseDecimal, roundToNanoUsd } from "../money.ts";
import type { Decimal } from "../money.ts";
import { findCeiling } from "./ceiling.ts";
import { createCatalogue } from "./catalogue.ts";
import type { Catalogue, ModelPrices } from "./catalogue.ts";
import { overrides } from "./overrides.ts";
import type { PriceCard } from "./price-card.ts";
import type { PriceContext, Prices } from "./prices.ts";
import { hasCounts, splitQuantities, toolCalls } from "./quantities.ts";
import type { Quantities, Quantity } from "./quantities.ts";
import { amountOf, makeRateSheet } from "./rate-sheet.ts";
import type { PriceComponent, Rate, RateConditions, RateSheet } from "./rate-sheet.ts";

/** How providers name the tier and the speed that the standard prices are for; "" where they name none. */
const STANDARD_NAMES: ReadonlySet<string> = new Set(["", "standard", "default"]);

/** A line before it is written down. */
interface Term {
  readonly component: string;
  readonly quantity: number;
  readonly rate: Pick<Rate, "unitPrice" | "unitPriceText" | "per">;
}

interface PricedTerms {
  readonly terms: readonly Term[];
  readonly priceVersion: string;
}

/** The prices of the gateway: the operator's card where it speaks, else the shipped catalogue. */
export function createPrices({ card }: { readonly card: PriceCard | null }): Prices {
  return createPricesOf(createCatalogue({ card, overrides }));
}

/** The day on which the shipped prices were last read from the providers' lists, `YYYY-MM-DD`. */
export const shippedPricesAsOf: string = overrides.as_of;

/** The prices of any catalogue; for tests of the rules with cards of their own. */
export function createPricesOf(catalogue: Catalogue): Prices {
  return {
    charge: (usage, context) => chargeRecord(catalogue, usage, context),
    ceiling: (model, reach) => findCeiling(catalogue, model, reach),
  };
}

function chargeRecord(catalogue: Catalogue, usage: MeteredUsage, context: PriceContext): Charge {
  if (!usage.billed || usage.completeness === "none")
    return chargeOf({ terms: [], priceVersion: catalogue.version });
  if (usage.completeness === "missing" || !hasCounts(usage)) return unpriced(catalogue.version);
  const prices = catalogue.find(context.provider, usage.model, context.atMs);
  if (prices === undefined) return unpriced(catalogue.version);
  const priced = priceTerms(catalogue, prices, { usage, context });
  if (priced === null) return unpriced(prices.priceVersion);
  const charge = chargeOf(priced);
  if (usage.completeness !== "partial" || charge.cost_status === "unpriced") return charge;
  // A bound of 0 would read as "free", so it is no bound.
  if (charge.cost_nano_usd === 0)
    return { ...charge, cost_status: "lower_bound", cost_nano_usd: null, cost_usd: null };
  return { ...charge, cost_status: "lower_bound" };
}

/** A record with what its price depends on besides itself. */
interface BilledRecord {
  readonly usage: MeteredUsage;
  readonly context: PriceContext;
}

function priceTerms(catalogue: Catalogue, prices: ModelPrices, record: BilledRecord): PricedTerms | null {
  const quantities = splitQuantities(record.usage);
  const sheet = sheetFor(prices, conditionsOf(prices, record, quantities));
  const media = sheet === null ? null : mediaTerms(quantities, sheet);
  if (media === null) return null;
  return withTools(catalogue, prices, record, media);
}

function conditionsOf(
  prices: ModelPrices,
  { usage, context }: BilledRecord,
  quantities: Quantities,
): RateConditions {
  const threshold = prices.entry.long_context?.above_input_tokens;
  return {
    tier: STANDARD_NAMES.has(usage.service_tier ?? "") ? null : usage.service_tier,
    speed: STANDARD_NAMES.has(usage.speed ?? "") ? null : (usage.speed ?? null),
    inferenceGeo: usage.inference_geo ?? null,
    isRegional: context.upstreamRegion !== null,
    isLongContext: threshold !== undefined && quantities.inputTokens > threshold,
  };
}

/** Sheets are kept with their prices. Only conditions that the entry lists make one, so they are few. */
function sheetFor(prices: ModelPrices, conditions: RateConditions): RateSheet | null {
  const geo = prices.entry.inference_geo === undefined ? null : conditions.inferenceGeo;
  const place = `${geo ?? ""}/${conditions.isRegional}/${conditions.isLongContext}`;
  const key = `${conditions.tier ?? ""}/${conditions.speed ?? ""}/${place}`;
  const known = prices.sheets.get(key);
  if (known !== undefined) return known;
  const sheet = makeRateSheet(prices.entry, conditions);
  if (sheet !== null) prices.sheets.set(key, sheet);
  return sheet;
}

/**
 * Tokens, seconds and characters. Some models count the same audio in tokens and in seconds; what counts is
 * the unit that the list prices. null when something used has no price.
 */
function mediaTerms({ tokens, units }: Quantities, sheet: RateSheet): readonly Term[] | null {
  const tokenTerms = termsOf(tokens, sheet);
  const unitTerms = termsOf(units, sheet);
  const pricedTokens = tokenTerms.length > 0 && tokens.every(({ component }) => sheet.has(component));
  if (pricedTokens) return [...tokenTerms, ...unitTerms];
  if (tokenTerms.length > 0) return null;
  const isComplete = units.every(({ component }) => sheet.has(component));
  if (!isComplete || (tokens.length > 0 && unitTerms.length === 0)) return null;
  return unitTerms;
}

/** One term per component that has a price; quantities that take the same price share a term. */
function termsOf(quantities: readonly Quantity<PriceComponent>[], sheet: RateSheet): readonly Term[] {
  const terms = new Map<PriceComponent, Term>();
  for (const { component, quantity } of quantities) {
    const rate = sheet.get(component);
    if (rate === undefined) continue;
    const before = terms.get(rate.component)?.quantity ?? 0;
    terms.set(rate.component, { component: rate.component, quantity: before + quantity, rate });
  }
  return [...terms.values()];
}

/** Tool calls take no multiplier. null when a call that was made has no price. */
function withTools(
  catalogue: Catalogue,
  prices: ModelPrices,
  { usage, context }: BilledRecord,
  media: readonly Term[],
): PricedTerms | null {
  const terms = [...media];
  const versions = new Set([prices.priceVersion]);
  for (const { component: tool, quantity } of toolCalls(usage)) {
    const name = `${context.provider}.${tool}`;
    const found = catalogue.findTool(context.provider, tool, prices);
    if (found === undefined) return null;
    versions.add(found.priceVersion);
    const unitPrice = parseDecimal(found.price.price);
    const rate = { unitPrice, unitPriceText: formatDecimal(unitPrice), per: found.price.per };
    terms.push({ component: name, quantity, rate });
  }
  return { terms, priceVersion: [...versions].join("+") };
}

function chargeOf({ terms, priceVersion }: PricedTerms): Charge {
  let total: Decimal = ZERO;
  const lines: ChargeLine[] = [];
  for (const { component, quantity, rate } of terms) {
    const amount = amountOf(quantity, rate);
    total = add(total, amount);
    lines.push({
      component,
      quantity,
      unit_price: rate.unitPriceText,
      per: rate.per,
      amount: formatDecimal(amount),
    });
  }
  const nanoUsd = roundToNanoUsd(total);
  // Counts so large that the cost is no exact number any more are no counts.
  if (nanoUsd > BigInt(Number.MAX_SAFE_INTEGER)) return unpriced(priceVersion);
  return {
    cost_nano_usd: Number(nanoUsd),
    cost_usd: formatNanoUsd(nanoUsd),
    cost_status: "priced",
    lines,
    price_version: priceVersion,
  };
}

function unpriced(priceVersion: string): Charge {
  return {
    cost_nano_usd: null,
    cost_usd: null,
    cost_status: "unpriced",
    lines: [],
    price_version: priceVersion,
  };
}
