/**
 * A worker of `meshagent serve --workers N`: a process that serves beside others. Its keeper starts it, tells it what
 * to serve with, and restarts it when it dies; should the keeper die, it finishes what runs and ends.
 */

import { systemClock } from "./clock.ts";
import { parseProviderDefaults } from "./config/config.ts";
import { type Gateway, providers, startGateway } from "./gateway.ts";
import { createLog, errorText, type Log } from "./observe/log.ts";
import { createLogOutput } from "./observe/log-output.ts";
import { configOf } from "./read-config.ts";
import { packageVersion } from "./serve.ts";
import { Secret } from "@meshagent/llm-proxy-protocol/secret";
import type { TlsFiles } from "./tls-files.ts";
import { channelToKeeper } from "./workers/forked-process.ts";
import { createKeeperLink, type KeeperLink } from "./workers/membership.ts";
import type { WorkerStart } from "./workers/questions.ts";

type EndReason = "the keeper stops it" | "the keeper is gone" | "SIGTERM";

interface Started {
  readonly gateway: Gateway;
  readonly log: Log;
}

async function runWorker(): Promise<number> {
  process.umask(0o077);
  process.stderr.on("error", () => {});
  const ending = Promise.withResolvers<EndReason>();
  process.once("SIGTERM", () => ending.resolve("SIGTERM"));
  // A terminal sends these to every process of the gateway; the keeper says what they come to.
  for (const name of ["SIGINT", "SIGHUP"] as const) process.on(name, () => {});
  let started: Started | null = null;
  let renewedTls: TlsFiles | null = null;
  const link = createKeeperLink(channelToKeeper(), {
    renderMetrics: () => started?.gateway.renderMetrics() ?? "",
    renewTls: (tls) => {
      renewedTls = tls;
      started?.gateway.renewTls(tls);
    },
    drain: (isKeeperGone) => ending.resolve(isKeeperGone ? "the keeper is gone" : "the keeper stops it"),
  });
  try {
    started = await startWorker(link, await link.begin());
  } catch (error) {
    process.stderr.write(`A worker could not start: ${errorText(error)}\n`);
    return 1;
  }
  const { gateway, log } = started;
  // It came while the gateway started.
  if (renewedTls !== null) gateway.renewTls(renewedTls);
  // Without a keeper there is nobody to tell, and the end is on its way.
  await link.serves(gateway.url).catch(() => {});
  const reason = await ending.promise;
  const fields = { reason, pid: process.pid };
  if (reason === "the keeper stops it") log.debug("a worker is stopping", fields);
  else log.warn("a worker is stopping: running exchanges may finish", fields);
  await link.leaves().catch(() => {});
  await gateway.stop();
  return 0;
}

async function startWorker(link: KeeperLink, start: WorkerStart): Promise<Started> {
  const config = { ...configOf(start.sources), port: start.port };
  const output = createLogOutput(process.stdout);
  const log = createLog({
    clock: systemClock,
    minLevel: config.logLevel,
    form: process.stdout.isTTY ? "text" : "json",
    write: (line) => output.write(line),
    fields: { worker: start.number },
  });
  const gateway = await startGateway({
    config,
    dataDir: start.dataDir,
    masterKey: new Secret(start.masterKey),
    ownerToken: new Secret(start.ownerToken),
    providerDefaults: parseProviderDefaults(providers, process.env),
    priceCard: start.priceCard,
    tls: start.tls,
    webhook:
      start.webhook === null ? null : { url: start.webhook.url, secret: new Secret(start.webhook.secret) },
    version: packageVersion(),
    log,
    droppedLogLines: () => output.droppedLines,
    member: link.membership(start, config.workers),
  });
  return { gateway, log };
}

// Nobody imports this file: it is what a worker's process runs.
if (process.argv[1] === import.meta.filename) process.exit(await runWorker());
