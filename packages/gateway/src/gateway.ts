/**
 * The composition root: the only file that names concrete stores, providers, dialects and clocks. It puts them
 * together and starts them; what happens to a request is in `lifecycle.ts`.
 */

import { createApi } from "./api/api.ts";
import { createAuthenticateDeps } from "./authenticate/authenticate.ts";
import { type Clock, systemClock } from "./clock.ts";
import { type Collector, createCollector } from "./collect/collector.ts";
import type { Config } from "./config/settings.ts";
import { anthropicDialect } from "./dialects/anthropic/dialect.ts";
import type { Dialect } from "./dialects/dialect.ts";
import { openAiDialect } from "./dialects/openai/dialect.ts";
import { createDrainSlots } from "./forward/drain-slots.ts";
import { createSharedFlights } from "./forward/shared-flights.ts";
import type { Stoppable } from "./forward/settings.ts";
import type { OpenSocket } from "./forward/socket-settings.ts";
import { createHttp1Client } from "./upstream/http1-client.ts";
import { createUndiciClient } from "./upstream/undici-client.ts";
import { createNodeSocketClient } from "./upstream/node-socket-client.ts";
import type { SocketClient } from "./upstream/sockets.ts";
import type { UpstreamClient } from "./upstream/client.ts";
import { ensureProject } from "./first-project.ts";
import { createLimitDefinitions } from "./hold/definitions.ts";
import { createHoldState } from "./hold/hold.ts";
import { systemTimers } from "./hold/waiting-line.ts";
import { newBootId } from "./ids.ts";
import { type LifecycleDeps, runExchange, runSocket } from "./lifecycle.ts";
import { intentOf } from "./record/record.ts";
import { createDialectTable } from "./match/match.ts";
import type { Webhook } from "./notify/deliver.ts";
import { testWebhook } from "./notify/test-webhook.ts";
import { startNotifier } from "./notify/notifier.ts";
import type { Log } from "./observe/log.ts";
import { createMeter } from "./meter/meter.ts";
import { createMetrics, type Metrics } from "./observe/metrics.ts";
import { createPrices, shippedPricesAsOf } from "./pricing/charge.ts";
import type { Prices } from "./pricing/prices.ts";
import type { PriceCard } from "./pricing/price-card.ts";
import { anthropic } from "./providers/anthropic/provider.ts";
import { openai } from "./providers/openai/provider.ts";
import { createSharing } from "./own/sharing.ts";
import { probeUpstream } from "./providers/probe.ts";
import type { Provider, ProviderDefaults } from "./providers/provider.ts";
import { createSimulation } from "./providers/simulated/simulation.ts";
import { createSimulatedSockets } from "./providers/simulated/sockets.ts";
import { createSimulatedUpstream } from "./providers/simulated/upstream.ts";
import { startRetention } from "./retention.ts";
import { createKeptBytes } from "./receive/kept-bytes.ts";
import { createSlabs } from "./receive/slabs.ts";
import {
  canAnswer,
  createUpstreams,
  type ProviderStatus,
  type SimulatedMode,
  type Upstreams,
} from "./route/upstreams.ts";
import type { Secret } from "@meshagent/llm-proxy-protocol/secret";
import { callerAddress, isLoopback, urlHost } from "./server/caller-address.ts";
import { createServer } from "./server/server.ts";
import { backUpDatabase } from "./store/sqlite/backup.ts";
import { databaseFileIn, openSqliteStore } from "./store/sqlite/sqlite-store.ts";
import type { Store, StoreBackup } from "./store/store.ts";

/** Every provider the gateway knows. To add one is to add its folder and its name here. */
export const providers: readonly Provider[] = [openai, anthropic];

/** Every dialect the gateway speaks; also for the reference pages. */
export const dialects: readonly Dialect[] = [openAiDialect, anthropicDialect];

export interface GatewayOptions {
  readonly config: Config;
  /** Where the ledger is; exists. */
  readonly dataDir: string;
  readonly masterKey: Secret;
  readonly ownerToken: Secret;
  readonly providerDefaults: Readonly<Record<string, ProviderDefaults>>;
  /** The operator's own prices, or null. */
  readonly priceCard: PriceCard | null;
  /** PEM texts, or null for clear text. */
  readonly tls: { readonly cert: string; readonly key: string } | null;
  /** Where notices of budgets are posted to, and what signs them; nowhere unless told. */
  readonly webhook?: Webhook | null;
  readonly version: string;
  readonly log: Log;
  /** Lines of the log that nobody got; none unless told. */
  readonly droppedLogLines?: () => number;
  readonly clock?: Clock;
  /** More certificate authorities for the way to the providers, PEM; for tests. */
  readonly upstreamCa?: string;
}

