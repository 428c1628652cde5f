import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { startUpstream, type Upstream } from "../upstream/upstream.ts";
import { slowStreamBody } from "../workloads.ts";
import { loadStreams, type StreamJob } from "./streams.ts";
import { nowUs } from "./stamp.ts";

const streams = 20;
const events = 5;

describe("loadStreams", () => {
  let upstream: Upstream;
  before(async () => {
    upstream = await startUpstream();
  });
  after(() => upstream.stop());

  const job = (more: Partial<StreamJob>): StreamJob => ({
    target: { url: `http://127.0.0.1:${upstream.port}/v1/responses`, headers: {} },
    streams,
    rampMs: 20,
    bodies: [slowStreamBody({ events, eventsPerSecond: 20, inputTokens: 1 })],
    eventsPerStream: events,
    timeoutMs: 20_000,
    ...more,
  });

  it("reads every stream to its end, and knows how late events were", async () => {
    const startUs = nowUs();
    const result = await loadStreams(job({}));
    const tookUs = nowUs() - startUs;
    assert.equal(result.finished, streams);
    assert.equal(result.events, streams * events);
    assert.deepEqual(result.errors, {});
    assert.ok(result.peakOpen > 0 && result.peakOpen <= streams);
    assert.ok(
      result.p50Us > 0 && result.p50Us <= result.p99Us && result.p99Us < tookUs,
      JSON.stringify(result),
    );
    // Five events, and the end at the pace of a sixth.
    assert.ok(tookUs >= 250_000, `${tookUs} us for 250 ms of events`);
  });

  it("does not take a stream with fewer events for a finished one", async () => {
    const result = await loadStreams(job({ eventsPerStream: events + 1 }));
    assert.equal(result.finished, 0);
    assert.equal(result.unfinished, streams);
    assert.deepEqual(result.errors, { "ended after 5 of 6 events": streams });
  });

  it("gives up on streams that are not over in time", async () => {
    const bodies = [slowStreamBody({ events: 1000, eventsPerSecond: 20, inputTokens: 1 })];
    const result = await loadStreams(job({ bodies, eventsPerStream: 1000, timeoutMs: 300 }));
    assert.deepEqual([result.finished, result.errors], [0, { "not over in time": streams }]);
  });

  it("says so when nobody answers", async () => {
    const target = { url: "http://127.0.0.1:1/v1/responses", headers: {} };
    const result = await loadStreams(job({ target }));
    assert.equal(result.unfinished, streams);
    assert.match(Object.keys(result.errors).join(), /ECONNREFUSED/);
  });
});
