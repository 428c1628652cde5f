/**
 * One run: clients, a provider, and between them the gateway's own admission, records, prices and SQLite store, in
 * virtual time. It counts what was spent when a client was first refused, and what could be spent in the end by
 * clients that keep trying.
 */

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { GatewayError } from "@meshagent/llm-proxy-gateway/errors";
import type { Held, Routed } from "@meshagent/llm-proxy-gateway/exchange";
import type { ReplyReading } from "@meshagent/llm-proxy-gateway/dialects/usage-reader";
import { createLimitDefinitions } from "@meshagent/llm-proxy-gateway/hold/definitions";
import { createHoldState, hold, type HoldDeps } from "@meshagent/llm-proxy-gateway/hold/hold";
import { createPrices } from "@meshagent/llm-proxy-gateway/pricing/charge";
import {
  inputRecorder,
  intentOf,
  recordIntent,
  recordResult,
  type RecordDeps,
} from "@meshagent/llm-proxy-gateway/record/record";
import { sampleBody, sampleNowMs, sampleRouted } from "@meshagent/llm-proxy-gateway/sample-routed";
import type { BudgetDefinition } from "@meshagent/llm-proxy-gateway/store/limit-definition";
import { openSqliteStore } from "@meshagent/llm-proxy-gateway/store/sqlite/sqlite-store";
import type { Store } from "@meshagent/llm-proxy-gateway/store/store";
import { newMasterKey } from "@meshagent/llm-proxy-gateway/store/vault";
import { Books } from "./books.ts";
import { Chance } from "./chance.ts";
import { answerTo, billNanoUsd, Reply } from "./provider.ts";
import { type Client, createAgent, createChat, model, type TrafficOptions, type Turn } from "./traffic.ts";
import { VirtualTime } from "./virtual-time.ts";

export interface Scenario {
  readonly name: string;
  readonly agents: number;
  readonly chats: number;
  readonly amountUsd: number;
  readonly toleranceUsd: number;
  readonly traffic: TrafficOptions;
  /** Replies that never end for the gateway, and are billed all the same. */
  readonly lostShare: number;
}

export interface Outcome {
  readonly seed: number;
  /** Percent of the amount that was spent when the first request was refused. */
  readonly firstPercent: number;
  /** Percent of the amount that was spent when nobody had got in for minutes. */
  readonly finalPercent: number;
  /** What the provider bills beyond the amount. */
  readonly overNanoUsd: number;
  readonly admitted: number;
  readonly refused: number;
  /** Answers that ended early because their limit was lowered. */
  readonly cut: number;
  readonly virtualMinutes: number;
}

const bootId = "boot_simulation";
const holdWaitMs = 20_000;
/** All sessions start inside 5 s: the harshest case. */
const startWithinMs = 5_000;
/** Clients that are refused keep trying for so long after the last one got in. */
const patienceMs = 240_000;
const budgetId = "budget";

export async function simulate(scenario: Scenario, seed: number): Promise<Outcome> {
  const directory = mkdtempSync(join(tmpdir(), "limits-"));
  const time = new VirtualTime(sampleNowMs);
  const store = await openSqliteStore({ directory, masterKey: newMasterKey(), clock: time, bootId });
  try {
    return await new Simulation({ scenario, seed, time, store }).run();
  } finally {
    await store.close();
    rmSync(directory, { recursive: true, force: true });
  }
}

interface SimulationOptions {
  readonly scenario: Scenario;
  readonly seed: number;
  readonly time: VirtualTime;
  readonly store: Store;
}

class Simulation {
  readonly #options: SimulationOptions;
  readonly #books: Books;
  readonly #hold: HoldDeps;
  readonly #record: RecordDeps;
  readonly #chance: Chance;
  #exchanges = 0;
  #refused = 0;
  #cut = 0;
  #spentAtFirstRefusal: number | null = null;

