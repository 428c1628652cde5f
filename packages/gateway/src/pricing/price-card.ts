/**
 * The price card: the form in which prices are written down, by an operator (the file that
 * `MESHAGENT_PRICES` names) and by ourselves (overrides.ts). Here is its type, its schema and its parser.
 *
 * Prices are decimal strings in USD. Reads no file and knows no price itself.
 */

import { z } from "zod";

/** Components priced per million tokens. */
export const TOKEN_COMPONENTS = [
  "input",
  "output",
  "cache_read",
  "cache_write",
  "cache_write_5m",
  "cache_write_1h",
  "cache_write_30m",
  "cache_write_12h",
  "input_audio",
  "input_image",
  "input_text",
  "output_audio",
  "output_image",
  "output_text",
  "cache_read_audio",
  "cache_read_image",
  "cache_read_text",
] as const;

/** Components priced per second or per character, each with its own `per`. */
export const UNIT_COMPONENTS = [
  "second_input",
  "second_output",
  "second_session",
  "character_input",
] as const;

export type TokenComponent = (typeof TOKEN_COMPONENTS)[number];
export type UnitComponent = (typeof UNIT_COMPONENTS)[number];

/** `price` USD for every `per` units. */
export interface UnitPrice {
  readonly price: string;
  readonly per: number;
  /** Where the price was read. */
  readonly source?: string;
}

/**
 * A list of prices. A component that is absent has no price of its own; `null` says that it has one which
 * is not known, so that a record with such tokens stays unpriced instead of taking a neighbour's price.
 */
export type Components = { readonly [Name in TokenComponent]?: string | null } & {
  readonly [Name in UnitComponent]?: UnitPrice | null;
};

/** How a tier or a speed changes the standard prices: one factor for all, or a list of its own. */
export type PriceModifier = Components & { readonly multiplier?: string };

/** Prices of requests with more input (cache included) than a threshold, for the whole request. */
export interface LongContext {
  /** Strictly above this many input tokens. */
  readonly above_input_tokens: number;
  readonly input_multiplier?: string;
  readonly output_multiplier?: string;
  /** In place of the multipliers: prices that replace `standard`. */
  readonly prices?: Components;
}

/** The prices of one model from a day on. */
export interface PriceEntry {
  /** RFC 3339 date (then midnight UTC) or time. Holds until the next entry of the model begins. */
  readonly effective_from: string;
  /** Other exact ids of the same model. */
  readonly aliases?: readonly string[];
  readonly standard: Components;
  readonly tiers?: Readonly<Record<string, PriceModifier>>;
  readonly speeds?: Readonly<Record<string, PriceModifier>>;
  readonly long_context?: LongContext;
  /** Factor on token prices by where inference ran. */
  readonly inference_geo?: Readonly<Record<string, string>>;
  /** Factor on token prices when a regional host was asked. */
  readonly regional_multiplier?: string;
  /** By tool, where one costs another price with this model than the card's `tools` say. */
  readonly tools?: Readonly<Record<string, UnitPrice>>;
  /** Where the prices were read, and what is doubtful about them. */
  readonly source?: string;
}

/** Tiers that every model of a provider has unless its entry lists its own. */
export interface ProviderEntry {
  readonly effective_from: string;
  readonly tiers: Readonly<Record<string, PriceModifier>>;
  readonly source?: string;
}

export interface PriceCard {
  /** The day on which the prices were checked; part of the price version. */
  readonly as_of: string;
  /** By `provider.tool`. */
  readonly tools?: Readonly<Record<string, UnitPrice>>;
  readonly providers?: Readonly<Record<string, readonly ProviderEntry[]>>;
  /** By `provider/model`. */
  readonly models: Readonly<Record<string, readonly PriceEntry[]>>;
}

const decimal = z
  .string({ error: 'must be a decimal string such as "0.25"' })
  .regex(/^\d{1,15}(\.\d{1,15})?$/, 'must be a decimal string such as "0.25", without sign or exponent');
const price = z.exactOptional(decimal.nullable());
const day = z
  .string()
  .refine(
    (text) => /^\d{4}-\d{2}-\d{2}/.test(text) && !Number.isNaN(Date.parse(text)),
    "must be a date such as 2026-11-20",
  );
const unitPrice = z.strictObject({
  price: decimal,
  per: z.int().positive(),
  source: z.exactOptional(z.string()),
});
const optionalUnitPrice = z.exactOptional(unitPrice.nullable());

const componentShape = {
  input: price,
  output: price,
  cache_read: price,
  cache_write: price,
  cache_write_5m: price,
  cache_write_1h: price,
  cache_write_30m: price,
  cache_write_12h: price,
  input_audio: price,
  input_image: price,
  input_text: price,
  output_audio: price,
  output_image: price,
  output_text: price,
  cache_read_audio: price,
  cache_read_image: price,
  cache_read_text: price,
  second_input: optionalUnitPrice,
  second_output: optionalUnitPrice,
  second_session: optionalUnitPrice,
  character_input: optionalUnitPrice,
};

