/**
 * Finds the prices of a model, in three layers: the operator's card, our dated overrides, the base card.
 *
 * Only what is listed is found: an exact id, an alias, or the id without its date suffix. Never a prefix
 * and never a sibling. Computes no charge.
 */

import { BASE_CARD_VERSION, baseModels } from "./base-card.ts";
import type { PriceCard, PriceEntry, ProviderEntry, UnitPrice } from "./price-card.ts";
import { qualifyAlias } from "./price-card.ts";
import type { RateSheet } from "./rate-sheet.ts";

/**
 * The prices of a model in one span of time. The same span is the same object, so that work on it can be
 * kept with it.
 */
export interface ModelPrices {
  /** Names the layer, such as `overrides@2026-11-23`. */
  readonly priceVersion: string;
  readonly entry: PriceEntry;
  /** Rate sheets made so far, by their conditions. */
  readonly sheets: Map<string, RateSheet>;
}

export interface ToolPrice {
  readonly priceVersion: string;
  readonly price: UnitPrice;
}

export interface Catalogue {
  /** Names all layers, for what none of them prices. */
  readonly version: string;
  /** The prices in effect at a time, or undefined when no layer lists the model. */
  find(provider: string, model: string, atMs: number): ModelPrices | undefined;
  /** The price of a provider's tool, used by the model whose prices these are: some have one of their own. */
  findTool(provider: string, tool: string, prices: ModelPrices): ToolPrice | undefined;
}

export interface CatalogueLayers {
  /** The operator's card, or null when there is none. */
  readonly card: PriceCard | null;
  /** Ours. Its `providers` also hold for the base card. */
  readonly overrides: PriceCard;
}

/** Model names come from replies, so what is remembered by them is bounded. */
const MAX_REMEMBERED_MODELS = 2000;
const DATE_SUFFIX = /-(?:\d{4}-\d{2}-\d{2}|\d{8})$/;

/** A model's spans of time in one layer, the newest first. */
type History = readonly (ModelPrices & { readonly startMs: number })[];

/** One layer. `own` finds a model by the id it is listed under, `other` by an alias. */
interface Layer {
  own(id: string): History | undefined;
  other(id: string): History | undefined;
}

/** The model id without `-YYYY-MM-DD` or `-YYYYMMDD`, or null when it has no such suffix. */
export function withoutDateSuffix(model: string): string | null {
  const match = DATE_SUFFIX.exec(model);
  return match === null || match.index === 0 ? null : model.slice(0, match.index);
}

/** Makes the catalogue. Prices are read when they are first asked for. */
export function createCatalogue({ card, overrides }: CatalogueLayers): Catalogue {
  const cardLayer = card === null ? emptyLayer : layerOfCard(card, `card@${card.as_of}`);
  const overridesVersion = `overrides@${overrides.as_of}`;
  const overridesLayer = layerOfCard(overrides, overridesVersion);
  const baseLayer = layerOfBaseCard(overrides.providers ?? {});
  const remembered = new Map<string, readonly History[]>();

  function historiesOf(id: string): readonly History[] {
    const known = remembered.get(id);
    if (known !== undefined) return known;
    const histories = lookUp(id, { card: cardLayer, overrides: overridesLayer, base: baseLayer });
    if (remembered.size >= MAX_REMEMBERED_MODELS) remembered.clear();
    remembered.set(id, histories);
    return histories;
  }

  return {
    version: [...(card === null ? [] : [`card@${card.as_of}`]), overridesVersion, BASE_CARD_VERSION].join(
      "+",
    ),
    find(provider, model, atMs) {
      for (const history of historiesOf(`${provider}/${model}`)) {
        const span = history.find((one) => one.startMs <= atMs);
        if (span !== undefined) return span;
      }
      return undefined;
    },
    findTool(provider, tool, { entry, priceVersion }) {
      const own = ownValue(entry.tools, tool);
      const ofModel = own === undefined ? undefined : { priceVersion, price: own };
      const listed = (list: PriceCard, version: string): ToolPrice | undefined => {
        const price = ownValue(list.tools, `${provider}.${tool}`);
        return price === undefined ? undefined : { priceVersion: version, price };
      };
      if (card === null) return ofModel ?? listed(overrides, overridesVersion);
      // The operator's word counts more than ours, and of each one's what it says of the model.
      const cardVersion = `card@${card.as_of}`;
      const ofCard = listed(card, cardVersion);
      const first = priceVersion === cardVersion ? (ofModel ?? ofCard) : (ofCard ?? ofModel);
      return first ?? listed(overrides, overridesVersion);
    },
  };
}

/**
 * Every history that may answer for an id, in the order of their claim. The operator's card comes first,
 * except that a dated snapshot which the shipped layers list as a model of its own (gpt-4o-2024-05-13 has
 * other prices than gpt-4o) is not taken for its undated namesake.
 */
