/**
 * The model list as Codex asks for it: OpenAI's list, and beside it `models`, which says of each model what Codex has
 * to know to use it well. Without that it warns its user and works with a shorter prompt and fewer tools.
 */

import { isJsonObject } from "@meshagent/llm-proxy-protocol/grants";
import type { ModelTraits } from "../../providers/provider.ts";
import type { AddCatalogue, CatalogueContext, CatalogueRequest } from "../dialect.ts";
import { listEntries } from "../model-list.ts";
import { codexEntry, type CodexEntry } from "./codex-entry.ts";
import { isCodexOwn, modelsOf, parseCodexVersion, type CodexVersion } from "./codex-versions.ts";

/** Behind Codex's own, which have 1 to 43. */
const firstPriority = 100;

/**
 * Codex tells its version in the query and who it is in `originator`, whatever program it runs inside (0.169.0). Any
 * other caller gets OpenAI's list.
 */
export function codexCatalogue({ query, headers }: CatalogueRequest): AddCatalogue | null {
  if (headers["originator"] === undefined) return null;
  const version = parseCodexVersion(query);
  return version === null ? null : (list, context) => addModels(version, list, context);
}

interface ListedModel {
  readonly id: string;
  readonly createdS: number | null;
}

function addModels(version: CodexVersion, list: unknown, context: CatalogueContext): unknown {
  if (!isJsonObject(list)) return list;
  const listed = readList(list);
  const given = providersOwn(list, context);
  const isGiven = new Set(given.map(({ slug }) => slug));
  const described = listed
    .filter(({ id, createdS }) => !isGiven.has(id) && !isCodexOwn(version, id, createdS))
    .filter(({ id }) => !isDateOfAnother(id, listed))
    .map(({ id }) => ({ id, traits: context.provider.modelTraits?.(id) ?? null }))
    .filter(({ traits }) => traits?.callsTools !== false)
    .map(({ id, traits }, index) => describe(id, { priority: firstPriority + index, traits, context }));
  return { ...list, models: [...given, ...described, ...hidden(version, listed, context)] };
}

/** The newest first, as a picker shows them. */
function readList(list: object): readonly ListedModel[] {
  return listEntries(list)
    .map((entry) => ({
      id: entry.id,
      createdS: "created" in entry && typeof entry.created === "number" ? entry.created : null,
    }))
    .toSorted((a, b) => (b.createdS ?? 0) - (a.createdS ?? 0));
}

/** A provider that speaks to Codex itself knows best, as far as the token may use what it names. */
function providersOwn(list: object, context: CatalogueContext): readonly { readonly slug: string }[] {
  if (!("models" in list) || !Array.isArray(list.models)) return [];
  const models: readonly unknown[] = list.models;
  return models.filter((entry) => hasSlug(entry)).filter((entry) => context.isGranted(entry.slug));
}

function hasSlug(entry: unknown): entry is { readonly slug: string } {
  return typeof entry === "object" && entry !== null && "slug" in entry && typeof entry.slug === "string";
}

/** `gpt-5.4-2026-03-05` needs no entry beside `gpt-5.4`, which Codex takes for both. */
function isDateOfAnother(id: string, listed: readonly ListedModel[]): boolean {
  const name = id.replace(/-\d{4}-\d\d-\d\d$/, "");
  return name !== id && listed.some((other) => other.id === name);
}

function describe(
  model: string,
  { priority, traits, context }: { priority: number; traits: ModelTraits | null; context: CatalogueContext },
): CodexEntry {
  const description = `${context.provider.displayName} through this gateway.`;
  return codexEntry({ model, description, priority, traits, limits: context.provider.modelLimits(model) });
}

/**
 * What Codex brings along and the token may not use disappears from its picker, and it advertises no change to it.
 * An entry lays itself over Codex's own, so a model stays as long as anything that it stands for may be used.
 */
function hidden(
  version: CodexVersion,
  listed: readonly ListedModel[],
  context: CatalogueContext,
): readonly CodexEntry[] {
  return modelsOf(version)
    .filter((slug) => !context.isGranted(slug) && !listed.some(({ id }) => id.startsWith(slug)))
    .map((slug) => {
      const traits = context.provider.modelTraits?.(slug) ?? null;
      return { ...describe(slug, { priority: firstPriority, traits, context }), visibility: "hide" };
    });
}