export interface Gateway {
  /** `http://127.0.0.1:8700`: where this process listens. */
  readonly url: string;
  readonly store: Store;
  /** Before any project's own settings. */
  providerStatus(): Promise<readonly ProviderStatus[]>;
  /** Intents of earlier processes that were marked `interrupted` at this start. */
  readonly interrupted: number;
  /** Shows callers another certificate from the next connection on. Nothing, when it was started without one. */
  renewTls(tls: { readonly cert: string; readonly key: string }): void;
  /** No new exchanges, running ones finish within the bound, the ledger is closed. */
  stop(): Promise<void>;
}

export async function startGateway(options: GatewayOptions): Promise<Gateway> {
  const clock = options.clock ?? systemClock;
  const { config, log } = options;
  const bootId = newBootId(clock.now());
  const store = await openSqliteStore({
    directory: options.dataDir,
    ...databaseFile(config),
    masterKey: options.masterKey,
    clock,
    bootId,
    onAlarm: (message) => log.error("the ledger raised an alarm", { reason: message }),
    onMigration: (message, fields) => log.info(message, fields),
  });
  try {
    return await startOn(store, { ...options, clock, bootId });
  } catch (error) {
    await store.close();
    throw error;
  }
}

export interface BackUpOptions {
  readonly config: Config;
  readonly dataDir: string;
  /** Where the copy goes; nothing may be there. */
  readonly targetFile: string;
  /** null when it is not at hand; otherwise it is tried on the copy. */
  readonly masterKey: Secret | null;
}

/** A checked copy of the store's data, from beside a gateway that serves or from one that does not. */
export function backUpStore({ config, dataDir, targetFile, masterKey }: BackUpOptions): StoreBackup {
  return backUpDatabase({
    databaseFile: databaseFileIn(dataDir, databaseFile(config).file),
    targetFile,
    masterKey,
  });
}

type StartOptions = GatewayOptions & { readonly clock: Clock; readonly bootId: string };

async function startOn(store: Store, options: StartOptions): Promise<Gateway> {
  const { config } = options;
  const interrupted = await store.ledger.interruptOrphans(options.clock.now());
  await ensureProject(store.directory);
  const upstreams = createUpstreams({
    directory: store.directory,
    providers,
    defaults: options.providerDefaults,
    simulatedMode: simulatedMode(config),
    timeouts: config,
  });
  const clients = createClients(options);
  const parts: Parts = { store, options, upstreams, clients, running: new Set(), sockets: new Set() };
  const { lifecycle, metrics, collector } = createLifecycle(parts);
  await collector.start();
  let url = "";
  const api = createApi({
    ...store,
    clock: options.clock,
    ownerToken: options.ownerToken,
    providers,
    upstreams,
    testProvider: (projectId, provider) => testProvider(upstreams, clients, { projectId, provider }),
    addressOf: (request) => callerAddress(request, config.trustedProxies),
    testWebhook: () => testWebhook({ ...options, client: clients.clientFor(false) }),
    info: () => ({
      version: options.version,
      publicUrl: config.publicUrl ?? url,
      prices: { shipped_as_of: shippedPricesAsOf, card_as_of: options.priceCard?.as_of ?? null },
    }),
    log: options.log,
  });
  const server = createServer({
    clock: options.clock,
    log: options.log,
    metrics,
    table: createDialectTable(dialects),
    defaultDialect: openAiDialect,
    runExchange: (matched) => runExchange(lifecycle, matched),
    runSocket: (matched) => runSocket(lifecycle, matched),
    api,
    health: {
      checkStore: () => store.checkUsable(),
      hasProvider: () => canAnswer(store.directory, upstreams),
    },
    running: parts.running,
    sockets: parts.sockets,
    settings: { ...config, tls: options.tls },
  });
  const port = await server.listen();
  const days = config.retentionDays;
  const retention = days === 0 ? null : startRetention({ ...options, store, days });
  // Of processes that share a store, one alone.
  const notifier = startNotifier({
    ...options,
    notices: store.notices,
    metrics,
    client: clients.clientFor(false),
  });
  url = `${options.tls === null ? "http" : "https"}://${urlHost(config.host)}:${port}`;
  return {
    url,
    store,
    interrupted,
    providerStatus: () => upstreams.statusOf(null),
    renewTls: (tls) => server.renewTls(tls),
    stop: async () => {
      await retention?.stop();
      lifecycle.hold.lines.close();
      await server.drain();
      await api.close();
      await collector.stop();
      await notifier.stop();
      lifecycle.authenticate.close();
      lifecycle.hold.definitions.close();
      await clients.close();
      await store.close();
    },
  };
}

