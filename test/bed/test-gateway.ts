/**
 * A real gateway for a test: in this process, on a free port, on a real SQLite ledger in a directory of its own,
 * with a project, an API key and ways to mint tokens. Nothing of it is faked.
 */

import { randomUUID } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Clock, systemClock } from "@meshagent/llm-proxy-gateway/clock";
import { parseConfig } from "@meshagent/llm-proxy-gateway/config/config";
import type { Config } from "@meshagent/llm-proxy-gateway/config/settings";
import { newMasterKey, newOwnerToken } from "@meshagent/llm-proxy-gateway/data-dir";
import { type Gateway, startGateway } from "@meshagent/llm-proxy-gateway/gateway";
import { newUuid } from "@meshagent/llm-proxy-gateway/ids";
import type { Webhook } from "@meshagent/llm-proxy-gateway/notify/deliver";
import { createLog } from "@meshagent/llm-proxy-gateway/observe/log";
import { loadPriceCard } from "@meshagent/llm-proxy-gateway/pricing/price-card";
import { Secret } from "@meshagent/llm-proxy-protocol/secret";
import type { Exchange } from "@meshagent/llm-proxy-gateway/store/store";
import { type ApiKey, encodeApiKey, generateApiKeySecret } from "@meshagent/llm-proxy-protocol/api-key";
import { signParticipantToken } from "@meshagent/llm-proxy-protocol/token";
import type { TokenSpec } from "@meshagent/llm-proxy-protocol/token-spec";
import type { FakeProvider } from "./fake-provider.ts";
import { systemAuthor } from "@meshagent/llm-proxy-gateway/store/audit";

export interface TestGatewayOptions {
  /** Who answers both dialects; without one the simulated provider does. */
  readonly provider?: FakeProvider;
  /** In place of those that `provider` makes. */
  readonly providerDefaults?: Parameters<typeof startGateway>[0]["providerDefaults"];
  readonly config?: Partial<Config>;
  /** Keep the directory of an earlier gateway. */
  readonly dataDir?: string;
  readonly masterKey?: Secret;
  /** A price card's text. */
  readonly prices?: string;
  readonly tls?: { readonly cert: string; readonly key: string };
  readonly upstreamCa?: string;
  /** The gateway's, where a test owns the time. */
  readonly clock?: Clock;
  /** Where notices go. */
  readonly webhook?: Webhook;
}

export interface TokenOptions extends Partial<TokenSpec> {
  readonly exp?: number;
  /** Another key than the gateway's own. */
  readonly apiKey?: ApiKey;
  /** Random unless told. */
  readonly jti?: string;
}

export interface TestGateway {
  readonly gateway: Gateway;
  readonly url: string;
  readonly openaiUrl: string;
  readonly anthropicUrl: string;
  readonly dataDir: string;
  readonly masterKey: Secret;
  readonly ownerToken: string;
  readonly projectId: string;
  readonly apiKey: ApiKey;
  readonly apiKeyText: string;
  /** Every log line so far. */
  readonly logs: readonly string[];
  /** A token with the `api.llm` grant for every model, unless told otherwise. */
  token(options?: TokenOptions): Promise<string>;
  /** All rows, oldest first. */
  exchanges(): Promise<readonly Exchange[]>;
  /** Waits until the rows satisfy this, or fails after a while with what there is. */
  untilExchanges(isThere: (rows: readonly Exchange[]) => boolean): Promise<readonly Exchange[]>;
  /** Waits until so many replies are read on after their callers left. */
  untilDrains(count: number): Promise<void>;
  /** Stops it and keeps its directory. */
  stop(): Promise<void>;
  /** Stops it and removes its directory. */
  close(): Promise<void>;
}

/** The key that the gateway holds for the fake provider, recognisable in whatever it must not get into. */
export const providerKey = "sk-test-provider-key-5f1d";

