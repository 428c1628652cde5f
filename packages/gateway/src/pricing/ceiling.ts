/**
 * The most that a token of a request can cost: the dearest rate among all that the request can reach. A tier that a
 * project's default may choose, a cache write, a region or a long context counts whenever it is possible, because a
 * hold must never be smaller than the charge (facts/budget.md 2). Never guesses: what is reachable and has no price
 * gives no ceiling.
 */

import type { Decimal } from "../money.ts";
import type { Catalogue, ModelPrices } from "./catalogue.ts";
import { makeRateSheet } from "./rate-sheet.ts";
import type { PriceComponent, RateSheet } from "./rate-sheet.ts";

/** What a request can come to be billed as. */
export interface Reach {
  /** Tiers it asks for, as the provider names them; null is standard. */
  readonly tiers: readonly (string | null)[];
  /** Tiers that the account's defaults may put it into, where the model has them. */
  readonly possibleTiers: readonly string[];
  readonly speeds: readonly (string | null)[];
  /** It may write the cache for longer than the provider's shortest lifetime. */
  readonly hasLongCacheLifetime: boolean;
  /** Its input holds audio or images; null prices of either then matter. */
  readonly hasMediaInput: boolean;
  readonly hasAudioOutput: boolean;
  /** A regional host is asked. */
  readonly isRegional: boolean;
}

/** Nano-dollars for a million tokens, rounded up. */
export interface CeilingRates {
  readonly inputNanoUsd: bigint;
  readonly outputNanoUsd: bigint;
}

export interface Ceiling {
  /** For at most this much input. null: the rates hold for any. Above it, `long`. */
  readonly aboveInputTokens: number | null;
  readonly standard: CeilingRates;
  readonly long: CeilingRates;
}

const inputs: readonly PriceComponent[] = ["input", "cache_read", "cache_write"];
/** Each provider has its own: a price for one of them is one for `cache_write`. */
const shortLifetimes: readonly PriceComponent[] = ["cache_write_5m", "cache_write_30m"];
const longLifetimes: readonly PriceComponent[] = ["cache_write_1h", "cache_write_12h"];
const mediaInputs: readonly PriceComponent[] = [
  "input_audio",
  "input_image",
  "input_text",
  "cache_read_audio",
  "cache_read_image",
  "cache_read_text",
];

/** The ceiling of a model, or null when something that it can reach has no price. */
export function ceilingOf(prices: ModelPrices, reach: Reach): Ceiling | null {
  const kept = keptCeilings(prices);
  const key = keyOf(reach);
  const known = kept.get(key);
  if (known !== undefined) return known;
  const standard = ratesOf(prices, reach, false);
  const long = prices.entry.long_context === undefined ? standard : ratesOf(prices, reach, true);
  const ceiling: Ceiling | null =
    standard === null || long === null
      ? null
      : { aboveInputTokens: prices.entry.long_context?.above_input_tokens ?? null, standard, long };
  kept.set(key, ceiling);
  return ceiling;
}

function keyOf(reach: Reach): string {
  const flags =
    (reach.hasLongCacheLifetime ? 1 : 0) +
    (reach.hasMediaInput ? 2 : 0) +
    (reach.hasAudioOutput ? 4 : 0) +
    (reach.isRegional ? 8 : 0);
  return `${reach.tiers.join()}/${reach.possibleTiers.join()}/${reach.speeds.join()}/${flags}`;
}

/** Looks the model up first. null also for a model without a price. */
export function findCeiling(
  catalogue: Catalogue,
  model: { readonly provider: string; readonly model: string; readonly atMs: number },
  reach: Reach,
): Ceiling | null {
  const prices = catalogue.find(model.provider, model.model, model.atMs);
  return prices === undefined ? null : ceilingOf(prices, reach);
}

const ceilings = new WeakMap<ModelPrices, Map<string, Ceiling | null>>();

function keptCeilings(prices: ModelPrices): Map<string, Ceiling | null> {
  let kept = ceilings.get(prices);
  if (kept === undefined) ceilings.set(prices, (kept = new Map()));
  return kept;
}

