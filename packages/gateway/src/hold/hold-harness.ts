/** For tests only: limits, what covers a request, and a store of holds in memory that says what it was asked. */

import type { Clock } from "../clock.ts";
import { createPrices } from "../pricing/charge.ts";
import { sampleNowMs, sampleRouted } from "../sample-routed.ts";
import { sampleIntent } from "../store/conformance/sample-exchanges.ts";
import type {
  BudgetDefinition,
  LimitDefinition,
  LimitScope,
  RateDefinition,
} from "../store/limit-definition.ts";
import type { BudgetState, HoldReply, HoldRequest } from "../store/limits.ts";
import type { WrongBound } from "../store/wrong-bounds.ts";
import { coveringLimits, type CoveringLimits, type Subject } from "./accounts.ts";
import { createLimitDefinitions } from "./definitions.ts";
import { createHoldState, type HoldDeps } from "./hold.ts";
import { Calendar } from "./period.ts";
import type { Timers } from "./waiting-line.ts";

export const everything: LimitScope = {
  room: null,
  participant: null,
  apiKeyId: null,
  sessionId: null,
  model: null,
};

/** $1 in all, of the project, hard. */
export function sampleBudget(rest: Partial<BudgetDefinition> = {}): BudgetDefinition {
  return {
    kind: "budget",
    id: "b",
    projectId: "project-1",
    scope: everything,
    createdAtMs: 1,
    amountNanoUsd: 1_000_000_000,
    toleranceNanoUsd: 0,
    period: "total",
    timeZone: "UTC",
    mode: "hard",
    notifyAtPercent: [],
    ...rest,
  };
}

/** Limits nothing unless told. */
export function sampleRate(rest: Partial<RateDefinition> = {}): RateDefinition {
  return {
    kind: "rate",
    id: "r",
    projectId: "project-1",
    scope: everything,
    createdAtMs: 1,
    requestsPerMinute: null,
    inputTokensPerMinute: null,
    outputTokensPerMinute: null,
    tokensPerMinute: null,
    maxConcurrency: null,
    ...rest,
  };
}

export function sampleSubject(rest: Partial<Subject> = {}): Subject {
  return { principal: sampleRouted().principal, sessionId: "thread-1", model: "openai/gpt-5.5", ...rest };
}

/** What covers the sample request. */
export function sampleCovering(...definitions: readonly LimitDefinition[]): CoveringLimits {
  return coveringLimits(definitions, sampleSubject(), { nowMs: sampleNowMs, calendar: new Calendar() });
}

/** A clock and timers that go when the test says so. */
export class HandTime implements Clock, Timers {
  readonly #pending = new Set<{ readonly atMs: number; readonly callback: () => void }>();
  #nowMs = sampleNowMs;

  now(): number {
    return this.#nowMs;
  }

  after(delayMs: number, callback: () => void): () => void {
    const entry = { atMs: this.#nowMs + delayMs, callback };
    this.#pending.add(entry);
    return () => this.#pending.delete(entry);
  }

  /** Calls what is due, and lets what follows from it come to rest. */
  async pass(ms: number): Promise<void> {
    this.#nowMs += ms;
    for (const entry of this.#pending) {
      if (entry.atMs > this.#nowMs) continue;
      this.#pending.delete(entry);
      entry.callback();
    }
    await settled();
  }

  get pending(): number {
    return this.#pending.size;
  }
}

/** When everything that is due has run. */
export function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

export interface HoldBed {
  readonly deps: HoldDeps;
  readonly time: HandTime;
  /** What counts from now on. */
  define(...definitions: readonly LimitDefinition[]): void;
  /** What the store says to each request from now on. */
  answer(reply: (request: HoldRequest) => HoldReply | Promise<HoldReply>): void;
  /** What a budget has left, by its account's key; all of it unless told. */
  readonly states: Map<string, BudgetState>;
  readonly reserved: HoldRequest[];
  readonly shrunk: (readonly [id: string, amountNanoUsd: number])[];
  readonly errors: string[];
  readonly wrongBounds: WrongBound[];
}

/** The hold step on a store that answers what the test says; everything is held unless told otherwise. */
export function holdBed(...definitions: readonly LimitDefinition[]): HoldBed {
  const time = new HandTime();
  let current = definitions;
  let change: ((event: { kind: "limit"; projectId: string; id: string }) => void) | null = null;
  let reply: Parameters<HoldBed["answer"]>[0] = () => ({ kind: "held" });
  const states = new Map<string, BudgetState>();
  const [reserved, shrunk, errors, wrongBounds]: [
    HoldRequest[],
    (readonly [string, number])[],
    string[],
    WrongBound[],
  ] = [[], [], [], []];
  const limits: HoldDeps["limits"] = {
    reserve: async (request) => {
      reserved.push(request);
      return reply(request);
    },
    shrink: async (id, amountNanoUsd) => void shrunk.push([id, amountNanoUsd]),
    peekBudgets: (keys) => keys.map((key) => states.get(key) ?? null),
  };
  const log = { error: (message: string) => void errors.push(message) };
  const notes = {
    note: async (wrong: WrongBound) => void wrongBounds.push(wrong),
    since: async () => wrongBounds,
  };
  const deps: HoldDeps = {
    limits,
    definitions: createLimitDefinitions({
      directory: {
        listLimits: async () => current,
        onChange: (listener) => {
          change = listener;
          return () => {};
        },
      },
      limits,
      reports: { usage: async () => [] },
    }),
    prices: createPrices({ card: null }),
    clock: time,
    log,
    verify: async () => {},
    intentOf: (routed) => sampleIntent({ id: routed.call.exchangeId }),
    settings: { holdWaitMs: 20_000 },
    ...createHoldState(time, { notes, clock: time, log }),
  };
  return {
    deps,
    time,
    states,
    reserved,
    shrunk,
    errors,
    wrongBounds,
    define: (...after) => {
      current = after;
      change?.({ kind: "limit", projectId: "project-1", id: "b" });
    },
    answer: (after) => {
      reply = after;
    },
  };
}
