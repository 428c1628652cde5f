/** The in-process upstream against the contract of upstream clients: order, pausing, aborting, failing. */

import assert from "node:assert/strict";
import { test } from "node:test";
import type {
  UpstreamCall,
  UpstreamClient,
  UpstreamFailure,
  UpstreamObserver,
  UpstreamReply,
  UpstreamRequest,
} from "../../upstream/client.ts";
import { createSimulatedUpstream, simulatedOrigins } from "./upstream.ts";

interface Watched extends UpstreamObserver {
  readonly told: string[];
  readonly text: () => string;
  readonly over: Promise<void>;
  /** Runs at every chunk; false pauses. */
  onEachChunk: (count: number) => boolean;
}

function watch(): Watched {
  const told: string[] = [];
  const chunks: Uint8Array[] = [];
  const over = Promise.withResolvers<void>();
  const watched: Watched = {
    told,
    over: over.promise,
    text: () => Buffer.concat(chunks).toString(),
    onEachChunk: () => true,
    onReply: (reply: UpstreamReply) => void told.push(`reply ${reply.status}`),
    onChunk: (chunk) => {
      chunks.push(chunk);
      told.push("chunk");
      return watched.onEachChunk(chunks.length);
    },
    onEnd: () => {
      told.push("end");
      over.resolve();
    },
    onFailure: (failure: UpstreamFailure) => {
      told.push(`failure ${failure.reason} ${failure.isUnsent}`);
      over.resolve();
    },
  };
  return watched;
}

function upstream(schedule?: (action: () => void, delayMs: number) => () => void): UpstreamClient {
  const options = { clock: { now: () => 0 }, idSeed: "test" };
  return createSimulatedUpstream(schedule === undefined ? options : { ...options, schedule });
}

function request(text: string, more: Partial<UpstreamRequest> = {}): UpstreamRequest {
  const body = { model: "gpt-5.5", stream: true, messages: [{ role: "user", content: text }] };
  const bytes = Buffer.from(JSON.stringify(body));
  return {
    method: "POST",
    origin: simulatedOrigins.openai,
    path: "/chat/completions",
    headers: [],
    // In two chunks, as bodies come.
    body: { byteLength: bytes.length, chunks: () => [bytes.subarray(0, 10), bytes.subarray(10)] },
    timeouts: { connectTimeoutMs: 1000, firstByteTimeoutMs: 60_000, idleTimeoutMs: 60_000 },
    ...more,
  };
}

async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn++) await new Promise((resolve) => setImmediate(resolve));
}

test("a reply is told in order, after send has returned", async () => {
  const watched = watch();
  upstream().send(request("hi"), watched);
  assert.deepEqual(watched.told, []);
  await watched.over;
  assert.equal(watched.told[0], "reply 200");
  assert.equal(watched.told.at(-1), "end");
  assert.ok(watched.told.slice(1, -1).every((entry) => entry === "chunk"));
  assert.ok(watched.text().endsWith("data: [DONE]\n\n"));
});

test("the origin tells the dialect", async () => {
  const watched = watch();
  upstream().send(request("hi", { origin: simulatedOrigins.anthropic, path: "/v1/messages" }), watched);
  await watched.over;
  assert.deepEqual(watched.told.slice(0, 1), ["reply 400"]);
  assert.match(watched.text(), /max_tokens: Field required/);
});

test("a request without a body is answered", async () => {
  const watched = watch();
  upstream().send(request("", { method: "GET", path: "/models", body: null }), watched);
  await watched.over;
  assert.match(watched.text(), /"object": "list"/);
});

test("a paused call stands still until it is resumed, and loses nothing", async () => {
  const whole = watch();
  upstream().send(request("hi"), whole);
  await whole.over;
  const paused = watch();
  paused.onEachChunk = (count) => count !== 2;
  const call = upstream().send(request("hi"), paused);
  await turns(50);
  assert.deepEqual(paused.told, ["reply 200", "chunk", "chunk"]);
  call.resume();
  await paused.over;
  assert.equal(paused.text(), whole.text());
});

