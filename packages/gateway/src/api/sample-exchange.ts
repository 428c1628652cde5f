/** For tests only: one finished exchange with every member set, to be varied. */

import type { Exchange } from "../store/store.ts";

/** A streamed Responses call of a Codex session in room `lab`; its cost is the sum spelled out below. */
export function sampleExchange(projectId: string, id: string): Exchange & { readonly result: object } {
  return {
    intent: {
      id,
      bootId: "boot_of_a_process",
      projectId,
      room: "lab",
      participant: "cli-agent",
      role: "agent",
      apiKeyId: "00000000-0000-4000-8000-000000000001",
      tokenId: "jti-1",
      sessionId: "thread-1",
      agentId: null,
      client: "codex_cli_rs/0.169.0",
      dialect: "openai",
      endpoint: "/v1/responses",
      transport: "sse",
      provider: "acme",
      requestedModel: "gpt-5.5",
      requestedTier: "priority",
      isSimulated: false,
      receivedAtMs: Date.UTC(2026, 10, 23, 10, 0, 0, 1),
      requestBytes: 2048,
      connectionId: null,
    },
    result: {
      id,
      outcome: "ok",
      usageSource: "exact",
      status: 200,
      model: "gpt-5.5-2026-04-23",
      servedTier: "standard",
      firstByteAtMs: Date.UTC(2026, 10, 23, 10, 0, 1),
      completedAtMs: Date.UTC(2026, 10, 23, 10, 0, 2),
      responseBytes: 4096,
      providerRequestId: "req_1",
      attempts: 1,
      usage: [
        {
          kind: "primary",
          model: "gpt-5.5-2026-04-23",
          response_id: "resp_1",
          input_tokens: 1760,
          output_tokens: 100,
          service_tier: "standard",
          source: "response.completed",
          completeness: "complete",
          billed: true,
          raw: { input_tokens: 1760, output_tokens: 100, future: { member: 1 } },
          // 1760 x $2 / 1M = $0.00352, 100 x $10 / 1M = $0.001, together $0.00452.
          cost_nano_usd: 4_520_000,
          cost_usd: "0.004520000",
          cost_status: "priced",
          lines: [
            { component: "input", quantity: 1760, unit_price: "2", per: 1_000_000, amount: "0.00352" },
            { component: "output", quantity: 100, unit_price: "10", per: 1_000_000, amount: "0.001" },
          ],
          price_version: "test",
        },
      ],
      costNanoUsd: 4_520_000,
    },
  };
}
