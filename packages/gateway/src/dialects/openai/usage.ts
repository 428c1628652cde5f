/** The usage readers of the OpenAI dialect, one for each endpoint that bills. */

import type { UsageReaderFactory } from "../usage-reader.ts";
import { chatUsage } from "./usage-chat.ts";
import { responsesUsage } from "./usage-responses.ts";

export { embeddingsUsage } from "./usage-embeddings.ts";
export { imagesUsage } from "./usage-images.ts";
export { responsesUsage } from "./usage-responses.ts";
export { speechUsage } from "./usage-speech.ts";
export { transcriptionUsage } from "./usage-transcription.ts";

/** `/responses/compact`: a Response object without a model. */
export const compactUsage: UsageReaderFactory = responsesUsage;

/** `/chat/completions`. */
export const chatCompletionsUsage: UsageReaderFactory = chatUsage;

/** `/completions`: the usage object and the stream of chat completions. */
export const completionsUsage: UsageReaderFactory = chatUsage;
