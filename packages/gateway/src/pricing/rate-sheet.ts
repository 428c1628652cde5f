/**
 * Turns a model's price entry into the rates of one kind of request: a tier, a speed, a place, a context
 * size. Multipliers stack. Conditions that the entry does not price give no sheet at all, so that the
 * charge is `unpriced` rather than guessed.
 */

import { ONE, decimalOf, divide, formatDecimal, multiply, parseDecimal } from "../money.ts";
import type { Decimal } from "../money.ts";
import { TOKEN_COMPONENTS, UNIT_COMPONENTS } from "./price-card.ts";
import type { Components, PriceEntry, PriceModifier, TokenComponent, UnitComponent } from "./price-card.ts";

export type PriceComponent = TokenComponent | UnitComponent;

/** What a price depends on besides the model and the day. Names are the provider's own. */
export interface RateConditions {
  /** null: standard. */
  readonly tier: string | null;
  /** null: standard. */
  readonly speed: string | null;
  /** null: the reply did not say. */
  readonly inferenceGeo: string | null;
  readonly isRegional: boolean;
  readonly isLongContext: boolean;
}

/** The price that a component takes, everything applied. */
export interface Rate {
  /** The component whose price it is: one without its own takes the price of a plainer one. */
  readonly component: PriceComponent;
  readonly unitPrice: Decimal;
  readonly unitPriceText: string;
  /** Units that `unitPrice` buys. */
  readonly per: number;
}

/** A component that is absent has no known price. */
export type RateSheet = ReadonlyMap<PriceComponent, Rate>;

const TOKENS_PER_PRICE = 1_000_000;
/** Geographies that are no choice of the caller: the standard price holds. */
const NEUTRAL_GEOS: ReadonlySet<string> = new Set(["", "global", "not_available"]);
const LIFETIMES = ["cache_write_5m", "cache_write_1h", "cache_write_30m", "cache_write_12h"] as const;

/**
 * Whose price a component takes when it has none. Reads without a price cost input (the lists show "-").
 * A write of the provider's shortest lifetime is the plain write, and the other way round; a longer
 * lifetime is dearer and needs its own price.
 */
const FALLBACKS: Readonly<Partial<Record<TokenComponent, readonly TokenComponent[]>>> = {
  cache_read: ["input"],
  cache_write: ["cache_write_5m", "cache_write_30m"],
  cache_write_5m: ["cache_write"],
  cache_write_30m: ["cache_write"],
  input_audio: ["input"],
  input_image: ["input"],
  input_text: ["input"],
  output_audio: ["output"],
  output_image: ["output"],
  output_text: ["output"],
  cache_read_audio: ["cache_read"],
  cache_read_image: ["cache_read"],
  cache_read_text: ["cache_read"],
};

/** Makes the rates, or null when the entry does not price these conditions. An entry of a valid card never throws. */
export function makeRateSheet(entry: PriceEntry, conditions: RateConditions): RateSheet | null {
  const modifiers: PriceModifier[] = [];
  for (const [name, list] of [
    [conditions.tier, entry.tiers],
    [conditions.speed, entry.speeds],
  ] as const) {
    if (name === null) continue;
    if (list === undefined || !Object.hasOwn(list, name)) return null;
    modifiers.push(list[name] as PriceModifier);
  }
  // No list prices a tier and a speed at once: Anthropic's fast mode is not offered with batch.
  if (modifiers.length > 1) return null;
  const place = placeFactor(entry, conditions);
  if (place === null) return null;

  const long = conditions.isLongContext ? entry.long_context : undefined;
  const base = long?.prices ?? entry.standard;
  const pricing: Pricing = { standard: entry.standard, base, modifier: modifiers[0] };
  const sheet = new Map<PriceComponent, Rate>();
  const unknown = new Set<PriceComponent>();
  for (const component of TOKEN_COMPONENTS) {
    const price = tokenPrice(pricing, component);
    if (price === null) unknown.add(component);
    if (price === null || price === undefined) continue;
    const context = isOutput(component) ? long?.output_multiplier : long?.input_multiplier;
    const factor = context === undefined ? place : multiply(place, parseDecimal(context));
    sheet.set(component, makeRate(component, multiply(price, factor), TOKENS_PER_PRICE));
  }
  fillGaps(sheet, unknown);
  addUnits(sheet, pricing);
  return sheet;
}

interface Pricing {
  readonly standard: Components;
  /** `standard`, or what replaces it for a long context. */
  readonly base: Components;
  readonly modifier: PriceModifier | undefined;
}

function isOutput(component: PriceComponent): boolean {
  return component.startsWith("output") || component === "second_output";
}

function placeFactor(entry: PriceEntry, conditions: RateConditions): Decimal | null {
  const regional = conditions.isRegional ? parseDecimal(entry.regional_multiplier ?? "1") : ONE;
  const geo = conditions.inferenceGeo;
  // An entry without a table says that its price does not depend on the place.
  if (geo === null || entry.inference_geo === undefined) return regional;
  if (Object.hasOwn(entry.inference_geo, geo)) {
    return multiply(regional, parseDecimal(entry.inference_geo[geo] ?? "1"));
  }
  return NEUTRAL_GEOS.has(geo) ? regional : null;
}