  constructor(options: SimulationOptions) {
    const { time, store, seed } = options;
    this.#options = options;
    this.#chance = new Chance(seed);
    this.#books = new Books({ limits: store.limits, time, limitId: budgetId, scopes: 2, holdWaitMs });
    const definitions = budgetsOf(options.scenario);
    const prices = createPrices({ card: null });
    this.#record = {
      ledger: {
        recordIntent: (intent) => time.track(store.ledger.recordIntent(intent)),
        recordResult: (result, settlement) => time.track(store.ledger.recordResult(result, settlement)),
        interruptOrphans: (nowMs) => store.ledger.interruptOrphans(nowMs),
      },
      prices,
      clock: time,
      bootId,
      metrics: { finished: () => {} },
      awaitUsage: async () => fail("No reply of this provider comes later."),
    };
    const log: HoldDeps["log"] = {
      error: (message, fields) => fail(`${message} ${JSON.stringify(fields)}`),
    };
    this.#hold = {
      limits: this.#books.limits,
      definitions: createLimitDefinitions({
        directory: { listLimits: async () => definitions, onChange: () => () => {} },
        limits: store.limits,
        // Nothing was spent before.
        reports: { usage: async () => [] },
      }),
      prices,
      clock: time,
      intentOf: (routed) => intentOf(this.#record, routed),
      verify: async () => {},
      log,
      settings: { holdWaitMs },
      ...createHoldState(time, { notes: store.wrongBounds, clock: time, log }),
    };
  }

  async run(): Promise<Outcome> {
    const { scenario, seed, time } = this.#options;
    const startMs = time.now();
    for (const client of clientsOf(scenario, this.#chance)) {
      const delayMs = this.#chance.between(0, startWithinMs);
      const chance = this.#chance.fork();
      time.start(async () => {
        await time.sleep(delayMs);
        await this.#live(client, chance);
      });
    }
    await time.run(startMs + 7 * 86_400_000, () => this.#books.check());
    const amountNanoUsd = scenario.amountUsd * 1e9;
    const { spentNanoUsd, billedNanoUsd, admitted, admittedAtMs } = this.#books;
    return {
      seed,
      firstPercent: percent(this.#spentAtFirstRefusal ?? spentNanoUsd, amountNanoUsd),
      finalPercent: percent(spentNanoUsd, amountNanoUsd),
      overNanoUsd: Math.max(0, billedNanoUsd - amountNanoUsd),
      admitted,
      refused: this.#refused,
      cut: this.#cut,
      virtualMinutes: (admittedAtMs - startMs) / 60_000,
    };
  }

  async #live(client: Client, chance: Chance): Promise<void> {
    const { time } = this.#options;
    for (;;) {
      const turn = client.next();
      let retryMs = 5_000;
      while (!(await this.#ask(client, turn, chance))) {
        if (this.#isOver()) return;
        await time.sleep(chance.between(retryMs / 2, retryMs));
        retryMs = Math.min(30_000, retryMs * 2);
      }
      if (this.#isOver()) return;
      await time.sleep(client.pauseMs());
    }
  }

  #isOver(): boolean {
    return this.#books.isSpent || this.#options.time.now() - this.#books.admittedAtMs > patienceMs;
  }

  /** false: refused. */
  async #ask(client: Client, turn: Turn, chance: Chance): Promise<boolean> {
    const routed = routedOf(`ex_${this.#exchanges++}`, { client, turn, nowMs: this.#options.time.now() });
    const { exchangeId } = routed.call;
    this.#books.asks(exchangeId);
    const held = await this.#admit(routed);
    this.#books.answered(exchangeId);
    if (held === null) return false;
    await recordIntent(this.#record, held);
    await this.#books.sent(exchangeId);
    await this.#exchange(held, turn, chance.is(this.#options.scenario.lostShare));
    return true;
  }

  async #admit(routed: Routed): Promise<Held | null> {
    try {
      return await hold(this.#hold, routed);
    } catch (error) {
      if (!(error instanceof GatewayError)) throw error;
      if (error.code !== "budget_exceeded" && error.code !== "budget_held") throw error;
      this.#refused += 1;
      this.#spentAtFirstRefusal ??= this.#books.spentNanoUsd;
      return null;
    }
  }

  async #exchange(held: Held, turn: Turn, isLost: boolean): Promise<void> {
    const { time } = this.#options;
    const { exchangeId } = held.call;
    const sent = held.hold?.loweredOutput?.tokens ?? null;
    const answer = answerTo(turn, sent);
    // P8 is the provider's: it writes no more than the limit that was sent.
    const bill = billNanoUsd(turn, answer.outputTokens);
    if (answer.isCutByLowering) this.#cut += 1;
    const reply = new Reply(held.endpoint, exchangeId, turn);
    await time.sleep(answer.firstByteMs);
    const started = reply.start();
    if (started !== null && !isLost) inputRecorder(this.#record, held)?.(started);
    await time.sleep(answer.restMs);
    this.#books.billed(exchangeId, bill);
    const reading = isLost ? reply.lost() : reply.end(answer.outputTokens);
    const observation = observationOf(turn, reading, isLost);
    await recordResult(this.#record, held, observation);
    // P3: written again, it changes nothing.
    await recordResult(this.#record, held, observation);
    await this.#books.settled(exchangeId, bill, !isLost);
  }
}

function budgetsOf({ amountUsd, toleranceUsd }: Scenario): readonly BudgetDefinition[] {
  const everything = { room: null, participant: null, apiKeyId: null, sessionId: null, model: null };
  const budget: BudgetDefinition = {
    kind: "budget",
    id: budgetId,
    projectId: "project-1",
    scope: everything,
    createdAtMs: 0,
    amountNanoUsd: amountUsd * 1e9,
    toleranceNanoUsd: toleranceUsd * 1e9,
    period: "total",
    timeZone: "UTC",
    mode: "hard",
    notifyAtPercent: [],
  };
  // A second scope, wide enough never to be in the way: every hold has to stand in both.
  const perClient = { ...budget, id: "per-client", scope: { ...everything, participant: "*" } };
  return [budget, { ...perClient, amountNanoUsd: 1e15 }];
}

function clientsOf({ agents, chats, traffic }: Scenario, chance: Chance): readonly Client[] {
  return [
    ...Array.from({ length: agents }, (_, index) => createAgent(`agent-${index}`, chance.fork(), traffic)),
    ...Array.from({ length: chats }, (_, index) => createChat(`chat-${index}`, chance.fork(), traffic)),
  ];
}

function routedOf(
  exchangeId: string,
  { client, turn, nowMs }: { readonly client: Client; readonly turn: Turn; readonly nowMs: number },
): Routed {
  return sampleRouted({
    dialect: "anthropic",
    call: { exchangeId, receivedAtMs: nowMs },
    principal: { participant: client.name },
    policy: { model, isStream: turn.isStream, maxOutputTokens: turn.maxTokens },
    body: sampleBody(turn.body),
  });
}

function observationOf(
  turn: Turn,
  reading: ReplyReading,
  isLost: boolean,
): Parameters<typeof recordResult>[2] {
  return {
    ending: isLost ? "cut" : "complete",
    isCallerGone: false,
    status: 200,
    reading,
    meterFault: null,
    isStream: turn.isStream,
    firstByteAtMs: null,
    responseBytes: 1,
    providerRequestId: null,
    attempts: 1,
    failure: null,
  };
}

function percent(part: number, whole: number): number {
  return (100 * part) / whole;
}

function fail(message: string): never {
  throw new Error(message);
}
