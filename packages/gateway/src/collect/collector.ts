/**
 * Collects what background runs used, also when nobody ever fetches their results: asks the provider, with
 * growing pauses and few at a time, and closes the exchange that began the run with its usage. What it waits for
 * is in the store, so that the next process goes on where this one ends. It gives up after a while, with a row
 * that says so.
 */

import type { MeteredUsage, UsageRecord } from "@meshagent/llm-proxy-protocol/usage";
import type { Clock } from "../clock.ts";
import type { Collecting, CollectedObjects, Standing } from "../dialects/collecting.ts";
import type { ReplyOutcome, ReplyReading } from "../dialects/usage-reader.ts";
import type { Upstream } from "../exchange.ts";
import { sumCharges } from "../money.ts";
import { errorText, type Log } from "../observe/log.ts";
import type { Metrics } from "../observe/metrics.ts";
import type { Prices } from "../pricing/prices.ts";
import type { AwaitedUsage, ObjectKey, Objects } from "../store/objects.ts";
import type { Settlement } from "../store/limits.ts";
import type { ExchangeResult, UsageSource } from "../store/store.ts";
import type { HeaderLines, UpstreamClient } from "../upstream/client.ts";
import { upstreamIdentity } from "../upstream-identity.ts";
import { askUpstream } from "./ask-upstream.ts";
import { BatchRecords } from "./merge-records.ts";
import { Lines } from "./lines.ts";

export interface CollectorOptions {
  readonly objects: Objects;
  readonly prices: Prices;
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Pick<Metrics, "finished">;
  readonly collecting: (dialect: string) => readonly Collecting[];
  /** The upstream that a project uses for a provider now; null when there is none. */
  readonly upstreamFor: (projectId: string, provider: string) => Promise<Upstream | null>;
  readonly clientFor: (isSimulated: boolean) => UpstreamClient;
  /** The pause before the first question; it doubles up to sixty times that. */
  readonly intervalMs: number;
}

export interface Collector {
  /** Takes up what earlier processes left. */
  start(): Promise<void>;
  /** Begins to wait for a run. */
  add(awaited: AwaitedUsage): void;
  /** Somebody has just read the object and may have seen its end: asks soon. */
  nudge(key: ObjectKey): void;
  /** Asks now, for a bounded time: afterwards the object may be gone. */
  collectBefore(key: ObjectKey): Promise<void>;
  /** Runs that are waited for. */
  readonly size: number;
  stop(): Promise<void>;
}

/** How many questions are out at once. */
const MAX_CONCURRENT = 4;
const MAX_BACKOFF = 60;
const MAX_OBJECT_BYTES = 64 * 1024 * 1024;
const MAX_LINES_BYTES = 4 * 1024 * 1024 * 1024;
/** Who deletes an object waits at most so long for what it used. */
const BEFORE_DELETE_MS = 10_000;
/** So many answers in a row that there is no such object are believed. */
const MAX_MISSES = 3;
const hourMs = 3600 * 1000;
/** Providers end a background response within hours and a batch within a day, and keep their results for longer. */
const giveUpAfterMs: Readonly<Record<string, number>> = { batch: 72 * hourMs, message_batch: 72 * hourMs };
const DEFAULT_GIVE_UP_MS = 26 * hourMs;
const SWEEP_EVERY_MS = hourMs;
const SWEEP_BATCH = 1000;

interface Task {
  readonly awaited: AwaitedUsage;
  questions: number;
  misses: number;
  timer: NodeJS.Timeout | null;
  asking: Promise<void> | null;
}

export function createCollector(options: CollectorOptions): Collector {
  return new UsageCollector(options);
}

class UsageCollector implements Collector {
  readonly #options: CollectorOptions;
  /** By exchange: a server that repeats its ids has several wait for one object. */
  readonly #tasks = new Map<string, Task>();
  readonly #byObject = new Map<string, Set<Task>>();
  readonly #waiting: (() => void)[] = [];
  #running = 0;
  #isStopped = false;
  #sweep: NodeJS.Timeout | null = null;

  constructor(options: CollectorOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#tasks.size;
  }

