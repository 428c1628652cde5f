/**
 * `meshagent serve` with more than one worker: this process opens the directory, keeps the workers, and does what is
 * done once for all of them. It answers no request.
 */

import { type GatewayOptions, type ServingGateway, startDuties } from "../gateway.ts";
import type { ServeSources } from "../read-config.ts";
import { Door } from "./door.ts";
import { createForker } from "./forked-process.ts";
import { Keeper } from "./keeper.ts";

/** Beyond the bound for running exchanges: to stop what is left of them, and to close the store. */
const STOP_MARGIN_MS = 15_000;

/** Resolves once every worker takes connections. Throws as `startGateway` does, and when a worker cannot begin. */
export async function startKeeper(options: GatewayOptions, sources: ServeSources): Promise<ServingGateway> {
  const { config, log, webhook = null } = options;
  let { tls } = options;
  let port = config.port;
  const door = new Door();
  // The file beside this one's folder has the extension that this one has: `.ts` from source, `.js` when built.
  const extension = import.meta.url.endsWith(".ts") ? "ts" : "js";
  const keeper = new Keeper({
    count: config.workers,
    fork: createForker(new URL(`../serve-worker.${extension}`, import.meta.url)),
    door,
    startWith: () => ({
      keeperPid: process.pid,
      sources,
      dataDir: options.dataDir,
      port,
      masterKey: options.masterKey.reveal(),
      ownerToken: options.ownerToken.reveal(),
      priceCard: options.priceCard,
      tls,
      webhook: webhook === null ? null : { url: webhook.url, secret: webhook.secret.reveal() },
    }),
    clock: options.clock ?? { now: () => Date.now() },
    log,
    timings: {
      hearWithinMs: 5_000,
      takeWithinMs: 30_000,
      metricsWithinMs: 2_000,
      restartAfterMs: 100,
      youngMs: 10_000,
      stopWithinMs: config.shutdownTimeoutMs + STOP_MARGIN_MS,
    },
  });
  const duties = await startDuties({ ...options, peers: keeper.peers });
  try {
    port = await door.listen(config);
    const url = await keeper.start(duties);
    return {
      url,
      interrupted: duties.interrupted,
      providerStatus: () => duties.providerStatus(),
      renewTls: (renewed) => {
        tls = renewed;
        void keeper.renewTls(renewed);
      },
      stop: async () => {
        await keeper.stop();
        await duties.stop();
      },
      abort: () => keeper.killAll(),
    };
  } catch (error) {
    await duties.stop();
    throw error;
  }
}
