/**
 * What each step of the spine is given to work with: the only file that makes all of it. Names no concrete store,
 * provider or clock; `gateway.ts` hands those over.
 */

import { authenticate, createAuthenticateDeps } from "./authenticate/authenticate.ts";
import { type Collector, createCollector } from "./collect/collector.ts";
import type { Config } from "./config/settings.ts";
import type { Dialect } from "./dialects/dialect.ts";
import { createDrainSlots } from "./forward/drain-slots.ts";
import { createKeptLists } from "./forward/kept-lists.ts";
import { createSharedFlights } from "./forward/shared-flights.ts";
import type { Stoppable } from "./forward/settings.ts";
import type { OpenSocket } from "./forward/socket-settings.ts";
import type { Clients, StartOptions } from "./gateway.ts";
import { createLimitDefinitions } from "./hold/definitions.ts";
import { createHoldState } from "./hold/hold.ts";
import { systemTimers } from "./hold/waiting-line.ts";
import type { LifecycleDeps } from "./lifecycle.ts";
import { createMeter } from "./meter/meter.ts";
import { createMetrics, type Metrics } from "./observe/metrics.ts";
import { createSharing } from "./own/sharing.ts";
import { createPrices } from "./pricing/charge.ts";
import type { Prices } from "./pricing/prices.ts";
import type { Provider } from "./providers/provider.ts";
import { createKeptBytes } from "./receive/kept-bytes.ts";
import { intentOf } from "./record/record.ts";
import type { Members } from "./roster.ts";
import type { Slabs } from "./slabs.ts";
import type { Upstreams } from "./route/upstreams.ts";
import type { Store } from "./store/store.ts";

/** What one process works with. */
export interface Parts {
  readonly providers: readonly Provider[];
  readonly dialects: readonly Dialect[];
  readonly store: Store;
  readonly options: StartOptions;
  readonly upstreams: Upstreams;
  readonly clients: Clients;
  readonly running: Members<Stoppable>;
  readonly sockets: Set<OpenSocket>;
  readonly slabs: Slabs;
}

/** What each step is given to work with. */
export function createLifecycle(parts: Parts): {
  readonly lifecycle: LifecycleDeps;
  readonly metrics: Metrics;
  readonly collector: Collector;
} {
  const { store, options, running, sockets } = parts;
  const { clock, log } = options;
  const config = shareOf(options.config, options.member?.workers ?? 1);
  const keptBytes = createKeptBytes({ maxBytes: config.maxKeptBytes });
  const drainSlots = createDrainSlots(config.drainMaxConcurrent);
  const holdState = createHoldState(systemTimers, { notes: store.wrongBounds, clock, log });
  const metrics = createMetrics({
    runningExchanges: () => running.size,
    keptBytes: () => keptBytes.usedBytes,
    drains: () => drainSlots.inUse,
    sockets: () => sockets.size,
    waiting: () => holdState.lines.length,
    droppedLogLines: options.droppedLogLines ?? (() => 0),
  });
  const prices = createPrices({ card: options.priceCard });
  const collector = options.member?.collector ?? createCollectorOf(parts, prices, metrics);
  const lifecycle: LifecycleDeps = {
    authenticate: createAuthenticateDeps({ directory: store.directory, clock, maxCachedCredentials: 10_000 }),
    receive: { keptBytes, slabs: parts.slabs, limits: config },
    admit: { providerFor: (dialect) => providerFor(parts.providers, dialect) },
    route: { upstreamFor: parts.upstreams.upstreamFor },
    own: {
      objects: store.objects,
      clock,
      sharesObjects: createSharing(store.directory),
      collectBefore: (key) => collector.collectBefore(key),
      wasRead: (key) => collector.nudge(key),
    },
    hold: {
      limits: store.limits,
      definitions: createLimitDefinitions(store),
      prices,
      clock,
      intentOf: (routed) => intentOf(lifecycle.record, routed),
      verify: (routed) => authenticate(lifecycle.authenticate, routed),
      settings: config,
      log,
      ...holdState,
    },
    forward: {
      clock,
      log,
      settings: { ...config, maxAttempts: 2 },
      drainSlots,
      flights: createSharedFlights(),
      keptLists: createKeptLists(clock),
      clientFor: parts.clients.clientFor,
      createMeter,
      running,
    },
    socket: {
      clock,
      log,
      settings: config,
      drainSlots,
      socketClientFor: parts.clients.socketClientFor,
      running,
      sockets,
      onRefused: (code, dialect) => metrics.refused(code, dialect),
    },
    record: {
      ledger: store.ledger,
      prices,
      clock,
      bootId: options.bootId,
      metrics,
      awaitUsage: async (later, intent) => {
        await store.objects.awaitUsage(later);
        collector.add({ ...later, intent });
      },
    },
  };
  return { lifecycle, metrics, collector };
}

/** Waits for the usage of what providers work on in the background. */
export function createCollectorOf(parts: Parts, prices: Prices, metrics: Metrics): Collector {
  const { store, options, dialects, providers } = parts;
  const { config, clock, log } = options;
  return createCollector({
    objects: store.objects,
    prices,
    clock,
    log,
    metrics,
    collecting: (name) => dialects.find((dialect) => dialect.name === name)?.collecting ?? [],
    upstreamFor: async (projectId, name) => {
      const provider = providers.find((candidate) => candidate.name === name);
      return provider === undefined ? null : parts.upstreams.upstreamFor(projectId, provider);
    },
    clientFor: parts.clients.clientFor,
    intervalMs: config.collectIntervalMs,
  });
}

/** What one of so many equal processes may have of what the gateway may. */
export function shareOf(config: Config, workers: number): Config {
  if (workers === 1) return config;
  return {
    ...config,
    // A single body of the largest size must fit.
    maxKeptBytes: Math.max(config.maxBodyBytes, Math.floor(config.maxKeptBytes / workers)),
    drainMaxConcurrent: Math.ceil(config.drainMaxConcurrent / workers),
    maxSockets: Math.ceil(config.maxSockets / workers),
  };
}

function providerFor(providers: readonly Provider[], dialect: Provider["dialect"]): Provider {
  const provider = providers.find((candidate) => candidate.dialect === dialect);
  if (provider === undefined) throw new Error(`No provider answers the ${dialect} dialect.`);
  return provider;
}
