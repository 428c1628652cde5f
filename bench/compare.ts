/**
 * Ours against the others on one machine, in one run, interleaved: each proxy once in a round, the next round in
 * the other order, so that a machine that slows down slows all of them. Each workload gets fresh processes.
 */

import type { Delay, ProxyFigures, WorkloadFigures } from "./figures.ts";
import { loadRequests } from "./load/wrk.ts";
import { cpuPerRequest, latencyAlone, measureStreams } from "./measure.ts";
import type { Options } from "./options.ts";
import { probe } from "./probe.ts";
import { processCost } from "./process-cost.ts";
import type { Proxy } from "./proxies/proxy.ts";
import { startProxy } from "./proxies/start.ts";
import { startUpstream, type Upstream } from "./upstream/upstream.ts";
import type { RequestWorkload, StreamWorkload, Workload } from "./workloads.ts";

/** Of load for each latency: it has less to say about than CPU, and all proxies take it in every round. */
const aloneSeconds = 1;

interface Scene {
  readonly options: Options;
  readonly upstream: Upstream;
  readonly proxies: readonly Proxy[];
}

/** Measures one workload. `say` hears of the progress. */
export async function compare(
  workload: Workload,
  options: Options,
  say: (line: string) => void,
): Promise<WorkloadFigures> {
  const upstream = await startUpstream();
  const proxies: Proxy[] = [];
  try {
    for (const name of options.proxies) proxies.push(await startProxy[name](upstream.port));
    const scene = { options, upstream, proxies };
    return workload.kind === "requests"
      ? await compareRequests(scene, workload, say)
      : await compareStreams(scene, workload, say);
  } finally {
    for (const proxy of proxies) await proxy.stop();
    upstream.stop();
  }
}

async function compareRequests(
  { options, upstream, proxies }: Scene,
  workload: RequestWorkload,
  say: (line: string) => void,
): Promise<WorkloadFigures> {
  const direct = { url: `http://127.0.0.1:${upstream.port}/v1/responses`, headers: {} };
  for (const { name, target } of proxies) {
    await probe(name, target, workload);
    say(`${workload.name}: warming up ${name}`);
    if (options.warmUpSeconds > 0)
      await loadRequests({ ...workload, target, seconds: options.warmUpSeconds });
  }
  const rounds = new Rounds(proxies);
  for (let round = 0; round < options.rounds; round++) {
    say(`${workload.name}: round ${round + 1} of ${options.rounds}`);
    for (const proxy of inTurn(proxies, round))
      rounds.of(proxy).cpuUs.push(await cpuPerRequest(proxy, workload, options.seconds));
    const directUs = await latencyAlone(direct, workload, aloneSeconds);
    for (const proxy of inTurn(proxies, round))
      rounds.of(proxy).addedUs.push((await latencyAlone(proxy.target, workload, aloneSeconds)) - directUs);
  }
  return {
    workload,
    proxies: rounds.figures(),
    directDelay: null,
    loaderCores: null,
    upstreamCores: null,
  };
}

async function compareStreams(
  { options, upstream, proxies }: Scene,
  workload: StreamWorkload,
  say: (line: string) => void,
): Promise<WorkloadFigures> {
  const { streamSeconds, warmUpSeconds } = options;
  const direct = {
    pid: upstream.pid,
    target: { url: `http://127.0.0.1:${upstream.port}/v1/responses`, headers: {} },
  };
  for (const proxy of proxies) {
    say(`${workload.name}: warming up ${proxy.name}`);
    if (warmUpSeconds > 0) await measureStreams(proxy, workload, warmUpSeconds);
  }
  const rounds = new Rounds(proxies);
  const loaderCores: number[] = [];
  const upstreamCores: number[] = [];
  for (let round = 0; round < options.rounds; round++) {
    say(`${workload.name}: round ${round + 1} of ${options.rounds}`);
    for (const proxy of inTurn(proxies, round)) {
      const startedMs = performance.now();
      const upstreamBefore = processCost(upstream.pid).cpuUs;
      const { cpuUsPerEvent, streams } = await measureStreams(proxy, workload, streamSeconds);
      const tookUs = (performance.now() - startedMs) * 1000;
      upstreamCores.push((processCost(upstream.pid).cpuUs - upstreamBefore) / tookUs);
      loaderCores.push(streams.loaderCores);
      const own = rounds.of(proxy);
      own.cpuUs.push(cpuUsPerEvent);
      own.delays.push({ p50Us: streams.p50Us, p99Us: streams.p99Us });
      own.unfinished += streams.unfinished;
      if (streams.unfinished > 0) say(`${proxy.name}: ${JSON.stringify(streams.errors)}`);
    }
  }
  const { streams } = await measureStreams(direct, workload, streamSeconds);
  return {
    workload,
    proxies: rounds.figures(),
    directDelay: { p50Us: streams.p50Us, p99Us: streams.p99Us },
    loaderCores: Math.max(...loaderCores),
    upstreamCores: Math.max(...upstreamCores),
  };
}

/** A B C, then C B A. */
function inTurn(proxies: readonly Proxy[], round: number): readonly Proxy[] {
  return round % 2 === 0 ? proxies : proxies.toReversed();
}

interface Measurements {
  readonly cpuUs: number[];
  readonly addedUs: number[];
  readonly delays: Delay[];
  unfinished: number;
}

/** What the rounds bring for each proxy. */
class Rounds {
  readonly #byProxy: ReadonlyMap<Proxy, Measurements>;

  constructor(proxies: readonly Proxy[]) {
    this.#byProxy = new Map(
      proxies.map((proxy) => [proxy, { cpuUs: [], addedUs: [], delays: [], unfinished: 0 }]),
    );
  }

  of(proxy: Proxy): Measurements {
    const measurements = this.#byProxy.get(proxy);
    if (measurements === undefined) throw new Error(`${proxy.name} is not in this run.`);
    return measurements;
  }

  /** Reads the peak memory now, so the proxies must still run. */
  figures(): readonly ProxyFigures[] {
    return [...this.#byProxy].map(([{ name, pid }, measurements]) => ({
      name,
      ...measurements,
      peakRssBytes: processCost(pid).peakRssBytes,
    }));
  }
}
