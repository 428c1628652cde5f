/**
 * Every setting of the gateway: its key in a config file, its environment variable, its flag, its default and a
 * line that says what it is for. The reference page is made from this table; nothing else reads the environment.
 */

import type { BlockList } from "node:net";
import type { LogLevel } from "../observe/log.ts";
import type { Secret } from "@meshagent/llm-proxy-protocol/secret";
import { addresses, choice, duration, flag, integer, list, optional, secret, size, text } from "./kinds.ts";
import type { Setting } from "./kinds.ts";

/** What to do with the upstream when the caller leaves before the reply has ended. */
export type DisconnectPolicy =
  /** Read on to the end within limits, so that the usage is exact. */
  | "drain"
  /** End the upstream call; the usage is an estimate. */
  | "cancel";

/** What the gateway runs with, once parsed. `null` where a setting is not given and has no default. */
export interface Config {
  readonly host: string;
  readonly port: number;
  readonly workers: number;
  readonly dataDir: string | null;
  readonly database: string | null;
  readonly masterKey: Secret | null;
  readonly adminToken: Secret | null;
  readonly publicUrl: string | null;
  readonly tlsCert: string | null;
  readonly tlsKey: string | null;
  readonly trustedProxies: BlockList;
  readonly corsOrigins: readonly string[];
  readonly prices: string | null;
  readonly simulated: boolean;
  readonly logLevel: LogLevel;
  readonly metrics: "loopback" | "on" | "off";
  readonly maxBodyBytes: number;
  readonly maxDecodedBytes: number;
  readonly maxKeptBytes: number;
  readonly bodyIdleTimeoutMs: number;
  readonly connectTimeoutMs: number;
  readonly firstByteTimeoutMs: number;
  readonly idleTimeoutMs: number;
  readonly upstreamKeepAliveMs: number;
  readonly callerStallTimeoutMs: number;
  readonly callerKeepAliveMs: number;
  readonly settleTimeoutMs: number;
  readonly holdWaitMs: number;
  readonly collectIntervalMs: number;
  readonly disconnectPolicy: DisconnectPolicy;
  readonly drainMaxMs: number;
  readonly drainMaxBytes: number;
  readonly drainMaxConcurrent: number;
  readonly shutdownTimeoutMs: number;
  readonly retentionDays: number;
  readonly socketIdleTimeoutMs: number;
  readonly socketMaxLifetimeMs: number;
  readonly maxSockets: number;
  readonly webhookUrl: string | null;
  readonly webhookSecret: Secret | null;
  readonly httpsProxy: string | null;
  readonly noProxy: string | null;
}

const minutes = 60_000;
const mebibyte = 1024 * 1024;

