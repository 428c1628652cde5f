/**
 * `meshagent serve`: settings, data directory, gateway, banner, signals. The only file that
 * ends with an exit code.
 */

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { renderBanner } from "./banner.ts";
import { systemClock, toRfc3339 } from "./clock.ts";
import { checkWebhookSecret, ConfigError, parseProviderDefaults } from "./config/config.ts";
import type { Config } from "./config/settings.ts";
import {
  type DataDir,
  defaultDataDir,
  newMasterKey,
  newOwnerToken,
  masterKeyFile,
  openDataDir,
  ownerTokenFile,
  readOrCreateSecret,
  removeGatewayFile,
  webhookSecretFile,
  writeGatewayFile,
} from "./data-dir.ts";
import { type GatewayOptions, providers, type ServingGateway, startGateway } from "./gateway.ts";
import type { Webhook } from "./notify/deliver.ts";
import { newWebhookSecret } from "./notify/signature.ts";
import { createLog, errorText, type Log } from "./observe/log.ts";
import { createLogOutput, type LogOutput } from "./observe/log-output.ts";
import { configOf, readFile, readSources, type ServeFlags, type ServeSources } from "./read-config.ts";
import { loadPriceCard, type PriceCard } from "./pricing/price-card.ts";
import { isLoopback } from "./server/caller-address.ts";
import { certificateEndMs, readTls } from "./tls-files.ts";
import { WorkerStartError } from "./workers/keeper.ts";
import { startKeeper } from "./workers/start-keeper.ts";
import { MasterKeyError, StoreLockedError, StoreUnusableError } from "./store/errors.ts";

/** Runs until a signal. Returns the exit code: 0 after a clean stop, 1 when it could not start, 2 for a bad setting. */
export async function runServe(flags: ServeFlags): Promise<number> {
  const isTerminal = process.stdout.isTTY === true;
  // Whatever this process makes holds keys or what people did with them: it is for its owner alone.
  process.umask(0o077);
  // A reader that leaves must not take the gateway with it.
  const output = createLogOutput(process.stdout);
  process.stderr.on("error", () => {});
  try {
    const sources = readSources(flags);
    const config = configOf(sources);
    const log = createLog({
      clock: systemClock,
      minLevel: config.logLevel,
      form: isTerminal ? "text" : "json",
      write: (line) => output.write(line),
    });
    return await serveUntilSignal(config, sources, { log, output, isTerminal });
  } catch (error) {
    process.stderr.write(`${startFailure(error)}\n`);
    return error instanceof ConfigError ? 2 : 1;
  }
}

async function serveUntilSignal(
  config: Config,
  sources: ServeSources,
  io: { readonly log: Log; readonly output: LogOutput; readonly isTerminal: boolean },
): Promise<number> {
  const signal = Promise.withResolvers<NodeJS.Signals>();
  // Before anything is opened: a signal that comes early must still close the ledger.
  for (const name of ["SIGTERM", "SIGINT"] as const) process.once(name, () => signal.resolve(name));
  let onHangUp = (): void => {};
  process.on("SIGHUP", () => (hasTerminal() ? signal.resolve("SIGHUP") : onHangUp()));

  const dataDir = openDataDir(config.dataDir ?? defaultDataDir());
  const masterKey = config.masterKey ?? readOrCreateSecret(dataDir, masterKeyFile, newMasterKey);
  const ownerToken = config.adminToken ?? readOrCreateSecret(dataDir, ownerTokenFile, newOwnerToken);
  const version = packageVersion();
  const options: GatewayOptions = {
    config,
    dataDir: dataDir.path,
    masterKey,
    ownerToken,
    providerDefaults: parseProviderDefaults(providers, process.env),
    priceCard: readPriceCard(config),
    tls: readTls(config),
    webhook: readWebhook(config, dataDir),
    version,
    log: io.log,
    droppedLogLines: () => io.output.droppedLines,
  };
  const gateway = await (config.workers === 1 ? startGateway(options) : startKeeper(options, sources));
  onHangUp = () => renewTls(gateway, config, io.log);
  writeGatewayFile(dataDir, { url: gateway.url, pid: process.pid });
  await announce(gateway, {
    ...io,
    version,
    config,
    dataDir: dataDir.path,
    ownerToken: dataDir.isNew && config.adminToken === null ? ownerToken.reveal() : null,
  });
  const name = await signal.promise;
  io.log.info("stopping: running exchanges may finish", {
    signal: name,
    within_ms: config.shutdownTimeoutMs,
  });
  // A second signal is somebody who will not wait.
  for (const again of ["SIGTERM", "SIGINT"] as const) {
    process.once(again, () => {
      gateway.abort();
      process.exit(130);
    });
  }
  await gateway.stop();
  removeGatewayFile(dataDir);
  io.log.info("stopped", {});
  return 0;
}

/** A terminal that hangs up takes what runs in it along; to a service, SIGHUP says that files have changed. */
function hasTerminal(): boolean {
  return [process.stdin, process.stdout, process.stderr].some((stream) => stream.isTTY === true);
}

