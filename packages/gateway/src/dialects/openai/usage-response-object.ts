/**
 * What a Response object says about its usage, wherever it stands: as a reply's body or in a terminal event.
 */

import type { MeteredUsage, UsageCounts } from "@meshagent/llm-proxy-protocol/usage";
import type { PickPath } from "../../json-pick.ts";
import { countOf, isObject, memberOf, missingUsage, textOf } from "../readings.ts";
import type { MutableCounts, Picks, ReplyNames } from "../readings.ts";
import type { ReplyContext, ReplyEnd, ReplyOutcome, ReplyReading } from "../usage-reader.ts";
import { completenessOf, openaiCounts, servedTierOf } from "./usage-counts.ts";

/** Where the parts of a Response object are. */
export interface ResponsePaths {
  readonly id: PickPath;
  readonly model: PickPath;
  readonly status: PickPath;
  readonly incompleteReason: PickPath;
  readonly tier: PickPath;
  readonly usage: PickPath;
  readonly toolUsage: PickPath;
  readonly toolType: PickPath;
  readonly toolModel: PickPath;
  readonly itemId: PickPath;
  readonly itemContainer: PickPath;
  readonly itemType: PickPath;
  readonly itemActionType: PickPath;
  readonly itemSvgUsage: PickPath;
  readonly all: readonly PickPath[];
}

/** The paths of a Response object that stands at `base`. Make them once: a picker knows them by identity. */
export function responsePaths(base: PickPath): ResponsePaths {
  const paths = {
    id: [...base, "id"],
    model: [...base, "model"],
    status: [...base, "status"],
    incompleteReason: [...base, "incomplete_details", "reason"],
    tier: [...base, "service_tier"],
    usage: [...base, "usage"],
    toolUsage: [...base, "tool_usage"],
    toolType: [...base, "tools", "*", "type"],
    toolModel: [...base, "tools", "*", "model"],
    itemId: [...base, "output", "*", "id"],
    itemContainer: [...base, "output", "*", "container_id"],
    itemType: [...base, "output", "*", "type"],
    itemActionType: [...base, "output", "*", "action", "type"],
    itemSvgUsage: [...base, "output", "*", "svg_usage"],
  };
  return { ...paths, all: Object.values(paths) };
}

/** A Response object as picked. */
export interface PickedResponse {
  readonly context: ReplyContext;
  readonly paths: ResponsePaths;
  readonly picks: Picks;
  readonly end: ReplyEnd;
  /** The event's type, or `body`. */
  readonly source: string;
}

/** The reading of a Response object, with one record per billed model. */
export function readResponse(response: PickedResponse): ReplyReading {
  const { picks, paths } = response;
  const names = {
    responseId: textOf(picks.get(paths.id)),
    servedModel: textOf(picks.get(paths.model)),
    servedTier: servedTierOf(picks.get(paths.tier)),
  };
  const usage = [
    primaryRecord(response, names),
    imageRecord(response, names),
    ...svgRecords(response, names),
  ];
  const made = madeObjects(response);
  return {
    outcome: outcomeOf(response),
    usage: usage.filter((record) => record !== null),
    ...names,
    ...(isRunning(response) ? { isRunning: true } : {}),
    ...(made.length === 0 ? {} : { made }),
  };
}

/** A background response that was accepted and has not come to its end. */
function isRunning({ picks, paths }: PickedResponse): boolean {
  const status = picks.get(paths.status);
  return status === "queued" || status === "in_progress";
}

function madeObjects({ picks, paths }: PickedResponse): NonNullable<ReplyReading["made"]> {
  const idsAt = (path: PickPath): string[] =>
    picks.all(path).flatMap(({ value }) => (typeof value === "string" && value !== "" ? [value] : []));
  return [
    ...idsAt(paths.itemId).map((id) => ({ kind: "item" as const, id })),
    ...[...new Set(idsAt(paths.itemContainer))].map((id) => ({ kind: "container" as const, id })),
  ];
}

const outcomesByStatus: Readonly<Record<string, ReplyOutcome>> = {
  completed: "ok",
  incomplete: "incomplete",
  failed: "failed",
  cancelled: "cancelled",
};

const outcomesByEvent: Readonly<Record<string, ReplyOutcome>> = {
  "response.incomplete": "incomplete",
  "response.failed": "failed",
};

