/**
 * Words in the last user message that ask the simulated provider for a particular behaviour, so that
 * errors, pauses and rare replies can be tried from any client without code: `[[simulate: error 429]]`.
 */

type ArgumentKind = "none" | "status" | "duration" | "size" | "count" | "variant";

interface DirectiveRow {
  readonly name: string;
  readonly argument: ArgumentKind;
  readonly example: string;
  readonly about: string;
}

/** Every directive. The README's table holds the same rows; a test compares them. */
export const directiveTable: readonly DirectiveRow[] = [
  {
    name: "error",
    argument: "status",
    example: "error 429",
    about: "answer with this HTTP status and the provider's own error body",
  },
  {
    name: "delay",
    argument: "duration",
    example: "delay 5s",
    about: "be silent before the first byte of the answer",
  },
  {
    name: "slow",
    argument: "duration",
    example: "slow 200ms",
    about: "wait this long before every event of the stream",
  },
  {
    name: "silence",
    argument: "duration",
    example: "silence 30s",
    about: "be silent once, in the middle of the answer",
  },
  { name: "stall", argument: "none", example: "stall", about: "stop in the middle and never go on" },
  { name: "cut", argument: "none", example: "cut", about: "break the connection in the middle of an event" },
  {
    name: "stream-error",
    argument: "none",
    example: "stream-error",
    about: "send an error event in the middle of the stream",
  },
  {
    name: "failed",
    argument: "none",
    example: "failed",
    about: "end a Responses reply with `response.failed`",
  },
  { name: "refusal", argument: "none", example: "refusal", about: "refuse before any output" },
  {
    name: "late-refusal",
    argument: "none",
    example: "late-refusal",
    about: "refuse after half of the output",
  },
  {
    name: "incomplete",
    argument: "none",
    example: "incomplete",
    about: "stop half way, as an output limit does",
  },
  { name: "length", argument: "count", example: "length 2000", about: "answer with about this many tokens" },
  { name: "huge", argument: "size", example: "huge 500kb", about: "answer with a text of this size" },
  { name: "no-usage", argument: "none", example: "no-usage", about: "leave the usage out" },
  { name: "thinking", argument: "none", example: "thinking", about: "show reasoning before the answer" },
  {
    name: "web-search",
    argument: "none",
    example: "web-search",
    about: "pretend one web search, with its usage",
  },
  {
    name: "iterations",
    argument: "variant",
    example: "iterations advisor",
    about: "Anthropic: usage with several billed models (`compaction`, `advisor` or `fallback`)",
  },
];

export type IterationsVariant = "compaction" | "advisor" | "fallback";

/** What the directives of one message ask for. */
export interface Directives {
  readonly errorStatus: number | null;
  readonly delayMs: number;
  readonly slowMs: number;
  readonly silenceMs: number;
  readonly isStalled: boolean;
  readonly isCut: boolean;
  readonly isStreamError: boolean;
  readonly isFailed: boolean;
  readonly refusal: "none" | "early" | "late";
  readonly isIncomplete: boolean;
  readonly lengthTokens: number | null;
  readonly hugeBytes: number | null;
  readonly hidesUsage: boolean;
  readonly isThinking: boolean;
  readonly isWebSearch: boolean;
  readonly iterations: IterationsVariant | null;
  /** Directives as written that are not in the table, or whose argument cannot be read. */
  readonly unknown: readonly string[];
}

const BLOCK = /\[\[\s*simulate\s*:([^\]]*)\]\]/gi;
const LONGEST_WAIT_MS = 3_600_000;
const LARGEST_REPLY_BYTES = 8_000_000;
const DURATION_UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000 };
const SIZE_UNITS: Readonly<Record<string, number>> = { b: 1, kb: 1000, mb: 1_000_000 };

/** Reads the directives out of a message. */
export function parseDirectives(message: string): Directives {
  const asked = new Map<string, number | string>();
  const unknown: string[] = [];
  for (const block of message.matchAll(BLOCK)) {
    for (const part of (block[1] ?? "").split(",")) {
      const words = part.trim().toLowerCase().split(/\s+/);
      const name = words[0] ?? "";
      if (name === "") continue;
      const row = directiveTable.find((candidate) => candidate.name === name);
      const value = row === undefined ? null : readArgument(row.argument, words.slice(1).join(""));
      if (value === null) unknown.push(part.trim());
      else asked.set(name, value);
    }
  }
  return toDirectives(asked, unknown);
}

/** The message without its directives. */
export function withoutDirectives(message: string): string {
  return message.replace(BLOCK, "").trim();
}

function toDirectives(asked: ReadonlyMap<string, number | string>, unknown: readonly string[]): Directives {
  const number = (name: string): number | null => {
    const value = asked.get(name);
    return typeof value === "number" ? value : null;
  };
  const late = asked.has("late-refusal") ? "late" : "none";
  return {
    errorStatus: number("error"),
    delayMs: number("delay") ?? 0,
    slowMs: number("slow") ?? 0,
    silenceMs: number("silence") ?? 0,
    isStalled: asked.has("stall"),
    isCut: asked.has("cut"),
    isStreamError: asked.has("stream-error"),
    isFailed: asked.has("failed"),
    refusal: asked.has("refusal") ? "early" : late,
    isIncomplete: asked.has("incomplete"),
    lengthTokens: number("length"),
    hugeBytes: number("huge"),
    hidesUsage: asked.has("no-usage"),
    isThinking: asked.has("thinking"),
    isWebSearch: asked.has("web-search"),
    iterations: (asked.get("iterations") as IterationsVariant | undefined) ?? null,
    unknown,
  };
}

/** null when the argument cannot be read. A directive without argument reads as "". */
function readArgument(kind: ArgumentKind, text: string): number | string | null {
  switch (kind) {
    case "none":
      return text === "" ? "" : null;
    case "status":
      return /^[45]\d\d$/.test(text) ? Number(text) : null;
    case "count":
      return readAmount(text, { "": 1 }, LARGEST_REPLY_BYTES / 4);
    case "duration":
      return readAmount(text, DURATION_UNITS, LONGEST_WAIT_MS);
    case "size":
      return readAmount(text, SIZE_UNITS, LARGEST_REPLY_BYTES);
    case "variant":
      if (text === "") return "compaction";
      return ["compaction", "advisor", "fallback"].includes(text) ? text : null;
  }
}

function readAmount(text: string, units: Readonly<Record<string, number>>, most: number): number | null {
  const match = /^(\d+(?:\.\d+)?)([a-z]*)$/.exec(text);
  const unit = units[match?.[2] ?? "?"];
  if (match === null || unit === undefined) return null;
  return Math.min(most, Math.round(Number(match[1]) * unit));
}
