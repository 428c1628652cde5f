/**
 * A gateway with budgets, rates and caps for tests, its clock in the test's hand, and a provider that bills all that
 * it may. Prices are those of gpt-5.5 alone: $5 a million in, $30 out.
 */

import assert from "node:assert/strict";
import type { Clock } from "@meshagent/llm-proxy-gateway/clock";
import type {
  BudgetDefinition,
  LimitDefinition,
  LimitScope,
  RateDefinition,
} from "@meshagent/llm-proxy-gateway/store/limit-definition";
import type { BudgetAccountRow } from "@meshagent/llm-proxy-gateway/store/limits";
import type { FakeProvider, RecordedRequest } from "./fake-provider.ts";
import { rawJson, type RawReply } from "./raw-reply.ts";
import { startTestGateway, type TestGateway, type TestGatewayOptions } from "./test-gateway.ts";
import { systemAuthor } from "@meshagent/llm-proxy-gateway/store/audit";

/** Nano-dollars. */
export const inputPrice = 5_000;
export const outputPrice = 30_000;

export const everything: LimitScope = {
  room: null,
  participant: null,
  apiKeyId: null,
  sessionId: null,
  model: null,
};

/** A clock that goes only when the test says so. */
export class HandClock implements Clock {
  #nowMs: number;

  constructor(nowMs: number = Date.now()) {
    this.#nowMs = nowMs;
  }

  now(): number {
    return this.#nowMs;
  }

  pass(ms: number): void {
    this.#nowMs += ms;
  }

  set(nowMs: number): void {
    this.#nowMs = nowMs;
  }
}

export interface LimitedGateway extends TestGateway {
  /** Sets a budget, or a rate where it says so; `b` and `r` are their ids unless told. */
  limit(
    limit: Partial<BudgetDefinition> | (Partial<RateDefinition> & { readonly kind: "rate" }),
  ): Promise<void>;
  /** False when there is none. */
  removeLimit(id: string): Promise<boolean>;
  post(path: string, body: object, token: string, signal?: AbortSignal): Promise<Response>;
  /** A Responses request whose whole reply has come. */
  respond(token: string, rest?: object): Promise<Answer>;
  accounts(limitId: string): Promise<readonly BudgetAccountRow[]>;
  /** So many requests wait for money. */
  untilWaiting(count: number): Promise<void>;
}

/** A reply that has come. */
export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  /** "" where it is no error. */
  readonly message: string;
  readonly code: string;
}

export async function startLimitedGateway(
  options: TestGatewayOptions & { readonly provider: FakeProvider },
): Promise<LimitedGateway> {
  const gateway = await startTestGateway(options);
  const post: LimitedGateway["post"] = (path, body, token, signal) =>
    fetch(`${gateway.url}${path}`, {
      method: "POST",
      headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
      body: JSON.stringify(body),
      ...(signal === undefined ? {} : { signal }),
    });
  return {
    ...gateway,
    limit: (limit) =>
      gateway.gateway.store.directory.as(systemAuthor).setLimit(definition(gateway.projectId, limit)),
    removeLimit: (id) => gateway.gateway.store.directory.as(systemAuthor).removeLimit(gateway.projectId, id),
    post,
    respond: async (token, rest) => answerOf(await post("/openai/v1/responses", ask(rest), token)),
    accounts: (limitId) => gateway.gateway.store.limits.budgetAccounts(limitId),
    untilWaiting: (count) =>
      until(async () =>
        (await (await fetch(`${gateway.url}/metrics`)).text()).includes(
          `\nmeshagent_waiting_requests ${count}\n`,
        ),
      ),
  };
}

/** Runs with a gateway of its own, which is gone afterwards, and the provider's script with it. */
export async function withLimits(
  options: TestGatewayOptions & { readonly provider: FakeProvider },
  run: (gateway: LimitedGateway) => Promise<void>,
): Promise<void> {
  const gateway = await startLimitedGateway(options);
  try {
    await run(gateway);
  } finally {
    options.provider.script(null);
    await gateway.close();
  }
}

/** Reads a reply to its end. */
export async function answerOf(response: Response): Promise<Answer> {
  const text = await response.text();
  const { status, headers } = response;
  if (status < 400) return { status, headers, message: "", code: "" };
  const { error } = JSON.parse(text) as { error: { message: string; code?: string; type: string } };
  return { status, headers, message: error.message, code: error.code ?? error.type };
}

export function ask(rest: object = {}): object {
  return { model: "gpt-5.5", input: "hello", service_tier: "default", ...rest };
}

/** What a reply bills. */
export interface Bill {
  readonly input: number;
  readonly output: number;
}

/** The most that a provider can bill for a Responses request: every byte a token, and the whole output limit. */
export function mostOf({ body }: RecordedRequest): Bill {
  const { max_output_tokens: limit } = JSON.parse(body.toString("utf8")) as { max_output_tokens?: number };
  return { input: body.byteLength, output: limit ?? 128_000 };
}

export function costOf({ input, output }: Bill): number {
  return input * inputPrice + output * outputPrice;
}

/** A whole Responses reply with this bill. */
export function billed({ input, output }: Bill): RawReply {
  const usage = {
    input_tokens: input,
    input_tokens_details: { cached_tokens: 0 },
    output_tokens: output,
    total_tokens: input + output,
  };
  const rest = { object: "response", status: "completed", model: "gpt-5.5", service_tier: "default" };
  return rawJson(200, JSON.stringify({ id: "resp_1", ...rest, usage }));
}

/** The same, not before `gate` opens. */
export function gated(reply: RawReply, gate: Promise<unknown>): RawReply {
  return { ...reply, pieces: [{ until: gate }, ...(reply.pieces as string[])] };
}

/** A provider's script that bills the most, and what it has billed so far. */
export function greedyBooks(): {
  readonly script: (request: RecordedRequest) => RawReply;
  readonly billedNanoUsd: () => number;
} {
  let sum = 0;
  return {
    script: (request) => {
      const bill = mostOf(request);
      sum += costOf(bill);
      return billed(bill);
    },
    billedNanoUsd: () => sum,
  };
}

/** Resolves when it holds; fails after a while. */
export async function until(holds: () => Promise<boolean> | boolean): Promise<void> {
  const deadline = Date.now() + 10_000;
  while (!(await holds())) {
    if (Date.now() > deadline) assert.fail("it never came");
    await new Promise(setImmediate);
  }
}

function definition(projectId: string, limit: Partial<LimitDefinition>): LimitDefinition {
  const common = { projectId, scope: everything, createdAtMs: 1 };
  if (limit.kind === "rate") {
    return {
      ...common,
      id: "r",
      kind: "rate",
      requestsPerMinute: null,
      inputTokensPerMinute: null,
      outputTokensPerMinute: null,
      tokensPerMinute: null,
      maxConcurrency: null,
      ...(limit as Partial<RateDefinition>),
    };
  }
  return {
    ...common,
    id: "b",
    kind: "budget",
    amountNanoUsd: 1_000_000_000,
    toleranceNanoUsd: 0,
    period: "total",
    timeZone: "UTC",
    mode: "hard",
    notifyAtPercent: [],
    ...(limit as Partial<BudgetDefinition>),
  };
}