function outcomeOf({ end, picks, paths, source }: PickedResponse): ReplyOutcome {
  if (end === "cut") return "truncated";
  const status = textOf(picks.get(paths.status));
  const known = status === null ? undefined : outcomesByStatus[status];
  if (known !== undefined) return known;
  if (textOf(picks.get(paths.incompleteReason)) !== null) return "incomplete";
  return outcomesByEvent[source] ?? "ok";
}

function primaryRecord(response: PickedResponse, names: ReplyNames): MeteredUsage {
  const { picks, paths, context } = response;
  const usage = picks.get(paths.usage);
  const toolUsage = picks.get(paths.toolUsage);
  if (!isObject(usage)) {
    const missing = { ...missingUsage(context, names), ...toolCounts(response) };
    return isObject(toolUsage) ? { ...missing, raw: { usage: null, tool_usage: toolUsage } } : missing;
  }
  const raw = isObject(toolUsage) ? { usage, tool_usage: toolUsage } : usage;
  const counts = { ...openaiCounts(usage), ...toolCounts(response) };
  return {
    ...record(response, names, counts),
    kind: "primary",
    model: names.servedModel ?? context.requestedModel,
    raw,
  };
}

/** What every record with numbers has. */
function record(
  response: PickedResponse,
  names: ReplyNames,
  counts: UsageCounts,
): Omit<MeteredUsage, "kind" | "model" | "raw"> {
  const completeness = completenessOf(counts, true);
  return {
    response_id: names.responseId,
    service_tier: names.servedTier,
    ...counts,
    source: response.source,
    completeness: completeness === "complete" && response.end === "cut" ? "partial" : completeness,
    billed: true,
  };
}

/**
 * Calls of tools that OpenAI runs. `tool_usage.web_search.num_requests` counts the billable searches; where
 * it is left out, the search items of the output are counted. Of file searches there is no counter.
 */
function toolCounts({ picks, paths }: PickedResponse): UsageCounts {
  const counts: MutableCounts = {};
  const billedSearches = countOf(
    memberOf(memberOf(picks.get(paths.toolUsage), "web_search"), "num_requests"),
  );
  const items = picks.all(paths.itemType);
  const actions = new Map(picks.all(paths.itemActionType).map(({ indexes, value }) => [indexes[0], value]));
  const searches = items.filter(
    ({ indexes, value }) => value === "web_search_call" && (actions.get(indexes[0]) ?? "search") === "search",
  );
  const fileSearches = items.filter(({ value }) => value === "file_search_call");
  if (billedSearches !== null || searches.length > 0)
    counts.web_search_requests = billedSearches ?? searches.length;
  // The reply names the tools that it had. Of two kinds nobody can tell which made a search: the dearer one counts.
  const hasPreview = picks
    .all(paths.toolType)
    .some(({ value }) => typeof value === "string" && value.startsWith("web_search_preview"));
  if (hasPreview && (counts.web_search_requests ?? 0) > 0)
    counts.web_search_preview_requests = counts.web_search_requests ?? 0;
  if (fileSearches.length > 0) counts.file_search_calls = fileSearches.length;
  return counts;
}

/** Image-model tokens are in `tool_usage` only. A reply without images shows zeros there, which bill nothing. */
function imageRecord(response: PickedResponse, names: ReplyNames): MeteredUsage | null {
  const { picks, paths } = response;
  const usage = memberOf(picks.get(paths.toolUsage), "image_gen");
  const counts = openaiCounts(usage);
  if ((counts.input_tokens ?? 0) + (counts.output_tokens ?? 0) === 0) return null;
  const imageTool = picks.all(paths.toolType).find(({ value }) => value === "image_generation");
  const models = picks.all(paths.toolModel);
  const model = models.find(
    ({ indexes }) => imageTool !== undefined && indexes[0] === imageTool.indexes[0],
  )?.value;
  return {
    ...record(response, names, counts),
    kind: "image_gen",
    // The request's model has another price: better no price than a wrong one.
    model: textOf(model) ?? "unknown",
    raw: usage,
  };
}

function svgRecords(response: PickedResponse, names: ReplyNames): MeteredUsage[] {
  const usages = response.picks.all(response.paths.itemSvgUsage).filter(({ value }) => isObject(value));
  return usages.map(({ value }) => ({
    ...record(response, names, openaiCounts(value)),
    kind: "svg",
    model: textOf(memberOf(value, "model")) ?? "unknown",
    raw: value,
  }));
}