interface Parts {
  readonly store: Store;
  readonly options: StartOptions;
  readonly upstreams: Upstreams;
  readonly clients: Clients;
  readonly running: Set<Stoppable>;
  readonly sockets: Set<OpenSocket>;
}

/** What each step is given to work with. */
function createLifecycle(parts: Parts): {
  readonly lifecycle: LifecycleDeps;
  readonly metrics: Metrics;
  readonly collector: Collector;
} {
  const { store, options, running, sockets } = parts;
  const { config, clock, log } = options;
  const keptBytes = createKeptBytes({ maxBytes: config.maxKeptBytes });
  const drainSlots = createDrainSlots(config.drainMaxConcurrent);
  const holdState = createHoldState(systemTimers);
  const metrics = createMetrics({
    runningExchanges: () => running.size,
    keptBytes: () => keptBytes.usedBytes,
    drains: () => drainSlots.inUse,
    sockets: () => sockets.size,
    waiting: () => holdState.lines.length,
    droppedLogLines: options.droppedLogLines ?? (() => 0),
  });
  const prices = createPrices({ card: options.priceCard });
  const collector = createCollectorOf(parts, prices, metrics);
  const lifecycle: LifecycleDeps = {
    authenticate: createAuthenticateDeps({ directory: store.directory, clock, maxCachedCredentials: 10_000 }),
    receive: { keptBytes, slabs: createSlabs(), limits: config },
    admit: { providerFor },
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
function createCollectorOf(parts: Parts, prices: Prices, metrics: Metrics): Collector {
  const { store, options } = parts;
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

interface Clients {
  clientFor(isSimulated: boolean): UpstreamClient;
  socketClientFor(isSimulated: boolean): SocketClient;
  close(): Promise<void>;
}

function createClients(options: StartOptions): Clients {
  const network = createNetworkClient(options);
  const seeded = { clock: options.clock, idSeed: options.bootId };
  const simulation = createSimulation(seeded);
  const simulated = createSimulatedUpstream({ ...seeded, simulation });
  const sockets = createNodeSocketClient({
    proxy: options.config,
    ...(options.upstreamCa === undefined ? {} : { extraCa: options.upstreamCa }),
  });
  const simulatedSockets = createSimulatedSockets({ ...seeded, simulation });
  return {
    clientFor: (isSimulated) => (isSimulated ? simulated : network),
    socketClientFor: (isSimulated) => (isSimulated ? simulatedSockets : sockets),
    close: async () => {
      await Promise.all([network, simulated, sockets, simulatedSockets].map((client) => client.close()));
    },
  };
}

/** Ours, and undici's where the way leads through a proxy. */
function createNetworkClient(options: StartOptions): UpstreamClient {
  const { config } = options;
  const common = {
    keepAliveTimeoutMs: config.upstreamKeepAliveMs,
    ...(options.upstreamCa === undefined ? {} : { extraCa: options.upstreamCa }),
  };
  if (config.httpsProxy === null) return createHttp1Client(common);
  return createUndiciClient({ ...common, connectTimeoutMs: config.connectTimeoutMs, proxy: config });
}

function providerFor(dialect: Provider["dialect"]): Provider {
  const provider = providers.find((candidate) => candidate.dialect === dialect);
  if (provider === undefined) throw new Error(`No provider answers the ${dialect} dialect.`);
  return provider;
}

async function testProvider(
  upstreams: Upstreams,
  clients: Clients,
  which: { readonly projectId: string; readonly provider: Provider },
): Promise<{ readonly ok: boolean; readonly message: string }> {
  const upstream = await upstreams.upstreamFor(which.projectId, which.provider);
  if (upstream === null) return { ok: false, message: `There is no key for ${which.provider.displayName}.` };
  return probeUpstream(clients.clientFor(upstream.isSimulated), upstream);
}

/** Simulated replies are for trying the product on one's own machine: never by accident on a public address. */
function simulatedMode(config: Config): SimulatedMode {
  if (config.simulated) return "always";
  return config.host === "localhost" || isLoopback(config.host) ? "until_configured" : "never";
}

function databaseFile(config: Config): { readonly file?: string } {
  return config.database === null ? {} : { file: config.database.replace(/^sqlite:(\/\/)?/, "") };
}
