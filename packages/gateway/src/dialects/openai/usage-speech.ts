/**
 * Reads the usage of `/audio/speech`. Audio tells nothing: models that are billed by character are counted from
 * the request, exactly; of those that are billed by token only the event stream (`stream_format: "sse"`) tells.
 */

import type { MeteredUsage } from "@meshagent/llm-proxy-protocol/usage";
import { isObject, missingUsage, noNames } from "../readings.ts";
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

const SPEECH: MediaReply = {
  terminalTypes: ["speech.audio.done"],
  paths: mediaPaths,
  records: (context, told) => [recordOf(context, told)],
};

/** OpenAI bills `gpt-...-tts` by token, `tts-1` and its kin by character. */
const BILLED_BY_TOKEN = /^gpt-/;

/** The reader of a speech reply. `raw` is the usage object, null where the characters were counted. */
export function speechUsage(context: ReplyContext): UsageReader {
  return mediaUsage(SPEECH, context);
}

function recordOf(context: ReplyContext, told: ToldUsage): MeteredUsage {
  const model = mediaModel(context, told);
  const usage = told.picks.get(USAGE);
  if (isObject(usage)) {
    const counts = openaiCounts(usage);
    const completeness = completenessOf(counts, true);
    return mediaRecord({ kind: "primary", model, counts, completeness, raw: usage }, told);
  }
  const { inputCharacters } = context;
  if (inputCharacters === null || BILLED_BY_TOKEN.test(model)) return missingUsage(context, noNames);
  const counts = { input_characters: inputCharacters };
  return mediaRecord(
    { kind: "primary", model, counts, completeness: "derived", raw: null },
    { ...told, source: "request" },
  );
}