  async start(): Promise<void> {
    for (const awaited of await this.#options.objects.awaited()) this.add(awaited);
    const sweep = (): void => void this.#forgetExpired();
    this.#sweep = setInterval(sweep, SWEEP_EVERY_MS);
    this.#sweep.unref();
    sweep();
  }

  add(awaited: AwaitedUsage): void {
    const { id } = awaited.intent;
    if (this.#isStopped || this.#tasks.has(id)) return;
    const task: Task = { awaited, questions: 0, misses: 0, timer: null, asking: null };
    this.#tasks.set(id, task);
    this.#byObject.set(keyOf(awaited), new Set([...this.#tasksOf(awaited), task]));
    this.#schedule(task);
  }

  nudge(key: ObjectKey): void {
    for (const task of this.#tasksOf(key)) void this.#ask(task);
  }

  async collectBefore(key: ObjectKey): Promise<void> {
    const tasks = [...this.#tasksOf(key)];
    if (tasks.length === 0) return;
    const bound = Promise.withResolvers<void>();
    const timer = setTimeout(bound.resolve, BEFORE_DELETE_MS);
    await Promise.race([Promise.all(tasks.map((task) => this.#ask(task))), bound.promise]);
    clearTimeout(timer);
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    if (this.#sweep !== null) clearInterval(this.#sweep);
    for (const task of this.#tasks.values()) if (task.timer !== null) clearTimeout(task.timer);
    // What is out ends with its connection; what it would have told is asked for again by the next process.
    for (const resume of this.#waiting.splice(0)) resume();
    const bound = new Promise<void>((resolve) => setTimeout(resolve, 1000).unref());
    await Promise.race([
      Promise.allSettled([...this.#tasks.values()].flatMap((task) => task.asking ?? [])),
      bound,
    ]);
  }

  #tasksOf(key: ObjectKey): ReadonlySet<Task> {
    return this.#byObject.get(keyOf(key)) ?? new Set();
  }

  #forget(task: Task): void {
    const key = keyOf(task.awaited);
    const tasks = this.#byObject.get(key);
    tasks?.delete(task);
    if (tasks?.size === 0) this.#byObject.delete(key);
    this.#tasks.delete(task.awaited.intent.id);
  }

  #schedule(task: Task): void {
    if (this.#isStopped) return;
    const pauses = Math.min(MAX_BACKOFF, 2 ** Math.min(task.questions, 16));
    // A tenth more or less, so that what began together does not ask together for ever.
    const jitter = 0.9 + Math.random() / 5;
    task.timer = setTimeout(() => void this.#ask(task), this.#options.intervalMs * pauses * jitter);
    task.timer.unref();
  }

  /** One question for a task at a time: whoever asks meanwhile waits for the same answer. Never rejects. */
  #ask(task: Task): Promise<void> {
    task.asking ??= this.#askInTurn(task).finally(() => {
      task.asking = null;
    });
    return task.asking;
  }

  async #askInTurn(task: Task): Promise<void> {
    if (task.timer !== null) clearTimeout(task.timer);
    if (this.#running >= MAX_CONCURRENT) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    if (this.#isStopped) return;
    this.#running += 1;
    task.questions += 1;
    try {
      await this.#collect(task);
    } catch (error) {
      this.#options.log.warn("the usage of a background run could not be collected yet", {
        exchange_id: task.awaited.intent.id,
        kind: task.awaited.kind,
        error: errorText(error),
      });
    } finally {
      this.#running -= 1;
      this.#waiting.shift()?.();
    }
    if (this.#tasks.get(task.awaited.intent.id) !== task) return;
    try {
      if (this.#isTooLate(task)) await this.#giveUp(task);
      else this.#schedule(task);
    } catch {
      this.#schedule(task);
    }
  }

  async #collect(task: Task): Promise<void> {
    const { awaited } = task;
    const upstream = await this.#options.upstreamFor(awaited.projectId, awaited.intent.provider);
    const collecting = this.#options
      .collecting(awaited.intent.dialect)
      .find(({ kind }) => kind === awaited.kind);
    if (collecting === undefined) throw new Error(`Nobody knows how to collect a ${awaited.kind}.`);
    // Another key may be another account, in which the same id would be another's.
    if (upstream === null || upstreamIdentity(upstream) !== awaited.upstream)
      throw new Error("The provider's key or base URL has changed since the run began.");
    const standing = await this.#standing(task, upstream, collecting);
    if (standing === null) return;
    await this.#recordMade(awaited, standing.made);
    if (standing.state === "running") return;
    if (standing.state === "done") {
      await this.#settle(task, standing.reading.outcome, {
        reading: standing.reading,
        usage: this.#priced(awaited, upstream, standing.reading.usage),
      });
      return;
    }
    const usage = await this.#readLines({ awaited, upstream, standing, headers: collecting.headers });
    await this.#settle(task, standing.outcome, { reading: null, usage });
  }

  async #standing(task: Task, upstream: Upstream, collecting: Collecting): Promise<Standing | null> {
    const chunks: Uint8Array[] = [];
    const status = await askUpstream({
      client: this.#options.clientFor(upstream.isSimulated),
      upstream,
      path: collecting.path(task.awaited.id),
      headers: collecting.headers,
      maxBytes: MAX_OBJECT_BYTES,
      onBytes: (bytes) => chunks.push(Buffer.from(bytes)),
    });
    task.misses = status === 404 ? task.misses + 1 : 0;
    if (status === 404) return null;
    if (status !== 200) throw new Error(`The provider answered ${status}.`);
    const standing = collecting.standing(Buffer.concat(chunks), task.awaited.intent.requestedModel);
    if (standing === null) throw new Error("The provider's answer is not understood.");
    return standing;
  }

  async #readLines(of: {
    readonly awaited: AwaitedUsage;
    readonly upstream: Upstream;
    readonly standing: Extract<Standing, { state: "lines" }>;
    readonly headers: HeaderLines;
  }): Promise<readonly UsageRecord[]> {
    const { awaited, upstream, standing, headers } = of;
    const records = new BatchRecords(awaited.id);
    let hasLines = false;
    const made: CollectedObjects[number][] = [];
    for (const path of standing.paths) {
      const lines = new Lines((line) => {
        hasLines = true;
        made.push(...(standing.madeBy?.(line) ?? []));
        for (const record of this.#priced(awaited, upstream, standing.readLine(line))) records.add(record);
      });
      const status = await askUpstream({
        client: this.#options.clientFor(upstream.isSimulated),
        upstream,
        path,
        headers,
        maxBytes: MAX_LINES_BYTES,
        onBytes: (bytes) => lines.push(bytes),
      });
      if (status !== 200 && status !== 404)
        throw new Error(`The provider answered ${status} to the results.`);
      lines.end();
    }
    await this.#recordMade(awaited, made);
    return hasLines ? records.records() : this.#priced(awaited, upstream, standing.total);
  }

  async #settle(
    task: Task,
    outcome: ReplyOutcome,
    known: { readonly reading: ReplyReading | null; readonly usage: readonly UsageRecord[] },
  ): Promise<void> {
    const { awaited } = task;
    const { soFar, intent } = awaited;
    const { reading, usage } = known;
    const result: ExchangeResult = {
      ...soFar,
      outcome,
      usageSource: usageSourceOf(usage),
      model: reading?.servedModel ?? usage[0]?.model ?? soFar.model,
      servedTier: reading === null ? (usage[0]?.service_tier ?? null) : reading.servedTier,
      completedAtMs: this.#options.clock.now(),
      usage,
      costNanoUsd: sumCharges(usage),
    };
    const isFirst = await this.#options.objects.settleLater(result, settlementOf(result));
    this.#forget(task);
    if (isFirst) this.#options.metrics.finished(intent, result);
  }

  async #giveUp(task: Task): Promise<void> {
    const { awaited } = task;
    this.#options.log.warn("the usage of a background run is given up", {
      exchange_id: awaited.intent.id,
      kind: awaited.kind,
      object_id: awaited.id,
    });
    const missing: MeteredUsage = {
      kind: "primary",
      model: awaited.intent.requestedModel,
      response_id: awaited.id,
      service_tier: null,
      source: "none",
      completeness: "missing",
      billed: true,
      raw: null,
    };
    await this.#settle(task, "truncated", { reading: null, usage: this.#priced(awaited, null, [missing]) });
  }

