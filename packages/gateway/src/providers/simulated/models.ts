/**
 * The models that the simulated provider lists, and the dated name under which a model serves. It answers
 * for any model that a request names; the list is what `/models` shows.
 */

import type { DialectName } from "../provider.ts";

interface SimulatedModel {
  readonly id: string;
  readonly displayName: string;
  /** When the model was released, RFC 3339 date. */
  readonly released: string;
}

/** Snapshot names from the type declarations of the official SDKs (openai 7.57.0, @anthropic-ai/sdk 1.12.0). */
const SNAPSHOTS: Readonly<Record<string, string>> = {
  "gpt-5.5": "gpt-5.5-2026-04-23",
  "gpt-5.5-pro": "gpt-5.5-pro-2026-04-23",
  "gpt-5.4": "gpt-5.4-2026-03-05",
  "gpt-5.4-mini": "gpt-5.4-mini-2026-03-17",
  "gpt-5.4-nano": "gpt-5.4-nano-2026-03-17",
  "gpt-5.2": "gpt-5.2-2025-12-11",
  "gpt-5.1": "gpt-5.1-2025-11-13",
  "gpt-5": "gpt-5-2025-08-07",
  "gpt-5-mini": "gpt-5-mini-2025-08-07",
  "gpt-5-nano": "gpt-5-nano-2025-08-07",
  "gpt-4.1": "gpt-4.1-2025-04-14",
  "gpt-4.1-mini": "gpt-4.1-mini-2025-04-14",
  "gpt-4.1-nano": "gpt-4.1-nano-2025-04-14",
  "gpt-4o": "gpt-4o-2024-08-06",
  "gpt-4o-mini": "gpt-4o-mini-2024-07-18",
  "o4-mini": "o4-mini-2025-04-16",
  o3: "o3-2025-04-16",
  "claude-haiku-4-5": "claude-haiku-4-5-20251001",
  "claude-opus-4-5": "claude-opus-4-5-20251101",
  "claude-sonnet-4-5": "claude-sonnet-4-5-20250929",
};

const OPENAI_MODELS: readonly SimulatedModel[] = [
  { id: "gpt-6.2-sol", displayName: "GPT-6.2 Sol", released: "2026-11-10" },
  { id: "gpt-6.1-sol", displayName: "GPT-6.1 Sol", released: "2026-10-06" },
  { id: "gpt-6-luna", displayName: "GPT-6 Luna", released: "2026-09-15" },
  { id: "gpt-5.6-sol", displayName: "GPT-5.6 Sol", released: "2026-07-14" },
  { id: "gpt-5.5", displayName: "GPT-5.5", released: "2026-04-23" },
  { id: "gpt-5.4", displayName: "GPT-5.4", released: "2026-03-05" },
  { id: "gpt-5.4-mini", displayName: "GPT-5.4 mini", released: "2026-03-17" },
  { id: "gpt-4.1", displayName: "GPT-4.1", released: "2025-04-14" },
  { id: "gpt-4o-mini", displayName: "GPT-4o mini", released: "2024-07-18" },
  { id: "text-embedding-3-small", displayName: "Embedding 3 small", released: "2024-01-25" },
  { id: "text-embedding-3-large", displayName: "Embedding 3 large", released: "2024-01-25" },
  { id: "gpt-image-2", displayName: "GPT Image 2", released: "2026-04-21" },
  { id: "gpt-4o-transcribe", displayName: "GPT-4o Transcribe", released: "2025-03-20" },
  { id: "gpt-4o-mini-tts", displayName: "GPT-4o mini TTS", released: "2025-03-20" },
  { id: "tts-1", displayName: "TTS-1", released: "2023-11-06" },
  { id: "whisper-1", displayName: "Whisper", released: "2023-03-01" },
];

const ANTHROPIC_MODELS: readonly SimulatedModel[] = [
  { id: "claude-opus-5-5", displayName: "Claude Opus 5.5", released: "2026-10-20" },
  { id: "claude-sonnet-5-5", displayName: "Claude Sonnet 5.5", released: "2026-10-07" },
  { id: "claude-haiku-5-5", displayName: "Claude Haiku 5.5", released: "2026-10-07" },
  { id: "claude-fable-5-2", displayName: "Claude Fable 5.2", released: "2026-11-03" },
  { id: "claude-sonnet-5", displayName: "Claude Sonnet 5", released: "2026-05-19" },
  { id: "claude-opus-4-8", displayName: "Claude Opus 4.8", released: "2026-06-16" },
  { id: "claude-haiku-4-5-20251001", displayName: "Claude Haiku 4.5", released: "2025-10-01" },
];

/** The models that a dialect's list shows. */
export function listedModels(dialect: DialectName): readonly SimulatedModel[] {
  return dialect === "openai" ? OPENAI_MODELS : ANTHROPIC_MODELS;
}

/** The name under which a model serves: its dated snapshot where it has one, else the name itself. */
export function servedModel(model: string): string {
  return SNAPSHOTS[model] ?? model;
}

/** OpenAI bills the writing of its prompt cache since gpt-5.6. */
export function billsCacheWrites(model: string): boolean {
  return /^gpt-(5\.[6-9]|[6-9])/.test(model);
}

/** True for OpenAI models that reason: their output has a hidden part. */
export function isReasoningModel(model: string): boolean {
  return /^(gpt-[5-9]|o\d)/.test(model) && !model.includes("chat");
}