/** One row per member of `Config`. */
export const settings: { readonly [Key in keyof Config]: Setting<Config[Key]> } = {
  host: text("MESHAGENT_HOST", "127.0.0.1", "Address to listen on."),
  port: integer(
    "MESHAGENT_PORT",
    { byDefault: 8700, min: 0, max: 65_535 },
    "Port to listen on; 0 takes a free one.",
  ),
  workers: integer(
    "MESHAGENT_WORKERS",
    { byDefault: 1, min: 1, max: 64 },
    "How many processes serve. With more than one, each takes its equal share of `MESHAGENT_MAX_KEPT_BYTES`, `MESHAGENT_DRAIN_MAX_CONCURRENT` and `MESHAGENT_MAX_SOCKETS`.",
  ),
  dataDir: optional(
    "MESHAGENT_DATA_DIR",
    "Directory of the ledger and the keys. Default: `~/.meshagent/gateway`.",
  ),
  database: optional(
    "MESHAGENT_DATABASE_URL",
    "`sqlite:` and a path, which is taken from the data directory on. Default: `meshagent.db` there.",
  ),
  masterKey: secret(
    "MESHAGENT_MASTER_KEY",
    "32 bytes in base64 that encrypt the secrets at rest. Default: `master.key` in the data directory, made on first start.",
  ),
  adminToken: secret(
    "MESHAGENT_ADMIN_TOKEN",
    "The owner's token. Default: `owner-token` in the data directory, made on first start.",
  ),
  publicUrl: optional(
    "MESHAGENT_PUBLIC_URL",
    "The URL under which clients reach the gateway, when it is not the address it listens on.",
  ),
  tlsCert: optional(
    "MESHAGENT_TLS_CERT",
    "File with the certificate chain, PEM. Together with the key it turns TLS on.",
  ),
  tlsKey: optional("MESHAGENT_TLS_KEY", "File with the private key, PEM."),
  trustedProxies: addresses(
    "MESHAGENT_TRUSTED_PROXIES",
    "Addresses and CIDR ranges of proxies in front, whose `x-forwarded-for` is believed.",
  ),
  corsOrigins: list(
    "MESHAGENT_CORS_ORIGINS",
    "Origins whose pages may call the gateway from a browser. Default: none.",
  ),
  prices: optional("MESHAGENT_PRICES", "File with a price card; its entries win over the shipped prices."),
  simulated: flag("MESHAGENT_SIMULATED", "Answer everything with the built-in simulated provider."),
  logLevel: choice(
    "MESHAGENT_LOG_LEVEL",
    ["info", "debug", "warn", "error"],
    "The least level that is logged.",
  ),
  metrics: choice(
    "MESHAGENT_METRICS",
    ["loopback", "on", "off"],
    "Who may read `/metrics`: callers on this machine, everyone, nobody.",
  ),
  maxBodyBytes: size("MESHAGENT_MAX_BODY", 64 * mebibyte, "The largest request body, as sent."),
  maxDecodedBytes: size(
    "MESHAGENT_MAX_DECODED_BODY",
    256 * mebibyte,
    "The largest request body after its content-encoding is removed.",
  ),
  maxKeptBytes: size("MESHAGENT_MAX_KEPT_BYTES", 1024 * mebibyte, "All request bodies in memory together."),
  bodyIdleTimeoutMs: duration(
    "MESHAGENT_BODY_IDLE_TIMEOUT",
    60_000,
    "The longest pause inside a request body.",
  ),
  connectTimeoutMs: duration("MESHAGENT_CONNECT_TIMEOUT", 10_000, "To reach a provider, TLS included."),
  firstByteTimeoutMs: duration(
    "MESHAGENT_FIRST_BYTE_TIMEOUT",
    30 * minutes,
    "From a request's last byte to the provider's first. Long, because models think for many minutes before a plain reply.",
  ),
  idleTimeoutMs: duration(
    "MESHAGENT_IDLE_TIMEOUT",
    15 * minutes,
    "The longest silence inside a provider's reply.",
  ),
  upstreamKeepAliveMs: duration(
    "MESHAGENT_UPSTREAM_KEEP_ALIVE",
    30_000,
    "How long an idle connection to a provider is kept.",
  ),
  callerStallTimeoutMs: duration(
    "MESHAGENT_CALLER_STALL_TIMEOUT",
    10 * minutes,
    "A caller that reads nothing for this long, while bytes wait for it, counts as gone.",
  ),
  callerKeepAliveMs: duration(
    "MESHAGENT_CALLER_KEEP_ALIVE",
    75_000,
    "How long an idle connection of a caller is kept.",
  ),
  settleTimeoutMs: duration(
    "MESHAGENT_SETTLE_TIMEOUT",
    5_000,
    "How long the end of a reply waits for its row in the ledger.",
  ),
  holdWaitMs: duration(
    "MESHAGENT_HOLD_WAIT",
    20_000,
    "How long a request waits for money of its budget that running requests hold, before it is refused.",
  ),
  collectIntervalMs: duration(
    "MESHAGENT_COLLECT_INTERVAL",
    5_000,
    "How soon the gateway first asks what a background response or a batch used; the pauses grow to sixty times that.",
  ),
  disconnectPolicy: choice(
    "MESHAGENT_ON_DISCONNECT",
    ["drain", "cancel"],
    "When a caller leaves mid-reply: read the reply to its end, so that its usage is exact, or cancel it and estimate.",
  ),
  drainMaxMs: duration(
    "MESHAGENT_DRAIN_MAX_TIME",
    10 * minutes,
    "The longest drain of a reply whose caller has left.",
  ),
  drainMaxBytes: size("MESHAGENT_DRAIN_MAX_BYTES", 256 * mebibyte, "The largest reply that is drained."),
  drainMaxConcurrent: integer(
    "MESHAGENT_DRAIN_MAX_CONCURRENT",
    { byDefault: 256, min: 0, max: 100_000 },
    "How many replies are drained at once.",
  ),
  shutdownTimeoutMs: duration(
    "MESHAGENT_SHUTDOWN_TIMEOUT",
    60_000,
    "How long running exchanges may finish after SIGTERM.",
  ),
  retentionDays: integer(
    "MESHAGENT_RETENTION_DAYS",
    { byDefault: 0, min: 0, max: 36_500 },
    "Exchanges older than this are deleted; their sums stay in the usage report. 0 keeps all of them.",
  ),
  socketIdleTimeoutMs: duration(
    "MESHAGENT_SOCKET_IDLE_TIMEOUT",
    30 * minutes,
    "A WebSocket on which nothing moves for this long is closed.",
  ),
  socketMaxLifetimeMs: duration(
    "MESHAGENT_SOCKET_MAX_LIFETIME",
    60 * minutes,
    "How long a WebSocket may live; what runs in it then may finish. OpenAI's own limit is 60 minutes.",
  ),
  maxSockets: integer(
    "MESHAGENT_MAX_SOCKETS",
    { byDefault: 10_000, min: 0, max: 1_000_000 },
    "How many WebSockets may be open at once; 0 for none.",
  ),
  webhookUrl: optional(
    "MESHAGENT_WEBHOOK_URL",
    "Where notices of budgets are posted to, signed. Any address is good, also one of a private network.",
  ),
  webhookSecret: secret(
    "MESHAGENT_WEBHOOK_SECRET",
    "Signs them: `whsec_` and 24 to 64 bytes in base64. Default: `webhook-secret` in the data directory, made when there is a URL.",
  ),
  httpsProxy: {
    ...optional("HTTPS_PROXY", "Proxy for the way to the providers and to the webhook."),
    aliases: ["https_proxy"],
  },
  noProxy: { ...optional("NO_PROXY", "Hosts that are reached without it."), aliases: ["no_proxy"] },
};
