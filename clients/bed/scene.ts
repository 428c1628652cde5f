/**
 * Everything that a client's test needs, put together: a provider with books, a gateway before it, a tap before
 * that, a proxy that refuses all other hosts, and a home for the client.
 */

import assert from "node:assert/strict";
import { type FakeProvider, startFakeProvider } from "../../test/bed/fake-provider.ts";
import { providerKey, startTestGateway, type TestGateway } from "../../test/bed/test-gateway.ts";
import type { Exchange } from "@meshagent/llm-proxy-gateway/store/store";
import { type ClientHome, type ClientOutput, makeClientHome } from "./client-process.ts";
import { type RefusingProxy, startRefusingProxy } from "./refusing-proxy.ts";
import { startTap, type Tap } from "./tap.ts";

export interface Scene extends AsyncDisposable {
  readonly provider: FakeProvider;
  readonly gateway: TestGateway;
  readonly tap: Tap;
  readonly proxy: RefusingProxy;
  readonly home: ClientHome;
}

export interface SceneOptions {
  /** The gateway has no provider's key and answers by itself, as it does right after its installation. */
  readonly isSimulated?: boolean;
  /** How long a request waits for money that running requests hold; the gateway's own default is 20 s. */
  readonly holdWaitMs?: number;
}

export async function openScene(options: SceneOptions = {}): Promise<Scene> {
  const provider = await startFakeProvider();
  const { isSimulated, holdWaitMs } = options;
  const gateway = await startTestGateway({
    ...(isSimulated === true ? {} : { provider }),
    ...(holdWaitMs === undefined ? {} : { config: { holdWaitMs } }),
  });
  const tap = await startTap(gateway.url);
  const proxy = await startRefusingProxy();
  const home = makeClientHome();
  return {
    provider,
    gateway,
    tap,
    proxy,
    home,
    async [Symbol.asyncDispose]() {
      await tap.close();
      await proxy.close();
      await gateway.close();
      await provider.close();
      home.remove();
    },
  };
}

/**
 * No line warns of or reports anything. Not one is allowed: with the settings of `codex.ts` and `claude.ts` both
 * clients are silent when all is well, so whatever they say is about what the gateway sent.
 */
export function assertNoComplaint(output: ClientOutput): void {
  const complaints = output.stderr
    .split("\n")
    .filter((line) => /warn|error|fail|panic|flagged|deprecat/i.test(line));
  assert.deepEqual(complaints, [], output.screen);
  assertNoStackTrace(output);
}

/** Neither a Rust backtrace nor a JavaScript one. */
export function assertNoStackTrace(output: ClientOutput): void {
  assert.doesNotMatch(
    output.screen,
    /^\s+at .+:\d+|panicked at|stack backtrace|node:internal/m,
    output.screen,
  );
}

/** What a row says of who asked, for what, and how it went: all that is known before the run. */
export function rowFacts(row: Exchange): Readonly<Record<string, unknown>> {
  const { intent, result } = row;
  return {
    room: intent.room,
    participant: intent.participant,
    role: intent.role,
    client: intent.client,
    agentId: intent.agentId,
    dialect: intent.dialect,
    endpoint: intent.endpoint,
    transport: intent.transport,
    provider: intent.provider,
    requestedModel: intent.requestedModel,
    isSimulated: intent.isSimulated,
    status: result?.status,
    outcome: result?.outcome,
    usageSource: result?.usageSource,
    model: result?.model,
    servedTier: result?.servedTier,
    attempts: result?.attempts,
  };
}

/** The provider got its own key and nothing that the caller authenticated with. */
export function assertCredentialsStayApart(scene: Scene, token: string): void {
  assert.ok(scene.provider.requests.length > 0);
  for (const request of scene.provider.requests) {
    const headers = JSON.stringify(request.headers);
    assert.ok(headers.includes(providerKey), headers);
    assert.ok(!(headers + request.body.toString()).includes(token), "The participant token went up.");
  }
}

/** The ids under which the gateway's log has its refusals, which is what an operator is told to look for. */
export function refusedIds(scene: Scene, code: string): readonly string[] {
  return scene.gateway.logs
    .map((line) => JSON.parse(line) as Readonly<Record<string, unknown>>)
    .filter((line) => line["message"] === "a request was refused" && line["code"] === code)
    .map((line) => String(line["exchange_id"]));
}

/** RFC 3339 in UTC, as messages write a time. */
export function atSecond(seconds: number): string {
  return new Date(seconds * 1000).toISOString();
}
