/** The header lines that a caller gets: the provider's by the closed table, and what every answer of ours carries. */

import type { Held } from "../exchange.ts";
import { replyHeadersDown } from "../headers.ts";
import type { HeaderLines, UpstreamReply } from "../upstream/client.ts";

export function replyHead(held: Held, reply: UpstreamReply, isBodyEdited: boolean): HeaderLines {
  const { call, policy, upstream, hold } = held;
  const lines = [
    ...replyHeadersDown(reply.headers, { isBodyEdited, requestedModel: policy.model }),
    ...call.answerHeaders,
  ];
  if (upstream.isSimulated) lines.push(["x-meshagent-simulated", "true"]);
  const lowered = hold?.loweredOutput ?? null;
  if (lowered !== null) lines.push(["x-meshagent-max-output-tokens", String(lowered.tokens)]);
  return lines;
}
