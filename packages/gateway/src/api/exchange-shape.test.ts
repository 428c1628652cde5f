import assert from "node:assert/strict";
import { test } from "node:test";
import { exchangeSchema } from "@meshagent/llm-proxy-protocol/api";
import { exchangeShape } from "./exchange-shape.ts";
import { sampleExchange } from "./sample-exchange.ts";

test("a finished exchange, member by member", () => {
  const row = sampleExchange("p", "ex_1");
  assert.deepEqual(exchangeShape(row), {
    id: "ex_1",
    project_id: "p",
    room: "lab",
    participant: "cli-agent",
    role: "agent",
    api_key_id: "00000000-0000-4000-8000-000000000001",
    token_id: "jti-1",
    session_id: "thread-1",
    agent_id: null,
    client: "codex_cli_rs/0.169.0",
    dialect: "openai",
    endpoint: "/v1/responses",
    transport: "sse",
    connection_id: null,
    provider: "acme",
    requested_model: "gpt-5.5",
    model: "gpt-5.5-2026-04-23",
    requested_service_tier: "priority",
    service_tier: "standard",
    status: 200,
    outcome: "ok",
    usage_source: "exact",
    received_at: "2026-11-23T10:00:00.001Z",
    first_byte_at: "2026-11-23T10:00:01.000Z",
    completed_at: "2026-11-23T10:00:02.000Z",
    request_bytes: 2048,
    response_bytes: 4096,
    provider_request_id: "req_1",
    attempts: 1,
    simulated: false,
    usage: row.result?.usage,
    // $0.00352 + $0.001
    cost_usd: "0.004520000",
    cost_nano_usd: 4_520_000,
  });
});

test("the schema keeps every member and lets nothing else by", () => {
  const shape = exchangeShape(sampleExchange("p", "ex_1"));
  assert.deepEqual(exchangeSchema.parse(shape), shape);
  assert.deepEqual(exchangeSchema.parse({ ...shape, secret: "x" }), shape);
});

test("one that runs has no outcome, no times and no cost, and is no 200", () => {
  const shape = exchangeShape({ ...sampleExchange("p", "ex_1"), result: null });
  const {
    model,
    status,
    outcome,
    usage_source,
    first_byte_at,
    completed_at,
    cost_usd,
    cost_nano_usd,
    usage,
  } = shape;
  assert.deepEqual([model, status, outcome, usage_source], [null, null, null, null]);
  assert.deepEqual([first_byte_at, completed_at, cost_usd, cost_nano_usd], [null, null, null, null]);
  assert.deepEqual(usage, []);
  assert.equal(shape.requested_model, "gpt-5.5");
  assert.deepEqual(exchangeSchema.parse(shape), shape);
});

test("an unknown cost is null and a cost of nothing is zero", () => {
  const row = sampleExchange("p", "ex_1");
  const withCost = (costNanoUsd: number | null): unknown =>
    exchangeShape({ intent: row.intent, result: row.result === null ? null : { ...row.result, costNanoUsd } })
      .cost_usd;
  assert.equal(withCost(null), null);
  assert.equal(withCost(0), "0.000000000");
  assert.equal(withCost(1), "0.000000001");
  assert.equal(withCost(1_234_567_890_123), "1234.567890123");
});

test("a caller that got no answer and no first byte", () => {
  const row = sampleExchange("p", "ex_1");
  const shape = exchangeShape({
    intent: row.intent,
    result:
      row.result === null
        ? null
        : { ...row.result, status: null, firstByteAtMs: null, outcome: "client_closed" },
  });
  assert.deepEqual([shape.status, shape.first_byte_at, shape.outcome], [null, null, "client_closed"]);
  assert.notEqual(shape.completed_at, null);
});

test("the process that ran it is nobody's business", () => {
  assert.ok(!JSON.stringify(exchangeShape(sampleExchange("p", "ex_1"))).includes("boot_"));
});
