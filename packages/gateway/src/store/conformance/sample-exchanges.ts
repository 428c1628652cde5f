/** Exchanges to test a store with. Every field has a value of its own, so that two that are mixed up show. */

import type { UsageRecord } from "@meshagent/llm-proxy-protocol/usage";
import type { ExchangeIntent, ExchangeResult } from "../store.ts";

/** A full hour of a full UTC day: 2026-11-20T00:00:00Z. */
export const SAMPLE_START_MS: number = Date.UTC(2026, 10, 20);

/** An intent of project `p1`, boot `boot_1`, changed by `changes`. */
export function sampleIntent(changes: Partial<ExchangeIntent> & { readonly id: string }): ExchangeIntent {
  return {
    bootId: "boot_1",
    projectId: "p1",
    room: "my-room",
    participant: "cli-agent",
    role: "agent",
    apiKeyId: "key-1",
    tokenId: "token-1",
    sessionId: "session-1",
    agentId: "agent-1",
    client: "codex_cli_rs/0.169.0",
    dialect: "openai",
    endpoint: "/v1/responses",
    transport: "sse",
    provider: "openai",
    requestedModel: "gpt-5.5",
    requestedTier: "auto",
    isSimulated: false,
    receivedAtMs: SAMPLE_START_MS,
    requestBytes: 4321,
    connectionId: null,
    estimate: [],
    ...changes,
  };
}

/** A result with one priced record, changed by `changes`. */
export function sampleResult(changes: Partial<ExchangeResult> & { readonly id: string }): ExchangeResult {
  return {
    outcome: "ok",
    usageSource: "exact",
    status: 200,
    model: "gpt-5.5-2026-04-23",
    servedTier: "standard",
    firstByteAtMs: SAMPLE_START_MS + 300,
    completedAtMs: SAMPLE_START_MS + 2_000,
    responseBytes: 8765,
    providerRequestId: "req_abc",
    attempts: 1,
    usage: [sampleRecord({})],
    costNanoUsd: 4_520_000,
    ...changes,
  };
}

/** A record of 1760 input tokens at $2 and 100 output tokens at $10 per million: 3.52 + 1 = 4.52 m$. */
export function sampleRecord(changes: Partial<UsageRecord>): UsageRecord {
  return {
    kind: "primary",
    model: "gpt-5.5-2026-04-23",
    response_id: "resp_1",
    input_tokens: 1760,
    output_tokens: 100,
    cache_read_input_tokens: 1000,
    cache_write_input_tokens: 40,
    reasoning_output_tokens: 64,
    service_tier: "standard",
    source: "response.completed",
    completeness: "complete",
    billed: true,
    cost_nano_usd: 4_520_000,
    cost_usd: "0.004520000",
    cost_status: "priced",
    lines: [
      { component: "input", quantity: 1760, unit_price: "2", per: 1_000_000, amount: "0.00352" },
      { component: "output", quantity: 100, unit_price: "10", per: 1_000_000, amount: "0.001" },
    ],
    price_version: "2026-11-20",
    raw: { input_tokens: 1760, output_tokens: 100, total_tokens: 1860, "x-unknown": { é: [1, null] } },
    ...changes,
  };
}
