/** The header lines that every reply of a provider carries (facts: wire.md 5.1). */

import type { HeaderLines } from "../../upstream/client.ts";
import { toRfc3339 } from "../../clock.ts";
import type { DialectName } from "../provider.ts";
import type { EndpointBody, EndpointReply } from "./reply.ts";

const MOST_REQUESTS = 10_000;
const MOST_TOKENS = 10_000_000;

/** What the headers say besides the endpoint's own. */
export interface HeaderFacts {
  readonly dialect: DialectName;
  readonly requestId: string;
  readonly nowMs: number;
  /** How many requests this process has answered; the remaining requests go down with it. */
  readonly answered: number;
}

/** All header lines of a reply. A plain body has its length; a stream has none and is framed by the server. */
export function headersOf(reply: EndpointReply, facts: HeaderFacts): HeaderLines {
  const { body } = reply;
  return [
    ["date", new Date(facts.nowMs).toUTCString()],
    ...contentLines(body),
    ...(facts.dialect === "openai" ? openaiLines(facts) : anthropicLines(facts)),
    ...(reply.headers ?? []),
  ];
}

function contentLines(body: EndpointBody): HeaderLines {
  switch (body.kind) {
    case "json":
      return [
        ["content-type", "application/json"],
        ["content-length", String(Buffer.byteLength(body.text))],
      ];
    case "bytes":
      return [
        ["content-type", body.contentType],
        ["content-length", String(body.bytes.byteLength)],
      ];
    case "events":
      return [
        ["content-type", "text/event-stream; charset=utf-8"],
        ["cache-control", "no-cache"],
      ];
  }
}

function openaiLines(facts: HeaderFacts): HeaderLines {
  return [
    ["x-request-id", facts.requestId],
    ["openai-organization", "simulated"],
    ["openai-processing-ms", "1"],
    ["openai-version", "2020-10-01"],
    ["x-ratelimit-limit-requests", String(MOST_REQUESTS)],
    ["x-ratelimit-limit-tokens", String(MOST_TOKENS)],
    ["x-ratelimit-remaining-requests", String(remaining(facts))],
    ["x-ratelimit-remaining-tokens", String(MOST_TOKENS)],
    ["x-ratelimit-reset-requests", "6ms"],
    ["x-ratelimit-reset-tokens", "0s"],
  ];
}

function anthropicLines(facts: HeaderFacts): HeaderLines {
  const reset = toRfc3339(facts.nowMs + 1000);
  return [
    ["request-id", facts.requestId],
    ["anthropic-organization-id", "00000000-0000-4000-8000-000000000000"],
    ["anthropic-ratelimit-requests-limit", String(MOST_REQUESTS)],
    ["anthropic-ratelimit-requests-remaining", String(remaining(facts))],
    ["anthropic-ratelimit-requests-reset", reset],
    ["anthropic-ratelimit-input-tokens-limit", String(MOST_TOKENS)],
    ["anthropic-ratelimit-input-tokens-remaining", String(MOST_TOKENS)],
    ["anthropic-ratelimit-input-tokens-reset", reset],
    ["anthropic-ratelimit-output-tokens-limit", String(MOST_TOKENS)],
    ["anthropic-ratelimit-output-tokens-remaining", String(MOST_TOKENS)],
    ["anthropic-ratelimit-output-tokens-reset", reset],
  ];
}

function remaining(facts: HeaderFacts): number {
  return MOST_REQUESTS - (facts.answered % MOST_REQUESTS);
}