const isNotEmpty = (value: object): boolean => Object.keys(value).length > 0;
const components = z.strictObject(componentShape).refine(isNotEmpty, "must list at least one price");
const modifier = z
  .strictObject({ ...componentShape, multiplier: z.exactOptional(decimal) })
  .refine(isNotEmpty, "must have a multiplier or at least one price")
  .refine(
    (value) => value.multiplier === undefined || Object.keys(value).length === 1,
    "must have either a multiplier or prices, not both",
  );
const longContext = z
  .strictObject({
    above_input_tokens: z.int().nonnegative(),
    input_multiplier: z.exactOptional(decimal),
    output_multiplier: z.exactOptional(decimal),
    prices: z.exactOptional(components),
  })
  .refine((value) => {
    const hasMultiplier = value.input_multiplier !== undefined || value.output_multiplier !== undefined;
    return hasMultiplier !== (value.prices !== undefined);
  }, "must have either multipliers or prices");
const modifiers = z.record(z.string(), modifier);
const note = z.exactOptional(z.string());

const entry = z.strictObject({
  effective_from: day,
  aliases: z.exactOptional(z.array(z.string().min(1))),
  standard: components,
  tiers: z.exactOptional(modifiers),
  speeds: z.exactOptional(modifiers),
  long_context: z.exactOptional(longContext),
  inference_geo: z.exactOptional(z.record(z.string(), decimal)),
  regional_multiplier: z.exactOptional(decimal),
  tools: z.exactOptional(z.record(z.string().min(1), unitPrice)),
  source: note,
});
const providerEntry = z.strictObject({ effective_from: day, tiers: modifiers, source: note });

function hasDistinctDays(entries: readonly { readonly effective_from: string }[]): boolean {
  return new Set(entries.map((one) => Date.parse(one.effective_from))).size === entries.length;
}

function dated<Entry extends z.ZodType<{ readonly effective_from: string }>>(
  schema: Entry,
): z.ZodArray<Entry> {
  return z.array(schema).min(1).refine(hasDistinctDays, "has two entries with the same effective_from");
}

/** Strict: a key that the schema does not know is an error, because it would be a price that is not charged. */
export const priceCardSchema: z.ZodType<PriceCard> = z
  .strictObject({
    as_of: day,
    tools: z.exactOptional(z.record(z.string().regex(/^[^.]+\../, 'must be "provider.tool"'), unitPrice)),
    providers: z.exactOptional(z.record(z.string(), dated(providerEntry))),
    models: z.record(z.string().regex(/^[^/]+\/./, 'must be "provider/model"'), dated(entry)),
  })
  .superRefine((card, context) => {
    const owners = new Map(Object.keys(card.models).map((id) => [id, id]));
    for (const [id, entries] of Object.entries(card.models)) {
      for (const alias of entries.flatMap((one) => one.aliases ?? [])) {
        const aliasId = qualifyAlias(id, alias);
        const owner = owners.get(aliasId) ?? id;
        owners.set(aliasId, id);
        if (owner === id) continue;
        context.addIssue({
          code: "custom",
          path: ["models", id],
          message: `alias ${alias} also names ${owner}`,
        });
      }
    }
  });

/** An alias may be written with or without its provider: `gpt-x` and `openai/gpt-x` are the same. */
export function qualifyAlias(modelId: string, alias: string): string {
  const provider = modelId.slice(0, modelId.indexOf("/") + 1);
  return alias.startsWith(provider) ? alias : `${provider}${alias}`;
}

/** A price card that cannot be used. The message names every place that is wrong. */
export class PriceCardError extends Error {
  override readonly name = "PriceCardError";
}

/** Parses the text of a price file. Throws a PriceCardError that names each wrong place by its path. */
export function loadPriceCard(text: string): PriceCard {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw new PriceCardError(`the price card is no JSON: ${(cause as Error).message}`, { cause });
  }
  const parsed = priceCardSchema.safeParse(json);
  if (parsed.success) return parsed.data;
  const places = parsed.error.issues.map((issue) => `${formatPath(issue.path)}: ${describe(issue)}`);
  throw new PriceCardError(`the price card is wrong at\n  ${places.join("\n  ")}`, { cause: parsed.error });
}

function describe(issue: z.core.$ZodIssue): string {
  if (issue.code !== "invalid_key") return issue.message;
  return issue.issues.map((inner) => inner.message).join("; ");
}

function formatPath(path: readonly PropertyKey[]): string {
  if (path.length === 0) return "the top level";
  return path.reduce<string>((text, part) => {
    if (typeof part === "number") return `${text}[${part}]`;
    const name = String(part);
    if (!/^\w+$/.test(name)) return `${text}["${name}"]`;
    return text === "" ? name : `${text}.${name}`;
  }, "");
}
