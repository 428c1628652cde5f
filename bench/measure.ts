/** One proxy under one workload, once: what it cost, and how late it was. */

import { loadStreams, type StreamResult, type Target } from "./load/streams.ts";
import { loadRequests } from "./load/wrk.ts";
import { processCost } from "./process-cost.ts";
import type { RequestWorkload, StreamWorkload } from "./workloads.ts";
import { slowStreamBody } from "./workloads.ts";

/** Above what a proxy that keeps up ever needs after a stream's own time. */
const streamGraceMs = 30_000;

/** A load on one target, with the process tree whose cost is read around it. */
export interface Measured {
  readonly pid: number;
  readonly target: Target;
}

/** CPU microseconds for each request, all processes of the proxy together. */
export async function cpuPerRequest(
  proxy: Measured,
  workload: RequestWorkload,
  seconds: number,
): Promise<number> {
  const before = processCost(proxy.pid).cpuUs;
  const { requests } = await loadRequests({ ...workload, target: proxy.target, seconds });
  return (processCost(proxy.pid).cpuUs - before) / requests;
}

/** The median latency of a caller that is alone, in microseconds. */
export async function latencyAlone(
  target: Target,
  workload: RequestWorkload,
  seconds: number,
): Promise<number> {
  const { p50Us } = await loadRequests({ ...workload, target, seconds, concurrency: 1 });
  return p50Us;
}

export interface StreamsCell {
  readonly cpuUsPerEvent: number;
  readonly streams: StreamResult;
}

/** CPU for each event, opening and closing the streams included, and the events' delays. */
export async function measureStreams(
  proxy: Measured,
  workload: StreamWorkload,
  streamSeconds: number,
): Promise<StreamsCell> {
  const events = workload.eventsPerSecond * streamSeconds;
  const before = processCost(proxy.pid).cpuUs;
  const streams = await loadStreams({
    target: proxy.target,
    streams: workload.streams,
    rampMs: workload.rampMs,
    bodies: [slowStreamBody({ events, eventsPerSecond: workload.eventsPerSecond, inputTokens: 1000 })],
    eventsPerStream: events,
    timeoutMs: streamSeconds * 1000 + streamGraceMs,
  });
  return { cpuUsPerEvent: (processCost(proxy.pid).cpuUs - before) / streams.events, streams };
}
