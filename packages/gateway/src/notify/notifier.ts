/**
 * Tells what budgets have to tell: a line in the log, a count, and a signed webhook where one is configured, which is
 * tried again with growing pauses for up to a day. What is left to do is in the store, so that the next process goes on
 * where this one ends; a notice may be told twice then, under the same id, and is never lost.
 *
 * One process of those that share a store does this. It looks rather than listens, because the others make notices, too.
 */

import type { Clock } from "../clock.ts";
import { errorText, type Log } from "../observe/log.ts";
import type { Metrics } from "../observe/metrics.ts";
import type { BudgetNotice, Notices } from "../store/notices.ts";
import type { UpstreamClient } from "../upstream/client.ts";
import { deliver, type DeliveryOutcome, userAgentOf, type Webhook } from "./deliver.ts";
import { noticeBody, noticeFields } from "./message.ts";

export interface NotifierOptions {
  readonly notices: Notices;
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Pick<Metrics, "noticed" | "webhookTried">;
  /** Absent or null: a notice is a line in the log and a count. */
  readonly webhook?: Webhook | null;
  readonly client: Pick<UpstreamClient, "send">;
  /** Of the gateway, for the receiver's own log. */
  readonly version: string;
  /** Between 0 and 1, for the pauses; for tests. */
  readonly random?: () => number;
}

export interface Notifier {
  /** Does all that is due now. Never rejects: what failed is due still. */
  pass(): Promise<void>;
  /** Attempts that are out are given up and count as none. Resolves when nothing is under way. */
  stop(): Promise<void>;
}

const LOOK_EVERY_MS = 1_000;
const BATCH = 64;
const LANES = 4;
const FIRST_PAUSE_MS = 1_000;
const MAX_PAUSE_MS = 3_600_000;
const DAY_MS = 24 * 3_600_000;
/** A process that was down for a day gives a receiver these all the same. */
const LEAST_ATTEMPTS = 5;
/** More than these that wait at once are not kept waiting: the receiver has been away from a busy gateway for hours. */
const MAX_WAITING = 10_000;

export function startNotifier(options: NotifierOptions): Notifier {
  const duty = new NoticeDuty(options);
  let timer = setTimeout(look, 0).unref();
  let isStopped = false;
  function look(): void {
    // A receiver that says nothing must not keep the next notice from the log.
    void duty.deliver();
    void duty.tell().then(() => {
      if (!isStopped) timer = setTimeout(look, LOOK_EVERY_MS).unref();
    });
  }
  return {
    pass: async () => {
      await duty.tell();
      await duty.deliver();
    },
    stop: () => {
      isStopped = true;
      clearTimeout(timer);
      return duty.stop();
    },
  };
}

/** From the end of the last attempt to the next: doubles up to an hour, a fifth more or less. */
export function pauseMs(attempts: number, random: number): number {
  const doubled = FIRST_PAUSE_MS * 2 ** Math.min(attempts - 1, 30);
  return Math.round(Math.min(MAX_PAUSE_MS, doubled) * (0.8 + 0.4 * random));
}

class NoticeDuty {
  readonly #options: NotifierOptions;
  readonly #stopping = new AbortController();
  #telling: Promise<void> | null = null;
  #delivering: Promise<void> | null = null;
  /** The receiver said 410. It is asked again by the next process. */
  #isGone = false;
  #hasFailed = false;

  constructor(options: NotifierOptions) {
    this.#options = options;
  }

