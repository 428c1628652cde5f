import assert from "node:assert/strict";
import { test } from "node:test";
import { GatewayError } from "../errors.ts";
import { sampleRouted } from "../sample-routed.ts";
import type { LimitDefinition } from "../store/limit-definition.ts";
import { checkSocket } from "./check-socket.ts";
import { everything, holdBed, sampleBudget, sampleRate } from "./hold-harness.ts";

async function codeOf(endpoint: string, ...limits: readonly LimitDefinition[]): Promise<string> {
  try {
    await checkSocket(holdBed(...limits).deps, sampleRouted({ endpoint }));
    return "opens";
  } catch (error) {
    return error instanceof GatewayError ? error.code : String(error);
  }
}

test("a hard budget takes no WebSocket: where plain HTTP does the same the client is sent there", async () => {
  assert.equal(await codeOf("responses", sampleBudget()), "websocket_not_offered");
  assert.equal(await codeOf("responses", sampleBudget({ mode: "hard-no-edit" })), "websocket_not_offered");
  assert.equal(await codeOf("realtime", sampleBudget()), "budget_unboundable");
  const model = { ...everything, model: "anthropic/*" };
  assert.equal(
    await codeOf("responses", sampleBudget({ scope: model })),
    "websocket_not_offered",
    "which models it will name is not known yet",
  );
});

test("what counts and refuses nothing, what is for others, and rates let it open", async () => {
  const another = { ...everything, room: "another" };
  assert.equal(
    await codeOf(
      "responses",
      sampleBudget({ mode: "soft" }),
      sampleBudget({ id: "another", scope: another }),
      sampleRate({ requestsPerMinute: 1, maxConcurrency: 1 }),
    ),
    "opens",
  );
});
