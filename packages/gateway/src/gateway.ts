/**
 * The composition root: the only file that names concrete stores, providers, dialects and clocks. It puts them
 * together and starts them; what happens to a request is in `lifecycle.ts`.
 */

import { createApi } from "./api/api.ts";
import { type Clock, systemClock } from "./clock.ts";
import type { Config } from "./config/settings.ts";
import { anthropicDialect } from "./dialects/anthropic/dialect.ts";
import type { Dialect } from "./dialects/dialect.ts";
import { openAiDialect } from "./dialects/openai/dialect.ts";
import { createHttp1Client } from "./upstream/http1-client.ts";
import { createUndiciClient } from "./upstream/undici-client.ts";
import { createNodeSocketClient } from "./upstream/node-socket-client.ts";
import type { SocketClient } from "./upstream/sockets.ts";
import type { UpstreamClient } from "./upstream/client.ts";
import { ensureProject } from "./first-project.ts";
import { newBootId } from "./ids.ts";
import { runExchange, runSocket } from "./lifecycle.ts";
import { createCollectorOf, createLifecycle, type Parts } from "./lifecycle-deps.ts";
import { createDialectTable } from "./match/match.ts";
import type { Webhook } from "./notify/deliver.ts";
import { testWebhook } from "./notify/test-webhook.ts";
import { startNotifier } from "./notify/notifier.ts";
import type { Log } from "./observe/log.ts";
import { createMetrics, type Metrics } from "./observe/metrics.ts";
import { createPrices, shippedPricesAsOf } from "./pricing/charge.ts";
import type { PriceCard } from "./pricing/price-card.ts";
import { anthropic } from "./providers/anthropic/provider.ts";
import { openai } from "./providers/openai/provider.ts";
import { probeUpstream } from "./providers/probe.ts";
import type { Provider, ProviderDefaults } from "./providers/provider.ts";
import { createSimulation } from "./providers/simulated/simulation.ts";
import { createSimulatedSockets } from "./providers/simulated/sockets.ts";
import { createSimulatedUpstream } from "./providers/simulated/upstream.ts";
import { startRetention } from "./retention.ts";
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
import { Roster } from "./roster.ts";
import { createSlabs } from "./slabs.ts";
import { backUpDatabase } from "./store/sqlite/backup.ts";
import { databaseFileIn, openSqliteStore, type SqliteStoreOptions } from "./store/sqlite/sqlite-store.ts";
import type { Peers } from "./store/peers.ts";
import type { Store, StoreBackup } from "./store/store.ts";
import type { Duties } from "./workers/keeper.ts";
import type { Membership } from "./workers/membership.ts";

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
  /** Set where it is one of several processes on the directory; their keeper then does what is done once. */
  readonly member?: Membership;
}

/** What `meshagent serve` has started: one process, or a keeper with its workers. */
export interface ServingGateway {
  /** `http://127.0.0.1:8700`: where it listens. */
  readonly url: string;
  /** Before any project's own settings. */
  providerStatus(): Promise<readonly ProviderStatus[]>;
  /** Intents of earlier processes that were marked `interrupted` at this start; a member leaves them to its keeper. */
  readonly interrupted: number;
  /** Shows callers another certificate from the next connection on. Nothing, when it was started without one. */
  renewTls(tls: { readonly cert: string; readonly key: string }): void;
  /** No new exchanges, running ones finish within the bound, the ledger is closed. */
  stop(): Promise<void>;
  /** Ends what a stop would wait for. The process is about to end, too. */
  abort(): void;
}

export interface Gateway extends ServingGateway {
  readonly store: Store;
  /** Of this process alone, in the text format of Prometheus. */
  renderMetrics(): string;
}

export async function startGateway(options: GatewayOptions): Promise<Gateway> {
  const clock = options.clock ?? systemClock;
  const { member } = options;
  const started = { ...options, clock, bootId: member?.bootId ?? newBootId(clock.now()) };
  const store = await openStore(started, {
    sharing: member === undefined ? "alone" : "member",
    peers: member?.peers ?? null,
  });
  try {
    member?.checkKeeper();
    return await startOn(store, started);
  } catch (error) {
    await store.close();
    throw error;
  }
}

/** What a keeper does once for its workers, beside starting them. */
export interface KeeperDuties extends Duties {
  readonly interrupted: number;
  providerStatus(): Promise<readonly ProviderStatus[]>;
  /** After the last worker has ended. */
  stop(): Promise<void>;
}

/** Opens the directory as the keeper of those that will serve it. */
export async function startDuties(
  given: Omit<GatewayOptions, "member" | "tls"> & { readonly peers: Peers },
): Promise<KeeperDuties> {
  const clock = given.clock ?? systemClock;
  const options = { ...given, tls: null, clock, bootId: newBootId(clock.now()) };
  const store = await openStore(options, { sharing: "keeper", peers: given.peers });
  try {
    return await startDutiesOn(store, options);
  } catch (error) {
    await store.close();
    throw error;
  }
}

