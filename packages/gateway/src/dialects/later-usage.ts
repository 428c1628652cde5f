/**
 * The reader of a reply that begins something which bills later: a batch, a video. The reply tells an id and no
 * usage; what was used is collected when the object has come to its end (`collect/`).
 */

import type { PickPath } from "../json-pick.ts";
import { isSuccess, JsonBodyReader, missingReading, textOf, upstreamErrorReader } from "./readings.ts";
import type { ReplyContext, UsageReader } from "./usage-reader.ts";

const ID: PickPath = ["id"];
const MODEL: PickPath = ["model"];
const PATHS: readonly PickPath[] = [ID, MODEL];

export function laterUsage(context: ReplyContext): UsageReader {
  if (!isSuccess(context)) return upstreamErrorReader;
  return new JsonBodyReader(PATHS, (picks, end) => {
    const responseId = textOf(picks.get(ID));
    const names = { responseId, servedModel: textOf(picks.get(MODEL)), servedTier: null };
    const reading = missingReading(context, end === "cut" ? "truncated" : "ok", names);
    return responseId === null ? reading : { ...reading, isRunning: true };
  });
}
