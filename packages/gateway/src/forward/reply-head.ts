/** The header lines that a caller gets: the provider's by the closed table, and what every answer of ours carries. */

import type { Held, Upstream } from "../exchange.ts";
import { replyHeadersDown } from "../headers.ts";
import type { HeaderLines, UpstreamReply } from "../upstream/client.ts";

/** How the lines begin that this upstream's callers do not get. */
export function droppedPrefixes({ passing, provider }: Upstream): readonly string[] {
  return passing.rateLimitHeaders === "drop" ? provider.rateLimitHeaderPrefixes : [];
}

export function replyHead(held: Held, reply: UpstreamReply, isBodyEdited: boolean): HeaderLines {
  const { call, policy, upstream, hold } = held;
  const lines = [
    ...replyHeadersDown(reply.headers, {
      isBodyEdited,
      requestedModel: policy.model,
      droppedPrefixes: droppedPrefixes(upstream),
    }),
    ...call.answerHeaders,
  ];
  if (upstream.isSimulated) lines.push(["x-meshagent-simulated", "true"]);
  const lowered = hold?.loweredOutput ?? null;
  if (lowered !== null) lines.push(["x-meshagent-max-output-tokens", String(lowered.tokens)]);
  return lines;
}
