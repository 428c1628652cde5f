/**
 * Keeps the worker processes: starts them, shows them in at the door, starts them again when they die, tells each what
 * the others have changed, and ends them. Serves no request and writes no row; what must be done once for all of them is in `Duties`.
 *
 * A change counts as made when no worker goes by what was before it. Who does not say so in time is killed: then it
 * goes by nothing.
 */

import type { Socket } from "node:net";
import type { Clock } from "../clock.ts";
import { newBootId } from "../ids.ts";
import { errorText, type Log } from "../observe/log.ts";
import { countersOf, sumMetrics } from "../observe/sum-metrics.ts";
import type { AwaitedUsage, ObjectKey } from "../store/objects.ts";
import type { Peers } from "../store/peers.ts";
import type { DirectoryChange } from "../store/store.ts";
import type { TlsFiles } from "../tls-files.ts";
import type { Door, Taker } from "./door.ts";
import { type Answering, Link } from "./link.ts";
import type { KeeperQuestions, WorkerQuestions, WorkerStart } from "./questions.ts";
import type { ProcessEnd, WorkerProcess } from "./worker-process.ts";

/** What is done once for all workers, in the keeper's own process. */
export interface Duties {
  /** Ends what processes that are gone began: they left rows without an outcome and holds that nobody settles. */
  settleGone(isAlive: (bootId: string) => boolean): Promise<void>;
  /** Changes after which no worker goes by anything that it knows: one that died may not have told of its last. */
  changesOfAll(): Promise<readonly DirectoryChange[]>;
  /** As `Collector` has them. */
  addAwaited(awaited: AwaitedUsage): void;
  wasRead(key: ObjectKey): void;
  collectBefore(key: ObjectKey): Promise<void>;
  /** Of the keeper's own process. */
  renderMetrics(): string;
}

export interface KeeperTimings {
  /** A worker that has not dropped what a change ended by then is killed. */
  readonly hearWithinMs: number;
  /** A worker that does not take a connection by then does nothing at all, and is killed. */
  readonly takeWithinMs: number;
  /** A worker that does not tell its metrics by then counts as it last did. */
  readonly metricsWithinMs: number;
  /** The pause before a worker is started again; it doubles up to sixty times that while they die young. */
  readonly restartAfterMs: number;
  /** Who lived for so long did not die young. */
  readonly youngMs: number;
  /** How long the workers may take to end, their running exchanges included. */
  readonly stopWithinMs: number;
}

export interface KeeperOptions {
  readonly count: number;
  readonly fork: () => WorkerProcess;
  /** Open already. */
  readonly door: Pick<Door, "admit" | "dismiss" | "close">;
  /** What one begins with, besides its number and its boot id. */
  readonly startWith: () => Omit<WorkerStart, "number" | "bootId">;
  readonly clock: Clock;
  readonly log: Log;
  readonly timings: KeeperTimings;
}

interface Member {
  readonly number: number;
  readonly bootId: string;
  readonly process: WorkerProcess;
  readonly link: Link<KeeperQuestions, WorkerQuestions>;
  /** As the door has it. */
  readonly taker: Taker;
  /** It has asked for its start: before that it has read nothing that could change. */
  hears: boolean;
  lastMetrics: string;
}

const MAX_BACKOFF = 60;

export class Keeper {
  readonly #options: KeeperOptions;
  readonly #members = new Set<Member>();
  readonly #listeners = new Set<(change: DirectoryChange) => void>();
  readonly #slots: Promise<void>[] = [];
  readonly #settling = new Set<Promise<void>>();
  readonly #stopped = Promise.withResolvers<void>();
  #duties: Duties | null = null;
  #retiredMetrics = "";
  #restarts = 0;
  #isStopping = false;

  constructor(options: KeeperOptions) {
    this.#options = options;
  }

  /** The workers, as the keeper's own store has them beside it. */
  get peers(): Peers {
    return {
      tell: (change) => this.#tellMembers(change, null),
      onTold: (listener) => void this.#listeners.add(listener),
    };
  }

  /** Resolves with where they listen once all take connections. Rejects, with none left, when one of them cannot. */
  async start(duties: Duties): Promise<string> {
    this.#duties = duties;
    const serving = Array.from({ length: this.#options.count }, (_, index) => {
      const first = Promise.withResolvers<string>();
      this.#slots.push(this.#keepOne(index + 1, first));
      return first.promise;
    });
    try {
      const [url = ""] = await Promise.all(serving);
      return url;
    } catch (error) {
      await this.stop();
      throw error;
    }
  }

