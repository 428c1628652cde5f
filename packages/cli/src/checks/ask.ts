/** Doctor's requests: short, bounded, following no redirect, and without a credential unless one is given. */

import type { CliContext } from "../cli-context.ts";
import { messageOf } from "../failure.ts";

const TIMEOUT_MS = 5000;

export interface Answer {
  readonly status: number;
  /** Of the Date header; null without one. */
  readonly dateMs: number | null;
  /** Its beginning. */
  readonly body: string;
}

export interface NoAnswer {
  readonly problem: string;
  /** Somebody listens there, and does not answer as HTTP does, or not in time. */
  readonly isTaken: boolean;
}

/** Asks for one URL. Throws nothing. */
export async function ask(
  url: string,
  context: CliContext,
  init: RequestInit = {},
): Promise<Answer | NoAnswer> {
  try {
    const signal = AbortSignal.any([AbortSignal.timeout(TIMEOUT_MS), context.signal]);
    const response = await fetch(url, { ...init, signal, redirect: "manual" });
    const dateMs = Date.parse(response.headers.get("date") ?? "");
    const body = (await response.text()).slice(0, 2000);
    return { status: response.status, dateMs: Number.isNaN(dateMs) ? null : dateMs, body };
  } catch (error) {
    return { problem: messageOf(error), isTaken: isTaken(error) };
  }
}

/** What fetch says of a connection that was made and came to nothing. */
function isTaken(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const { cause } = error;
  if (error.name === "TimeoutError") return true;
  if (!(cause instanceof Error)) return false;
  const code = "code" in cause ? String(cause.code) : "";
  return cause.name === "HTTPParserError" || ["UND_ERR_SOCKET", "ECONNRESET", "EPIPE"].includes(code);
}

/** Whether a gateway of ours answers at this URL; asks without a credential. */
export async function isGateway(apiUrl: string, context: CliContext): Promise<boolean> {
  const answer = await ask(`${apiUrl}/openai/v1`, context);
  return "status" in answer && answer.status === 200 && answer.body.startsWith("MeshAgent ");
}
