/**
 * From a row of the ledger to the exchange that the API shows (contract 4), member by member: nothing of a
 * row is shown that is not written here.
 */

import type { Exchange } from "@meshagent/llm-proxy-protocol/api";
import { toRfc3339 } from "../clock.ts";
import { formatNanoUsd } from "../money.ts";
import type { Exchange as ExchangeRow, ExchangeResult } from "../store/store.ts";

/** The exchange as JSON. One that still runs has null for its status, outcome, times and cost, and no usage. */
export function exchangeShape({ intent, result }: ExchangeRow): Exchange {
  return {
    id: intent.id,
    project_id: intent.projectId,
    room: intent.room,
    participant: intent.participant,
    role: intent.role,
    api_key_id: intent.apiKeyId,
    token_id: intent.tokenId,
    session_id: intent.sessionId,
    agent_id: intent.agentId,
    client: intent.client,
    dialect: intent.dialect,
    endpoint: intent.endpoint,
    transport: intent.transport,
    connection_id: intent.connectionId,
    provider: intent.provider,
    requested_model: intent.requestedModel,
    requested_service_tier: intent.requestedTier,
    received_at: toRfc3339(intent.receivedAtMs),
    request_bytes: intent.requestBytes,
    simulated: intent.isSimulated,
    ...resultShape(result),
  };
}

type ResultMembers = Pick<
  Exchange,
  | "model"
  | "service_tier"
  | "status"
  | "outcome"
  | "usage_source"
  | "first_byte_at"
  | "completed_at"
  | "response_bytes"
  | "provider_request_id"
  | "attempts"
  | "usage"
  | "cost_usd"
  | "cost_nano_usd"
>;

const running: ResultMembers = {
  model: null,
  service_tier: null,
  status: null,
  outcome: null,
  usage_source: null,
  first_byte_at: null,
  completed_at: null,
  response_bytes: 0,
  provider_request_id: null,
  attempts: 0,
  usage: [],
  cost_usd: null,
  cost_nano_usd: null,
};

function resultShape(result: ExchangeResult | null): ResultMembers {
  if (result === null) return running;
  return {
    model: result.model,
    service_tier: result.servedTier,
    status: result.status,
    outcome: result.outcome,
    usage_source: result.usageSource,
    first_byte_at: result.firstByteAtMs === null ? null : toRfc3339(result.firstByteAtMs),
    completed_at: toRfc3339(result.completedAtMs),
    response_bytes: result.responseBytes,
    provider_request_id: result.providerRequestId,
    attempts: result.attempts,
    usage: result.usage,
    cost_usd: result.costNanoUsd === null ? null : formatNanoUsd(result.costNanoUsd),
    cost_nano_usd: result.costNanoUsd,
  };
}