function ratesOf(prices: ModelPrices, reach: Reach, isLongContext: boolean): CeilingRates | null {
  let inputNanoUsd = 0n;
  let outputNanoUsd = 0n;
  for (const sheet of sheetsOf(prices, reach, isLongContext)) {
    if (sheet === null) return null;
    const input = dearest(sheet, inputComponents(sheet, reach));
    const output = dearest(sheet, outputComponents(sheet, reach));
    if (input === null || output === null) return null;
    if (input > inputNanoUsd) inputNanoUsd = input;
    if (output > outputNanoUsd) outputNanoUsd = output;
  }
  return { inputNanoUsd, outputNanoUsd };
}

function* sheetsOf(prices: ModelPrices, reach: Reach, isLongContext: boolean): Generator<RateSheet | null> {
  // The place of inference may be the account's default, which nobody here knows: every listed one counts.
  const geos = [null, ...Object.keys(prices.entry.inference_geo ?? {})];
  const listed = reach.possibleTiers.filter((tier) => Object.hasOwn(prices.entry.tiers ?? {}, tier));
  for (const tier of [...reach.tiers, ...listed]) {
    for (const speed of reach.speeds) {
      for (const inferenceGeo of geos) {
        const { isRegional } = reach;
        yield makeRateSheet(prices.entry, { tier, speed, inferenceGeo, isRegional, isLongContext });
      }
    }
  }
}

function inputComponents(sheet: RateSheet, reach: Reach): readonly PriceComponent[] {
  return [
    ...inputs,
    ...shortLifetimes.filter((name) => sheet.has(name)),
    ...(reach.hasLongCacheLifetime ? longLifetimes.filter((name) => sheet.has(name)) : []),
    ...(reach.hasMediaInput ? mediaInputs : []),
  ];
}

/** Only models that draw or speak have prices of their own for it; embeddings have no output at all. */
function outputComponents(sheet: RateSheet, reach: Reach): readonly PriceComponent[] {
  const own: readonly PriceComponent[] = ["output", "output_text", "output_image"];
  return [...own, ...(reach.hasAudioOutput ? (["output_audio"] as const) : [])].filter((name) =>
    sheet.has(name),
  );
}

/** null when one of them has no price. No component at all costs nothing. */
function dearest(sheet: RateSheet, components: readonly PriceComponent[]): bigint | null {
  let most = 0n;
  for (const component of components) {
    const rate = sheet.get(component);
    if (rate === undefined) return null;
    const nanoUsd = nanoUsdUp(rate.unitPrice, rate.per);
    if (nanoUsd > most) most = nanoUsd;
  }
  return most;
}

/** USD for `per` tokens to nano-dollars for a million, rounded up. */
function nanoUsdUp({ coefficient, scale }: Decimal, per: number): bigint {
  const numerator = coefficient * 10n ** 15n;
  const denominator = 10n ** BigInt(scale) * BigInt(per);
  return (numerator + denominator - 1n) / denominator;
}

/** The most that so many tokens cost, in whole nano-dollars, rounded up. */
export function mostNanoUsd(
  ceiling: Ceiling,
  tokens: { readonly input: number; readonly output: number },
): number {
  const { inputNanoUsd, outputNanoUsd } = ratesFor(ceiling, tokens.input);
  const total = BigInt(tokens.input) * inputNanoUsd + BigInt(tokens.output) * outputNanoUsd;
  return Number((total + 999_999n) / 1_000_000n);
}

/** How many output tokens fit into so much money beside the input; negative when the input alone does not. */
export function outputThatFits(ceiling: Ceiling, inputTokens: number, nanoUsd: number): number {
  const { inputNanoUsd, outputNanoUsd } = ratesFor(ceiling, inputTokens);
  const left = BigInt(Math.floor(nanoUsd)) * 1_000_000n - BigInt(inputTokens) * inputNanoUsd;
  if (left < 0n) return -1;
  return outputNanoUsd === 0n ? Number.MAX_SAFE_INTEGER : Number(left / outputNanoUsd);
}

/** Up to the threshold the request may still be a short one; above it, it may turn out to be short, too. */
function ratesFor(ceiling: Ceiling, inputTokens: number): CeilingRates {
  const { aboveInputTokens, standard, long } = ceiling;
  if (aboveInputTokens === null || inputTokens <= aboveInputTokens) return standard;
  const dearer = (left: bigint, right: bigint): bigint => (left > right ? left : right);
  return {
    inputNanoUsd: dearer(standard.inputNanoUsd, long.inputNanoUsd),
    outputNanoUsd: dearer(standard.outputNanoUsd, long.outputNanoUsd),
  };
}