  /** Takes up what is new: the line, the count, and that it waits. Never rejects, as the next. */
  tell(): Promise<void> {
    this.#telling ??= this.#all("new", (batch) => this.#takeUpAll(batch)).finally(() => {
      this.#telling = null;
    });
    return this.#telling;
  }

  /** Tries what waits and is due. */
  deliver(): Promise<void> {
    this.#delivering ??= this.#all("waiting", (batch) => this.#deliverAll(batch)).finally(() => {
      this.#delivering = null;
    });
    return this.#delivering;
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await Promise.all([this.#telling, this.#delivering]);
  }

  async #all(
    state: "new" | "waiting",
    work: (batch: readonly BudgetNotice[]) => Promise<void>,
  ): Promise<void> {
    const { notices, clock, log } = this.#options;
    try {
      for (let isMore = true; isMore && !this.#stopping.signal.aborted;) {
        const batch = await notices.due(state, clock.now(), BATCH);
        await work(batch);
        isMore = batch.length === BATCH;
      }
      this.#hasFailed = false;
    } catch (error) {
      // Once for each time that it breaks: this comes again every second.
      if (!this.#hasFailed) log.error("notices of budgets cannot be told", { reason: errorText(error) });
      this.#hasFailed = true;
    }
  }

  async #takeUpAll(batch: readonly BudgetNotice[]): Promise<void> {
    for (const notice of batch) await this.#takeUp(notice);
    if (batch.length > 0) void this.deliver();
  }

  async #takeUp(notice: BudgetNotice): Promise<void> {
    const { notices, clock, log, metrics, webhook = null } = this.#options;
    const { id, attempts } = notice;
    log.warn("a budget has reached a percentage of its amount", noticeFields(notice));
    metrics.noticed(notice.percent);
    if (webhook === null) return notices.record(id, { state: "unsent", attempts, dueAtMs: null });
    if ((await notices.countWaiting()) >= MAX_WAITING) return this.#giveUp(notice, "too many wait already");
    return notices.record(id, { state: "waiting", attempts, dueAtMs: clock.now() });
  }

  async #deliverAll(batch: readonly BudgetNotice[]): Promise<void> {
    const queue = [...batch];
    const lane = async (): Promise<void> => {
      for (let next = queue.shift(); next !== undefined; next = queue.shift()) await this.#deliver(next);
    };
    await Promise.all(Array.from({ length: LANES }, lane));
  }

  async #deliver(notice: BudgetNotice): Promise<void> {
    const { notices, clock, client, version, webhook = null } = this.#options;
    const { id, attempts } = notice;
    if (webhook === null) return notices.record(id, { state: "unsent", attempts, dueAtMs: null });
    if (this.#stopping.signal.aborted) return;
    if (this.#isGone) return this.#giveUp(notice, "the receiver answered 410 before");
    const outcome = await deliver({
      webhook,
      client,
      userAgent: userAgentOf(version),
      id,
      body: noticeBody(notice),
      nowMs: clock.now(),
      signal: this.#stopping.signal,
    });
    if (outcome.kind !== "aborted") await this.#recordAttempt(notice, outcome);
  }

  async #recordAttempt(
    before: BudgetNotice,
    outcome: Exclude<DeliveryOutcome, { kind: "aborted" }>,
  ): Promise<void> {
    const { notices, clock, log, metrics, random = Math.random } = this.#options;
    const notice = { ...before, attempts: before.attempts + 1 };
    const { id, attempts } = notice;
    if (outcome.kind === "delivered") {
      metrics.webhookTried("delivered");
      return notices.record(id, { state: "delivered", attempts, dueAtMs: null });
    }
    metrics.webhookTried("failed");
    if (outcome.kind === "gone") {
      this.#isGone = true;
      return this.#giveUp(notice, "the receiver answers 410 and is asked no more until the next start");
    }
    const nowMs = clock.now();
    const asked = Math.min(outcome.retryAfterMs ?? 0, MAX_PAUSE_MS);
    const dueAtMs = nowMs + Math.max(asked, pauseMs(attempts, random()));
    if (attempts >= LEAST_ATTEMPTS && dueAtMs > notice.madeAtMs + DAY_MS) {
      return this.#giveUp(notice, outcome.reason);
    }
    // One line when it begins to fail; the rest is for who looks closely.
    const say = attempts === 1 ? log.warn : log.debug;
    say("the webhook did not take a notice; it is tried again", {
      notice_id: id,
      attempts,
      reason: outcome.reason,
      after_ms: dueAtMs - nowMs,
    });
    return notices.record(id, { state: "waiting", attempts, dueAtMs });
  }

  async #giveUp({ id, attempts, budget, percent }: BudgetNotice, reason: string): Promise<void> {
    const { notices, log, metrics } = this.#options;
    await notices.record(id, { state: "given_up", attempts, dueAtMs: null });
    metrics.webhookTried("given_up");
    log.error("a notice was not delivered and is given up", {
      notice_id: id,
      budget_id: budget.id,
      percent,
      attempts,
      reason,
    });
  }
}