/** undefined: no price of its own; null: it has one that is not known. */
function tokenPrice(pricing: Pricing, component: TokenComponent): Decimal | null | undefined {
  const { standard, base, modifier } = pricing;
  const listed = modifier?.[component];
  if (listed === null || (base[component] === null && listed === undefined)) return null;
  const basePrice = parseOptional(base[component]);
  if (modifier === undefined) return basePrice;
  if (listed === undefined) return basePrice && scale(basePrice, factorOf(pricing, component));
  const standardPrice = parseOptional(standard[component]);
  if (basePrice === undefined || standardPrice === undefined || base === standard)
    return parseDecimal(listed);
  // A list of a tier is written for the standard context; a longer one moves it in proportion.
  return scale(basePrice, { listed: parseDecimal(listed), usual: standardPrice });
}

/** `listed / usual`, kept apart so that the division comes last. */
interface Factor {
  readonly listed: Decimal;
  readonly usual: Decimal;
}

const UNCHANGED: Factor = { listed: ONE, usual: ONE };

/** The factor of a tier or speed on a price that it does not list: its `input` sets it, for output its `output`. */
function factorOf({ standard, modifier }: Pricing, component: PriceComponent): Factor {
  if (modifier?.multiplier !== undefined) return { listed: parseDecimal(modifier.multiplier), usual: ONE };
  const anchors = isOutput(component) ? (["output", "input"] as const) : (["input"] as const);
  for (const anchor of anchors) {
    const listed = parseOptional(modifier?.[anchor]);
    const usual = parseOptional(standard[anchor]);
    if (listed !== undefined && usual !== undefined) return { listed, usual };
  }
  return UNCHANGED;
}

/** A price that was free has no factor; what is scaled by it stays as it is. */
function scale(price: Decimal, { listed, usual }: Factor): Decimal {
  if (usual.coefficient === 0n) return price;
  return usual === ONE ? multiply(price, listed) : divide(multiply(price, listed), usual);
}

function parseOptional(text: string | null | undefined): Decimal | undefined {
  return text === null || text === undefined ? undefined : parseDecimal(text);
}

function fillGaps(sheet: Map<PriceComponent, Rate>, unknown: ReadonlySet<PriceComponent>): void {
  const own = new Map(sheet);
  const isWritePriced = ["cache_write" as const, ...LIFETIMES].some(
    (name) => own.has(name) || unknown.has(name),
  );
  for (const component of TOKEN_COMPONENTS) {
    if (own.has(component)) continue;
    const rate = fallbackRate({ own, unknown, isWritePriced }, component);
    if (rate !== undefined) sheet.set(component, rate);
  }
}

interface Gaps {
  readonly own: ReadonlyMap<PriceComponent, Rate>;
  readonly unknown: ReadonlySet<PriceComponent>;
  readonly isWritePriced: boolean;
}

function fallbackRate(gaps: Gaps, component: TokenComponent): Rate | undefined {
  const own = gaps.own.get(component);
  if (own !== undefined) return own;
  if (gaps.unknown.has(component)) return undefined;
  // Models before gpt-5.6 have no price for cache writes: what is written is plain input.
  if (component.startsWith("cache_write") && !gaps.isWritePriced) return gaps.own.get("input");
  for (const plainer of FALLBACKS[component] ?? []) {
    if (gaps.unknown.has(plainer)) return undefined;
    const isWrite = component.startsWith("cache_write");
    const rate = isWrite ? gaps.own.get(plainer) : fallbackRate(gaps, plainer);
    if (rate !== undefined) return rate;
  }
  return undefined;
}

/** Seconds and characters follow the tier, not the multipliers that the lists give for token prices. */
function addUnits(sheet: Map<PriceComponent, Rate>, pricing: Pricing): void {
  for (const component of UNIT_COMPONENTS) {
    const listed = pricing.modifier?.[component];
    const standard = pricing.base[component];
    if (listed === null || (listed === undefined && (standard === null || standard === undefined))) continue;
    if (listed !== undefined) {
      sheet.set(component, makeRate(component, parseDecimal(listed.price), listed.per));
      continue;
    }
    if (standard === null || standard === undefined) continue;
    const factor = pricing.modifier === undefined ? UNCHANGED : factorOf(pricing, component);
    sheet.set(component, makeRate(component, scale(parseDecimal(standard.price), factor), standard.per));
  }
}

function makeRate(component: PriceComponent, unitPrice: Decimal, per: number): Rate {
  return { component, unitPrice, unitPriceText: formatDecimal(unitPrice), per };
}

/** USD for a quantity at a rate: exact for powers of ten, else rounded half-up at 18 places. */
export function amountOf(quantity: number, rate: Pick<Rate, "unitPrice" | "per">): Decimal {
  const product = multiply(decimalOf(quantity), rate.unitPrice);
  return divideByUnits(product, rate.per);
}

function divideByUnits(product: Decimal, per: number): Decimal {
  if (per === TOKENS_PER_PRICE) return { coefficient: product.coefficient, scale: product.scale + 6 };
  return divide(product, decimalOf(per));
}
