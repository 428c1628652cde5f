/**
 * What OpenAI's models can do, as far as a client needs to know it before it asks: by their ids, with or without a
 * date. Source: the model pages of developers.openai.com/api/docs/models; where they were not at hand, the family's
 * older model, because a client that thinks less of a model than it can do still works.
 */

import type { ModelTraits, ReasoningEffort } from "../provider.ts";

/** Embeddings, pictures, sound, and what converses without calling a function. */
const withoutTools =
  /^(text-|omni-moderation|dall-e|gpt-image|chatgpt-image|sora|whisper|tts|babbage|davinci|gpt-3\.5|gpt-realtime|gpt-audio|gpt-live|chatgpt-|computer-use)|-(audio|realtime|transcribe|tts|search|deep-research|instruct|chat-latest)(-|$)/;

const fromLow: readonly ReasoningEffort[] = ["low", "medium", "high"];

/** The first row that matches. */
const efforts: readonly (readonly [RegExp, readonly ReasoningEffort[]])[] = [
  [/^o1-(mini|preview)/, []],
  [/^(o\d|codex-mini)/, fromLow],
  [/^gpt-5-pro/, ["high"]],
  [/^gpt-5(\.1)?-codex-max/, [...fromLow, "xhigh"]],
  [/^gpt-5(\.1)?-codex/, fromLow],
  [/^gpt-5(-|$)/, ["minimal", ...fromLow]],
  [/^gpt-5\.1(-|$)/, ["none", ...fromLow]],
  [/^gpt-5\.\d+-pro/, ["medium", "high", "xhigh"]],
  [/^gpt-5\.\d+-codex/, [...fromLow, "xhigh"]],
  [/^gpt-(5\.|[6-9])/, [...fromLow, "xhigh"]],
];

/** See `Provider.modelTraits`. */
export function openAiModelTraits(model: string): ModelTraits | null {
  if (!/^(gpt|chatgpt|codex|o\d|text|omni|dall|sora|whisper|tts|babbage|davinci|computer)-?/.test(model))
    return null;
  // The open-weight models are served by whoever runs them.
  if (model.startsWith("gpt-oss")) return null;
  const isGpt5OrLater = /^gpt-[5-9]/.test(model);
  return {
    displayName: model.replace(/^gpt-/, "GPT-"),
    callsTools: !withoutTools.test(model),
    // https://developers.openai.com/api/docs/guides/function-calling: custom tools and verbosity came with GPT-5.
    takesCustomTools: isGpt5OrLater,
    // As in the catalogues of Codex 0.124.0 to 0.169.0.
    takesToolSearch: /^gpt-(5\.[2-9]|[6-9])/.test(model) && !/-(nano|pro)(-|$)/.test(model),
    takesVerbosity: isGpt5OrLater && !/^gpt-5(\.1)?-codex/.test(model),
    takesImages: !/^(o1-mini|o1-preview|o3-mini|gpt-4(-\d+)?$)/.test(model),
    reasoningEfforts: efforts.find(([pattern]) => pattern.test(model))?.[1] ?? [],
  };
}
