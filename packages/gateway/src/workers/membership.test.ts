/** A worker's side of the talk with its keeper, whose side the test plays. */

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { DirectoryChange } from "../store/store.ts";
import { type Answering, Link, LinkClosedError } from "./link.ts";
import { createKeeperLink, type KeeperLink, type WorkerHandlers } from "./membership.ts";
import { connectedPorts } from "./ports.fixture.ts";
import type { KeeperQuestions, WorkerQuestions, WorkerStart } from "./questions.ts";

const change: DirectoryChange = { kind: "room", projectId: "p", id: "r" };
const key = { projectId: "p", upstream: "u", kind: "response", id: "resp_1" } as const;

interface Bed {
  readonly worker: KeeperLink;
  readonly keeper: Link<KeeperQuestions, WorkerQuestions>;
  readonly asked: string[];
  start(keeperPid?: number): WorkerStart;
  keeperDies(): void;
}

function makeBed(handlers: Partial<WorkerHandlers> = {}): Bed {
  const ports = connectedPorts();
  const asked: string[] = [];
  const start = (keeperPid: number = process.ppid): WorkerStart => ({
    number: 2,
    bootId: "boot_2",
    keeperPid,
    sources: { flags: {}, file: null },
    dataDir: "/d",
    port: 8700,
    masterKey: "m",
    ownerToken: "o",
    priceCard: null,
    tls: null,
    webhook: null,
  });
  const answering: Answering<WorkerQuestions> = {
    begin: () => start(),
    serves: ({ url }) => (asked.push(`serves ${url}`), null),
    leaves: () => (asked.push("leaves"), null),
    changed: ({ kind, id }) => (asked.push(`changed ${kind} ${id}`), null),
    metrics: () => "all\n",
    addAwaited: ({ id }) => (asked.push(`add ${id}`), null),
    wasRead: ({ id }) => (asked.push(`read ${id}`), null),
    collectBefore: ({ id }) => (asked.push(`collect ${id}`), null),
  };
  const keeper = new Link<KeeperQuestions, WorkerQuestions>(ports.second, answering);
  const worker = createKeeperLink(
    { port: ports.first, onConnection: () => {} },
    { renderMetrics: () => "own\n", renewTls: () => {}, drain: () => {}, ...handlers },
  );
  return { worker, keeper, asked, start, keeperDies: () => ports.close() };
}

describe("a worker", () => {
  it("begins with what its keeper says, and says what it does", async () => {
    const { worker, asked } = makeBed();
    assert.equal((await worker.begin()).number, 2);
    await worker.serves("http://here");
    await worker.leaves();
    assert.deepEqual(asked, ["serves http://here", "leaves"]);
  });

  it("hears of the others' changes, tells its own, and has the metrics of all", async () => {
    const { worker, keeper, asked, start } = makeBed();
    const member = worker.membership(start(), 3);
    const heard: DirectoryChange[] = [];
    member.peers.onTold((told) => heard.push(told));
    await keeper.ask("changed", change);
    assert.deepEqual(heard, [change]);
    await member.peers.tell(change);
    assert.deepEqual(asked, ["changed room r"], "its own does not come back");
    assert.equal(await member.renderMetrics(), "all\n");
    assert.equal(await keeper.ask("metrics", null), "own\n");
    assert.deepEqual([member.bootId, member.workers, member.connections.port], ["boot_2", 3, 8700]);
  });

  it("fails to hear where a listener fails: its keeper then knows that it is not to be trusted", async () => {
    const { worker, keeper, start } = makeBed();
    worker.membership(start(), 3).peers.onTold(() => {
      throw new Error("stale");
    });
    await assert.rejects(keeper.ask("changed", change), /stale/);
  });

  it("has its keeper collect", async () => {
    const { worker, asked, start } = makeBed();
    const { collector } = worker.membership(start(), 3);
    await collector.start();
    collector.nudge(key);
    await collector.collectBefore(key);
    assert.deepEqual(asked, ["read resp_1", "collect resp_1"]);
    await collector.stop();
  });

  it("whose keeper is gone drains, begins nothing, and calls no change made", async () => {
    const drains: boolean[] = [];
    const { worker, keeperDies, start } = makeBed({ drain: (isKeeperGone) => drains.push(isKeeperGone) });
    const member = worker.membership(start(process.ppid + 1), 3);
    assert.throws(() => member.checkKeeper(), LinkClosedError);
    worker.membership(start(), 3).checkKeeper();
    keeperDies();
    assert.deepEqual(drains, [true]);
    await assert.rejects(member.peers.tell(change), LinkClosedError);
    await assert.rejects(member.renderMetrics(), LinkClosedError);
    // What it would have collected, the next gateway finds in the store.
    member.collector.nudge(key);
    await member.collector.collectBefore(key);
  });

  it("drains when it is asked to", async () => {
    const drains: boolean[] = [];
    const { keeper } = makeBed({ drain: (isKeeperGone) => drains.push(isKeeperGone) });
    await keeper.ask("drain", null);
    assert.deepEqual(drains, [false]);
  });
});
