/**
 * Splits a usage record into the quantities that are billed: each token once, under the component whose
 * price it takes. Counts that contradict each other (more cached than there is input) give no negative
 * quantity and no exception. Knows no price.
 */

import type { UsageCounts } from "@meshagent/llm-proxy-protocol/usage";
import type { TokenComponent, UnitComponent } from "./price-card.ts";

export interface Quantity<Component extends string> {
  readonly component: Component;
  /** Above zero. */
  readonly quantity: number;
}

export interface Quantities {
  /** All input tokens, cache reads and writes included: what decides on a long context. */
  readonly inputTokens: number;
  readonly tokens: readonly Quantity<TokenComponent>[];
  /** Seconds and characters. */
  readonly units: readonly Quantity<UnitComponent>[];
}

/** What a tool price is listed under (after `provider.`), and how often it is taken. Fetches are free. */
export function toolCalls(usage: UsageCounts): readonly Quantity<string>[] {
  const searches = countOf(usage.web_search_requests);
  const previews = Math.min(searches, countOf(usage.web_search_preview_requests));
  return [
    { component: "web_search", quantity: searches - previews },
    { component: "web_search_preview", quantity: previews },
    { component: "file_search_call", quantity: countOf(usage.file_search_calls) },
  ].filter(({ quantity }) => quantity > 0);
}

const COUNT_NAMES = [
  "input_tokens",
  "output_tokens",
  "cache_read_input_tokens",
  "cache_write_input_tokens",
  "input_text_tokens",
  "input_audio_tokens",
  "input_image_tokens",
  "output_text_tokens",
  "output_audio_tokens",
  "output_image_tokens",
  "input_audio_seconds",
  "output_audio_seconds",
  "session_audio_seconds",
  "output_video_seconds",
  "input_characters",
  "web_search_requests",
  "file_search_calls",
] as const satisfies readonly (keyof UsageCounts)[];

/** True when the record says how much of anything was used, be it zero. */
export function hasCounts(usage: UsageCounts): boolean {
  return COUNT_NAMES.some((name) => usage[name] !== undefined);
}

/** A count as it can be billed: what is absent, negative or no number is nothing. */
export function countOf(value: number | undefined): number {
  return value !== undefined && Number.isFinite(value) && value > 0 ? value : 0;
}

/** Splits a record. The tokens add up to all input and all output that it names. */
export function splitQuantities(usage: UsageCounts): Quantities {
  const { total, tokens } = splitInput(usage);
  const units: Quantity<UnitComponent>[] = [];
  put(units, "second_input", countOf(usage.input_audio_seconds));
  put(units, "second_output", countOf(usage.output_audio_seconds) + countOf(usage.output_video_seconds));
  put(units, "second_session", countOf(usage.session_audio_seconds));
  put(units, "character_input", countOf(usage.input_characters));
  return { inputTokens: total, tokens: [...tokens, ...splitOutput(usage)], units };
}

interface InputSplit {
  readonly total: number;
  readonly tokens: readonly Quantity<TokenComponent>[];
}

function splitInput(usage: UsageCounts): InputSplit {
  const write5m = countOf(usage.cache_write_5m_input_tokens);
  const write1h = countOf(usage.cache_write_1h_input_tokens);
  const write30m = countOf(usage.cache_write_30m_input_tokens);
  const write12h = countOf(usage.cache_write_12h_input_tokens);
  const splitWrites = write5m + write1h + write30m + write12h;
  const write = Math.max(countOf(usage.cache_write_input_tokens), splitWrites);
  const read = countOf(usage.cache_read_input_tokens);
  const text = countOf(usage.input_text_tokens);
  const audio = countOf(usage.input_audio_tokens);
  const image = countOf(usage.input_image_tokens);
  const named = usage.input_tokens === undefined ? text + audio + image : countOf(usage.input_tokens);
  const total = Math.max(named, read + write);

  // The modality counts of the input include the cached ones, so those come off first.
  const readParts = divideByModality(read, {
    audio: countOf(usage.cache_read_audio_tokens),
    image: countOf(usage.cache_read_image_tokens),
    text: countOf(usage.cache_read_text_tokens),
  });
  const freshParts = divideByModality(total - read - write, {
    audio: audio - readParts.audio,
    image: image - readParts.image,
    text: text - readParts.text,
  });

  const tokens: Quantity<TokenComponent>[] = [];
  putModalities(tokens, "input", freshParts);
  putModalities(tokens, "cache_read", readParts);
  put(tokens, "cache_write", write - splitWrites);
  put(tokens, "cache_write_5m", write5m);
  put(tokens, "cache_write_1h", write1h);
  put(tokens, "cache_write_30m", write30m);
  put(tokens, "cache_write_12h", write12h);
  return { total, tokens };
}

function splitOutput(usage: UsageCounts): readonly Quantity<TokenComponent>[] {
  const text = countOf(usage.output_text_tokens);
  const audio = countOf(usage.output_audio_tokens);
  const image = countOf(usage.output_image_tokens);
  const total = usage.output_tokens === undefined ? text + audio + image : countOf(usage.output_tokens);
  const tokens: Quantity<TokenComponent>[] = [];
  putModalities(tokens, "output", divideByModality(total, { audio, image, text }));
  return tokens;
}

interface Modalities {
  readonly audio: number;
  readonly image: number;
  readonly text: number;
}

interface DividedModalities extends Modalities {
  /** Of a modality that the record does not name. */
  readonly rest: number;
}

/** Gives each modality what it claims, the dearer ones first, as far as the total reaches. */
function divideByModality(total: number, claims: Modalities): DividedModalities {
  const audio = clamp(claims.audio, total);
  const image = clamp(claims.image, total - audio);
  const text = clamp(claims.text, total - audio - image);
  return { audio, image, text, rest: total - audio - image - text };
}

function clamp(value: number, most: number): number {
  return Math.min(Math.max(value, 0), most);
}

function putModalities(
  tokens: Quantity<TokenComponent>[],
  component: "input" | "output" | "cache_read",
  parts: DividedModalities,
): void {
  put(tokens, component, parts.rest);
  // Most records name no modality, and then no name is put together.
  if (parts.text > 0) put(tokens, `${component}_text`, parts.text);
  if (parts.audio > 0) put(tokens, `${component}_audio`, parts.audio);
  if (parts.image > 0) put(tokens, `${component}_image`, parts.image);
}

function put<Component extends string>(
  list: Quantity<Component>[],
  component: Component,
  quantity: number,
): void {
  if (quantity > 0) list.push({ component, quantity });
}
