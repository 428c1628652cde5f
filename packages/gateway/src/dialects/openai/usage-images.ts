/**
 * Reads the usage of `/images/generations` and `/images/edits`, plain and streamed. Text and image tokens have
 * prices of their own. An SVG is written by another model, whose tokens (`svg_usage`) are a record of their own.
 */

import type { MeteredUsage } from "@meshagent/llm-proxy-protocol/usage";
import type { PickPath } from "../../json-pick.ts";
import { isObject, memberOf, missingUsage, noNames, textOf } from "../readings.ts";
import type { ReplyContext, UsageReader } from "../usage-reader.ts";
import { completenessOf, openaiCounts } from "./usage-counts.ts";
import {
  mediaModel,
  mediaPaths,
  type MediaReply,
  mediaRecord,
  mediaUsage,
  type ToldUsage,
  USAGE,
} from "./usage-media.ts";

const SVG_USAGE: PickPath = ["svg_usage"];

const IMAGES: MediaReply = {
  terminalTypes: ["image_generation.completed", "image_edit.completed"],
  paths: [...mediaPaths, SVG_USAGE],
  records: (context, told) => [primaryRecord(context, told), ...svgRecords(told)],
};

/** The reader of an images reply. `raw` of each record is its own usage object. */
export function imagesUsage(context: ReplyContext): UsageReader {
  return mediaUsage(IMAGES, context);
}

function primaryRecord(context: ReplyContext, told: ToldUsage): MeteredUsage {
  const usage = told.picks.get(USAGE);
  if (!isObject(usage)) return missingUsage(context, noNames);
  const counts = openaiCounts(usage);
  const completeness = completenessOf(counts, true);
  const model = mediaModel(context, told);
  return mediaRecord({ kind: "primary", model, counts, completeness, raw: usage }, told);
}

function svgRecords(told: ToldUsage): readonly MeteredUsage[] {
  const usage = told.picks.get(SVG_USAGE);
  if (!isObject(usage)) return [];
  const counts = openaiCounts(usage);
  const completeness = completenessOf(counts, true);
  // The image model has another price: better no price than a wrong one.
  const model = textOf(memberOf(usage, "model")) ?? "unknown";
  return [mediaRecord({ kind: "svg", model, counts, completeness, raw: usage }, told)];
}