/** After a renewal of the certificate. One that cannot be used changes nothing: the old one is shown on. */
function renewTls(gateway: ServingGateway, config: Config, log: Log): void {
  try {
    const tls = readTls(config);
    if (tls === null) {
      log.info("SIGHUP: there is nothing to read again; settings take a restart", {});
      return;
    }
    gateway.renewTls(tls);
    log.info("SIGHUP: the certificate was read again", { valid_until: toRfc3339(certificateEndMs(tls)) });
  } catch (error) {
    log.error("SIGHUP: the certificate was not changed", { reason: errorText(error) });
  }
}

interface Announcement {
  readonly log: Log;
  readonly isTerminal: boolean;
  readonly version: string;
  readonly config: Config;
  readonly dataDir: string;
  /** Set on the first start alone. */
  readonly ownerToken: string | null;
}

async function announce(gateway: ServingGateway, about: Announcement): Promise<void> {
  const { log, config } = about;
  const status = await gateway.providerStatus();
  const url = config.publicUrl ?? gateway.url;
  const warnings = clearTextWarnings(config);
  if (about.isTerminal) {
    process.stdout.write(
      renderBanner({
        version: about.version,
        url,
        dataDir: about.dataDir,
        providers: status,
        ownerToken: about.ownerToken,
        warnings,
        interrupted: gateway.interrupted,
        command: commandText(config),
      }),
    );
    return;
  }
  for (const warning of warnings) log.warn(warning);
  log.info("listening", {
    url,
    openai_base_url: `${url}/openai/v1`,
    anthropic_base_url: `${url}/anthropic`,
    data_dir: about.dataDir,
    interrupted: gateway.interrupted,
    ...Object.fromEntries(status.map((each) => [`provider_${each.provider.name}`, each.source])),
  });
  if (status.some((each) => each.source === "simulated")) {
    log.warn("SIMULATED: no provider is asked; replies are made up here and cost nothing.");
  }
}

function clearTextWarnings(config: Config): readonly string[] {
  const isAbroad = (host: string): boolean =>
    host !== "localhost" && !isLoopback(host.replace(/^\[|\]$/g, ""));
  const warnings: string[] = [];
  if (config.tlsCert === null && isAbroad(config.host)) {
    warnings.push(
      "Tokens travel in clear text on this address. Set --tls-cert and --tls-key, or put a TLS proxy in front.",
    );
  }
  const publicUrl = config.publicUrl === null ? null : new URL(config.publicUrl);
  if (publicUrl?.protocol === "http:" && isAbroad(publicUrl.hostname)) {
    warnings.push(
      `Tokens travel in clear text to ${publicUrl.origin}. Give the public URL TLS, and https here.`,
    );
  }
  return warnings;
}

/** A clone runs its sources, and its command is npm's to find; an installed one is on the path. */
function commandText(config: Config): string {
  const command = import.meta.filename.endsWith(".ts") ? "npx meshagent" : "meshagent";
  return config.dataDir === null ? command : `MESHAGENT_DATA_DIR=${shellWord(config.dataDir)} ${command}`;
}

function shellWord(text: string): string {
  return /^[\w./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}

/** Where notices go, and what signs them: given, or made once and kept beside the other secrets. */
function readWebhook(config: Config, dataDir: DataDir): Webhook | null {
  if (config.webhookUrl === null) return null;
  const secret = config.webhookSecret ?? readOrCreateSecret(dataDir, webhookSecretFile, newWebhookSecret);
  checkWebhookSecret(join(dataDir.path, webhookSecretFile), secret);
  return { url: config.webhookUrl, secret };
}

function readPriceCard(config: Config): PriceCard | null {
  if (config.prices === null) return null;
  try {
    return loadPriceCard(readFile("MESHAGENT_PRICES", config.prices));
  } catch (cause) {
    if (cause instanceof ConfigError) throw cause;
    throw new ConfigError(`The price card ${config.prices} cannot be used: ${errorText(cause)}`, { cause });
  }
}

/** From the package that this file is part of, one level above `src` or `dist`. */
export function packageVersion(): string {
  const text = readFileSync(join(import.meta.dirname, "..", "package.json"), "utf8");
  const parsed: unknown = JSON.parse(text);
  const hasVersion = typeof parsed === "object" && parsed !== null && "version" in parsed;
  return hasVersion ? String(parsed.version) : "unknown";
}

function isListenError(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && "syscall" in error && error.syscall === "listen";
}

/** What the operator can mend is said in a sentence; what only we can mend keeps its stack. */
function startFailure(error: unknown): string {
  if (isListenError(error)) {
    return error.code === "EADDRINUSE"
      ? "The port is taken: another program, or another gateway, listens there. Choose another with --port."
      : `The gateway cannot listen there: ${error.message}. Choose another --host or --port.`;
  }
  const mendable = [ConfigError, StoreLockedError, StoreUnusableError, MasterKeyError, WorkerStartError];
  if (error instanceof Error && mendable.some((kind) => error instanceof kind)) return error.message;
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