async function startDutiesOn(store: Store, options: StartOptions): Promise<KeeperDuties> {
  const interrupted = await beginStore(store, options);
  const parts = createParts(store, options);
  const none = (): number => 0;
  const metrics = createMetrics({
    runningExchanges: none,
    keptBytes: none,
    drains: none,
    sockets: none,
    waiting: none,
    droppedLogLines: options.droppedLogLines ?? none,
  });
  const collector = createCollectorOf(parts, createPrices({ card: options.priceCard }), metrics);
  await collector.start();
  const once = startOnce(parts, metrics);
  return {
    interrupted,
    providerStatus: () => parts.upstreams.statusOf(null),
    settleGone: async (isAlive) => {
      await store.ledger.interruptOrphans(options.clock.now(), isAlive);
      // One that died may not have told of the last run that it began.
      for (const awaited of await store.objects.awaited()) collector.add(awaited);
    },
    changesOfAll: async () =>
      (await store.directory.listProjects()).map(({ id }) => ({ kind: "project", projectId: id, id })),
    addAwaited: (awaited) => collector.add(awaited),
    wasRead: (key) => collector.nudge(key),
    collectBefore: (key) => collector.collectBefore(key),
    renderMetrics: () => metrics.render(),
    stop: async () => {
      await collector.stop();
      await once.stop();
      await parts.clients.close();
      await store.close();
    },
  };
}

function openStore(
  { config, dataDir, masterKey, clock, bootId, log }: StartOptions,
  among: Pick<SqliteStoreOptions, "sharing" | "peers">,
): Promise<Store> {
  return openSqliteStore({
    directory: dataDir,
    ...databaseFile(config),
    ...among,
    masterKey,
    clock,
    bootId,
    membersWait: {
      // They end as at any other stop.
      withinMs: config.shutdownTimeoutMs + 10_000,
      onWait: () => log.warn("waiting for the workers of a gateway that died: what runs in them may finish"),
    },
    onAlarm: (message) => log.error("the ledger raised an alarm", { reason: message }),
    onMigration: (message, fields) => log.info(message, fields),
  });
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

export type StartOptions = GatewayOptions & { readonly clock: Clock; readonly bootId: string };

/** What whoever has the directory to itself begins with. Returns how many exchanges were interrupted. */
async function beginStore(store: Store, { clock }: StartOptions): Promise<number> {
  const interrupted = await store.ledger.interruptOrphans(clock.now());
  await ensureProject(store.directory);
  return interrupted;
}

function createParts(store: Store, options: StartOptions): Parts {
  const { config } = options;
  const upstreams = createUpstreams({
    directory: store.directory,
    providers,
    defaults: options.providerDefaults,
    simulatedMode: simulatedMode(config),
    timeouts: config,
  });
  const clients = createClients(options);

  const outside = { providers, dialects, store, options, upstreams, clients };
  return { ...outside, running: new Roster(), sockets: new Set(), slabs: createSlabs() };
}

async function startOn(store: Store, options: StartOptions): Promise<Gateway> {
  const { config, member } = options;
  const interrupted = member === undefined ? await beginStore(store, options) : 0;
  const parts = createParts(store, options);
  const { upstreams, clients } = parts;
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
    renderMetrics: async () => (member === undefined ? metrics.render() : await member.renderMetrics()),
    table: createDialectTable(dialects),
    defaultDialect: openAiDialect,
    runExchange: (matched) => runExchange(lifecycle, matched),
    runSocket: (matched) => runSocket(lifecycle, matched),
    api,
    health: {
      checkStore: () => store.checkUsable(),
      hasProvider: () => canAnswer(store.directory, upstreams),
    },
    slabs: parts.slabs,
    running: parts.running,
    sockets: parts.sockets,
    settings: { ...config, tls: options.tls },
  });
  const port = await server.listen(member?.connections);
  const once = member === undefined ? startOnce(parts, metrics) : null;
  url = `${options.tls === null ? "http" : "https"}://${urlHost(config.host)}:${port}`;
  return {
    url,
    store,
    interrupted,
    renderMetrics: () => metrics.render(),
    providerStatus: () => upstreams.statusOf(null),
    renewTls: (tls) => server.renewTls(tls),
    abort: () => {},
    stop: async () => {
      lifecycle.hold.lines.close();
      await server.drain();
      await api.close();
      await collector.stop();
      await once?.stop();
      lifecycle.authenticate.close();
      lifecycle.hold.definitions.close();
      await clients.close();
      await store.close();
    },
  };
}

/** What one process alone does of those that share a store. */
interface OnceForAll {
  stop(): Promise<void>;
}

function startOnce({ store, options, clients }: Parts, metrics: Metrics): OnceForAll {
  const days = options.config.retentionDays;
  const retention = days === 0 ? null : startRetention({ ...options, store, days });
  const notifier = startNotifier({
    ...options,
    notices: store.notices,
    metrics,
    client: clients.clientFor(false),
  });
  return {
    stop: async () => {
      await retention?.stop();
      await notifier.stop();
    },
  };
}

export interface Clients {
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