function lookUp(
  id: string,
  layers: Readonly<Record<"card" | "overrides" | "base", Layer>>,
): readonly History[] {
  const { card, overrides, base } = layers;
  const undated = withoutDateSuffix(id);
  const listed = (layer: Layer, name: string | null): (History | undefined)[] =>
    name === null ? [] : [layer.own(name), layer.other(name)];
  const found = [
    ...listed(card, id),
    overrides.own(id),
    base.own(id),
    ...listed(card, undated),
    overrides.other(id),
    ...listed(overrides, undated),
    base.other(id),
    ...listed(base, undated),
  ];
  return found.filter((history) => history !== undefined);
}

const emptyLayer: Layer = { own: () => undefined, other: () => undefined };

function layerOfCard(card: PriceCard, priceVersion: string): Layer {
  const histories = new Map<string, History>();
  const owners = new Map<string, string>();
  for (const [id, entries] of Object.entries(card.models)) {
    for (const alias of entries.flatMap((entry) => entry.aliases ?? []))
      owners.set(qualifyAlias(id, alias), id);
  }
  function own(id: string): History | undefined {
    const known = histories.get(id);
    if (known !== undefined) return known;
    const entries = ownValue(card.models, id);
    if (entries === undefined) return undefined;
    const made = historyOf({ entries, defaults: defaultsOf(card.providers, id), priceVersion });
    histories.set(id, made);
    return made;
  }
  return {
    own,
    other: (id) => {
      const owner = owners.get(id);
      return owner === undefined ? undefined : own(owner);
    },
  };
}

function layerOfBaseCard(defaults: NonNullable<PriceCard["providers"]>): Layer {
  type Found = () => History | undefined;
  const indexes = new Map<string, { own: Map<string, Found>; other: Map<string, Found> }>();

  function indexOf(provider: string): { own: Map<string, Found>; other: Map<string, Found> } {
    const known = indexes.get(provider);
    if (known !== undefined) return known;
    const index = { own: new Map<string, Found>(), other: new Map<string, Found>() };
    for (const model of baseModels(provider)) {
      const found = once(() => {
        const entries = model.entries();
        if (entries === null) return undefined;
        return historyOf({
          entries,
          defaults: ownValue(defaults, provider) ?? [],
          priceVersion: BASE_CARD_VERSION,
        });
      });
      index.own.set(model.id, found);
      for (const alias of model.aliases) index.other.set(alias, found);
    }
    if (index.own.size > 0) indexes.set(provider, index);
    return index;
  }

  function findIn(id: string, part: "own" | "other"): History | undefined {
    const slash = id.indexOf("/");
    return indexOf(id.slice(0, slash))[part].get(id.slice(slash + 1))?.();
  }
  return { own: (id) => findIn(id, "own"), other: (id) => findIn(id, "other") };
}

function defaultsOf(providers: PriceCard["providers"], id: string): readonly ProviderEntry[] {
  return ownValue(providers, id.slice(0, id.indexOf("/"))) ?? [];
}

interface HistoryParts {
  readonly entries: readonly PriceEntry[];
  readonly defaults: readonly ProviderEntry[];
  readonly priceVersion: string;
}

/** A new span begins wherever the model's entry or its provider's tiers change. */
function historyOf({ entries, defaults, priceVersion }: HistoryParts): History {
  const starts = new Set([...entries, ...defaults].map((one) => Date.parse(one.effective_from)));
  const spans: (ModelPrices & { readonly startMs: number })[] = [];
  for (const startMs of [...starts].toSorted((left, right) => right - left)) {
    const entry = inEffect(entries, startMs);
    if (entry === undefined) continue;
    const tiers = { ...inEffect(defaults, startMs)?.tiers, ...entry.tiers };
    spans.push({ startMs, priceVersion, entry: { ...entry, tiers }, sheets: new Map() });
  }
  return spans;
}

function inEffect<Entry extends { readonly effective_from: string }>(
  entries: readonly Entry[],
  atMs: number,
): Entry | undefined {
  let latest: Entry | undefined;
  for (const entry of entries) {
    const startMs = Date.parse(entry.effective_from);
    if (startMs > atMs) continue;
    if (latest === undefined || Date.parse(latest.effective_from) < startMs) latest = entry;
  }
  return latest;
}

/** A member of a record by a name from outside: `constructor` is not a member. */
function ownValue<Value>(
  record: Readonly<Record<string, Value>> | undefined,
  name: string,
): Value | undefined {
  return record !== undefined && Object.hasOwn(record, name) ? record[name] : undefined;
}

function once<Value>(make: () => Value): () => Value {
  let made: { readonly value: Value } | undefined;
  return () => (made ??= { value: make() }).value;
}
