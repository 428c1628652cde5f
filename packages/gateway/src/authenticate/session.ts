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

/** Which run of a client, and which agent in it. */
interface Run {
  readonly sessionId: string | null;
  readonly agentId: string | null;
}

/**
 * Reads the labels. Never throws: a header that makes no sense is a label that is not there. A sub-agent has the
 * session of the agent that started it, so that a session is all that one run cost. `Meshagent-Session` comes
 * first, so that a caller can always name its session.
 */
export function readSession(headers: DistinctHeaders): SessionLabels {
  const run = readClaudeCode(headers) ?? readOpencode(headers) ?? readCodex(headers);
  return {
    sessionId: readLabel(headers, "meshagent-session") ?? run?.sessionId ?? null,
    agentId: run?.agentId ?? null,
    client: readClient(headers["user-agent"]?.[0]),
  };
}

/** Claude Code 2.1: its sub-agents have the session's id and one of their own, the main agent has none. */
function readClaudeCode(headers: DistinctHeaders): Run | null {
  const sessionId = readLabel(headers, "x-claude-code-session-id");
  const agentId = readLabel(headers, "x-claude-code-agent-id");
  return sessionId === null && agentId === null ? null : { sessionId, agentId };
}

/**
 * opencode 1.18: a sub-agent has a session of its own, and names the one that started it. With OpenAI it sends
 * Codex's `session-id` as well, so that its own headers are asked first.
 */
function readOpencode(headers: DistinctHeaders): Run | null {
  const ownId = readLabel(headers, "x-session-id");
  const parentId = readLabel(headers, "x-parent-session-id");
  if (parentId !== null) return { sessionId: parentId, agentId: ownId };
  return ownId === null ? null : { sessionId: ownId, agentId: null };
}

/** The path that Codex gives the agent that a person talks to. */
const CODEX_ROOT = "/root";

/**
 * Codex 0.169: every thread has an id, and the session is that of the thread that began it. A thread that names
 * its parent and no other session than itself is counted to its parent's. An agent is known by its path, such as
 * `/root/research`; sub-agents of models before gpt-6 have the path of the root, and are known by their thread.
 */
function readCodex(headers: DistinctHeaders): Run | null {
  const threadId = readLabel(headers, "thread-id");
  const ownId = readLabel(headers, "session-id") ?? threadId;
  const parentId = readLabel(headers, "x-codex-parent-thread-id");
  const path = readCodexAgentPath(headers);
  if (ownId === null && path === null) return null;
  const sessionId = ownId === threadId ? (parentId ?? ownId) : ownId;
  const isSubAgent = threadId !== null && threadId !== sessionId;
  return { sessionId, agentId: isSubAgent && (path === null || path === CODEX_ROOT) ? threadId : path };
}

/** Codex describes each turn in a JSON header, in which `agent_name` is the agent's path. */
function readCodexAgentPath(headers: DistinctHeaders): string | null {
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

function readLabel(headers: DistinctHeaders, name: string): string | null {
  const value = headers[name]?.[0];
  return value === undefined ? null : toLabel(decodeHeaderText(value));
}

/**
 * The first product of `user-agent` with its version, in printable ASCII: `codex_exec/0.169.0`, and
 * `OpenAI/JS 7.57.0`, where the version stands apart. A text without a product is kept up to its first comment.
 */
function readClient(userAgent: string | undefined): string | null {
  const text = (userAgent ?? "").replace(/[^\x20-\x7e]/g, "");
  const product = /^ *([^ /]+\/(?:\d[^ ]*|[^ ]+ \d[^ ]*|[^ ]*))/.exec(text)?.[1];
  return toLabel(product ?? text.split(" (", 1)[0] ?? "");
}

function toLabel(text: string): string | null {
  const label = printable(text, MAX_LABEL_LENGTH).trim();
  return label === "" ? null : label;
}