  #isTooLate({ awaited, misses }: Task): boolean {
    const waitedMs = this.#options.clock.now() - awaited.intent.receivedAtMs;
    return misses >= MAX_MISSES || waitedMs > (giveUpAfterMs[awaited.kind] ?? DEFAULT_GIVE_UP_MS);
  }

  #priced(
    { intent }: AwaitedUsage,
    upstream: Upstream | null,
    usage: readonly MeteredUsage[],
  ): readonly UsageRecord[] {
    const context = {
      provider: intent.provider,
      atMs: intent.receivedAtMs,
      upstreamRegion: upstream?.region ?? null,
    };
    return usage.map((record) => ({ ...record, ...this.#options.prices.charge(record, context) }));
  }

  /** What the run shows belongs to the room that began it. */
  async #recordMade(awaited: AwaitedUsage, made: CollectedObjects): Promise<void> {
    const { projectId, upstream, intent, id } = awaited;
    const { room, participant } = intent;
    const createdAtMs = this.#options.clock.now();
    await this.#options.objects.record(
      made.map((each) => ({
        ...each,
        projectId,
        upstream,
        room,
        participant,
        exchangeId: intent.id,
        parentId: id,
        createdAtMs,
        expiresAtMs: null,
        models: null,
      })),
      { isNew: false },
    );
  }

  async #forgetExpired(): Promise<void> {
    try {
      while (
        (await this.#options.objects.forgetExpired(this.#options.clock.now(), SWEEP_BATCH)) === SWEEP_BATCH
      );
    } catch (error) {
      this.#options.log.warn("forgotten objects could not be deleted", { error: errorText(error) });
    }
  }
}

function keyOf({ projectId, upstream, kind, id }: ObjectKey): string {
  return JSON.stringify([projectId, upstream, kind, id]);
}

function usageSourceOf(usage: readonly UsageRecord[]): UsageSource {
  const billed = usage.filter((record) => record.billed);
  if (usage.length === 0 || billed.some((record) => record.completeness === "missing")) return "none";
  return billed.some((record) => record.completeness === "partial") ? "partial" : "exact";
}

/** What a budget is charged for it: the whole hold where the cost is not known. */
function settlementOf({ usageSource, costNanoUsd }: ExchangeResult): Settlement {
  return { chargeNanoUsd: usageSource === "exact" ? costNanoUsd : null, used: {} };
}
