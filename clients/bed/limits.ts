/** Budgets and rates of the room that the clients' tests run in. */

import type {
  BudgetDefinition,
  LimitScope,
  RateDefinition,
} from "@meshagent/llm-proxy-gateway/store/limit-definition";
import { sampleIntent, sampleResult } from "@meshagent/llm-proxy-gateway/store/conformance/sample-exchanges";
import { rawJson } from "../../test/bed/raw-reply.ts";
import type { Scene } from "./scene.ts";
import { systemAuthor } from "@meshagent/llm-proxy-gateway/store/audit";

export const budgetId = "the-budget";
const rateId = "the-rate";
const scope: LimitScope = {
  room: "my-room",
  participant: null,
  apiKeyId: null,
  sessionId: null,
  model: null,
};

/** So much a month for the room, in UTC. */
export async function setBudget(
  { gateway }: Scene,
  amountNanoUsd: number,
  mode: BudgetDefinition["mode"] = "hard",
): Promise<void> {
  await gateway.gateway.store.directory.as(systemAuthor).setLimit({
    kind: "budget",
    id: budgetId,
    projectId: gateway.projectId,
    scope,
    createdAtMs: 1,
    amountNanoUsd,
    toleranceNanoUsd: 0,
    period: "month",
    timeZone: "UTC",
    mode,
    notifyAtPercent: [],
  });
}

/** The budget's one account. */
export async function budgetState({ gateway }: Scene): Promise<{
  readonly spentNanoUsd: number;
  readonly heldNanoUsd: number;
}> {
  const [account] = await gateway.gateway.store.limits.budgetAccounts(budgetId);
  if (account === undefined) throw new Error("Nothing was asked of the budget yet.");
  return account;
}

/** So many requests a minute for the room, all of which were made so long ago. */
export async function setUsedUpRate(
  { gateway }: Scene,
  { requestsPerMinute, agoMs }: { readonly requestsPerMinute: number; readonly agoMs: number },
): Promise<void> {
  const definition: RateDefinition = {
    kind: "rate",
    id: rateId,
    projectId: gateway.projectId,
    scope,
    createdAtMs: 1,
    requestsPerMinute,
    inputTokensPerMinute: null,
    outputTokensPerMinute: null,
    tokensPerMinute: null,
    maxConcurrency: null,
  };
  const { directory, ledger, limits } = gateway.gateway.store;
  await directory.as(systemAuthor).setLimit(definition);
  const key = `${rateId}|requests|`;
  const account = {
    kind: "rate",
    key,
    limitId: rateId,
    counts: "requests",
    perMinute: requestsPerMinute,
  } as const;
  const shares = [{ account, amount: requestsPerMinute }];
  const intent = sampleIntent({ id: "earlier", bootId: "earlier" });
  const reply = await limits.reserve({ intent, nowMs: Date.now() - agoMs, shares });
  if (reply.kind !== "held") throw new Error("The rate was used already.");
  await ledger.recordResult(sampleResult({ id: "earlier" }));
}

/** Another caller's request that runs, and holds its money, until it is let go. */
export interface RunningRequest {
  letGo(): void;
  readonly status: Promise<number>;
}

/** At most 40,000 tokens at $30 a million, and a little input: it holds a little more than $1.20. */
export async function runOther(scene: Scene): Promise<RunningRequest> {
  const { gateway, provider } = scene;
  const gate = Promise.withResolvers<void>();
  const usage = { input_tokens: 10, output_tokens: 1, total_tokens: 11 };
  const answer = { id: "resp_other", object: "response", status: "completed", model: "gpt-5.5", usage };
  const reply = rawJson(200, JSON.stringify({ ...answer, service_tier: "default" }));
  provider.script(({ body }) =>
    body.includes("somebody else")
      ? { ...reply, pieces: [{ until: gate.promise }, ...(reply.pieces as string[])] }
      : null,
  );
  const seen = provider.requests.length;
  const status = fetch(`${gateway.openaiUrl}/responses`, {
    method: "POST",
    headers: {
      authorization: `Bearer ${await gateway.token({ identity: "other" })}`,
      "content-type": "application/json",
    },
    body: JSON.stringify({
      model: "gpt-5.5",
      input: "somebody else",
      max_output_tokens: 40_000,
      service_tier: "default",
    }),
  }).then((response) => response.status);
  await provider.untilRequests(seen + 1);
  return { letGo: gate.resolve, status };
}