  /** Every worker shows callers this certificate from the next connection on, also one that is started later. */
  async renewTls(tls: TlsFiles): Promise<void> {
    const renewals = this.#hearing().map((member) => member.link.ask("renewTls", tls));
    // Who is gone before it answers begins with the new one.
    await Promise.allSettled(renewals);
  }

  /** Lets what runs in the workers finish within the bound, and ends them. Resolves when all are gone and settled. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    this.#stopped.resolve();
    this.#options.door.close();
    for (const member of this.#members) {
      if (!member.hears) member.process.kill("SIGKILL");
      // One that cannot be asked is ending already.
      else member.link.ask("drain", null).catch(() => {});
    }
    const timer = setTimeout(() => {
      for (const member of this.#members) this.#kill(member, "a worker did not end in time and is killed");
    }, this.#options.timings.stopWithinMs);
    await Promise.all(this.#slots);
    clearTimeout(timer);
    await Promise.all(this.#settling);
  }

  /** Ends them at once, in the middle of what runs. */
  killAll(): void {
    for (const { process } of this.#members) process.kill("SIGKILL");
  }

  /** One place: a worker, and after it the next, until the keeper stops. Never rejects. */
  async #keepOne(number: number, first: PromiseWithResolvers<string>): Promise<void> {
    const { clock, log, timings } = this.#options;
    let youngDeaths = 0;
    for (let serves = first; !this.#isStopping; serves = Promise.withResolvers<string>()) {
      const beganMs = clock.now();
      const member = this.#fork(number, serves);
      const end = await member.process.exited;
      this.#options.door.dismiss(member.taker);
      this.#members.delete(member);
      this.#retire(member);
      first.reject(new WorkerStartError(end));
      first.promise.catch(() => {});
      if (this.#isStopping) return;
      youngDeaths = clock.now() - beganMs < timings.youngMs ? youngDeaths + 1 : 0;
      const pauseMs = timings.restartAfterMs * Math.min(MAX_BACKOFF, 2 ** Math.max(0, youngDeaths - 1));
      log.error("a worker has ended and is started again", {
        worker: number,
        pid: member.process.pid,
        code: end.code,
        signal: end.signal,
        after_ms: pauseMs,
      });
      this.#restarts += 1;
      await this.#pause(pauseMs);
    }
  }

  #fork(number: number, serves: PromiseWithResolvers<string>): Member {
    const { clock, fork } = this.#options;
    const process = fork();
    // Known before it can write a row: who is not known is gone.
    const member: Member = {
      number,
      bootId: newBootId(clock.now()),
      process,
      link: new Link(
        process.port,
        this.#answering(() => member, serves),
      ),
      taker: { give: (connection) => this.#give(member, connection) },
      hears: false,
      lastMetrics: "",
    };
    this.#members.add(member);
    return member;
  }

  #answering(member: () => Member, serves: PromiseWithResolvers<string>): Answering<WorkerQuestions> {
    return {
      begin: () => {
        const { number, bootId } = member();
        if (this.#isStopping) throw new Error("The gateway is stopping.");
        member().hears = true;
        return { ...this.#options.startWith(), number, bootId };
      },
      serves: ({ url }) => {
        const { number, process } = member();
        this.#options.log.info("a worker serves", { worker: number, pid: process.pid });
        this.#options.door.admit(member().taker);
        serves.resolve(url);
        return null;
      },
      leaves: () => {
        this.#options.door.dismiss(member().taker);
        return null;
      },
      changed: async (change) => {
        await this.#tellMembers(change, member());
        return null;
      },
      metrics: () => this.#metrics(),
      addAwaited: (awaited) => {
        this.#duties?.addAwaited(awaited);
        return null;
      },
      wasRead: (key) => {
        this.#duties?.wasRead(key);
        return null;
      },
      collectBefore: async (key) => {
        await this.#duties?.collectBefore(key);
        return null;
      },
    };
  }

  #hearing(): Member[] {
    return [...this.#members].filter((member) => member.hears);
  }

  /** Resolves when all but `from` have dropped what rests on the change, or are gone. */
  async #tellMembers(change: DirectoryChange, from: Member | null): Promise<void> {
    if (from !== null) for (const listener of this.#listeners) listener(change);
    const others = this.#hearing().filter((member) => member !== from);
    await Promise.all(others.map((member) => this.#tellOne(member, change)));
  }

  async #tellOne(member: Member, change: DirectoryChange): Promise<void> {
    const kill = (): void => this.#kill(member, "a worker did not hear of a change in time and is killed");
    const timer = setTimeout(kill, this.#options.timings.hearWithinMs);
    try {
      await member.link.ask("changed", change);
    } catch {
      member.process.kill("SIGKILL");
      await member.process.exited;
    } finally {
      clearTimeout(timer);
    }
  }

  async #give(member: Member, connection: Socket): Promise<void> {
    const kill = (): void => this.#kill(member, "a worker took no connection for long and is killed");
    const timer = setTimeout(kill, this.#options.timings.takeWithinMs);
    try {
      await member.process.give(connection);
    } finally {
      clearTimeout(timer);
    }
  }

  #kill(member: Member, reason: string): void {
    const { number, process } = member;
    this.#options.log.error(reason, { worker: number, pid: process.pid });
    process.kill("SIGKILL");
  }

  /** Its process is gone: what it ran has ended, and what it changed last may be known to nobody. */
  #retire(member: Member): void {
    this.#retiredMetrics = sumMetrics([this.#retiredMetrics, countersOf(member.lastMetrics)]);
    if (!member.hears) return;
    const settling = this.#settle().finally(() => this.#settling.delete(settling));
    this.#settling.add(settling);
  }

  /** Again and again until it is done, or the keeper stops: the next one does it then. Never rejects. */
  async #settle(): Promise<void> {
    const duties = this.#duties;
    if (duties === null) return;
    for (;;) {
      try {
        // First: whoever asks again for what it may have left half done must find it done.
        const changes = await duties.changesOfAll();
        for (const change of changes) for (const listener of this.#listeners) listener(change);
        await Promise.all(changes.map((change) => this.#tellMembers(change, null)));
        await duties.settleGone((bootId) => this.#isAlive(bootId));
        return;
      } catch (error) {
        this.#options.log.error("what a worker left behind could not be settled yet", {
          reason: errorText(error),
        });
        if (this.#isStopping) return;
        await this.#pause(this.#options.timings.restartAfterMs);
      }
    }
  }

  #isAlive(bootId: string): boolean {
    return [...this.#members].some((member) => member.bootId === bootId);
  }

  async #metrics(): Promise<string> {
    await Promise.all(this.#hearing().map((member) => this.#askMetrics(member)));
    // All at one moment: one that ended meanwhile is among the retired, with what it told last.
    const texts = this.#hearing().map((member) => member.lastMetrics);
    const own = this.#duties?.renderMetrics() ?? "";
    return sumMetrics([own, this.#keeperMetrics(), ...texts, this.#retiredMetrics]);
  }

  async #askMetrics(member: Member): Promise<void> {
    const late = new Promise<null>((resolve) => {
      setTimeout(() => resolve(null), this.#options.timings.metricsWithinMs).unref();
    });
    const asked = member.link.ask("metrics", null).catch(() => null);
    member.lastMetrics = (await Promise.race([asked, late])) ?? member.lastMetrics;
  }

  #keeperMetrics(): string {
    return [
      "# HELP meshagent_workers Processes that serve now.",
      "# TYPE meshagent_workers gauge",
      `meshagent_workers ${this.#hearing().length}`,
      "# HELP meshagent_worker_restarts_total Workers that ended and were started again.",
      "# TYPE meshagent_worker_restarts_total counter",
      `meshagent_worker_restarts_total ${this.#restarts}`,
      "",
    ].join("\n");
  }

  /** Shorter when the keeper stops. */
  async #pause(forMs: number): Promise<void> {
    const over = Promise.withResolvers<void>();
    const timer = setTimeout(over.resolve, forMs);
    await Promise.race([over.promise, this.#stopped.promise]);
    clearTimeout(timer);
  }
}

/** A worker ended before it took connections; it has said why on its own. */
export class WorkerStartError extends Error {
  override readonly name = "WorkerStartError";

  constructor({ code, signal }: ProcessEnd) {
    super(
      `A worker process ended while it started (${signal ?? `code ${code}`}); the lines above say why. ` +
        "The gateway needs all of its workers to begin.",
    );
  }
}
