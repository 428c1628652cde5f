/**
 * The row of an exchange as `named_exchanges` shows it: its columns in order, and the way there and back. `usage` is the one column with
 * two meanings: the estimate while the exchange runs, what was used once it has a result.
 */

import type { UsageRecord } from "@meshagent/llm-proxy-protocol/usage";
import type { SQLInputValue } from "node:sqlite";
import type { Exchange, ExchangeIntent, ExchangeResult, Outcome, Transport, UsageSource } from "../store.ts";
import { decodeUsage, encodeUsage } from "../usage-codec.ts";
import { integer, integerOrNull, text, textOrNull } from "./columns.ts";
import type { Row } from "./columns.ts";

/** The columns of an intent, without its estimate. */
export const intentColumns: readonly string[] = [
  "id",
  "boot_id",
  "project_id",
  "room",
  "participant",
  "role",
  "api_key_id",
  "token_id",
  "session_id",
  "agent_id",
  "client",
  "dialect",
  "endpoint",
  "transport",
  "provider",
  "requested_model",
  "requested_tier",
  "is_simulated",
  "received_at",
  "request_bytes",
  "connection_id",
];

/** The columns of a result, `usage` last. */
export const resultColumns: readonly string[] = [
  "outcome",
  "usage_source",
  "status",
  "model",
  "served_tier",
  "first_byte_at",
  "completed_at",
  "response_bytes",
  "provider_request_id",
  "attempts",
  "cost_nano_usd",
  "usage",
];

/** Columns that the table holds by number, and what they are called there. */
export const numberedColumns: ReadonlyMap<string, string> = new Map([
  ["boot_id", "boot_n"],
  ["project_id", "project_n"],
  ["room", "room_n"],
  ["participant", "participant_n"],
  ["api_key_id", "api_key_n"],
  ["token_id", "token_n"],
  ["session_id", "session_n"],
  ["agent_id", "agent_n"],
  ["client", "client_n"],
  ["provider", "provider_n"],
  ["requested_model", "requested_model_n"],
  ["model", "model_n"],
]);

/** In the order of `intentColumns`. */
export function intentValues(intent: Omit<ExchangeIntent, "estimate">): readonly SQLInputValue[] {
  return [
    intent.id,
    intent.bootId,
    intent.projectId,
    intent.room,
    intent.participant,
    intent.role,
    intent.apiKeyId,
    intent.tokenId,
    intent.sessionId,
    intent.agentId,
    intent.client,
    intent.dialect,
    intent.endpoint,
    intent.transport,
    intent.provider,
    intent.requestedModel,
    intent.requestedTier,
    intent.isSimulated ? 1 : 0,
    intent.receivedAtMs,
    intent.requestBytes,
    intent.connectionId,
  ];
}

/** In the order of `resultColumns`. */
export function resultValues(result: ExchangeResult): readonly SQLInputValue[] {
  return [
    result.outcome,
    result.usageSource,
    result.status,
    result.model,
    result.servedTier,
    result.firstByteAtMs,
    result.completedAtMs,
    result.responseBytes,
    result.providerRequestId,
    result.attempts,
    result.costNanoUsd,
    encodeUsage(result.usage),
  ];
}

/** Whether a row has these values already. */
export function holdsValues(row: Row, columns: readonly string[], values: readonly SQLInputValue[]): boolean {
  return columns.every((column, index) => row[column] === values[index]);
}

/** The intent of a row that has `intentColumns`. */
export function readIntent(row: Row): Exchange["intent"] {
  return {
    id: text(row, "id"),
    bootId: text(row, "boot_id"),
    projectId: text(row, "project_id"),
    room: text(row, "room"),
    participant: text(row, "participant"),
    role: text(row, "role"),
    apiKeyId: text(row, "api_key_id"),
    tokenId: textOrNull(row, "token_id"),
    sessionId: textOrNull(row, "session_id"),
    agentId: textOrNull(row, "agent_id"),
    client: textOrNull(row, "client"),
    dialect: text(row, "dialect"),
    endpoint: text(row, "endpoint"),
    // The labels are written by this file from the same types, so they are not checked again.
    transport: text(row, "transport") as Transport,
    provider: text(row, "provider"),
    requestedModel: text(row, "requested_model"),
    requestedTier: textOrNull(row, "requested_tier"),
    isSimulated: integer(row, "is_simulated") === 1,
    receivedAtMs: integer(row, "received_at"),
    requestBytes: integer(row, "request_bytes"),
    connectionId: textOrNull(row, "connection_id"),
  };
}

/** The result of a row that has `id` and `resultColumns`; null while the exchange runs. */
export function readResult(row: Row): ExchangeResult | null {
  const outcome = textOrNull(row, "outcome");
  if (outcome === null) return null;
  return {
    id: text(row, "id"),
    outcome: outcome as Outcome,
    usageSource: text(row, "usage_source") as UsageSource,
    status: integerOrNull(row, "status"),
    model: text(row, "model"),
    servedTier: textOrNull(row, "served_tier"),
    firstByteAtMs: integerOrNull(row, "first_byte_at"),
    completedAtMs: integer(row, "completed_at"),
    responseBytes: integer(row, "response_bytes"),
    providerRequestId: textOrNull(row, "provider_request_id"),
    attempts: integer(row, "attempts"),
    usage: readUsage(row),
    costNanoUsd: integerOrNull(row, "cost_nano_usd"),
  };
}

/** The usage of a finished exchange, the estimate of a running one. */
export function readUsage(row: Row): readonly UsageRecord[] {
  return decodeUsage(text(row, "usage"));
}

/** A whole row. */
export function readExchange(row: Row): Exchange {
  return { intent: readIntent(row), result: readResult(row) };
}