export async function startTestGateway(options: TestGatewayOptions = {}): Promise<TestGateway> {
  const dataDir = options.dataDir ?? mkdtempSync(join(tmpdir(), "meshagent-test-"));
  const masterKey = options.masterKey ?? new Secret(newMasterKey());
  const ownerToken = newOwnerToken();
  const logs: string[] = [];
  const gateway = await startGateway({
    config: {
      ...parseConfig({ flags: { port: "0" }, environment: {}, file: null }),
      // What a test left running need not finish.
      shutdownTimeoutMs: 500,
      ...options.config,
    },
    dataDir,
    masterKey,
    ownerToken: new Secret(ownerToken),
    providerDefaults: options.providerDefaults ?? providerDefaults(options.provider),
    priceCard: options.prices === undefined ? null : loadPriceCard(options.prices),
    tls: options.tls ?? null,
    webhook: options.webhook ?? null,
    version: "0.0.0-test",
    log: createLog({ clock: systemClock, minLevel: "debug", form: "json", write: (line) => logs.push(line) }),
    ...(options.upstreamCa === undefined ? {} : { upstreamCa: options.upstreamCa }),
    ...(options.clock === undefined ? {} : { clock: options.clock }),
  });
  const { directory } = gateway.store;
  const [project] = await directory.listProjects();
  if (project === undefined) throw new Error("The gateway made no default project.");
  const apiKey = await createKey(gateway, project.id);
  const exchanges = (): Promise<readonly Exchange[]> => allExchanges(gateway, project.id);
  return {
    gateway,
    url: gateway.url,
    openaiUrl: `${gateway.url}/openai/v1`,
    anthropicUrl: `${gateway.url}/anthropic`,
    dataDir,
    masterKey,
    ownerToken,
    projectId: project.id,
    apiKey,
    apiKeyText: encodeApiKey(apiKey),
    logs,
    token: (tokenOptions = {}) => mint(apiKey, tokenOptions),
    exchanges,
    untilExchanges: (isThere) => until(exchanges, isThere),
    untilDrains: (count) => untilDrains(gateway.url, count),
    stop: () => gateway.stop(),
    close: async () => {
      await gateway.stop();
      rmSync(dataDir, { recursive: true, force: true });
    },
  };
}

function providerDefaults(
  provider: FakeProvider | undefined,
): Parameters<typeof startGateway>[0]["providerDefaults"] {
  if (provider === undefined) return {};
  const apiKey = new Secret(providerKey);
  return {
    openai: { apiKey, baseUrl: provider.openaiBaseUrl },
    anthropic: { apiKey, baseUrl: provider.anthropicBaseUrl },
  };
}

async function createKey(gateway: Gateway, projectId: string): Promise<ApiKey> {
  const { directory } = gateway.store;
  const [serviceAccount] = await directory.listServiceAccounts(projectId);
  if (serviceAccount === undefined) throw new Error("The project has no default service account.");
  const apiKey: ApiKey = { id: newUuid(), projectId, secret: generateApiKeySecret() };
  await directory.as(systemAuthor).createApiKey({
    id: apiKey.id,
    projectId,
    serviceAccountId: serviceAccount.id,
    name: "test-key",
    description: "",
    createdAtMs: Date.now(),
    deletedAtMs: null,
    secret: new Secret(apiKey.secret),
  });
  return apiKey;
}

function mint(apiKey: ApiKey, options: TokenOptions): Promise<string> {
  const { exp, apiKey: otherKey, jti = randomUUID(), ...spec } = options;
  return signParticipantToken(
    { room: "my-room", identity: "cli-agent", role: "agent", llm: { models: null }, ...spec },
    {
      apiKey: otherKey ?? apiKey,
      iat: Math.floor(Date.now() / 1000) - (exp === undefined ? 0 : 100_000),
      jti,
      ...(exp === undefined ? {} : { exp }),
    },
  );
}

async function allExchanges(gateway: Gateway, projectId: string): Promise<readonly Exchange[]> {
  const rows: Exchange[] = [];
  let cursor: string | null = null;
  do {
    const page = await gateway.store.reports.exchanges(
      { projectId },
      { limit: 1000, ...(cursor === null ? {} : { cursor }) },
    );
    rows.push(...page.exchanges);
    cursor = page.nextCursor;
  } while (cursor !== null);
  return rows.reverse();
}

async function until(
  exchanges: () => Promise<readonly Exchange[]>,
  isThere: (rows: readonly Exchange[]) => boolean,
): Promise<readonly Exchange[]> {
  const deadline = Date.now() + 10_000;
  for (;;) {
    const rows = await exchanges();
    if (isThere(rows)) return rows;
    if (Date.now() > deadline) throw new Error(`The rows did not come: ${JSON.stringify(rows, null, 1)}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

async function untilDrains(url: string, count: number): Promise<void> {
  const deadline = Date.now() + 10_000;
  for (;;) {
    const metrics = await (await fetch(`${url}/metrics`)).text();
    if (metrics.includes(`\nmeshagent_drains ${count}\n`)) return;
    if (Date.now() > deadline) throw new Error(`There were never ${count} drains:\n${metrics}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
