/** The figures of one run, as measured and as JSON: what a later run is compared with. */

import type { ProxyName } from "./proxies/proxy.ts";
import { median, ratioOf } from "./statistics.ts";
import type { Ratio } from "./statistics.ts";
import type { Workload, WorkloadName } from "./workloads.ts";

/** How late events were, from the upstream's write to the caller's read, in microseconds. */
export interface Delay {
  readonly p50Us: number;
  readonly p99Us: number;
}

/** One proxy under one workload; arrays hold a value per round. */
export interface ProxyFigures {
  readonly name: ProxyName;
  /** For each request, or for each event of slow streams. */
  readonly cpuUs: readonly number[];
  /** Latency of a caller that is alone, less that of the upstream alone. Empty for slow streams. */
  readonly addedUs: readonly number[];
  /** Empty for whole requests. */
  readonly delays: readonly Delay[];
  /** The sum of its processes' own peaks. */
  readonly peakRssBytes: number;
  /** Slow streams that did not arrive whole, over all rounds. */
  readonly unfinished: number;
}

export interface WorkloadFigures {
  readonly workload: Workload;
  /** In the order in which they are shown. */
  readonly proxies: readonly ProxyFigures[];
  /** Slow streams without a proxy; null for whole requests, whose direct latency is taken off already. */
  readonly directDelay: Delay | null;
  /** The most cores that the loader and the upstream each kept busy; near 1 they were measured, not the proxy. */
  readonly loaderCores: number | null;
  readonly upstreamCores: number | null;
}

/** CPU of one proxy in units of another; null when either was not measured. */
export function cpuRatio(figures: WorkloadFigures, own: ProxyName, reference: ProxyName): Ratio | null {
  const cpuOf = (name: ProxyName): readonly number[] =>
    figures.proxies.find((proxy) => proxy.name === name)?.cpuUs ?? [];
  return ratioOf(cpuOf(own), cpuOf(reference));
}

/** The medians of a proxy's rounds. */
export interface Summary {
  readonly cpuUs: number;
  /** Null for slow streams. */
  readonly addedUs: number | null;
  /** Null for whole requests. */
  readonly delay: Delay | null;
}

export function summaryOf(proxy: ProxyFigures): Summary {
  return {
    cpuUs: median(proxy.cpuUs),
    addedUs: proxy.addedUs.length === 0 ? null : median(proxy.addedUs),
    delay:
      proxy.delays.length === 0
        ? null
        : {
            p50Us: median(proxy.delays.map(({ p50Us }) => p50Us)),
            p99Us: median(proxy.delays.map(({ p99Us }) => p99Us)),
          },
  };
}

/** Written by `--json`. `rounds` of each proxy are kept, so that another statistic can be made later. */
export interface FiguresJson {
  readonly about: Readonly<Record<string, string | number>>;
  readonly workloads: readonly {
    readonly name: WorkloadName;
    readonly unit: "request" | "event";
    readonly directDelay: Delay | null;
    readonly loaderCores: number | null;
    readonly upstreamCores: number | null;
    readonly proxies: readonly (Summary & {
      readonly name: ProxyName;
      readonly timesNginx: Ratio | null;
      readonly peakRssBytes: number;
      readonly unfinished: number;
      readonly rounds: Pick<ProxyFigures, "cpuUs" | "addedUs" | "delays">;
    })[];
  }[];
}

export function figuresJson(about: FiguresJson["about"], figures: readonly WorkloadFigures[]): FiguresJson {
  return {
    about,
    workloads: figures.map((each) => ({
      name: each.workload.name,
      unit: unitOf(each.workload),
      directDelay: each.directDelay,
      loaderCores: each.loaderCores,
      upstreamCores: each.upstreamCores,
      proxies: each.proxies.map((proxy) => ({
        name: proxy.name,
        ...summaryOf(proxy),
        timesNginx: cpuRatio(each, proxy.name, "nginx"),
        peakRssBytes: proxy.peakRssBytes,
        unfinished: proxy.unfinished,
        rounds: { cpuUs: proxy.cpuUs, addedUs: proxy.addedUs, delays: proxy.delays },
      })),
    })),
  };
}

/** What one unit of CPU is counted for. */
export function unitOf(workload: Workload): "request" | "event" {
  return workload.kind === "requests" ? "request" : "event";
}
