/** The keeper with workers that are not there: what it says to them, and what it does when they die or are deaf. */

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Log, LogFields } from "../observe/log.ts";
import type { DirectoryChange } from "../store/store.ts";
import { type Duties, Keeper, type KeeperTimings, WorkerStartError } from "./keeper.ts";
import type { Taker } from "./door.ts";
import { type Answering, Link } from "./link.ts";
import { connectedPorts } from "./ports.fixture.ts";
import type { KeeperQuestions, WorkerQuestions, WorkerStart } from "./questions.ts";
import type { ProcessEnd } from "./worker-process.ts";

const change: DirectoryChange = { kind: "api_key", projectId: "p", id: "k" };

/** A worker's side, as the test plays it. */
interface FakeWorker {
  readonly link: Link<WorkerQuestions, KeeperQuestions>;
  readonly start: WorkerStart;
  readonly heard: DirectoryChange[];
  readonly signals: string[];
  metrics: string;
  /** Its process ends. */
  die(end?: Partial<ProcessEnd>): void;
}

interface Bed {
  readonly keeper: Keeper;
  /** Whom the door gives connections to. */
  readonly takers: ReadonlySet<Taker>;
  /** Every worker that began, in that order. */
  readonly workers: FakeWorker[];
  readonly logged: readonly (LogFields & { readonly message: string })[];
  readonly done: string[];
  untilWorkers(count: number): Promise<void>;
  start(): Promise<string>;
}

interface BedOptions {
  readonly count?: number;
  readonly timings?: Partial<KeeperTimings>;
  /** Instead of beginning and serving. */
  readonly onFork?: (die: (end: ProcessEnd) => void) => void;
  readonly answering?: Partial<Answering<KeeperQuestions>>;
  readonly settleGone?: Duties["settleGone"];
}

function makeBed(options: BedOptions = {}): Bed {
  const workers: FakeWorker[] = [];
  const logged: (LogFields & { message: string })[] = [];
  const done: string[] = [];
  const watchers = new Set<() => void>();
  const record = (message: string, fields: LogFields = {}): void => void logged.push({ ...fields, message });
  const log: Log = { debug: record, info: record, warn: record, error: record };
  const takers = new Set<Taker>();
  let pids = 100;

  const fork = (): ReturnType<ConstructorParameters<typeof Keeper>[0]["fork"]> => {
    const ports = connectedPorts();
    const exited = Promise.withResolvers<ProcessEnd>();
    const signals: string[] = [];
    const heard: DirectoryChange[] = [];
    const die = (end: Partial<ProcessEnd> = {}): void => {
      ports.close();
      exited.resolve({ code: null, signal: null, ...end });
    };
    const pid = pids++;
    if (options.onFork !== undefined) setImmediate(() => options.onFork?.(die));
    // One that is killed meanwhile is no failure of its own.
    else begin().catch(() => {});
    async function begin(): Promise<void> {
      const worker: { -readonly [Key in keyof FakeWorker]?: FakeWorker[Key] } = { heard, signals, die };
      worker.metrics = "";
      worker.link = new Link<WorkerQuestions, KeeperQuestions>(ports.second, {
        changed: (told) => {
          heard.push(told);
          return null;
        },
        metrics: () => worker.metrics ?? "",
        renewTls: ({ cert }) => {
          done.push(`tls ${cert}`);
          return null;
        },
        drain: () => {
          setImmediate(() => die({ code: 0 }));
          return null;
        },
        ...options.answering,
      });
      worker.start = await worker.link.ask("begin", null);
      await worker.link.ask("serves", { url: "http://here" });
      workers.push(worker as FakeWorker);
      for (const watcher of watchers) watcher();
    }
    return {
      pid,
      port: ports.first,
      kill: (signal) => {
        signals.push(signal);
        done.push(`${signal} ${pid}`);
        if (signal === "SIGKILL") setImmediate(() => die({ signal }));
      },
      give: async () => {},
      exited: exited.promise,
    };
  };

  const keeper = new Keeper({
    count: options.count ?? 2,
    fork,
    door: {
      admit: (taker) => void takers.add(taker),
      dismiss: (taker) => void takers.delete(taker),
      close: () => void done.push("door closed"),
    },
    startWith: () => ({
      keeperPid: 1,
      sources: { flags: {}, file: null },
      dataDir: "/d",
      port: 8700,
      masterKey: "m",
      ownerToken: "o",
      priceCard: null,
      tls: null,
      webhook: null,
    }),
    clock: { now: () => Date.now() },
    log,
    timings: {
      hearWithinMs: 60_000,
      takeWithinMs: 60_000,
      metricsWithinMs: 60_000,
      restartAfterMs: 1,
      youngMs: 0,
      stopWithinMs: 60_000,
      ...options.timings,
    },
  });
  const duties: Duties = {
    settleGone:
      options.settleGone ??
      (async (isAlive) => {
        const boots = workers.map(({ start }) => `${start.number}:${isAlive(start.bootId)}`);
        done.push(`settle ${boots.join(" ")}`);
      }),
    changesOfAll: async () => [{ kind: "project", projectId: "p", id: "p" }],
    addAwaited: () => void done.push("add"),
    wasRead: ({ id }) => void done.push(`read ${id}`),
    collectBefore: async ({ id }) => void done.push(`collect ${id}`),
    renderMetrics: () => "# TYPE x counter\nx 1\n",
  };
  return {
    keeper,
    takers,
    workers,
    logged,
    done,
    untilWorkers: async (count) => {
      while (workers.length < count) {
        await new Promise<void>((resolve) => {
          watchers.add(resolve);
        });
      }
    },
    start: () => keeper.start(duties),
  };
}

