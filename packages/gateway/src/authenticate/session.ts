/**
 * Which run of which client a request belongs to, from the headers that clients send by themselves. It is
 * what the caller says of itself: good for reports, never a ground for letting anything in.
 */

import { printable } from "@meshagent/llm-proxy-protocol/name";
import { decodeHeaderText, type DistinctHeaders } from "./header-text.ts";

/** Longest session, agent or client label, in characters. */
export const MAX_LABEL_LENGTH = 200;

/** What the caller says of itself; each at most 200 characters without control characters, or null. */
export interface SessionLabels {
  readonly sessionId: string | null;
  readonly agentId: string | null;
  readonly client: string | null;
}

/**
 * Ours first, so that a caller can always name its session. Then Claude Code 2.1, Codex 0.169, opencode
 * 1.18.
 */
const sessionHeaders = [
  "meshagent-session",
  "x-claude-code-session-id",
  "session-id",
  "x-session-id",
] as const;

/** Reads the labels. Never throws: a header that makes no sense is a label that is not there. */
export function readSession(headers: DistinctHeaders): SessionLabels {
  return {
    sessionId: firstLabel(headers, sessionHeaders),
    agentId: firstLabel(headers, ["x-claude-code-agent-id"]) ?? readCodexAgent(headers),
    client: readClient(headers["user-agent"]?.[0]),
  };
}

function firstLabel(headers: DistinctHeaders, names: readonly string[]): string | null {
  for (const name of names) {
    const value = headers[name]?.[0];
    const label = value === undefined ? null : toLabel(decodeHeaderText(value));
    if (label !== null) return label;
  }
  return null;
}

/** Codex describes each turn in a JSON header, in which `agent_name` is the agent's path such as `/root`. */
function readCodexAgent(headers: DistinctHeaders): string | null {
  const text = headers["x-codex-turn-metadata"]?.[0];
  if (text === undefined) return null;
  try {
    const metadata: unknown = JSON.parse(decodeHeaderText(text));
    if (typeof metadata !== "object" || metadata === null || !("agent_name" in metadata)) return null;
    return typeof metadata.agent_name === "string" ? toLabel(metadata.agent_name) : null;
  } catch {
    return null;
  }
}

/** Product and version: what stands before the first comment of `user-agent`, in printable ASCII. */
function readClient(userAgent: string | undefined): string | null {
  const product = (userAgent ?? "").split(" (", 1)[0] ?? "";
  return toLabel(product.replace(/[^\x20-\x7e]/g, ""));
}

function toLabel(text: string): string | null {
  const label = printable(text, MAX_LABEL_LENGTH).trim();
  return label === "" ? null : label;
}
