/**
 * Opens many slow streams at once and reads them to their ends, on bare sockets in a process of its own, so that
 * its cost is nobody else's. Takes a `StreamJob` as JSON on stdin, prints a `StreamResult` as JSON.
 */

import { connect } from "node:net";
import { text } from "node:stream/consumers";
import { percentile } from "../statistics.ts";
import { nowUs } from "./stamp.ts";
import { StreamReader } from "./stream-reader.ts";
import type { StreamJob, StreamResult } from "./streams.ts";

const job = JSON.parse(await text(process.stdin)) as StreamJob;
const url = new URL(job.target.url);
const delaysUs: number[] = [];
const errors = new Map<string, number>();
let open = 0;
let peakOpen = 0;
let over = 0;
let finished = 0;
let events = 0;

function requestOf(index: number): string {
  const body = job.bodies[index % job.bodies.length] ?? "";
  const headers = Object.entries(job.target.headers).map(([name, value]) => `${name}: ${value}\r\n`);
  return (
    `POST ${url.pathname} HTTP/1.1\r\nhost: ${url.host}\r\ncontent-type: application/json\r\n` +
    `${headers.join("")}content-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`
  );
}

/** Resolves when the stream is over, however it ended. */
function runStream(index: number): Promise<void> {
  const reader = new StreamReader((delayUs) => delaysUs.push(delayUs));
  let error: string | null = null;
  const socket = connect({ host: url.hostname, port: Number(url.port), noDelay: true });
  socket.on("connect", () => socket.write(requestOf(index)));
  socket.on("data", (bytes) => {
    const before = reader.events;
    try {
      reader.feed(bytes, nowUs());
    } catch (cause) {
      error = cause instanceof Error ? cause.message : String(cause);
      socket.destroy();
      return;
    }
    if (before === 0 && reader.events > 0) peakOpen = Math.max(peakOpen, ++open);
    if (reader.isEnded) socket.destroy();
  });
  socket.on("error", (cause) => {
    error = cause.message;
  });
  return new Promise((resolve) => {
    socket.on("close", () => {
      if (reader.events > 0) open--;
      events += reader.events;
      over++;
      if (error === null && reader.isCompleted && reader.events === job.eventsPerStream) finished++;
      else {
        const reason = error ?? `ended after ${reader.events} of ${job.eventsPerStream} events`;
        errors.set(reason, (errors.get(reason) ?? 0) + 1);
      }
      resolve();
    });
    setTimeout(() => {
      error ??= "not over in time";
      socket.destroy();
    }, job.timeoutMs).unref();
  });
}

const startedMs = performance.now();
const cpu = process.cpuUsage();
await Promise.all(
  Array.from({ length: job.streams }, async (_each, index) => {
    await new Promise((resolve) => setTimeout(resolve, (index * job.rampMs) / job.streams));
    await runStream(index);
  }),
);
const { user, system } = process.cpuUsage(cpu);
const sorted = Float64Array.from(delaysUs).sort();
const result: StreamResult = {
  finished,
  unfinished: over - finished,
  peakOpen,
  events,
  p50Us: percentile(sorted, 0.5),
  p99Us: percentile(sorted, 0.99),
  loaderCores: (user + system) / 1000 / (performance.now() - startedMs),
  errors: Object.fromEntries(errors),
};
process.stdout.write(`${JSON.stringify(result)}\n`);