function at(workers: readonly FakeWorker[], index: number): FakeWorker {
  const worker = workers[index];
  assert.ok(worker !== undefined);
  return worker;
}

describe("a keeper", () => {
  it("has begun when all serve, each with a number and a boot id of its own", async () => {
    const bed = makeBed({ count: 3 });
    assert.equal(await bed.start(), "http://here");
    await bed.untilWorkers(3);
    assert.deepEqual(
      bed.workers.map(({ start }) => start.number).toSorted((a, b) => a - b),
      [1, 2, 3],
    );
    assert.equal(new Set(bed.workers.map(({ start }) => start.bootId)).size, 3);
    await bed.keeper.stop();
  });

  it("does not begin when one of them cannot, and leaves none", async () => {
    const bed = makeBed({ count: 2, onFork: (die) => die({ code: 1, signal: null }) });
    await assert.rejects(bed.start(), (error) => {
      assert.ok(error instanceof WorkerStartError);
      assert.match(error.message, /ended while it started \(code 1\)/);
      return true;
    });
  });

  it("tells a change to all but its maker, and answers when they have heard", async () => {
    const gate = Promise.withResolvers<null>();
    let heard = 0;
    const bed = makeBed({
      count: 3,
      answering: {
        changed: () => {
          heard += 1;
          return gate.promise;
        },
      },
    });
    await bed.start();
    await bed.untilWorkers(3);
    const own: DirectoryChange[] = [];
    bed.keeper.peers.onTold((told) => own.push(told));
    let isAnswered = false;
    const made = at(bed.workers, 0)
      .link.ask("changed", change)
      .then(() => (isAnswered = true));
    while (heard < 2) await new Promise((resolve) => setImmediate(resolve));
    assert.equal(isAnswered, false);
    gate.resolve(null);
    await made;
    assert.equal(heard, 2, "its maker knows");
    assert.deepEqual(own, [change], "and so does what the keeper itself runs");
    await bed.keeper.stop();
  });

  it("kills who does not hear of a change in time, and only then calls it made", async () => {
    const bed = makeBed({
      count: 2,
      timings: { hearWithinMs: 500 },
      // Deaf to this one alone: what it is told of the other's death it hears.
      answering: { changed: ({ kind }) => (kind === "api_key" ? new Promise(() => {}) : null) },
    });
    await bed.start();
    await bed.untilWorkers(2);
    await at(bed.workers, 0).link.ask("changed", change);
    assert.ok(at(bed.workers, 1).signals.includes("SIGKILL"));
    assert.ok(
      bed.logged.some(({ message }) => message === "a worker did not hear of a change in time and is killed"),
    );
    await bed.keeper.stop();
  });

  it("kills who cannot drop what a change ended", async () => {
    const bed = makeBed({
      answering: {
        changed: () => {
          throw new Error("broken");
        },
      },
    });
    await bed.start();
    await bed.untilWorkers(2);
    await at(bed.workers, 1).link.ask("changed", change);
    assert.ok(at(bed.workers, 0).signals.includes("SIGKILL"));
    await bed.keeper.stop();
  });

  it("settles what a dead one left, lets the others doubt all that they know, and starts another in its place", async () => {
    const bed = makeBed({ count: 2 });
    await bed.start();
    await bed.untilWorkers(2);
    const [dies, lives] = [at(bed.workers, 0), at(bed.workers, 1)];
    dies.die({ signal: "SIGKILL" });
    await bed.untilWorkers(3);
    const next = at(bed.workers, 2);
    assert.equal(next.start.number, dies.start.number);
    assert.notEqual(next.start.bootId, dies.start.bootId);
    const ended = bed.logged.find(({ message }) => message === "a worker has ended and is started again");
    assert.equal(ended?.["signal"], "SIGKILL");
    assert.equal(ended?.["worker"], dies.start.number);
    await bed.keeper.stop();
    assert.ok(
      bed.done.includes(`settle ${dies.start.number}:false ${lives.start.number}:true`),
      bed.done.join(),
    );
    assert.deepEqual(lives.heard, [{ kind: "project", projectId: "p", id: "p" }]);
  });

  it("tries again to settle until it is done", async () => {
    let tries = 0;
    const settled = Promise.withResolvers<void>();
    const bed = makeBed({
      settleGone: async () => {
        if (++tries < 3) throw new Error("the disk is full");
        settled.resolve();
      },
    });
    await bed.start();
    await bed.untilWorkers(2);
    at(bed.workers, 0).die({ code: 1 });
    await settled.promise;
    const said = bed.logged.filter(({ message }) => message.startsWith("what a worker left behind"));
    assert.deepEqual(
      said.map(({ reason }) => reason),
      ["the disk is full", "the disk is full"],
    );
    await bed.keeper.stop();
  });

  it("waits longer before each start of one that dies young", async () => {
    const bed = makeBed({ count: 1, timings: { youngMs: 60_000, restartAfterMs: 2 } });
    await bed.start();
    for (let count = 1; count <= 3; count++) {
      await bed.untilWorkers(count);
      at(bed.workers, count - 1).die({ code: 1 });
    }
    await bed.untilWorkers(4);
    const pauses = bed.logged.flatMap((each) => each["after_ms"] ?? []);
    assert.deepEqual(pauses, [2, 4, 8]);
    await bed.keeper.stop();
  });

  it("asks all to end, and kills who does not in time", async () => {
    const bed = makeBed({ count: 2, timings: { stopWithinMs: 20 }, answering: { drain: () => null } });
    await bed.start();
    await bed.untilWorkers(2);
    await bed.keeper.stop();
    assert.ok(bed.workers.every(({ signals }) => signals.includes("SIGKILL")));
    assert.equal(bed.done.filter((each) => each.startsWith("settle")).length, 2);
  });

  it("adds up the metrics of all, with the counters of those that are gone", async () => {
    const bed = makeBed({ count: 2 });
    await bed.start();
    await bed.untilWorkers(2);
    const [one, two] = [at(bed.workers, 0), at(bed.workers, 1)];
    one.metrics = "# TYPE x counter\nx 10\n# TYPE g gauge\ng 5\n";
    two.metrics = "# TYPE x counter\nx 100\n# TYPE g gauge\ng 7\n";
    const read = async (): Promise<string> => two.link.ask("metrics", null);
    const before = await read();
    assert.match(before, /^x 111$/m);
    assert.match(before, /^g 12$/m);
    assert.match(before, /^meshagent_workers 2$/m);
    one.die();
    await bed.untilWorkers(3);
    const after = await read();
    assert.match(after, /^x 111$/m, "a counter never falls");
    assert.match(after, /^g 7$/m);
    assert.match(after, /^meshagent_worker_restarts_total 1$/m);
    await bed.keeper.stop();
  });

  it("takes who does not tell its metrics for what it told last", async () => {
    const bed = makeBed({
      count: 1,
      timings: { metricsWithinMs: 10 },
      answering: { metrics: () => new Promise(() => {}) },
    });
    await bed.start();
    await bed.untilWorkers(1);
    assert.match(await at(bed.workers, 0).link.ask("metrics", null), /^x 1$/m);
    await bed.keeper.stop();
  });

  it("hands a renewed certificate on, and what is to be collected to its own collector", async () => {
    const bed = makeBed({ count: 2 });
    await bed.start();
    await bed.untilWorkers(2);
    await bed.keeper.renewTls({ cert: "c", key: "k" });
    const key = { projectId: "p", upstream: "u", kind: "response", id: "resp_1" } as const;
    const { link } = at(bed.workers, 0);
    await link.ask("wasRead", key);
    await link.ask("collectBefore", key);
    assert.deepEqual(bed.done, ["tls c", "tls c", "read resp_1", "collect resp_1"]);
    await bed.keeper.stop();
  });
});
