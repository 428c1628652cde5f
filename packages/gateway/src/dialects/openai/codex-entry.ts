/**
 * The form in which Codex wants to hear of a model. Decoded by six versions from 0.144.0 to 0.169.0, which refuse the
 * whole list when a member that it needs is missing or has a value that it does not know (measured member by member).
 */

import type { ModelLimits, ModelTraits, ReasoningEffort } from "../../providers/provider.ts";
import { codexInstructions } from "./codex-instructions.ts";

/** One element of `models`. */
export interface CodexEntry {
  readonly slug: string;
  readonly display_name: string;
  readonly description: string;
  readonly default_reasoning_level: ReasoningEffort | null;
  readonly supported_reasoning_levels: readonly {
    readonly effort: ReasoningEffort;
    readonly description: string;
  }[];
  readonly shell_type: "shell_command";
  /** `list` puts it into the picker of `/model`; `--model` takes either. */
  readonly visibility: "list" | "hide";
  readonly supported_in_api: true;
  /** The order of the picker, smallest first; Codex's own have 1 to 43. */
  readonly priority: number;
  readonly availability_nux: null;
  readonly upgrade: null;
  readonly base_instructions: string;
  readonly include_skills_usage_instructions: true;
  readonly supports_reasoning_summaries: boolean;
  readonly default_reasoning_summary: "none";
  readonly support_verbosity: boolean;
  readonly default_verbosity: "low" | null;
  readonly apply_patch_tool_type: "freeform" | null;
  readonly truncation_policy: { readonly mode: "tokens"; readonly limit: number };
  readonly supports_parallel_tool_calls: boolean;
  readonly supports_search_tool: boolean;
  /** Tokens of input, from which Codex reckons when to compact. */
  readonly context_window: number;
  /** What `model_context_window` in Codex's settings may raise it to. */
  readonly max_context_window: number;
  readonly experimental_supported_tools: readonly string[];
  readonly input_modalities: readonly ("text" | "image")[];
}

/** OpenAI's models cost double beyond it, so Codex's own entries stop there (0.169.0), too. */
const usualWindowTokens = 272_000;
/** Of a model of which nothing is known. */
const cautiousWindowTokens = 128_000;
/** How much of a command's output a model gets to see, as in Codex's own entries. */
const truncation = { mode: "tokens", limit: 10_000 } as const;

const effortTexts: Readonly<Record<ReasoningEffort, string>> = {
  none: "Answers without thinking first",
  minimal: "Thinks as little as it can",
  low: "Thinks briefly, for quick answers",
  medium: "Thinks as much as everyday work needs",
  high: "Thinks longer, for hard problems",
  xhigh: "Thinks longest, for the hardest problems",
};

export interface EntryFacts {
  readonly model: string;
  readonly description: string;
  readonly priority: number;
  /** null: nothing is known of it. */
  readonly traits: ModelTraits | null;
  readonly limits: ModelLimits | null;
}

/** What an agent can rely on in a model of which nothing is known. */
const cautiousTraits: Omit<ModelTraits, "displayName"> = {
  callsTools: true,
  takesCustomTools: false,
  takesToolSearch: false,
  takesVerbosity: false,
  takesImages: false,
  reasoningEfforts: [],
};

export function codexEntry({ model, description, priority, traits, limits }: EntryFacts): CodexEntry {
  const { displayName, ...can } = traits ?? { ...cautiousTraits, displayName: model };
  const window =
    limits === null ? cautiousWindowTokens : Math.max(limits.contextTokens - limits.maxOutputTokens, 1);
  const efforts = can.reasoningEfforts;
  return {
    slug: model,
    display_name: displayName,
    description,
    default_reasoning_level: efforts.includes("medium") ? "medium" : (efforts[0] ?? null),
    supported_reasoning_levels: efforts.map((effort) => ({ effort, description: effortTexts[effort] })),
    shell_type: "shell_command",
    // Known and without custom tools: older than any agent's model. It can be asked for by name.
    visibility: traits === null || can.takesCustomTools ? "list" : "hide",
    supported_in_api: true,
    priority,
    availability_nux: null,
    upgrade: null,
    base_instructions: codexInstructions,
    include_skills_usage_instructions: true,
    supports_reasoning_summaries: efforts.length > 0,
    // Asked for a summary, OpenAI refuses an account that has not verified itself.
    default_reasoning_summary: "none",
    support_verbosity: can.takesVerbosity,
    default_verbosity: can.takesVerbosity ? "low" : null,
    apply_patch_tool_type: can.takesCustomTools ? "freeform" : null,
    truncation_policy: truncation,
    supports_parallel_tool_calls: can.takesCustomTools,
    supports_search_tool: can.takesToolSearch,
    context_window: Math.min(window, usualWindowTokens),
    max_context_window: window,
    experimental_supported_tools: [],
    input_modalities: can.takesImages ? ["text", "image"] : ["text"],
  };
}
