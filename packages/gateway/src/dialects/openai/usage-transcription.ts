/**
 * Reads the usage of `/audio/transcriptions` and `/audio/translations`, plain and streamed: tokens, or seconds of
 * audio. `verbose_json` says how long the audio was also where it has no usage (translations); `text`, `srt` and
 * `vtt` say nothing.
 */

import type { Completeness, MeteredUsage } from "@meshagent/llm-proxy-protocol/usage";
import type { PickPath } from "../../json-pick.ts";
import { isObject, memberOf, missingUsage, noNames } from "../readings.ts";
import type { MutableCounts } from "../readings.ts";
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

const DURATION: PickPath = ["duration"];

const TRANSCRIPT: MediaReply = {
  terminalTypes: ["transcript.text.done"],
  paths: [...mediaPaths, DURATION],
  records: (context, told) => [recordOf(context, told)],
};

/** The reader of a transcription or translation. `raw` is the usage object, or `{duration}`. */
export function transcriptionUsage(context: ReplyContext): UsageReader {
  return mediaUsage(TRANSCRIPT, context);
}

function recordOf(context: ReplyContext, told: ToldUsage): MeteredUsage {
  const model = mediaModel(context, told);
  const usage = told.picks.get(USAGE);
  if (isObject(usage)) {
    const { counts, completeness } = countsOf(usage);
    return mediaRecord({ kind: "primary", model, counts, completeness, raw: usage }, told);
  }
  // Where a body was cut, the last number in it may have been cut, too.
  const duration = told.end === "cut" ? null : told.picks.get(DURATION);
  const seconds = secondsOf(duration);
  if (seconds === null) return missingUsage(context, noNames);
  return mediaRecord(
    {
      kind: "primary",
      model,
      counts: { input_audio_seconds: seconds },
      completeness: "derived",
      raw: { duration },
    },
    told,
  );
}

function countsOf(usage: unknown): { readonly counts: MutableCounts; readonly completeness: Completeness } {
  const counts: MutableCounts = openaiCounts(usage);
  const seconds = secondsOf(memberOf(usage, "seconds"));
  if (seconds === null) return { counts, completeness: completenessOf(counts, true) };
  counts.input_audio_seconds = seconds;
  return { counts, completeness: "complete" };
}

/** Seconds may have a fraction. Older replies have `duration` as a text. */
function secondsOf(value: unknown): number | null {
  const seconds = typeof value === "string" && /^\d{1,9}(\.\d+)?$/.test(value) ? Number(value) : value;
  return typeof seconds === "number" && Number.isFinite(seconds) && seconds >= 0 ? seconds : null;
}