test("resuming a call that is not paused changes nothing", async () => {
  const watched = watch();
  const call = upstream().send(request("hi"), watched);
  call.resume();
  await watched.over;
  call.resume();
  await turns(5);
  assert.equal(watched.told.filter((entry) => entry === "end").length, 1);
});

test("after an abort nothing is told, whenever it comes", async () => {
  const early = watch();
  upstream().send(request("hi"), early).abort();
  const inside = watch();
  let call: UpstreamCall | null = null;
  inside.onEachChunk = () => {
    call?.abort();
    return true;
  };
  call = upstream().send(request("hi"), inside);
  const paused = watch();
  paused.onEachChunk = () => false;
  const pausedCall = upstream().send(request("hi"), paused);
  await turns(10);
  pausedCall.abort();
  pausedCall.resume();
  await turns(50);
  assert.deepEqual(early.told, []);
  assert.deepEqual(inside.told, ["reply 200", "chunk"]);
  assert.deepEqual(paused.told, ["reply 200", "chunk"]);
});

test("a cut is a lost connection, and the request counts as sent", async () => {
  const watched = watch();
  upstream().send(request("[[simulate: cut]]"), watched);
  await watched.over;
  assert.equal(watched.told.at(-1), "failure connection_lost false");
});

interface Timer {
  readonly delayMs: number;
  readonly run: () => void;
  isCancelled: boolean;
}

function manualTimers(): { timers: Timer[]; schedule: (action: () => void, delayMs: number) => () => void } {
  const timers: Timer[] = [];
  const schedule = (run: () => void, delayMs: number): (() => void) => {
    const timer: Timer = { delayMs, run, isCancelled: false };
    timers.push(timer);
    return () => {
      timer.isCancelled = true;
    };
  };
  return { timers, schedule };
}

test("delays wait for as long as they say, and an abort cancels them", async () => {
  const { timers, schedule } = manualTimers();
  const watched = watch();
  const call = upstream(schedule).send(request("[[simulate: delay 5s]]"), watched);
  await turns(10);
  assert.deepEqual(watched.told, []);
  assert.deepEqual(
    timers.map((timer) => timer.delayMs),
    [5000],
  );
  timers[0]?.run();
  assert.deepEqual(watched.told, ["reply 200"]);
  await watched.over;
  assert.equal(watched.told.at(-1), "end");
  const aborted = manualTimers();
  upstream(aborted.schedule).send(request("[[simulate: delay 5s]]"), watch()).abort();
  assert.equal(aborted.timers[0]?.isCancelled, true);
  call.abort();
});

test("silence longer than the gateway waits becomes its time-out", async () => {
  const late = manualTimers();
  const lateWatch = watch();
  upstream(late.schedule).send(request("[[simulate: delay 90s]]"), lateWatch);
  assert.deepEqual(
    late.timers.map((timer) => timer.delayMs),
    [60_000],
  );
  late.timers[0]?.run();
  assert.deepEqual(lateWatch.told, ["failure first_byte_timeout false"]);
  const stalled = manualTimers();
  const stallWatch = watch();
  upstream(stalled.schedule).send(request("[[simulate: stall]]"), stallWatch);
  await turns(50);
  assert.deepEqual(
    stalled.timers.map((timer) => timer.delayMs),
    [60_000],
  );
  stalled.timers[0]?.run();
  assert.equal(stallWatch.told.at(-1), "failure idle_timeout false");
});

test("real timers are used when none are given", async () => {
  const watched = watch();
  upstream().send(request("[[simulate: delay 1ms, slow 1ms]]"), watched);
  await watched.over;
  assert.equal(watched.told.at(-1), "end");
});

test("closing waits for nothing", async () => {
  await upstream().close();
});
